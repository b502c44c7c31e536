#!/usr/bin/env python3
"""Checks what `holdwatch systemd` says where there is no systemd, or none of this user's, and of bad use.

    no_systemd.py LAUNCHER
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import launcher
from launcher import abilities

HOLDWATCH = os.path.realpath(sys.argv[1])
ACTIONS = ("enable", "disable", "status")


def systemd(*argv, **variables):
    return launcher.call(HOLDWATCH, "systemd", *argv, env=launcher.environment(**variables))


def no_systemctl():
    """a machine without systemd"""
    with tempfile.TemporaryDirectory() as directory:
        for tool in ("sed", "sh"):
            Path(directory, tool).symlink_to(f"/bin/{tool}")
        for action in ACTIONS:
            systemd(action, "x", PATH=directory).expect(1, "", "holdwatch: systemctl not found: this machine has no systemd\n")


def not_running():
    """systemd is installed, and another process is process 1"""
    if Path("/run/systemd/system").is_dir():
        abilities.left_out("systemd runs here")
        return
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "systemctl").symlink_to("/bin/false")
        for action in ACTIONS:
            path = f"{directory}:{os.environ['PATH']}"
            systemd(action, "x", PATH=path).expect(1, "", "holdwatch: systemd is not running\n")


def no_systemd_of_the_user():
    """--user without a session, or without a home"""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "systemctl").symlink_to("/bin/false")
        path = f"{directory}:{os.environ['PATH']}"
        for action in ACTIONS:
            systemd(action, "--user", "x", PATH=path, XDG_RUNTIME_DIR="").expect(
                1, "", "holdwatch: --user: your systemd instance is not running [^\n]*log in again\n")
            systemd(action, "--user", "x", PATH=path, XDG_RUNTIME_DIR=directory, HOME="", XDG_CONFIG_HOME="").expect(
                1, "", "holdwatch: --user: HOME is not set[^\n]*\n")


def drop_in_has_what_run_preloads():
    """with a glibc before 2.34 libdl is preloaded too, and once, as by holdwatch run; systemd is played by a script"""
    if abilities.left_out(abilities.missing("cc") or abilities.no_preloading(HOLDWATCH)):
        return
    with tempfile.TemporaryDirectory() as directory:
        before = "/usr/lib/libholdwatch.so:libdl.so.2:libother.so"
        fake = Path(directory, "systemctl")
        fake.write_text("#!/bin/sh\ncase $* in\n*--value*) ;;\n"
                        "*' show '*) printf 'LoadState=loaded\\nExecStart={ path=/bin/true ; argv[]=/bin/true }\\n' ;;\n"
                        f"*show-environment*) echo LD_PRELOAD={before} ;;\nesac\n")
        fake.chmod(0o755)
        for preload, beside in (("", ""), (launcher.make_old_glibc(directory), r":libdl\.so\.2")):
            answer = systemd("enable", "--user", "--dry-run", "x", PATH=f"{directory}:{os.environ['PATH']}", LD_PRELOAD=preload,
                             XDG_RUNTIME_DIR=directory, HOME=directory)
            others = "libother\\.so" if beside else "libdl\\.so\\.2:libother\\.so"
            assert answer.status == 0 and re.search(rf'^Environment="LD_PRELOAD={others}:/\S*/libholdwatch\.so{beside}"$', answer.out,
                                                    re.MULTILINE), answer


def bad_use():
    """bad use: status 2, and one line that says what to type"""
    systemd().expect_bad_use("usage: holdwatch systemd enable.disable.status UNIT")
    systemd("enabel", "x").expect_bad_use("usage: holdwatch systemd enable")
    for action in ACTIONS:
        systemd(action).expect_bad_use(f"usage: holdwatch systemd {action} UNIT")
        systemd(action, "x", "y").expect_bad_use(f"usage: holdwatch systemd {action} UNIT")
        systemd(action, "x", "--frob").expect_bad_use("unknown option --frob")
    systemd("status", "x", "--limit", "1s").expect_bad_use("status does not take the options of enable")
    systemd("status", "x", "--now").expect_bad_use("unknown option --now")
    systemd("enable", "x", "--limit", "1").expect_bad_use("--limit 1: needs a unit")
    systemd("enable", "x", "--now=yes").expect_bad_use("--now takes no value")
    systemd("enable", "x.timer").expect_bad_use("use the service: x.service")


if __name__ == "__main__":
    launcher.run_cases([no_systemctl, not_running, no_systemd_of_the_user, drop_in_has_what_run_preloads, bad_use])
