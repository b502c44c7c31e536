#!/usr/bin/env python3
"""By hand: memcached, redis and MariaDB for an hour, each twice side by side, bare and watched, under the same steady load.

    python3 tests/real/soak.py build/shim/libholdwatch.so --minutes 60

Again and again something is broken around them (soak_faults.py), and memcached and MariaDB are made to hold a lock for too
long. Promised is that every such hold is reported, in the JSON lines and in the text, and nothing else is; that no request
fails; that the watch keeps its memory, threads and descriptors within the bounds below; and that all servers end well.
Prints a table of the figures; the exit status is 1 if a promise was broken. As root it can also fill the log's disk.
"""

import contextlib
import json
import re
import time
from pathlib import Path

import redis_load
import servers
import soak_faults
import soak_servers
from soak_load import Load

PAUSE_S = 2.5  # between holds, so that what is wrongly taken for one has the time to be reported
# What is said where the server's own errors go, while the log's disk is full.
LOSS = r"holdwatch\[\d+\]: \d+ reports? could not be written to \S+: No space left on device\n"
# What the watched server may gain from the end of the first round to the end of the soak, beyond what the bare one gains.
# MariaDB's pool of threads is seldom the same twice.
MOST_GROWTH = {"RSS KiB": 8 * 1024, "threads": 3, "descriptors": 2}
# Each fault comes before a hold, or while it lasts.
BEFORE = [soak_faults.nothing, soak_faults.load_stopped, soak_faults.server_stopped, soak_faults.log_rotated,
          soak_faults.log_removed, soak_faults.fork_storm]
DURING = [soak_faults.load_stopped, soak_faults.server_stopped, soak_faults.log_rotated, soak_faults.log_removed,
          soak_faults.fork_storm]
OF_A_DISK = [soak_faults.disk_full]


def usage(pid):
    """What a process has now of what must not grow."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {"RSS KiB": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]),
            "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir()))}


class Side:
    """One server, bare or watched, with its load."""

    def __init__(self, kind, shim, may_mount):
        self.run = servers.Run(shim)
        self.name = f"{kind.NAME} {'watched' if shim else 'bare'}"
        self.log = soak_faults.Log(self.run.directory / "log", may_mount)
        self.run.options["HOLDWATCH_LOG"] = str(self.log.path)
        self.subject = kind(self.run)
        self.server = self.subject.server
        self.load = Load(self.subject.talk)
        self.forks = 0
        self.usages = []
        self.read_to = 0
        self.reports = []

    def read_reports(self):
        """All JSON lines so far; what has been read is not read again."""
        path = self.run.reports_directory / "reports.json"
        if path.exists():
            with path.open("rb") as file:
                file.seek(self.read_to)
                whole_lines = file.read().rpartition(b"\n")[0]
            if whole_lines:
                self.read_to += len(whole_lines) + 1
                self.reports += map(json.loads, whole_lines.split(b"\n"))
        return self.reports

    def wait_for(self, phase, first):
        self.server.wait_until(f"{self.name}: a report with phase '{phase}'", lambda: any(
            report["phase"] == phase for report in self.read_reports()[first:]))

    def note_usage(self):
        self.usages.append(usage(self.server.pid))

    def check_health(self):
        status = self.server.process.poll()
        servers.require(status is None, f"{self.name} has ended with status {status}:\n{self.subject.said()}")
        servers.require(self.load.process.is_alive(), f"the clients of {self.name} have ended")
        servers.require(self.load.wrong.value == 0, f"{self.name}: {self.load.wrong.value} wrong answers")
        said = re.sub(LOSS, "", self.subject.said()).replace(str(self.run.directory), "")
        servers.require("holdwatch" not in said, f"holdwatch writes to the log of {self.name}:\n{said}")

    def stop(self):
        self.load.end()
        status = self.server.stop()
        servers.require(status == 0, f"{self.name} ended with status {status}:\n{self.subject.said()}")

    def clear_away(self):
        self.load.end()
        for server in self.run.servers:
            server.end_by_force()
        self.log.end()
        self.run.__exit__(None)


class Pair:
    """The bare and the watched server of one kind, and what was found out about the watched one."""

    def __init__(self, kind, shim, may_mount, cleaning):
        self.kind = kind
        self.sides = []
        for preload in (None, shim):
            self.sides.append(Side(kind, preload, may_mount))
            cleaning.callback(self.sides[-1].clear_away)
        self.bare, self.watched = self.sides
        self.provoked = self.reported = self.others = 0

    def __iter__(self):
        return iter(self.sides)

    def judge(self, reports):
        """Whether the hold that was just provoked has been reported as it is. Every other episode is one too many."""
        episodes = {}
        for report in reports:
            if report["event"] not in servers.known_mistakes(self.kind):
                episodes.setdefault(report["episode"], []).append(report)
        if len(episodes) != self.kind.GETS_STUCK:
            print(f"{self.kind.NAME}: {len(episodes)} episodes in one turn\n" + "\n".join(map(json.dumps, reports)), flush=True)
        for story in episodes.values():
            phases = [report["phase"] for report in story]
            try:
                servers.require(phases[0] == "over" and phases[-1] == "released" and set(phases[1:-1]) <= {"still"},
                                f"phases {phases}")
                servers.require(self.kind.GETS_STUCK, "nothing was provoked")
                for report in story[:-1]:
                    self.watched.subject.check(report)
                self.reported += 1
            except servers.Failure as failure:
                self.others += 1
                print(f"{self.kind.NAME}: not what was provoked: {failure}\n" + "\n".join(map(json.dumps, story)))


def hold(pair, fault):
    """Makes both servers hold a lock until the watched one has been reported and the fault has happened."""
    first = len(pair.watched.read_reports())
    for side in pair:
        side.subject.provoke()
    pair.provoked += 1
    try:
        pair.watched.wait_for("over", first)
        with fault(pair):
            for side in pair:
                side.subject.relieve()
            pair.watched.wait_for("released", first)
    finally:
        for side in pair:
            side.subject.relieve()


def take_turn(pair, fault, is_during):
    """One fault, and if the server knows how to get stuck, a hold with it. Its closing line must stand in the text."""
    first = len(pair.watched.read_reports())
    lines = pair.watched.log.closing_lines()
    with contextlib.nullcontext() if is_during else fault(pair):
        if pair.kind.GETS_STUCK:
            hold(pair, fault if is_during else soak_faults.nothing)
        elif is_during:
            with fault(pair):
                pass
        time.sleep(PAUSE_S)
    pair.judge(pair.watched.read_reports()[first:])
    if pair.kind.GETS_STUCK and fault is not soak_faults.disk_full:
        written = pair.watched.log.closing_lines() - lines
        servers.require(written == 1, f"{pair.kind.NAME}: {written} closing lines in the text")
    for side in pair:
        side.check_health()


def take_round(pairs, may_mount, broken):
    """All faults once on all servers. A broken promise is noted and the soak goes on, unless a server is gone."""
    disk = OF_A_DISK if may_mount else []
    turns = [(fault, False) for fault in BEFORE + disk] + [(fault, True) for fault in DURING + disk]
    for fault, is_during in turns:
        for pair in pairs:
            try:
                take_turn(pair, fault, is_during)
            except servers.Failure as failure:
                what = f"{pair.kind.NAME}, {fault.__name__} {'during' if is_during else 'before'} a hold: {failure}"
                print(f"BROKEN: {what}", flush=True)
                broken.append(what)
                if any(side.server.process.poll() is not None for side in pair):
                    return False
    return True


def broken_bounds(pair):
    """What the watched server has gained beyond the bare one and beyond the bound."""
    for name, most in MOST_GROWTH.items():
        bare, watched = (side.usages[-1][name] - side.usages[1][name] for side in pair)
        if watched - bare > most:
            yield f"{pair.kind.NAME}: {name} grew by {watched}, by {bare} when bare"


def broken_counts(pair):
    if pair.reported != pair.provoked or pair.others:
        yield f"{pair.kind.NAME}: {pair.provoked} holds provoked, {pair.reported} reported, {pair.others} other reports"


def other_lines(side):
    """What holdwatch wrote besides reports."""
    report = r" has held | still held | released by |" + redis_load.NOTICE
    return {line for line in side.log.text().splitlines()
            if line.startswith("holdwatch[") and not re.search(report, line)}


def table_row(pair, side):
    grown = [" -> ".join(str(one[name] // (1024 if name == "RSS KiB" else 1)) for one in
                         (side.usages[0], side.usages[1], side.usages[-1])) for name in MOST_GROWTH]
    found = [pair.provoked, pair.reported, pair.others] if side.run.watched else [pair.provoked, "", ""]
    return [side.name, side.load.right.value, side.load.wrong.value, f"{side.load.mean_turn_ms():.2f}", *found,
            side.forks, *grown]


def print_table(pairs):
    heads = ["server", "right answers", "wrong", "ms a turn", "holds provoked", "reported", "other reports", "forks",
             "RSS MiB", "threads", "descriptors"]
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for pair in pairs:
        for side in pair:
            print(f"| {' | '.join(map(str, table_row(pair, side)))} |")
    print("Three figures are those at the start, after the first round of all faults, and at the end.\n")


def soak(shim, minutes):
    may_mount = soak_faults.use_own_mounts()
    if not may_mount:
        print("not root, or no mount allowed: no disk is filled")
    broken = []
    with contextlib.ExitStack() as cleaning:
        pairs = [Pair(kind, shim, may_mount, cleaning) for kind in soak_servers.KINDS]
        sides = [side for pair in pairs for side in pair]
        time.sleep(PAUSE_S)
        end, rounds = time.monotonic() + 60 * minutes, 0
        lives = True
        while True:
            for side in sides:
                side.note_usage()
            if not lives or rounds > 0 and time.monotonic() > end:
                break
            lives = take_round(pairs, may_mount, broken)
            rounds += 1
            print(f"round {rounds}: " + ", ".join(f"{side.name} {usage(side.server.pid)['RSS KiB'] // 1024} MiB"
                                                  for side in sides if side.server.process.poll() is None), flush=True)
        print(f"{rounds} rounds")
        print_table(pairs)
        for pair in pairs:
            broken += [*broken_counts(pair), *broken_bounds(pair)]
            for line in sorted(other_lines(pair.watched)):
                print(f"besides reports, {pair.watched.name}: {line}")
        for side in sides:
            side.stop()
    servers.require(not broken, "broken promises:\n" + "\n".join(broken))


if __name__ == "__main__":
    servers.main(soak, lambda parser: parser.add_argument("--minutes", type=float, default=60, help="default: 60"))
