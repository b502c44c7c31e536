#!/usr/bin/env python3
"""What `holdwatch top` costs: its own processor time on a terminal, and that of the watcher in the process, with and without it.

    top_cost.py LAUNCHER LIBRARY SUBJECT [SECONDS]

SUBJECT is build/tests/top/top_subject. Times are the scheduler's account (/proc/PID/task/TID/schedstat), so that other work on the
machine does not count.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "top"))
from screen import Terminal  # pylint: disable=wrong-import-position


def spent_ns(pid, name=None):
    """On a processor, by all threads or those of this name."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        if name is None or (task / "comm").read_text() == name + "\n":
            total += int((task / "schedstat").read_text().split()[0])
    return total


def share(pid, name, seconds, meanwhile):
    """In per cent of a core."""
    before, began = spent_ns(pid, name), time.monotonic()
    while time.monotonic() < began + seconds:
        meanwhile()
        time.sleep(0.1)
    return (spent_ns(pid, name) - before) / 1e7 / (time.monotonic() - began)


def measure(launcher, library, subject, guests, seconds, unfolded):
    environment = {**os.environ, "LD_PRELOAD": library, "HOLDWATCH_LIMIT": "1s", "HOLDWATCH_LOG": "none"}
    with subprocess.Popen([subject, str(guests)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        time.sleep(3)
        without = share(process.pid, "holdwatch", seconds, lambda: None)
        terminal = Terminal(120, 40)
        with subprocess.Popen([launcher, "top", str(process.pid)], stdin=terminal.theirs, stdout=terminal.theirs,
                              env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}) as top:
            terminal.wait_for("accounts")
            terminal.press(*(["enter", "down"] if unfolded else ["down"]))
            time.sleep(2)
            before, began = spent_ns(top.pid), time.monotonic()
            beside = share(process.pid, "holdwatch", seconds, terminal.read)
            own = (spent_ns(top.pid) - before) / 1e7 / (time.monotonic() - began)
            terminal.press("q")
        terminal.close()
        process.kill()
    how = "a row unfolded" if unfolded else "all rows folded"
    print(f"{guests + 3} threads, {how}: top {own:.2f} % of a core; the watcher {beside:.3f} %, without top {without:.3f} %", flush=True)


if __name__ == "__main__":
    LAUNCHER, LIBRARY, SUBJECT = sys.argv[1:4]
    SECONDS = float(sys.argv[4]) if len(sys.argv) > 4 else 60
    for number in (3, 1000):
        for is_unfolded in (False, True):
            measure(LAUNCHER, LIBRARY, SUBJECT, number, SECONDS, is_unfolded)
