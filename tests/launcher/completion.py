#!/usr/bin/env python3
"""Checks what bash offers after parts of a command line: commands, options, their values, units, processes.

    completion.py LAUNCHER COMPLETION_FILE
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import launcher

HOLDWATCH, FILE = map(os.path.realpath, sys.argv[1:3])

# What bash does when a key is pressed; compopt belongs to that moment alone.
SCRIPT = """
compopt() { :; }
. "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_holdwatch
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(*words):
    """What may stand in the place of the last word."""
    done = subprocess.run(["bash", "-c", SCRIPT, "bash", FILE, HOLDWATCH, *words], env=launcher.environment(), text=True,
                          capture_output=True, timeout=launcher.DEADLINE_S, check=True)
    assert done.stderr == "", done.stderr
    return set(done.stdout.split())


def commands():
    """the commands that there are"""
    assert {"run", "systemd", "doctor", "--help", "--version"} <= offered("")
    assert offered("ru") == {"run"}
    everything = {path.stem for path in (Path(HOLDWATCH).parents[1] / "scripts/commands").glob("*.sh")}
    assert everything <= offered("") or not everything, everything - offered("")


def options():
    """the options that a command's help names, and what they may be"""
    assert offered("run", "--read") == {"--read-limit"}
    assert offered("systemd", "enable", "--d") == {"--dry-run"}
    assert offered("run", "--only", "") == {"all", "contended"}
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
    assert str(os.getpid()) in offered("doctor", str(os.getpid()))


if __name__ == "__main__":
    if shutil.which("bash") is None:
        print("skipped: no bash here")
        sys.exit(launcher.EXIT_SKIPPED)
    launcher.run_cases([commands, options, operands])
