#!/usr/bin/env python3
"""Checks that the variables which lock calls read share no cache line with one that is written all the time: false sharing
by what the linker happened to put side by side.

    hot_data.py LIBRARY FUNCTIONS_DEF

What a lock call writes is its thread's own record, whose layout is asserted in the code. See hot_code.py for what counts as
its code.
"""

import re
import subprocess
import sys

import hot_code

CACHE_LINE = 64
WRITABLE = "dDbB"
# Neighbours that do no harm, and why.
HARMLESS = {
    r"holdwatch::(g_real|g_libc_functions|g_libc_functions_are_known|g_libc_thread_count)$": "written at start",
    r"holdwatch::\(anonymous namespace\)::g_resolution$": "written at start",
    r"holdwatch::\(anonymous namespace\)::g_every_site_is_noted$": "written once",
    r"holdwatch::\(anonymous namespace\)::g_lost$": "counts overlong holds that found no room: seldom",
    r"holdwatch::\(anonymous namespace\)::g_(smallest_limit_ns|smallest_stack)$": "written when a lock is given a limit, or a "
                                                                                 "thread a smaller stack than all before",
}


def variables(library):
    """Writable variables as (address, size, name), by address."""
    listing = subprocess.run(["nm", "-nSC", library], check=True, capture_output=True, text=True).stdout
    return [(int(match[1], 16), int(match[2], 16), match[4]) for match in
            re.finditer(r"^([0-9a-f]+) ([0-9a-f]+) (\w) (.*)$", listing, re.MULTILINE) if match[3] in WRITABLE]


def lines_of(address, size):
    return set(range(address // CACHE_LINE, (address + max(size, 1) - 1) // CACHE_LINE + 1))


def lines_read(library, functions_def, known):
    """The cache lines that hot code reads, by the variable's name: the whole of it where its address is taken."""
    functions = hot_code.disassemble(library)
    hot, _ = hot_code.hot_functions(functions, functions_def)
    read = {}
    for mnemonic, operands in (instruction for function in hot for instruction in functions[function]):
        match = re.search(r"# ([0-9a-f]+) <", operands)
        if match is None:
            continue
        at = int(match[1], 16)
        for address, size, name in known:
            if address <= at < address + size:
                lines = lines_of(address, size) if mnemonic == "lea" else lines_of(at, 8)
                read.setdefault(name, set()).update(lines)
    return read


def main():
    library, functions_def = sys.argv[1:]
    known = variables(library)
    read = lines_read(library, functions_def, known)
    faults = []
    for name, lines in sorted(read.items()):
        for address, size, other in known:
            if other in read or any(re.match(harmless, other) for harmless in HARMLESS):
                continue
            if lines & lines_of(address, size):
                faults.append(f"{other} ({address:#x}) shares a cache line with {name}, which lock calls read")
    if "holdwatch::g_clock_line" not in read:
        faults.append(f"lock calls do not read holdwatch::g_clock_line, but {', '.join(read) or 'nothing'}: has it another name?")
    print("\n".join(faults) if faults else f"nothing is written beside what lock calls read: {', '.join(sorted(read))}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
