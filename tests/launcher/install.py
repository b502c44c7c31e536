#!/usr/bin/env python3
"""Installs holdwatch beside itself, moves it, and checks that the launcher still finds everything and says all of it.

    install.py BUILD_DIRECTORY
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import launcher
from launcher import abilities

BUILD = os.path.realpath(sys.argv[1])


def install(directory):
    done = launcher.call("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", directory)
    assert done.status == 0, done
    [program] = directory.rglob("bin/holdwatch")
    return program.parents[1]


def everything_is_there(top):
    """the launcher, its parts, both libraries, header, man page and completion"""
    # The library directory's name is the system's: lib64, or one of Debian's where dpkg-dev is there to tell.
    for pattern in ("bin/holdwatch", "libexec/holdwatch/layout.sh", "libexec/holdwatch/arguments", "lib*/**/libholdwatch.so",
                    "lib*/**/libholdwatch-symbolizer.so", "include/holdwatch.h", "share/man/man1/holdwatch.1",
                    "share/bash-completion/completions/holdwatch"):
        assert len(list(top.glob(pattern))) == 1, f"{pattern}: {list(top.glob(pattern))}"
    assert os.access(top / "bin/holdwatch", os.X_OK)


def library_in(top):
    [library] = Path(top).glob("lib*/**/libholdwatch.so")
    return library


def check_place(place):
    """The loader cannot preload from a path with a space, and the launcher has to say so."""
    program = Path(place, "bin/holdwatch")
    launcher.call(program, "--version").expect(0, r"holdwatch \S+\n")
    answer = launcher.call(program, "run", "cat", "/proc/self/maps")
    if " " in str(place):
        answer.expect(1, "", "holdwatch: the loader cannot preload [^\n]*\n")
        launcher.call(program, "doctor").expect(1, rf".*no    library +the loader cannot preload {re.escape(str(place))}/\S+: its path has a .*")
    else:
        assert f" {library_in(place)}\n" in answer.out, answer
        launcher.call(program, "doctor").expect(0, f".* {re.escape(str(library_in(place)))} .*")


def parts_are_found(top):
    """from where it is installed, after that was moved, and through a symbolic link"""
    check_place(top)
    for name in ("moved", "moved place"):
        moved = shutil.move(top, top.with_name(name))
        check_place(moved)
        shutil.move(moved, top)
    link = top.parent / "link"
    link.symlink_to(top / "bin/holdwatch")
    launcher.call(link, "run", "true").expect(0)


def every_shell_will_do(top):
    """the launcher as dash, bash and busybox run it"""
    launcher_file = top / "bin/holdwatch"
    text = launcher_file.read_text()
    for shell in (["dash"], ["bash"], ["busybox", "sh"]):
        if abilities.left_out(abilities.missing(shell[0])):
            continue
        path = shutil.which(shell[0])
        launcher_file.write_text(text.replace("#!/bin/sh", " ".join([f"#!{path}", *shell[1:]]), 1))
        program = Path(BUILD, "tests/launcher/static")
        answer = launcher.call(sys.executable, "-B", Path(__file__).with_name("run.py"), launcher_file, library_in(top), program)
        assert answer.status == 0, f"with {shell}: {answer}"
    launcher_file.write_text(text)


def missing_parts_are_named(top):
    """a library that was cut short, and the directory of commands: one line, and nothing is run"""
    program, library = top / "bin/holdwatch", library_in(top)
    whole = library.read_bytes()
    library.write_bytes(whole[:64 * 1024])
    launcher.call(program, "run", "echo", "ran").expect(1, "", rf"holdwatch: {re.escape(str(library))} is incomplete; [^\n]*\n")
    library.unlink()
    launcher.call(program, "run", "echo", "ran").expect(1, "", rf"holdwatch: {re.escape(str(library))} does not exist; [^\n]*\n")
    launcher.call(program, "run").expect_bad_use("no program given; .*")
    library.write_bytes(whole)
    commands = top / "libexec/holdwatch/commands"
    aside = shutil.move(commands, top / "aside")
    launcher.call(program, "run", "echo", "ran").expect(
        1, "", rf"holdwatch: the directory {re.escape(str(commands))} is missing or incomplete: install holdwatch again\n")
    shutil.move(aside, commands)


def commands_have_help(top):
    """each command's help, which needs no more than what is installed, and is listed"""
    program = top / "bin/holdwatch"
    listed = launcher.call(program, "--help").out
    for file in (top / "libexec/holdwatch/commands").glob("*.sh"):
        assert f"{file.stem}" in listed, f"{file.stem} is not in --help"
        launcher.call(program, file.stem, "--help").expect(0, f"Usage: holdwatch {file.stem}.*")


def main():
    directory = Path(tempfile.mkdtemp(prefix="holdwatch-install-"))
    try:
        top = install(directory)
        launcher.run_cases([everything_is_there, parts_are_found, every_shell_will_do, missing_parts_are_named, commands_have_help], top)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
