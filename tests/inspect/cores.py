#!/usr/bin/env python3
"""Core files as the kernel writes them, and programs that are not where they were.

    cores.py INSPECTOR SCENES_PROGRAM
"""

import contextlib
import os
import pathlib
import resource
import shutil
import signal
import sys
import tempfile

from looking import Look, as_json, core_of, functions, is_deadlock, look_until, require, scene


def has_names(look):
    return "lock_in_turn" in functions(look.events[0]["holders"][0]["now"])


def by_the_kernel(inspector, program, directory):
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "/" in pattern or "|" in pattern:
        print(f"core files go to {pattern}: not looked for there")
        return
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with contextlib.chdir(directory):
        with scene(program, "two") as pid:
            live = look_until(inspector, pid, is_deadlock)
            os.kill(pid, signal.SIGABRT)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        cores = list(pathlib.Path(directory).glob("*core*"))
    require(len(cores) == 1, f"the kernel wrote {cores}")
    look = Look(inspector, "--core", cores[0])
    require(is_deadlock(look) and has_names(look), look)
    require(look.events[0]["fingerprint"] == live.events[0]["fingerprint"], f"{look}{live}")
    require(all(holder["now"]["complete"] for holder in look.events[0]["holders"]), as_json(look.events[0]))
    # Whether a thread ran is in no core file.
    require(all(holder["state"] is None for holder in look.events[0]["holders"]), as_json(look.events[0]))
    require("truncated" not in look.text, look)
    # The kernel writes the threads first: what they wait for may be known still.
    os.truncate(cores[0], cores[0].stat().st_size - 1)
    look = Look(inspector, "--core", cores[0])
    require(is_deadlock(look) and "which is truncated: waits and frames may be missing" in look.text, look)
    cores[0].unlink()


def moved_program(inspector, program, directory):
    """Without its file the locks are known still; with its new place, the functions too. Another's is no help."""
    if shutil.which("gcore") is None:
        print("no gcore here; on Debian: apt-get install gdb")
        return
    old, new = pathlib.Path(directory) / "old", pathlib.Path(directory) / "new"
    shutil.copy(program, old)
    with scene(old, "two") as pid:
        look_until(inspector, pid, is_deadlock)
        core = core_of(pid, directory)
    half = pathlib.Path(directory) / "half"
    half.write_bytes(core.read_bytes()[:core.stat().st_size // 2])  # gdb writes the threads last
    look = Look(inspector, "--core", half)
    require(look.status == 1 and "is truncated: no thread's registers are left" in look.errors, look)
    old.rename(new)
    look = Look(inspector, "--core", core)
    require(is_deadlock(look) and not has_names(look), look)
    require(f"{old} could not be used: No such file or directory" in look.text, look)
    look = Look(inspector, "--core", core, new)
    require(is_deadlock(look) and has_names(look) and "could not be used" not in look.text, look)
    look = Look(inspector, "--core", core, sys.executable)
    require(is_deadlock(look) and not has_names(look) and "it has changed since (another build id)" in look.text, look)


def stopped_before(inspector, program, directory):
    """A sleep that was once interrupted by a stop goes on as another system call, which the core file has."""
    if shutil.which("gcore") is None:
        return
    with scene(program, "sleeper") as pid:
        look_until(inspector, pid, lambda look: look.kinds() == ["wait"])
        for _ in range(2):  # gdb stops all threads
            look = Look(inspector, "--core", core_of(pid, directory))
            require(look.kinds() == ["wait"], look)
            holder, = look.events[0]["holders"]
            require(holder["wait"]["kind"] == "sleep", as_json(holder))


def orphan(inspector, program, directory):
    """No core file says which thread of the parent forked: a main thread that waits for the lock is not taken for that one."""
    if shutil.which("gcore") is None:
        return
    with scene(program, "orphan") as pid:
        look_until(inspector, pid, lambda look: look.kinds() == ["fork_orphan"])
        look = Look(inspector, "--core", core_of(pid, directory))
        require(look.kinds() == ["wait"] and not look.events[0]["holders"], look)
        require("whether that is the main thread of today is not known" in look.text, look)


def main():
    inspector, program = (str(pathlib.Path(word).resolve()) for word in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="holdwatch-cores-") as directory:
        by_the_kernel(inspector, program, directory)
        moved_program(inspector, program, directory)
        stopped_before(inspector, program, directory)
        orphan(inspector, program, directory)


if __name__ == "__main__":
    main()
