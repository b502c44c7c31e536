#!/usr/bin/env python3
"""A command that was built with a newer glibc than this system has says so in one line; run works with every glibc.

    newer_glibc.py BUILD_DIRECTORY

Such commands are played by copies that ask for a version of glibc that is yet to come.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import launcher

BUILD = Path(os.path.realpath(sys.argv[1]))
COMMANDS = Path(__file__).resolve().parents[2] / "scripts/commands"
HELPERS = ("attach/control", "inspect/holdwatch-inspect", "doctor/doctor", "launcher/arguments", "launcher/starter")
NEWER_THAN_ALL = ("control", "holdwatch-inspect", "doctor")


def ask_for_newer_glibc(program):
    """Renames one of the versions that the loader looks for."""
    changed, count = re.subn(rb"\0GLIBC_2\.\d\d\0", b"\0GLIBC_2.99\0", program.read_bytes(), count=1)
    assert count == 1, f"{program} asks for no version GLIBC_2.NN"
    program.write_bytes(changed)


def make_launcher(directory):
    """Like that of the build tree, but with its helpers in `directory`."""
    for helper in HELPERS:
        shutil.copy(BUILD / "symbolizer/tools" / helper, directory)
    for name in NEWER_THAN_ALL:
        ask_for_newer_glibc(directory / name)
    layout = (BUILD / "scripts/layout.sh").read_text()
    (directory / "layout.sh").write_text(f"{layout}library='{BUILD}/shim/libholdwatch.so'\ncommands='{COMMANDS}'\ntools='{directory}'\n")
    return Path(shutil.copy(BUILD / "scripts/holdwatch", directory))


def loader_refuses(program):
    """control: what the loader says by itself"""
    for name in NEWER_THAN_ALL:
        launcher.call(program.with_name(name)).expect(1, "", ".*version `GLIBC_2.99' not found.*")


def one_line_says_why(program):
    """each command that cannot run: which, what it needs, what is here, what to do"""
    pid = os.getpid()
    for command, *arguments in (("attach", pid), ("detach", pid), ("doctor",), ("doctor", pid), ("inspect", pid),
                                ("limit", pid, "1s"), ("snapshot", pid), ("start", pid), ("stop", pid)):
        launcher.call(program, command, *arguments).expect(
            1, "", rf"holdwatch: {command} needs glibc 2\.99, but this system has 2\.\d+; build holdwatch on this system\n")


def others_run(program):
    """what does not need such a helper: run, and the help of every command"""
    if not launcher.abilities.left_out(launcher.abilities.no_preloading(os.path.realpath(f"{BUILD}/shim/libholdwatch.so"))):
        launcher.call(program, "run", "true").expect(0)
    launcher.call(program, "attach", "--help").expect(0, "Usage: holdwatch attach.*--limit.*")
    for command in COMMANDS.glob("*.sh"):
        for words in ((command.stem, "--help"), ("help", command.stem)):
            launcher.call(program, *words).expect(0, f"Usage: holdwatch {command.stem}.*Exit status.*")
    launcher.call(program, "inspect", os.getpid(), "--help").expect(0, "Usage: holdwatch inspect.*")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="holdwatch-glibc-") as scratch:
        launcher.run_cases([loader_refuses, one_line_says_why, others_run], make_launcher(Path(scratch)))
