#!/usr/bin/env python3
"""Compares each command's --help with the man page: the exit statuses in the same words, and the same flags.

    help.py LAUNCHER MAN_PAGE
"""

import os
import re
import sys
from pathlib import Path

import launcher

HOLDWATCH, PAGE = os.path.realpath(sys.argv[1]), Path(sys.argv[2]).read_text().replace("\\-", "-")
COMMANDS = re.findall(r"^  ([a-z]+)\b", launcher.call(HOLDWATCH, "--help").out, re.MULTILINE)
ELSEWHERE = {"--help", "--version", "--port"}  # the launcher's own, and an example's


def help_of(command):
    return launcher.call(HOLDWATCH, command, "--help").expect(0, f"Usage: holdwatch {command} .*")[0]


def words(text):
    return " ".join(text.split())


def exit_statuses_are_the_same():
    """the exit statuses, word for word"""
    section = re.search(r"^\.SH EXIT STATUS\n(.*?)^\.SH", PAGE, re.MULTILINE | re.DOTALL)[1]
    told = {}
    for names, text in re.findall(r"^\.TP\n\.B (.*)\n((?:[^.].*\n)+)", section, re.MULTILINE):
        told |= {name: words(text) for name in names.split(", ")}
    assert set(told) == set(COMMANDS), set(told) ^ set(COMMANDS)
    for command in COMMANDS:
        [said] = re.findall(r"^Exit status: (.*?)(?:\n\n|\Z)", help_of(command), re.MULTILINE | re.DOTALL)
        assert words(said) == told[command], f"{command}: --help says {words(said)!r}, the man page {told[command]!r}"


def flags_are_the_same():
    """each flag of a help is in the man page, and each of the man page in a help"""
    flag = r"--[a-z][a-z-]+"
    of_commands = {found for command in COMMANDS for found in re.findall(flag, help_of(command))}
    of_page = set(re.findall(flag, PAGE))
    assert of_commands - ELSEWHERE == of_page - ELSEWHERE, of_commands ^ of_page


def every_command_is_in_the_synopsis():
    """each command is in the man page's synopsis, and nothing else is"""
    synopsis = re.search(r"^\.SH SYNOPSIS\n(.*?)^\.SH", PAGE, re.MULTILINE | re.DOTALL)[1]
    bold = "".join(re.findall(r"^\.BR? .*\n", synopsis, re.MULTILINE))
    named = set(re.findall(r"(?<=holdwatch )[a-z]+|(?<=\| )[a-z]+", bold))
    assert named == set(COMMANDS), named ^ set(COMMANDS)


def help_is_a_command_too():
    """holdwatch help [COMMAND] says what --help says"""
    assert launcher.call(HOLDWATCH, "help").expect(0, "Usage: .*")[0] == launcher.call(HOLDWATCH, "--help").out
    for word in ("help", "--help", "-h"):
        assert launcher.call(HOLDWATCH, "help", word).expect(0, "Usage: .*")[0] == launcher.call(HOLDWATCH, "--help").out
    for command in COMMANDS:
        assert launcher.call(HOLDWATCH, "help", command).expect(0, "Usage: .*")[0] == help_of(command)
    launcher.call(HOLDWATCH, "help", "rum").expect_bad_use("unknown command 'rum'; commands: .*run")
    launcher.call(HOLDWATCH, "help", "run", "stop").expect_bad_use(r"usage: holdwatch help \[COMMAND\]")


def zero_turns_reports_off():
    """limit's help says what 0 does, and limit takes what the option takes, and nothing else"""
    assert "0 turns reports of holds and waits off" in help_of("limit")
    for duration in ("5", "1ns", "99999999h", "", "-1s"):
        launcher.call(HOLDWATCH, "limit", os.getpid(), duration).expect_bad_use("valid values: 0, 1ms to 87600h")
    launcher.call(HOLDWATCH, "limit", os.getpid()).expect_bad_use("usage: holdwatch limit PID DURATION")


if __name__ == "__main__":
    launcher.run_cases([exit_statuses_are_the_same, flags_are_the_same, help_is_a_command_too, every_command_is_in_the_synopsis,
                        zero_turns_reports_off])
