"""How long the thread stands that `attach` uses to load the library: in processes that were never attached to, with nothing else to
do for the processors, and with four busy threads for each. There it is compared by turns with a thread of the same process that is
only interrupted and continued. Both times are those of the tracing process, from before the interruption on.
"""

import contextlib
import ctypes
import os
import re
import signal
import statistics
import subprocess
import sys
import time

from pairing import Missing, Row, clean_environment, digits

ATTACHMENTS, QUICK_ATTACHMENTS = 200, 20
BUSY_A_PROCESSOR = 4
GOAL_MS = 3
# The command comes to the thread when that has slept for a while; one that fell asleep just now gets back to a processor sooner.
SLEEP_S = 0.1
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WAIT_ALL = 0x40000000  # __WALL


def ptrace(request, tid, libc=ctypes.CDLL(None, use_errno=True)):
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, tid, None, None) != 0:
        raise Missing(f"ptrace: {os.strerror(ctypes.get_errno())}")


@contextlib.contextmanager
def subject(bench):
    with subprocess.Popen([bench.program("bench_idle"), "8", "waiting"], env=clean_environment(), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        yield process.pid
        process.kill()


@contextlib.contextmanager
def busy_processors():
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(BUSY_A_PROCESSOR * len(os.sched_getaffinity(0)))]
    try:
        time.sleep(0.5)
        yield
    finally:
        for hog in hogs:
            hog.send_signal(signal.SIGKILL)
            hog.wait()


def waiting_thread(pid):
    """The one that attach takes: the first that waits for a lock."""
    return sorted(map(int, os.listdir(f"/proc/{pid}/task")))[1]


def only_stopped_ms(pid):
    time.sleep(SLEEP_S)
    ptrace(PTRACE_SEIZE, pid)
    begin_ns = time.monotonic_ns()
    ptrace(PTRACE_INTERRUPT, pid)
    os.waitpid(pid, WAIT_ALL)
    ptrace(PTRACE_DETACH, pid)
    return (time.monotonic_ns() - begin_ns) / 1e6


def attached_ms(bench, pid):
    done = subprocess.run([bench.control, "attach", bench.shim, str(pid)], env=clean_environment() | {"HOLDWATCH_LOG": "none"},
                          capture_output=True, text=True, check=False)
    said = re.search(r"was paused for ([\d.]+) ms", done.stdout)
    if not said:
        raise Missing(done.stdout + done.stderr)
    return float(said[1])


def one_turn(bench):
    with subject(bench) as pid:
        return only_stopped_ms(waiting_thread(pid)), attached_ms(bench, pid)


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def row(bench, name, excess):
    count = QUICK_ATTACHMENTS if bench.quick else ATTACHMENTS
    bare, attached = zip(*(one_turn(bench) for _ in range(count)))
    longer = percentile(attached, 0.99) - (percentile(bare, 0.99) if excess else 0)
    note = f"p99 of {count}{', less that of bare' if excess else ''}; medians {digits(statistics.median(bare))} and " \
           f"{digits(statistics.median(attached))} ms"
    return [Row(name, longer, unit="ms", goal=GOAL_MS, bare=f"{digits(percentile(bare, 0.99))} ms",
                watched=f"{digits(percentile(attached, 0.99))} ms", low=min(attached), high=max(attached), note=note)]


def quiet_rows(bench):
    return row(bench, "quiet", False)


def busy_rows(bench):
    with busy_processors():
        return row(bench, f"{BUSY_A_PROCESSOR} busy threads per processor", True)


def cases():
    return {"pause-quiet": quiet_rows, "pause-busy": busy_rows}
