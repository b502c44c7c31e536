#!/usr/bin/env python3
"""Checks that the shim drags nothing but libc into the programs that it is loaded into, loads with every glibc since 2.17, and needs
no late binding; and that the launcher's helpers, without which nothing runs under the shim, need libc alone, and one as old.

    needed.py LIBRARY HELPER...
"""

import re
import subprocess
import sys

ALLOWED = {"libc.so.6", "ld-linux-x86-64.so.2"}
# A preload that asks for a newer version than libc has ends every program, with status 1, before any code of ours runs.
NEWEST_GLIBC = (2, 17)
# Relocations of thread-local variables that are found by a call of __tls_get_addr, which may allocate.
DYNAMIC_TLS = r"R_X86_64_(?:DTPMOD64|DTPOFF64|TLSDESC)"


def readelf(option, library):
    return subprocess.run(["readelf", "-W", option, library], check=True, capture_output=True, text=True).stdout


def needed_versions(library):
    """Of each symbol version that the loader will look for: its name and its numbers, none if it has no numbers."""
    needs = readelf("-V", library).partition("Version needs section")[2]
    for name in re.findall(r"Name: (\S+)", needs):
        numbers = re.fullmatch(r"GLIBC_([0-9.]+)", name)
        yield name, numbers and tuple(map(int, numbers[1].split(".")))


def version_faults(library):
    versions = dict(needed_versions(library))
    if not versions:
        return ["no needed symbol version in what readelf prints"]
    return [f"needs the symbol version {name}, which glibc {'.'.join(map(str, NEWEST_GLIBC))} does not have"
            for name, numbers in sorted(versions.items()) if numbers is None or numbers > NEWEST_GLIBC]


def needed_faults(file):
    """What goes for the commands too."""
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("-d", file)))
    faults = [f"NEEDED {name}: it may need libc alone" for name in sorted(needed - ALLOWED)]
    if "libc.so.6" not in needed:
        faults.append(f"no NEEDED libc.so.6 in what readelf prints: {sorted(needed)}")
    return [f"{file}: {fault}" for fault in faults]


def faults_of_any(file):
    """What goes for the library and the helpers."""
    return needed_faults(file) + [f"{file}: {fault}" for fault in version_faults(file)]


def faults_of_library(library):
    faults = faults_of_any(library)
    # Lazy binding would take the loader's lock inside of a lock call.
    if not re.search(r"\(FLAGS(_1)?\).*\bNOW\b", readelf("-d", library)):
        faults.append("not bound at load time (-z now)")
    return faults + [f"dynamic thread-local storage: {line}" for line in readelf("-r", library).splitlines()
                     if re.search(DYNAMIC_TLS, line)]


def main():
    library, *helpers = sys.argv[1:]
    faults = faults_of_library(library) + [fault for helper in helpers for fault in faults_of_any(helper)]
    print("\n".join(faults) if faults else f"{len(sys.argv) - 1} files need libc alone")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
