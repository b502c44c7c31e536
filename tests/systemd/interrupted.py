#!/usr/bin/env python3
"""Kills `holdwatch systemd enable` and `disable` at each of their steps on a real systemd, and has steps fail: the drop-in is
there whole or not at all, one line says what failed, and what is left half done goes with the next call.

    interrupted.py BUILD_DIRECTORY
"""

import re
import signal
import sys
from pathlib import Path

import testbed

DIRECTORY = "/etc/systemd/system/held.service.d"
UNIT = "[Service]\nExecStart=/usr/local/bin/holder 1\n"
WITH_VARIABLES = UNIT + "EnvironmentFile=-/etc/default/held\n"

# The tools by which each changes something, before and after which it is killed with all its children.
TOOLS = {"enable": ["mkdir", "cat", "chmod", "mv", "rm", "systemctl"], "disable": ["mv", "rm", "rmdir", "systemctl"]}
MOMENTS = {"before": "kill -9 0", "after": '"$real" "$@"\nkill -9 0'}


class Fakes:
    """Tools that come first in the PATH; those of an earlier one are gone."""

    def __init__(self, bed, **scripts):
        bed.run("rm", "-rf", "/run/fakes")
        for name, script in scripts.items():
            bed.write(f"/run/fakes/{name}", f"#!/bin/sh\nreal=/usr/bin/{name}\n{script}\n")
            bed.run("chmod", "755", f"/run/fakes/{name}")
        self.bed = bed

    def holdwatch(self, *argv):
        """In a process group of its own, which the fakes may end."""
        path = "PATH=/run/fakes:/usr/local/bin:/usr/bin:/bin"
        return self.bed.run("setsid", "--wait", "env", path, "holdwatch", "systemd", *argv, check=False)


def write_unit(bed, unit):
    bed.write("/etc/systemd/system/held.service", unit)
    bed.write("/etc/default/held", "LD_PRELOAD=/a.so\n")
    bed.run("systemctl", "daemon-reload")


def check_whole(bed, dry):
    """What systemd would see."""
    directory = bed.path(DIRECTORY)
    if directory.exists():
        seen = {f"{DIRECTORY}/{path.name}": path.read_text() for path in directory.glob("*.conf")}
        assert seen and all(f"{path}:\n{text}" in dry for path, text in seen.items()), f"{seen} of {dry}"
        for named in re.findall("^EnvironmentFile=-(.*)$", "".join(seen.values()), re.MULTILINE):
            assert bed.path(named).exists(), f"{named} is named, and is not there"


def killed(bed, action, tool, moment):
    before = bed.changed_files()
    dry = bed.holdwatch("systemd", "enable", "held", "--dry-run").stdout
    if action == "disable":
        bed.holdwatch("systemd", "enable", "held")
    answer = Fakes(bed, **{tool: MOMENTS[moment]}).holdwatch(action, "held")
    # A tool that is not called this time ends nothing.
    assert answer.returncode in (0, -signal.SIGKILL), answer
    check_whole(bed, dry)
    if action == "enable":
        bed.holdwatch("systemd", "enable", "held")
        check_whole(bed, dry)
        assert bed.path(f"{DIRECTORY}/50-holdwatch.conf").exists()
        assert not list(bed.path(DIRECTORY).parent.rglob("*new*"))
    bed.holdwatch("systemd", "disable", "held")
    assert bed.changed_files() == before, set(bed.changed_files()) ^ set(before)
    return answer.returncode == -signal.SIGKILL


def killed_at_each_step(bed):
    """killed before or after each step, with directories to be made and without"""
    for unit in (UNIT, WITH_VARIABLES):
        write_unit(bed, unit)
        count = sum(killed(bed, action, tool, moment)
                    for action, tools in TOOLS.items() for tool in tools for moment in MOMENTS)
        bed.write(f"{DIRECTORY}/10-mine.conf", "[Service]\nEnvironment=MINE=1\n")
        for tool in ("cat", "chmod", "mv"):
            # The first of two files, and the second.
            mine = bed.changed_files()
            Fakes(bed, **{tool: MOMENTS["after"]}).holdwatch("enable", "held")
            bed.holdwatch("systemd", "disable", "held")
            assert bed.changed_files() == mine, (tool, set(bed.changed_files()) ^ set(mine))
        bed.run("rm", "-r", DIRECTORY)
        assert count >= 10, f"only {count} of these killed anything"


def killed_between_files(bed):
    """a unit that needs no file of variables any more never names one that is gone"""
    write_unit(bed, WITH_VARIABLES)
    before = bed.changed_files()
    bed.holdwatch("systemd", "enable", "held")
    write_unit(bed, UNIT)
    after_removal = 'case $* in\n*/50-holdwatch.env) "$real" "$@"; kill -9 0 ;;\nesac\nexec "$real" "$@"'
    assert Fakes(bed, rm=after_removal).holdwatch("enable", "held").returncode == -signal.SIGKILL
    check_whole(bed, bed.holdwatch("systemd", "enable", "held", "--dry-run").stdout)
    bed.holdwatch("systemd", "disable", "held")
    write_unit(bed, WITH_VARIABLES)
    assert bed.changed_files() == before


def ended_by_a_signal(bed):
    """SIGTERM leaves nothing behind, at once"""
    write_unit(bed, UNIT)
    before = bed.changed_files()
    assert Fakes(bed, mv="kill -TERM 0\nsleep 1").holdwatch("enable", "held").returncode != 0
    assert bed.changed_files() == before, set(bed.changed_files()) ^ set(before)


def steps_that_fail(bed):
    """a step that fails ends in one line of ours, status 1, and nothing half done"""
    write_unit(bed, UNIT)
    before = bed.changed_files()
    for tool, expected in (("mkdir", f"cannot create {DIRECTORY}: see above"), ("cat", r"cannot write \S*: see above"),
                           ("mv", r"cannot write \S*: see above")):
        answer = Fakes(bed, **{tool: "echo no >&2; exit 1"}).holdwatch("enable", "held")
        assert answer.returncode == 1 and re.fullmatch(f"no\nholdwatch: {expected}\n", answer.stderr), answer
        assert bed.changed_files() == before, set(bed.changed_files()) ^ set(before)
    read_only = "mount --bind /etc /etc && mount -o remount,bind,ro /etc && holdwatch systemd enable held"
    answer = bed.run("unshare", "--mount", "sh", "-c", read_only, check=False)
    assert answer.returncode == 1 and re.search(f"Read-only.*\nholdwatch: cannot create {DIRECTORY}", answer.stderr), answer
    no_reload = 'case $* in\n*daemon-reload*) echo no >&2; exit 1 ;;\nesac\nexec "$real" "$@"'
    answer = Fakes(bed, systemctl=no_reload).holdwatch("enable", "held")
    assert answer.returncode == 1 and answer.stderr == "no\nholdwatch: systemctl daemon-reload failed: see above\n", answer
    no_restart = 'case $* in\n*restart*) echo no >&2; exit 1 ;;\n*is-active*) exit 0 ;;\nesac\nexec "$real" "$@"'
    answer = Fakes(bed, systemctl=no_restart).holdwatch("enable", "--now", "held")
    assert answer.returncode == 1 and answer.stderr == "no\nholdwatch: systemctl restart held.service failed: see above\n"
    bed.holdwatch("systemd", "disable", "held")
    assert bed.changed_files() == before


def unit_is_gone(bed):
    """disable after the unit's removal, and where it never was enabled"""
    write_unit(bed, UNIT)
    bed.holdwatch("systemd", "enable", "held")
    bed.path("/etc/systemd/system/held.service").unlink()
    bed.run("systemctl", "daemon-reload")
    bed.holdwatch("systemd", "disable", "held")
    assert not bed.path(DIRECTORY).exists()
    answer = bed.holdwatch("systemd", "disable", "held")
    assert answer.stdout.startswith("held.service is not enabled") and answer.stderr == "", answer


def main():
    build = Path(sys.argv[1])
    with testbed.Testbed() as bed:
        bed.install(build)
        bed.copy(build / "tests/launcher/holder")
        for case in (killed_at_each_step, killed_between_files, ended_by_a_signal, steps_that_fail, unit_is_gone):
            print(case.__doc__, flush=True)
            case(bed)
    print("passed")


if __name__ == "__main__":
    main()
