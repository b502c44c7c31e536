#!/usr/bin/env python3
"""Checks what the shim's objects call: nothing of it allocates, throws or prints, and what runs inside of a lock call does
not lock, look symbols up or talk to the kernel about files either.

    hot_objects.py STATIC_LIBRARY...
"""

import re
import subprocess
import sys

# Object names in the library begin with their folder.
HOT = ("interpose_", "record_")

FORBIDDEN_EVERYWHERE = {
    "allocates": r"(malloc|calloc|realloc|reallocarray|free|memalign|aligned_alloc|posix_memalign|strdup|strndup|"
                 r"asprintf|getline|_Zn[aw].*|_Zd[al].*)",
    "throws or unwinds": r"(__cxa_(throw|rethrow|begin_catch|allocate_exception|guard_acquire)|_Unwind_.*|"
                         r"__gxx_personality.*)",
    "needs libstdc++": r"(_ZNK?S[a-z].*|_ZS.*|_ZTV.*|__dynamic_cast)",
    "uses stdio": r"(f?printf|f?puts|fputc|putchar|fwrite|fopen|fflush|perror|sn?printf|vsn?printf|syslog|std(out|err))",
    "is thread-local storage by a call": r"__tls_get_addr",
    "may be the program's own": r"(secure_)?getenv",
}
FORBIDDEN_IN_LOCK_CALLS = {
    "locks by a hook instead of the real function": r"((__)?pthread_(mutex|rwlock|cond|spin|barrier)|mtx|cnd|sem)_.*",
    "does file work": r"(open|openat|close|read|write|readlink|fstat|stat|lstat|poll|access)(64)?",
    "takes the loader's lock": r"dl_iterate_phdr|dlopen|dlclose|dladdr|backtrace",
    "is capture's alone": r"sigaction|signal|tgkill|kill|raise",
}
# Looking the real functions up is one file's job.
LOOK_UP = r"dlv?sym"
LOOK_UP_OBJECT = "interpose_real_functions.cpp.o"


def undefined_symbols(libraries):
    """Pairs of object and the symbols that it wants from outside of itself."""
    listing = subprocess.run(["nm", "-A", "-u", *libraries], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        match = re.match(r".*[:/]([^:/]+\.o):\s+\S\s+(\S+)$", line)
        if match:
            yield match[1], match[2].split("@")[0]


def fault_of(name, symbol):
    is_hot = name.startswith(HOT)
    for what, pattern in (FORBIDDEN_EVERYWHERE | (FORBIDDEN_IN_LOCK_CALLS if is_hot else {})).items():
        if re.fullmatch(pattern, symbol):
            return f"{name} wants {symbol}, which {what}"
    if re.fullmatch(LOOK_UP, symbol) and is_hot and name != LOOK_UP_OBJECT:
        return f"{name} wants {symbol}: looking functions up is {LOOK_UP_OBJECT}'s job"
    return None


def main():
    symbols = sorted(set(undefined_symbols(sys.argv[1:])))
    hot_objects = {name for name, _ in symbols if name.startswith(HOT)}
    faults = [fault for name, symbol in symbols if (fault := fault_of(name, symbol))]
    if not hot_objects:
        faults.append(f"found no object whose name begins with {' or '.join(HOT)}: has their naming changed?")
    print("\n".join(faults) if faults else f"{len(hot_objects)} hot objects want nothing that they may not have")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
