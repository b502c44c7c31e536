"""A hundred times attached to a loaded server and detached from it, with a provoked hold reported in every tenth: after the
hundredth round it has the threads, descriptors and mappings that it had after the tenth, the memory that it had after the fiftieth,
and no request was lost.

    attach_rounds.py SHIM --control CONTROL --server memcached|mariadb
"""

import os
import re
import time
from pathlib import Path

import servers
import soak_servers
from attach_hold import check_reports, descriptors, provoked_hold
from attached import AttachableRun
from soak_load import Load

ROUNDS = 100
ROUNDS_A_HOLD = 10
# What a server that works may gain of its own accord meanwhile, as in the soak.
MOST_MAPPINGS, MOST_THREADS = 8, 3
# In the second half: in the first a server under load is still filling its own caches (MariaDB 11.8: 10 MB by the thirtieth round).
MOST_KIB = 4 * 1024
# Each attachment's reports are made by a thread of its own, to which glibc may give any of its arenas (up to eight a processor), and
# each of them keeps some 4 MB of what a report has needed. With two arenas that is over at the tenth round or the twentieth.
ARENAS = "2"
KINDS = {"memcached": soak_servers.Memcached, "mariadb": soak_servers.Mariadb}


class Figures:
    """What a process has now of what must not grow."""

    def __init__(self, run, pid):
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
        status = Path(f"/proc/{pid}/status").read_text()
        self.threads = len(servers.thread_names(pid))
        self.descriptors = descriptors(run, pid)
        self.mappings = len(maps)
        self.ours = sum("holdwatch" in line for line in maps)
        self.rss_kib = int(re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[1])

    def __str__(self):
        return (f"{self.threads} threads, {len(self.descriptors)} descriptors, {self.mappings} mappings, {self.ours} of them ours, "
                f"{self.rss_kib} KiB resident")


def one_round(run, subject, with_hold):
    run.attach(subject.pid)
    if with_hold:
        check_reports(subject, provoked_hold(run, subject))
    run.detach(subject.pid)
    servers.wait_until("the end of holdwatch's threads", lambda: not servers.own_threads(subject.pid))


def all_rounds(run, subject, load):
    """The figures before, and after each round that had a hold."""
    servers.wait_until("the first answers", lambda: load.turns.value > 0)
    subject.provoke()
    subject.relieve()
    seen = [Figures(run, subject.pid)]
    print(f"before: {seen[0]}")
    for number in range(1, ROUNDS + 1):
        answered = load.right.value
        with_hold = number % ROUNDS_A_HOLD == 0
        one_round(run, subject, with_hold)
        servers.wait_until("an answer", lambda: load.right.value > answered)
        if with_hold:
            seen.append(Figures(run, subject.pid))
            print(f"round {number}: {seen[-1]}", flush=True)
    return seen


def check_figures(seen):
    tenth, halfway, last = seen[1], seen[len(seen) // 2], seen[-1]
    servers.require(last.descriptors == tenth.descriptors, f"descriptors: {tenth.descriptors}, then {last.descriptors}")
    servers.require(last.ours == tenth.ours, f"mappings of ours: {tenth.ours}, then {last.ours}")
    servers.require(last.threads - tenth.threads <= MOST_THREADS, f"threads: {tenth.threads}, then {last.threads}")
    servers.require(last.mappings - tenth.mappings <= MOST_MAPPINGS, f"mappings: {tenth.mappings}, then {last.mappings}")
    servers.require(last.rss_kib - halfway.rss_kib <= MOST_KIB, f"resident: {halfway.rss_kib} KiB halfway, then {last.rss_kib}")


def test(shim, control, server):
    AttachableRun.control = control
    os.environ["MALLOC_ARENA_MAX"] = ARENAS
    with AttachableRun(shim) as run:
        subject = KINDS[server](run)
        load = Load(subject.talk, turn_s=0)
        try:
            began = time.monotonic()
            check_figures(all_rounds(run, subject, load))
            print(f"{ROUNDS} rounds in {time.monotonic() - began:.0f} s")
            load.finish()
        finally:
            load.end()
        print(f"{load.right.value} requests answered as they should be, {load.wrong.value} otherwise")
        servers.require(load.wrong.value == 0, f"{load.wrong.value} wrong answers")
        servers.require(subject.server.stop() == 0, "the server does not end well")


if __name__ == "__main__":
    servers.main(test, lambda parser: parser.add_argument("--control", required=True),
                 lambda parser: parser.add_argument("--server", choices=sorted(KINDS), required=True))
