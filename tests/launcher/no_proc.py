#!/usr/bin/env python3
"""Where /proc is not mounted, here or for the process, each command that needs it says so in one line, and the others work.

    no_proc.py LAUNCHER BUILD_DIRECTORY HOLDER

HOLDER is a program that stays. The mounts are in namespaces of their own; skipped where there can be none.
"""

import os
import subprocess
import sys

import launcher
from launcher import abilities

HOLDWATCH, BUILD, HOLDER = map(os.path.realpath, sys.argv[1:4])
NEEDS_PROC = r"needs /proc, which is not mounted here; to mount it, as root: mount -t proc proc /proc\n"


def for_a_process():
    """a process that sees neither /proc nor our files, as in a chroot: doctor knows what attach will say, and it is not touched"""
    if abilities.left_out(abilities.no_attaching()):
        return
    bare = f"mount -t tmpfs none '{BUILD}/shim' && mount -t tmpfs none /proc && exec \"$@\""
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", bare, "sh", HOLDER, "1000"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            launcher.wait_until_runs(process.pid, HOLDER)
            why = rf"{process.pid} \(holder\) sees other files than this command, without \S+/libholdwatch\.so, and /proc is not mounted " \
                  r"there: [^\n]*\n"
            launcher.call(HOLDWATCH, "attach", process.pid).expect(1, "", f"holdwatch: {why}")
            said = launcher.call(HOLDWATCH, "doctor", process.pid).expect(0, f".*note +watch +it is not watched and cannot be attached to: {why}.*")
            assert "attach needs neither" not in said[0], said[0]
        finally:
            process.kill()


def for_us():
    """no /proc at all"""
    launcher.mount("none", "/proc", "tmpfs")
    pid = os.getpid()
    for command in ("attach", "detach", "snapshot", "stop", "start"):
        launcher.call(HOLDWATCH, command, pid).expect(1, "", f"holdwatch: this command {NEEDS_PROC}")
    launcher.call(HOLDWATCH, "limit", pid, "1s").expect(1, "", f"holdwatch: this command {NEEDS_PROC}")
    launcher.call(HOLDWATCH, "inspect", pid).expect(1, "", f"holdwatch: inspect {NEEDS_PROC}")
    launcher.call(HOLDWATCH, "inspect", "--core", "/dev/null").expect(1, "", r"holdwatch: (?!inspect needs)[^\n]*\n")
    said = launcher.call(HOLDWATCH, "doctor").expect(0, ".*note +proc +/proc is not mounted: [^\n]*mount -t proc proc /proc\n.*")
    assert "traced" not in said[0], said[0]
    launcher.call(HOLDWATCH, "doctor", pid).expect(3, rf".*note +process +process {pid} cannot be examined without /proc\n")
    launcher.call(HOLDWATCH, "run", "true").expect(0)


if __name__ == "__main__":
    abilities.skip_if(abilities.no_mounts())
    abilities.skip_if(abilities.no_preloading(BUILD))
    launcher.enter_own_mounts()
    launcher.run_cases([for_a_process, for_us])
