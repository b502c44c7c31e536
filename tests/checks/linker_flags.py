#!/usr/bin/env python3
"""Checks that no linker flags of a distribution or a user get into what has to run with every glibc: configures once more with
flags that would spoil it, and links with the command that comes of that, from what is compiled already.

    linker_flags.py SOURCE_ROOT BUILD_DIRECTORY LIBRARY HELPER... --commands COMMAND...

"""

import functools
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

import needed

SKIPPED = 77
HOSTILE = "-Wl,-z,pack-relative-relocs -Wl,--no-as-needed -Wl,--build-id=none -Wl,-z,lazy -Wl,--hash-style=sysv"
PACKED = "has packed relocations, which need glibc 2.36"  # binutils before 2.38 know none
# What the loader has to relocate, and nothing of the C++ library.
PROBE = "int number; int* volatile place = &number;"
VERSION_SCRIPT = "shim/exports.map"  # generated, and named by the command that links the library


def faults_of(file):
    """How far the flags got into it."""
    dynamic, notes = needed.readelf("-d", file), needed.readelf("-n", file)
    rules = {
        PACKED: "(RELR)" in dynamic,
        "needs the C++ library": "libstdc++" in dynamic,
        "has no build id": "NT_GNU_BUILD_ID" not in notes,
        "has no DT_GNU_HASH, by which we look for names": "(GNU_HASH)" not in dynamic,
    }
    return [fault for fault, is_there in rules.items() if is_there]


def link_command(build, file):
    """The last command by which ninja makes it."""
    command = subprocess.run(["ninja", "-C", build, "-t", "commands", "-s", file], check=True, capture_output=True, text=True)
    return shlex.split(command.stdout.splitlines()[-1])


def link(command, to, where):
    """The same command, into another file."""
    at = command.index("-o")
    subprocess.run([*command[:at], "-o", to, *command[at + 2:]], cwd=where, check=True)
    return to


def control(scratch, compiler):
    """All of it happens where nobody objects; else the check shows nothing."""
    source = scratch / "probe.cpp"
    source.write_text(PROBE)
    probe = scratch / "probe.so"
    subprocess.run([*compiler, "-shared", "-fPIC", *HOSTILE.split(), source, "-o", probe], check=True)
    return faults_of(probe)


def as_ninja_knows(build, file):
    """Relative to the build directory, whatever links the path leads through."""
    return os.path.relpath(os.path.realpath(file), os.path.realpath(build))


def configure(root, build):
    subprocess.run(["meson", "setup", build, root], env={**os.environ, "LDFLAGS": HOSTILE}, check=True, capture_output=True)
    subprocess.run(["ninja", "-C", build, VERSION_SCRIPT], check=True, capture_output=True)


def main():
    root, build, *files = sys.argv[1:]
    at = files.index("--commands")
    library, *helpers = map(functools.partial(as_ninja_knows, build), files[:at])
    commands = [as_ninja_knows(build, file) for file in files[at + 1:]]
    if shutil.which("meson") is None:
        print("no meson in PATH")
        return SKIPPED
    faults = []
    with tempfile.TemporaryDirectory(prefix="holdwatch-linker-") as directory:
        scratch = pathlib.Path(directory)
        configure(root, scratch / "build")
        for file in (library, *helpers, *commands):
            command = link_command(scratch / "build", file)
            if not set(HOSTILE.split()) <= set(command):
                faults.append(f"{file}: it is not linked with the flags: {shlex.join(command)}")
            linked = link(command, scratch / pathlib.Path(file).name, build)
            faults += [f"{file} {fault}" for fault in faults_of(linked)]
            rule = needed.needed_faults if file in commands else needed.faults_of_any
            faults += needed.faults_of_library(linked) if file == library else rule(linked)
        spoilt = control(scratch, command[:command.index("-o")])
    if len({*spoilt, PACKED}) < 4:
        faults.append(f"the flags do too little here to show anything: {spoilt}")
    print("\n".join(faults) or f"{1 + len(helpers) + len(commands)} files are as without the flags; another one {', '.join(spoilt)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
