#!/usr/bin/env python3
"""Checks that the configuration ends with one plain line on a processor that holdwatch does not run on.

    other_processor.py SOURCE_ROOT
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

MACHINE = """[binaries]
c = 'cc'
cpp = 'c++'
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'armv8'
endian = 'little'
"""
EXPECTED = "ERROR: Problem encountered: holdwatch runs on x86-64 only, and this is aarch64"


def main():
    meson = shutil.which("meson")
    if meson is None:
        print("no meson in PATH")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        machine = pathlib.Path(scratch) / "machine"
        machine.write_text(MACHINE)
        run = subprocess.run([meson, "setup", "--cross-file", machine, pathlib.Path(scratch) / "build", sys.argv[1]],
                             capture_output=True, text=True, check=False)
    faults = [line for line in run.stdout.splitlines() if "ERROR" in line]
    if run.returncode != 0 and len(faults) == 1 and faults[0].endswith(EXPECTED):
        return 0
    print(f"status {run.returncode}; wanted one line that ends in: {EXPECTED}", run.stdout, run.stderr, sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
