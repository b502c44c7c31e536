#!/usr/bin/env python3
"""Checks that a shared object shows the program exactly the functions that it should, and nothing else.

    exports.py shim LIBRARY FUNCTIONS_DEF PUBLIC_HEADER
    exports.py symbolizer LIBRARY

The shim must not have constructors of objects: hooks are called before they run, and what they then write is undone or, of a
big array, becomes memory of every watched program. The symbolizer must not have destructors: exit() does not wait for a report
that is being made.

A missing hook leaves locks unseen; one name too many stands in for somebody else's function in every watched program.
"""

import pathlib
import re
import subprocess
import sys


# The one that the shim calls, and what stands in for functions of libc in the symbolizer's own namespace.
SYMBOLIZER = {"holdwatch_symbolizer_api", "__cxa_atexit", "__cxa_thread_atexit_impl",
              "dlopen",
              "__tls_get_addr", "mincore", "pipe2"}


def exported(library):
    """The dynamic symbols that `library` defines, without their versions."""
    listing = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in listing.splitlines()}


def constructors(library):
    """The files whose static objects it would initialize when it is loaded. Of a stripped library none are known."""
    listing = subprocess.run(["nm", library], check=True, capture_output=True, text=True).stdout
    return sorted(re.findall(r"_GLOBAL__(?:sub_)?I_(\S+)", listing))


def destructors(library):
    """What it would have run at the program's exit."""
    listing = subprocess.run(["nm", "-D", "--undefined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in listing.splitlines()} & {"__cxa_atexit", "atexit", "on_exit"}


def expected_of_shim(functions_def, public_header):
    hooks = re.findall(r"^HOLDWATCH_FUNCTION\((\w+)", pathlib.Path(functions_def).read_text(), re.MULTILINE)
    public = re.findall(r"^HOLDWATCH_WEAK\b.*?\b(holdwatch_\w+)\(", pathlib.Path(public_header).read_text(), re.MULTILINE)
    if not hooks or not public:
        sys.exit(f"found {len(hooks)} hooks and {len(public)} public functions: is the pattern out of date?")
    # Where a command from outside finds what it writes its questions into; and what AddressSanitizer asks for.
    return set(hooks) | set(public) | {"holdwatch_control_block", "__asan_default_options"}


def main():
    kind, library = sys.argv[1:3]
    expected = expected_of_shim(*sys.argv[3:5]) if kind == "shim" else SYMBOLIZER
    actual = exported(library)
    for name in sorted(expected - actual):
        print(f"{name} should be exported, and is not")
    for name in sorted(actual - expected):
        print(f"{name} is exported, and should not be")
    at_start = constructors(library) if kind == "shim" else []
    for name in at_start:
        print(f"a static object of {name} is not initialized at compile time: make it constinit")
    at_exit = destructors(library) if kind == "symbolizer" else set()
    for name in at_exit:
        print(f"it calls {name}: a static object of it has a destructor")
    if actual == expected:
        print(f"{len(actual)} exported, as it should be")
    return 0 if actual == expected and not at_start and not at_exit else 1


if __name__ == "__main__":
    sys.exit(main())
