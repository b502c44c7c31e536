"""A real server that nobody has prepared, under load: attached to, made to hold a lock too long, and given back; twice.

No request may be lost or get another answer, the hold must be reported as what it is and be closed, and nothing else may be
reported; afterwards no thread and no descriptor is there that was not there before, and no more is mapped than after the first
time. Requests a second are printed: what they cost is measured by tests/bench/run attached.

    attach_hold.py SHIM --control CONTROL --server memcached|redis|mariadb|nginx|python
"""

import contextlib
import os
import time
from pathlib import Path

import attach_servers
import servers
import soak_servers
from attached import AttachableRun
from soak_load import Load

KINDS = {"memcached": soak_servers.Memcached, "redis": attach_servers.Redis, "mariadb": soak_servers.Mariadb,
         "nginx": attach_servers.Nginx, "python": attach_servers.Python}
LIMIT = "1300ms"  # not a multiple of the second after which memcached's poll() returns to be called again
MEASURED_S = 0.5


def descriptors(run, pid):
    """What a process has open, but for its connections and its own files, which come and go."""
    targets = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            targets.append(Path(os.readlink(entry)))
    return sorted(str(target) for target in targets if not target.name.startswith("socket:")
                  and (run.directory not in target.parents or run.reports_directory in target.parents))


def mapped_lines(pid, what):
    return [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if what in line]


def requests_a_second(load):
    """Of all clients together. They must go on: none of them may hang on what was done before."""
    before, began = load.right.value, time.monotonic()
    time.sleep(MEASURED_S)
    servers.wait_until("an answer", lambda: load.right.value > before)
    return (load.right.value - before) / (time.monotonic() - began)


def holds_since(run, subject, first):
    """The reports of holds from the report number `first` on. Any other one must be of a mistake that the server is known to make."""
    reports = run.reports()[first:]
    others = [report for report in reports if report["event"] not in {"hold", *servers.known_mistakes(subject)}]
    servers.require(not others, f"reported as well: {others}")
    return [report for report in reports if report["event"] == "hold"]


def provoked_hold(run, subject):
    """Makes it hold a lock until that is reported; returns the reports of this episode, from the first to the closing one."""
    first = len(run.reports())
    subject.provoke()
    subject.server.wait_until("a report", lambda: holds_since(run, subject, first))
    subject.relieve()
    subject.server.wait_until("the closing line", lambda: holds_since(run, subject, first)[-1]["phase"] == "released")
    return holds_since(run, subject, first)


def check_reports(subject, reports):
    phases = [report["phase"] for report in reports]
    servers.require(phases[0] == "over" and phases[-1] == "released" and set(phases[1:-1]) <= {"still"}, f"phases {phases}")
    servers.require(len({report["episode"] for report in reports}) == 1, "another hold than the one that was provoked")
    for report in reports[:-1]:
        subject.check(report)


def check_given_back(run, subject, opened):
    """Nothing of ours is left but the library, mapped."""
    servers.wait_until("the end of holdwatch's threads", lambda: not servers.own_threads(subject.pid))
    left = descriptors(run, subject.pid)
    servers.require(left == opened, f"descriptors before: {opened}; now: {left}")
    return len(mapped_lines(subject.pid, run.shim.name))


def story(run, subject, load):
    servers.wait_until("the first answers", lambda: load.turns.value > 0)
    # What the server makes for itself when it is stuck for the first time is there from now on.
    subject.provoke()
    subject.relieve()
    opened = descriptors(run, subject.pid)
    rates, mapped, seen = [requests_a_second(load)], [], 0
    for _ in range(2):
        print(run.attach(subject.pid), end="")
        rates.append(requests_a_second(load))
        check_reports(subject, provoked_hold(run, subject))
        print(run.detach(subject.pid), end="")
        mapped.append(check_given_back(run, subject, opened))
        seen = len(run.reports())
        subject.provoke()
        subject.relieve()
        rates.append(requests_a_second(load))
    print("requests a second before, attached, after, attached, after: " + ", ".join(f"{rate:.0f}" for rate in rates))
    servers.require(mapped[0] == mapped[1], f"the library's lines in maps, after each detachment: {mapped}")
    servers.require(len(run.reports()) == seen, "a report after the detachment")


def test(shim, control, server):
    AttachableRun.control = control
    with AttachableRun(shim, HOLDWATCH_LIMIT=LIMIT) as run:
        subject = KINDS[server](run)
        load = Load(subject.talk, turn_s=0)
        try:
            story(run, subject, load)
            load.finish()
        finally:
            load.end()
        print(f"{load.right.value} requests answered as they should be, {load.wrong.value} otherwise")
        servers.require(load.wrong.value == 0, f"{load.wrong.value} wrong answers")
        status = subject.server.stop()
        print(run.reports_text())
        servers.require(status == 0, f"the server ended with status {status}")


if __name__ == "__main__":
    servers.main(test, lambda parser: parser.add_argument("--control", required=True),
                 lambda parser: parser.add_argument("--server", choices=sorted(KINDS), required=True))
