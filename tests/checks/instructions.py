#!/usr/bin/env python3
"""Compares the unwinder's instruction decoder with objdump's, on all the code of libc and the C++ library.

    instructions.py DECODE_LISTING
"""
import pathlib
import subprocess
import sys

LIBRARIES = ["libc.so.6", "libstdc++.so.6"]


def mapped_path(name):
    """Where the loader finds a library, as a small program sees it."""
    listing = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False,
                             env={"PATH": "/sbin:/usr/sbin:/bin:/usr/bin"}).stdout
    for line in listing.splitlines():
        if line.strip().startswith(name + " ") and "x86-64" in line:
            return line.split("=>")[1].strip()
    return None


def main():
    failed = False
    for name in LIBRARIES:
        path = mapped_path(name)
        if path is None or not pathlib.Path(path).exists():
            print("%s not found, left out" % name)
            continue
        with subprocess.Popen(["objdump", "-d", "--insn-width=16", path], stdout=subprocess.PIPE) as listing:
            done = subprocess.run([sys.argv[1]], stdin=listing.stdout, capture_output=True, text=True, check=False)
        print("%s: %s" % (path, done.stdout))
        failed = failed or done.returncode != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
