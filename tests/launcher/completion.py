#!/usr/bin/env python3
"""Checks what bash offers after parts of a command line: commands, options, their values, units, processes.

    completion.py LAUNCHER COMPLETION_FILE
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import launcher

HOLDWATCH, FILE = map(os.path.realpath, sys.argv[1:3])
BASH = shutil.which("bash")

# What bash does when a key is pressed; compopt belongs to that moment alone.
SCRIPT = """
set -u
compopt() { :; }
. "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_holdwatch
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(*words, path=os.environ["PATH"]):
    """What may stand in the place of the last word."""
    done = subprocess.run([BASH, "-c", SCRIPT, "bash", FILE, HOLDWATCH, *words], env=launcher.environment(PATH=path), text=True,
                          capture_output=True, timeout=launcher.DEADLINE_S, check=True)
    assert done.stderr == "", done.stderr
    return set(done.stdout.splitlines()) - {""}


def expect_units(expected, *words, path):
    found = offered("systemd", *words, path=path)
    assert found == expected, f"{words}: {found}"


def commands():
    """the commands that there are"""
    assert {"run", "systemd", "doctor", "--help", "--version"} <= offered("")
    assert offered("ru") == {"run"}
    assert offered("he") == {"help"}
    assert offered("help", "ru") == {"run"}
    everything = {path.stem for path in (Path(HOLDWATCH).parents[1] / "scripts/commands").glob("*.sh")}
    assert everything <= offered("") or not everything, everything - offered("")


def options():
    """the options that a command's help names, and what they may be"""
    assert offered("run", "--read") == {"--read-limit"}
    assert offered("systemd", "enable", "--d") == {"--dry-run"}
    assert offered("run", "--only", "") == {"all", "contended", "auto"}
    assert offered("run", "--only", "=", "c") == {"contended"}
    assert {"stderr", "journal", "syslog", "none"} <= offered("run", "--log", "")
    assert offered("run", "--stacks", "f") == {"full"}


def operands():
    """programs, actions, processes; after the program, nothing of ours"""
    assert "true" in offered("run", "tru")
    assert "true" in offered("run", "--limit", "1s", "tru")
    assert "true" in offered("run", "--lock-order", "tru")
    assert offered("run", "true", "--li") == set()
    assert offered("systemd", "") == {"enable", "disable", "status"}
    for command in ("doctor", "attach", "detach", "snapshot", "stop", "start", "limit", "inspect"):
        assert str(os.getpid()) in offered(command, str(os.getpid())), command
    with tempfile.NamedTemporaryFile() as core:
        assert offered("inspect", "--core", core.name) == {core.name}


def path_with(directory, *tools):
    """A PATH with no more than these."""
    for tool in tools:
        Path(directory, tool).symlink_to(shutil.which(tool))
    return str(directory)


def units():
    """the units that systemctl lists, the user's own after --user, and nothing where there is no systemd"""
    with tempfile.TemporaryDirectory() as directory:
        path = path_with(directory, "sh", "sed", "grep", "tr", "sort")
        expect_units(set(), "enable", "", path=path)
        systemctl = Path(directory, "systemctl")
        systemctl.write_text("#!/bin/sh\ncase $* in\n*--user*) echo 'mine.service enabled' ;;\n"
                             "*) printf '%s enabled\\n' chat.service room@.service 'foo\\x2dbar.service' ;;\nesac\n")
        systemctl.chmod(0o755)
        expect_units({"chat", "room@", r"foo\x2dbar"}, "enable", "", path=path)
        expect_units({"chat"}, "disable", "ch", path=path)
        expect_units({"mine"}, "status", "--user", "", path=path)
        expect_units({"room@"}, "enable", "--limit", "1s", "ro", path=path)


def nothing_is_printed():
    """where tools are missing, or the launcher itself, nothing is offered and nothing is said"""
    with tempfile.TemporaryDirectory() as directory:
        for words in (("",), ("ru",), ("run", "--"), ("systemd", "enable", ""), ("attach", ""), ("run", "--log", "")):
            offered(*words, path=directory)


if __name__ == "__main__":
    launcher.abilities.skip_if(launcher.abilities.missing("bash"))
    launcher.run_cases([commands, options, operands, units, nothing_is_printed])
