#!/usr/bin/env python3
"""The states that a process may be in when somebody looks: stopped, under a debugger, in a container with a file system
of its own, where nobody may sample, without libc's debug symbols, and with threads that come and go.

    states.py INSPECTOR SCENES_PROGRAM
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from looking import DEADLINE_S, Look, abilities, as_json, functions, is_deadlock, look_until, require, scene

LOOKS_AT_A_STORM = 30


def stopped(inspector, program):
    with scene(program, "two") as pid:
        look_until(inspector, pid, is_deadlock)
        os.kill(pid, signal.SIGSTOP)
        # Each thread leaves its call for a moment when it comes to know of the stop.
        look_until(inspector, pid, lambda look: is_deadlock(look) and {h["state"] for h in look.events[0]["holders"]} == {"stopped"})
        os.kill(pid, signal.SIGCONT)
        look_until(inspector, pid, is_deadlock)


def under_a_debugger(inspector, program):
    """gdb has every thread stopped: none can be stopped by us, and none has to be."""
    if abilities.left_out(abilities.missing("gdb")):
        return
    with scene(program, "two") as pid:
        look_until(inspector, pid, is_deadlock)
        command = ["gdb", "-nx", "-q", "-iex", "set debuginfod enabled off", "-p", str(pid)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as gdb:
            gdb.stdin.write(b"echo attached\\n\n")
            gdb.stdin.flush()
            for line in gdb.stdout:
                if b"attached" in line:
                    break
            look = Look(inspector, pid)
            gdb.stdin.write(b"detach\nquit\n")
            gdb.communicate(timeout=DEADLINE_S)
        require(is_deadlock(look) and "no thread was stopped" in look.text, look)
        require(look.events[0]["holders"][0]["now"]["complete"], as_json(look.events[0]))


def in_a_container(inspector, program):
    """Other thread ids inside than outside, and a program whose path leads nowhere outside. No other process can have a lock in the
    process's own memory, whatever its attributes say."""
    for name in ("two", "two_shared"):
        event = look_into_a_container(inspector, program, name)
        require({holder["thread"] for holder in event["holders"]} == {"first", "second"}, as_json(event))
        require(not any(holder["likely"] for holder in event["holders"]), as_json(event))
        require("lock_in_turn" in functions(event["holders"][0]["now"]), as_json(event))


def look_into_a_container(inspector, program, name):
    """The deadlock of a scene that is the first process of its namespace."""
    with tempfile.TemporaryDirectory(prefix="holdwatch-inside-") as directory:
        inside = pathlib.Path(directory) / "inside"
        script = f"mount -t tmpfs none {directory} && cp {program} {inside} && exec {inside} {name}"
        with subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                               script], stdout=subprocess.PIPE, text=True) as outer:
            with contextlib.ExitStack() as stack:
                stack.callback(outer.kill)
                require(outer.stdout.readline() == "ready 1\n", "it is not the first process of its namespace")
                pid = int(pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
                look = look_until(inspector, pid, is_deadlock)
        event = look.events[0]
        require(all(holder["tid"] > pid for holder in event["holders"]), as_json(event))
        return event


def in_other_languages(inspector, _):
    """Go's and Rust's own locks are not glibc's: that no thread waits says little, and the look says that it does."""
    for language, command in (("Go", ["fzf", "--filter", "x"]), ("Rust", ["sd", "x", "y"])):
        if abilities.left_out(abilities.missing(command[0])):
            continue
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            look = look_until(inspector, process.pid, lambda look, language=language: f"written in {language}" in look.text)
            require(look.status == 0 and "whose own locks are not seen" in look.text, look)


def without_libc_symbols(inspector, program):
    """Where libc's debug symbols are not installed, its exported names and the locks' own bytes have to do."""
    for name in ("two", "robust", "writers", "inheriting", "self_inheriting", "idle"):
        hide = "mount -t tmpfs none /usr/lib/debug && exec \"$@\""
        command = [sys.executable, "-B", pathlib.Path(__file__).with_name("scenes.py"), inspector, program, name]
        done = subprocess.run(["unshare", "--mount", "sh", "-c", hide, "sh", *command], capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        require(done.returncode == 0, f"{name}: {done.stdout}{done.stderr}")


def without_perf_events(inspector, program):
    """Where the kernel lets nobody sample, a running thread is stopped, and nothing else."""
    if abilities.left_out(abilities.missing("strace")):
        return
    refuse = ["strace", "-o", "/dev/null", "-e", "trace=perf_event_open", "-e", "inject=perf_event_open:error=EACCES"]
    with scene(program, "holder_runs") as pid:
        look_until(inspector, pid, lambda look: "spin" in look.text)
        # A thread that other work keeps off its processor is not stopped: it might be on its way into a call.
        give_up = time.monotonic() + DEADLINE_S
        look = Look(*refuse, inspector, pid)
        while "stopped for" not in look.text and time.monotonic() < give_up:
            look = Look(*refuse, inspector, pid)
    require(look.status == 0 and "one thread was stopped for at most" in look.text, look)
    holder = look.events[0]["holders"][0]
    require("spin" in functions(holder["now"]) and holder["now"]["complete"], as_json(holder))


def threads_come_and_go(inspector, program):
    with scene(program, "storm") as pid:
        for _ in range(LOOKS_AT_A_STORM):
            look = Look(inspector, pid)
            require(look.status == 0 and "deadlock" not in look.kinds(), look)


def process_ends(inspector, program):
    """Killed while it is looked at, at any moment."""
    for round_number in range(10):
        with scene(program, "crowd") as pid:
            with subprocess.Popen([inspector, str(pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as look:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    look.wait(timeout=0.02 * round_number)
                os.kill(pid, signal.SIGKILL)
                output = look.communicate(timeout=DEADLINE_S)
                require(look.returncode in (0, 1), f"status {look.returncode}: {output}")


AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]


def main_thread_left_without_privileges(inspector, program):
    """What /proc shows of a main thread that has left belongs to root. The user of the process sees its deadlock all the same; root
    becomes such a user here."""
    prefix = AS_NOBODY if os.geteuid() == 0 else []
    if prefix and abilities.left_out(abilities.missing("setpriv", "util-linux")):
        return
    scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and scope.read_text() != "0\n":
        abilities.left_out("only root may look at processes that are not its children here (kernel.yama.ptrace_scope)")
        return
    # Where the build directory lies, not every user may read.
    with tempfile.TemporaryDirectory(prefix="holdwatch-user-") as directory:
        os.chmod(directory, 0o755)
        inspector, program, _ = (shutil.copy(file, directory) for file in
                                 (inspector, program, pathlib.Path(inspector).with_name("libholdwatch-inspect.so")))
        with scene(program, "main_leaves", *prefix) as pid:
            end = time.monotonic() + DEADLINE_S
            while True:
                look = subprocess.run([*prefix, inspector, str(pid)], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
                has_left = "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()
                if has_left and look.returncode == 3 and "deadlock of 2 threads" in look.stdout:
                    return
                require(time.monotonic() < end, f"main thread has left: {has_left}; {look}")


def main():
    inspector, program = sys.argv[1:]
    stopped(inspector, program)
    under_a_debugger(inspector, program)
    without_perf_events(inspector, program)
    threads_come_and_go(inspector, program)
    process_ends(inspector, program)
    in_other_languages(inspector, program)
    main_thread_left_without_privileges(inspector, program)
    if abilities.left_out(abilities.no_root() or abilities.no_namespaces("--mount", "--pid", "--fork", "--mount-proc")):
        return
    in_a_container(inspector, program)
    without_libc_symbols(inspector, program)


if __name__ == "__main__":
    main()
