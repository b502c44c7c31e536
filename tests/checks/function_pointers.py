#!/usr/bin/env python3
"""Checks that no layer can be handed a way past the layers: a variable that points to a function.

    function_pointers.py LIBRARY

The library's debug data tell the types of all variables, which gdb lists. What lower layers may call in higher ones is the one
constant table kUpcalls (shim/base/upcalls.h); libc's functions and those that ours stand in front of are tables too. There is no
list of exceptions.
"""

import re
import shutil
import subprocess
import sys

SKIPPED = 77
LINE = re.compile(r"^\d+:\s+(?P<type>.*?)(?P<name>(?:holdwatch::|\(anonymous namespace\)::|\w+::)*\w+)(?:\[\d+\])*(?P<rest>\)\(.*)?;$")


def ask(library, *commands):
    # gdb refuses to show even the type of a variable that is larger than this.
    commands = ("set max-value-size unlimited", *commands)
    arguments = [word for command in commands for word in ("-ex", command)]
    return subprocess.run(["gdb", "-batch", "-nx", *arguments, library], capture_output=True, text=True, check=True).stdout


def variables(library):
    """(name, type) of all that is not constant."""
    for line in ask(library, "info variables").splitlines():
        found = LINE.match(line)
        if not found:
            continue
        declared = found["type"].removeprefix("static ").strip() + (found["rest"] or "")
        if not declared.startswith("const ") and not re.search(r"\*\s*const$|\bconst\)", declared):
            yield found["name"].rpartition("::")[2], declared


def is_function_pointer(declared, library):
    if re.search(r"\(\*\)?", declared):
        return True
    if not re.fullmatch(r"holdwatch::\w+", declared):
        return False
    return re.match(r"type = [^{]*\(\*\)\(", ask(library, f"ptype {declared}")) is not None


def main():
    library = sys.argv[1]
    if shutil.which("gdb") is None:
        print("skipped: no gdb here; on Debian: apt-get install gdb")
        return SKIPPED
    found = dict(variables(library))
    if "g_real" not in found:
        print(f"{library} has no debug data: nothing is known of its variables")
        return 1
    pointers = {name for name, declared in found.items() if is_function_pointer(declared, library)}
    faults = [f"{name} points to a function: let lifecycle's table have it (shim/base/upcalls.h)"
              for name in sorted(pointers)]
    print("\n".join(faults) or f"none of {len(found)} variables points to a function")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
