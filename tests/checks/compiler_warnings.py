#!/usr/bin/env python3
"""Compiles the program's own sources with a compiler and turns its warnings into errors; nothing is kept of the result.

    compiler_warnings.py BUILD_DIRECTORY COMPILER      e.g. clang++

The flags are the build's own. What the build itself has compiled with this compiler and -Werror (as scripts/test has it do)
is not compiled again. clang's warnings do not need its optimiser. Skipped (77) if the compiler is not installed.
"""

import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

FOLDERS = ("shim", "symbolizer")
SKIPPED = 77
# A flag that only the other compiler knows is no fault of the source.
EXTRA = {"clang": ["-Wno-unknown-warning-option", "-Wno-unused-command-line-argument"], "g": []}
# Options of gcc alone, and what is defined with them.
NOT_FOR = {"clang": ("-ffixed-rbp", "-DHOLDWATCH_RBP_IS_THE_CALLERS"), "g": ()}
WRAPPERS = ("ccache", "sccache")
NO_RESULT = {"clang": ["-fsyntax-only"], "g": ["-S", "-o", "/dev/null"]}


def command_for(entry, compiler):
    """The build's command with another compiler: same flags, no output, no dependency files."""
    arguments = shlex.split(entry["command"])
    source = entry["file"]
    while os.path.basename(arguments[0]) in WRAPPERS:
        arguments.pop(0)
    family = "clang" if "clang" in compiler else "g"
    kept, skip_next = [], False
    for argument in arguments[1:]:
        if skip_next:
            skip_next = False
        elif argument in ("-o", "-MF", "-MQ", "-MT"):
            skip_next = True
        elif argument not in ("-MD", "-c", source, *NOT_FOR[family]):
            kept.append(argument)
    return [compiler, *kept, *EXTRA[family], "-Werror", *NO_RESULT[family], source]


def has_been_compiled(entry, compiler):
    words = shlex.split(entry["command"])
    return "-Werror" in words and any(real_path(word) == real_path(compiler) for word in words[:2])


def real_path(program):
    """That of the compiler itself: ccache can stand in front of any under its name, and all of these would be one."""
    for folder in [None, *os.get_exec_path()]:
        found = os.path.realpath(shutil.which(os.path.basename(program) if folder else program, path=folder) or program)
        if os.path.basename(found) not in WRAPPERS:
            return found
    return program


def compile_one(entry, compiler):
    return subprocess.run(command_for(entry, compiler), cwd=entry["directory"], capture_output=True, text=True,
                          check=False)


def main():
    build, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    if shutil.which(compiler) is None:
        print(f"no {compiler} here")
        return SKIPPED
    entries = json.loads((build / "compile_commands.json").read_text())
    top = pathlib.Path(__file__).resolve().parents[2]
    own = {}
    for entry in entries:
        path = os.path.relpath(os.path.realpath(os.path.join(entry["directory"], entry["file"])), top)
        if path.startswith(FOLDERS):
            own[path] = entry
    compiled = [path for path, entry in own.items() if has_been_compiled(entry, compiler)]
    for path in compiled:
        del own[path]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip(own, pool.map(lambda entry: compile_one(entry, compiler), own.values())))
    failed = {path: result for path, result in results.items() if result.returncode != 0}
    for path, result in sorted(failed.items()):
        print(f"{path}:\n{result.stderr}")
    print(f"{len(results) - len(failed)} of {len(results)} sources without a warning from {compiler}, "
          f"{len(compiled)} more in the build itself")
    return 1 if failed or not (results or compiled) else 0


if __name__ == "__main__":
    sys.exit(main())
