#!/usr/bin/env python3
"""Checks that a shared object shows the program exactly the functions that it should, and nothing else.

    exports.py shim LIBRARY FUNCTIONS_DEF PUBLIC_HEADER
    exports.py symbolizer LIBRARY

The symbolizer must not have destructors either: exit() does not wait for a report that is being made.

A missing hook leaves locks unseen; one name too many stands in for somebody else's function in every watched program.
"""

import pathlib
import re
import subprocess
import sys


# The one that the shim calls, and what stands in for functions of libc in the symbolizer's own namespace.
SYMBOLIZER = {"holdwatch_symbolizer_api", "__cxa_atexit", "__cxa_thread_atexit_impl",
              "__tls_get_addr", "mincore", "pipe2"}


def exported(library):
    """The dynamic symbols that `library` defines, without their versions."""
    listing = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in listing.splitlines()}


def destructors(library):
    """What it would have run at the program's exit."""
    listing = subprocess.run(["nm", "-D", "--undefined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in listing.splitlines()} & {"__cxa_atexit", "atexit", "on_exit"}


def expected_of_shim(functions_def, public_header):
    hooks = re.findall(r"^HOLDWATCH_FUNCTION\((\w+)", pathlib.Path(functions_def).read_text(), re.MULTILINE)
    public = re.findall(r"^HOLDWATCH_WEAK\b.*?\b(holdwatch_\w+)\(", pathlib.Path(public_header).read_text(), re.MULTILINE)
    if not hooks or not public:
        sys.exit(f"found {len(hooks)} hooks and {len(public)} public functions: is the pattern out of date?")
    # Where a command from outside finds what it writes its questions into.
    return set(hooks) | set(public) | {"holdwatch_control_block"}


def main():
    kind, library = sys.argv[1:3]
    expected = expected_of_shim(*sys.argv[3:5]) if kind == "shim" else SYMBOLIZER
    actual = exported(library)
    for name in sorted(expected - actual):
        print(f"{name} should be exported, and is not")
    for name in sorted(actual - expected):
        print(f"{name} is exported, and should not be")
    at_exit = destructors(library) if kind == "symbolizer" else set()
    for name in at_exit:
        print(f"it calls {name}: a static object of it has a destructor")
    if actual == expected:
        print(f"{len(actual)} exported, as it should be")
    return 0 if actual == expected and not at_exit else 1


if __name__ == "__main__":
    sys.exit(main())
