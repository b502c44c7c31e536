"""Two commands at a time, and processes that end while a command is about them: each command ends with one true line.

    races.py --shim LIBRARY --control CONTROL --subject PROGRAM
"""

import argparse
import contextlib
import os
import random
import re
import sys
import time

from subject import DEADLINE_S, Failure, Waiting, require, wait_until


def stderr_of(command):
    _, complaint = command.communicate(timeout=DEADLINE_S)
    require(len(complaint.splitlines()) == (command.returncode != 0), f"no single line: {command.returncode} {complaint}")
    return complaint


def hold(subject):
    """Begins an attachment that waits in the middle of dlopen until it is told "g"."""
    subject.write("held read\n")
    attaching = subject.begin_attaching()
    require((said := subject.line()) == "held", said)
    return attaching


def two_at_once(options):
    """The second waits for the first, and then finds the process attached to."""
    with contextlib.closing(Waiting(options)) as subject:
        first = hold(subject)
        second = subject.begin_attaching()
        # It is to be there while the first one works: its look at the process's memory is its first step.
        wait_until("the second command", lambda: second.poll() is not None or has_open(second.pid, f"/proc/{subject.pid}/mem"))
        require(second.poll() is None, "the second one did not wait")
        subject.write("g")
        require(stderr_of(first) == "" and first.returncode == 0, "the first one")
        complaint = stderr_of(second)
        require(re.search(rf"is already watched; to end that: holdwatch detach {subject.pid}", complaint), complaint)


def two_at_once_for_long(options):
    """The second gives up when the first does not come to its end."""
    with contextlib.closing(Waiting(options)) as subject:
        first = hold(subject)
        said = subject.control("detach", subject.pid, status=1)
        require("another holdwatch command is working on" in said and "wait until that has finished" in said, said)
        subject.write("g")
        require(stderr_of(first) == "" and first.returncode == 0, "the first one")


def has_open(pid, path):
    with contextlib.suppress(OSError):
        return any(os.readlink(f"/proc/{pid}/fd/{number}") == path for number in os.listdir(f"/proc/{pid}/fd"))
    return False


def ends_in_between(options):
    """The process is killed while its thread is borrowed."""
    with contextlib.closing(Waiting(options)) as subject:
        attaching = hold(subject)
        subject.process.kill()
        complaint = stderr_of(attaching)
        require(attaching.returncode == 1 and re.match(rf"holdwatch: {subject.pid} \(.*\) has exited$", complaint), complaint)


def ends_at_any_time(options):
    seed = int(time.time())
    chance = random.Random(seed)
    print(f"seed {seed}")
    reasons = {}
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with contextlib.closing(Waiting(options)) as subject:
            subject.write("once read\n")
            attaching = subject.begin_attaching()
            time.sleep(chance.uniform(0, 0.04))
            subject.process.kill()
            complaint = stderr_of(attaching)
            reason = re.sub(r"\d+", "N", complaint)
            reasons[reason] = reasons.get(reason, 0) + 1
            known = r"holdwatch: (\d+ \(.*\) has (already )?exited|no such process: \d+|process \d+ has exited)$|$"
            require(re.match(known, complaint), complaint)
    print(reasons)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--shim", "--control", "--subject"):
        parser.add_argument(name, required=True, type=os.path.abspath)
    options = parser.parse_args()
    for test in (two_at_once, two_at_once_for_long, ends_in_between, ends_at_any_time):
        try:
            test(options)
        except Failure as failure:
            print(f"FAILED: {test.__name__}: {failure}\nrerun: {sys.executable} {' '.join(sys.argv)}")
            sys.exit(1)
    print("passed")


if __name__ == "__main__":
    main()
