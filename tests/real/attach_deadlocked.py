"""Programs that were deadlocked before anybody looked: inspect tells the circle, and so does holdwatch once it is attached, as one
report; and it can be detached again although nothing in the program will ever move.

Debian's Python with SQLite's mutexes in a circle of two and of three, and with a mutex and an rwlock.

    attach_deadlocked.py SHIM --control CONTROL --inspect INSPECT
"""

import re
import subprocess
from pathlib import Path

import servers
from attach_servers import DEBIAN_PYTHON, need_file
from attached import AttachableRun

PROGRAM = Path(__file__).with_name("deadlocked_program.py")
# What it is told to do, and the kinds of its locks.
SCENES = {("databases", "2"): ["mutex", "mutex"], ("databases", "3"): ["mutex"] * 3, ("rwlock",): ["mutex", "rwlock"]}
LIMIT = "300ms"


def inspect(program, server):
    done = subprocess.run([program, str(server.pid)], capture_output=True, text=True, timeout=servers.DEADLINE_S, check=False)
    return done.returncode, done.stdout


def circles_in(text):
    """Each first line about a deadlock: who waits for whom, as pairs of a thread and the lock it waits for, by what it holds."""
    for line in re.findall(r"^holdwatch\[\d+\]: deadlock of \d+ threads.*", text, re.MULTILINE):
        yield {holds: (int(tid), wanted) for tid, holds, wanted in
               re.findall(r'(\d+) "[^"]*" holds (L\d+) and waits for (L\d+)', line)}


def check_circle(what, circle, tids):
    """`circle`: lock -> the thread that holds it and the lock it waits for. All of them are one circle of these threads."""
    servers.require({tid for tid, _ in circle.values()} == tids and len(circle) == len(tids), f"{what}: {circle}, not {tids}")
    lock, passed = next(iter(circle)), set()
    while lock not in passed:
        passed.add(lock)
        servers.require(lock in circle, f"{what}: nobody holds {lock}: {circle}")
        lock = circle[lock][1]
    servers.require(len(passed) == len(tids), f"{what}: more than one circle: {circle}")


def check_report(report, tids, kinds):
    """The facts that an operator needs: who, which locks, where each stands, and that nobody knows where they were taken."""
    check_circle("the JSON line", {step["holds"]: (step["tid"], step["waits_for"]) for step in report["cycle"]}, tids)
    servers.require(sorted(step["kind"] for step in report["cycle"]) == kinds, f"locks {report['cycle']}")
    servers.require({holder["tid"] for holder in report["holders"]} == tids, f"holders {report['holders']}")
    for holder in report["holders"]:
        names = [frame["function"] or "" for frame in holder["now"]["frames"]]
        servers.require(any(re.search("pthread_(mutex|rwlock_rd)", name) for name in names), f"stands at {names}")
        servers.require(holder["state"] == "blocked" and holder["now"]["complete"], f"now: {holder}")
        servers.require("before holdwatch was attached" in (holder["taken"]["note"] or ""), f"taken: {holder['taken']}")


def scene(shim, program, words, kinds):
    with AttachableRun(shim, HOLDWATCH_LIMIT=LIMIT) as run:
        server = run.start([need_file(DEBIAN_PYTHON, "python3"), "-B", PROGRAM, *words])
        tids = {int(tid) for tid in server.wait_until("its threads' numbers", server.log).split()}
        server.wait_until("the deadlock", lambda: inspect(program, server)[0] == 3)
        [circle] = circles_in(inspect(program, server)[1])
        check_circle("inspect", circle, tids)

        run.attach(server.pid)
        server.wait_until("a second look", lambda: len(run.reports()) > 1)
        run.detach(server.pid)
        servers.wait_until("the end of holdwatch's threads", lambda: not servers.own_threads(server.pid))
        print(run.reports_text())
        reports = run.reports()
        servers.require({(one["event"], one["episode"]) for one in reports} == {("deadlock", reports[0]["episode"])},
                        "not one deadlock and nothing else")
        servers.require([one["phase"] for one in reports[:2]] == ["over", "still"], f"{[one['phase'] for one in reports]}")
        check_report(reports[0], tids, kinds)
        [circle] = circles_in(run.reports_text())
        check_circle("the text", circle, tids)
        # It may have been so for hours.
        servers.require("at least, since before the attach" in run.reports_text(), "the text claims to know since when")
        servers.require(server.process.poll() is None, "the program has ended")


def test(shim, control, inspect):
    AttachableRun.control = control
    for words, kinds in SCENES.items():
        scene(shim, inspect, words, kinds)


if __name__ == "__main__":
    servers.main(test, lambda parser: parser.add_argument("--control", required=True),
                 lambda parser: parser.add_argument("--inspect", required=True))
