#!/usr/bin/env python3
"""Durations are lower bounds: on whichever processor a thread went to sleep, idle or busy meanwhile, `inspect` never says
more than has gone by, and never less than it said before, unless it does not know.

    durations.py INSPECTOR SINCE_PROGRAM
"""

import collections
import contextlib
import os
import pathlib
import subprocess
import sys
import time

from looking import look_until, require, scene, waiting_threads

LOOKS_IDLE, LOOKS_BUSY = 5, 5
BETWEEN_LOOKS_S = 0.1


def durations(look):
    """What is said of a thread as a waiter, or as a holder: its number, its name, how long."""
    for event in look.events:
        for holder in event["holders"]:
            yield holder["tid"], holder["thread"], holder["held_ns"]
        for group in event["waiters"]:
            require(group["count"] == 1, look)
            yield group["tids"][0], group["threads"][0], group["longest_ns"]


def queue_left_at(tid):
    """New kernels keep a thread in the queue while it is asleep already. Once it has left, less is sure than before."""
    text = pathlib.Path(f"/proc/{tid}/sched").read_text()
    return next((line for line in text.splitlines() if "last_update_time" in line), None)


@contextlib.contextmanager
def busy_processors():
    hogs = [subprocess.Popen(["timeout", "60", sys.executable, "-c", "while True: pass"])
            for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.terminate()
            hog.wait()


def main():
    inspector, program = sys.argv[1:]
    said = collections.defaultdict(int)

    def check(look):
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        for tid, name, duration_ns in durations(look):
            gone_by_ns = now_ns - int(name) * 1000
            key = (tid, queue_left_at(tid))
            require(duration_ns == 0 or said[key] <= duration_ns <= gone_by_ns,
                    f"{name}: {duration_ns} ns, {said[key]} before, of {gone_by_ns}; {look}")
            said[key] = max(said[key], duration_ns)

    with scene(program) as pid:
        def look_at_all():
            time.sleep(BETWEEN_LOOKS_S)
            check(look_until(inspector, pid, lambda look: len(look.events) == (os.cpu_count() or 1) and
                             all(waiting_threads(event) == 1 for event in look.events)))
        for _ in range(LOOKS_IDLE):
            look_at_all()
        with busy_processors():
            for _ in range(LOOKS_BUSY):
                look_at_all()
    require(any(said.values()), "nothing was ever said of how long")


if __name__ == "__main__":
    main()
