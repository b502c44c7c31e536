#!/usr/bin/env python3
"""Checks that a shared object takes nothing from outside of itself by name but what a list allows, each with its reason.

    own_calls.py LIBRARY ALLOWED

What is called by name may be a function of the program's own, which waits for a lock of the program's own.
"""

import pathlib
import re
import subprocess
import sys


def wanted(library):
    """The names by which the loader looks for what the library uses; a name of its own among them may be found elsewhere."""
    listing = subprocess.run(["readelf", "-rW", library], check=True, capture_output=True, text=True).stdout
    rows = re.findall(r" R_X86_64_(?:JUMP_SLOT|JUMP_SLO|GLOB_DAT|COPY|64) +[0-9a-f]+ +(\S+)", listing)
    return {name.split("@")[0] for name in rows}


def allowed(path):
    """The names on the list, and what is wrong with it."""
    names, faults = {}, []
    for line in pathlib.Path(path).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, _, reason = line.partition(" ")
        names[name] = reason.strip()
        if not names[name]:
            faults.append(f"{name} is on the list without a reason")
    return names, faults


def main():
    library, path = sys.argv[1:3]
    names, faults = allowed(path)
    found = wanted(library)
    faults += [f"{name} is called by name: use a system call, or libc's own function (shim/base/libc_functions.def)"
               for name in sorted(found - names.keys())]
    faults += [f"{name} is on the list, and no longer needed" for name in sorted(names.keys() - found)]
    print("\n".join(faults) if faults else f"{len(found)} names wanted from outside, all with a reason")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
