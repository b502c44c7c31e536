#!/usr/bin/env python3
"""Holders that wait for everything but a lock, looked at live and in a core file: the kind, the object, and who can end it.

    kinds.py INSPECTOR PROGRAM
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from looking import DEADLINE_S, Look, core_of, look_until, require

# Thread: the kind of its wait, and who can end it: a thread's name, a process, or nobody who is known.
PROCESS = object()
KINDS = {
    "condition": ("condition", None), "condition_for": ("condition", None), "join": ("join", "joined"),
    "timed_join": ("join", "joined"), "semaphore": ("semaphore", None), "barrier": ("barrier", None), "once": ("once", None),
    "call_once": ("once", None), "static": ("static", None), "atomic": ("atomic", None), "latch": ("atomic", None),
    "future": ("atomic", None), "puts": ("stream", "logger"), "flockfile": ("stream", "logger"), "futex": ("futex", None),
    "file_lock": ("file_lock", PROCESS), "range_lock": ("file_lock", PROCESS), "child": ("child", PROCESS),
    "pipe": ("pipe", None), "sleep": ("sleep", None),
}
# A core file has neither links of descriptors nor /proc/locks.
ONLY_LIVE = {"file_lock": ("file_lock", None), "range_lock": ("file_lock", None), "pipe": ("other", None)}


def holders(look):
    """Of the locks that threads wait for, by the address of the lock."""
    return {event["lock"]["address"]: holder for event in look.events if event["lock"]["kind"] == "mutex"
            for holder in event["holders"]}


def check(name, holder, expected, object_address, names):
    kind, ender = expected
    wait = holder["wait"]
    require(wait is not None and wait["kind"] == kind, f"{name} waits for {wait}, not for {kind}")
    if object_address != "(nil)":
        require(wait["object"] == object_address, f"{name} waits for {wait['object']}, not for {object_address}")
    require((wait["timeout_ns"] is not None) == (name in ("condition_for", "timed_join")), f"{name}: timeout {wait['timeout_ns']}")
    if ender is None:
        require(wait["enders"] == [], f"{name}: {wait['enders']}")
        return
    [named] = wait["enders"]
    require(named["evidence"] == "stated" and ("pid" in named) == (ender is PROCESS), f"{name}: {named}")
    if ender is not PROCESS:
        require(names[named["tid"]] == ender, f"{name}: {named}, which is {names[named['tid']]}")


def thread_names(pid):
    return {int(task.name): (task / "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}


def started(program, directory):
    """The process, and the address of what each of its holders waits for."""
    process = subprocess.Popen([program, "stays"], stdout=subprocess.PIPE, text=True, env={**os.environ, "HARNESS_TMP": directory})
    objects = {}
    for line in process.stdout:
        name, address = line.split()
        if name == "ready":
            return process, objects
        objects[name] = address
    sys.exit("FAILED: the program ended")


def look_at_core(inspector, pid, by_tid, objects, names, directory):
    core = Look(inspector, "--core", core_of(pid, directory))
    found = {by_tid[holder["tid"]]: holder for holder in holders(core).values()}
    for name, expected in KINDS.items():
        check(name, found[name], ONLY_LIVE.get(name, expected), objects[name], names)


def main():
    inspector, program = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="holdwatch-kinds-") as directory:
        process, objects = started(program, directory)
        try:
            # All have come to where they stay once each of the locks is waited for, and each holder waits.
            look = look_until(inspector, process.pid, lambda look: len(holders(look)) == len(KINDS) and all(
                holder["wait"] and holder["wait"]["kind"] == KINDS[holder["thread"]][0] for holder in holders(look).values()))
            names = thread_names(process.pid)
            found = {holder["thread"]: holder for holder in holders(look).values()}
            for name, expected in KINDS.items():
                check(name, found[name], expected, objects[name], names)
            if shutil.which("gcore") is None:
                print("no gcore here (on Debian: apt-get install gdb): not compared with a core file")
                return
            by_tid = {holder["tid"]: name for name, holder in found.items()}
            look_at_core(inspector, process.pid, by_tid, objects, names, directory)
        finally:
            process.kill()
            process.communicate(timeout=DEADLINE_S)


if __name__ == "__main__":
    main()
