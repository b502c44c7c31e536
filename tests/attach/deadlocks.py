"""Attaches to processes whose threads wait for each other already: what is told of them; see the functions' first lines.

    deadlocks.py --shim LIBRARY --control CONTROL --subject PROGRAM TEST
"""

import time
from pathlib import Path

from subject import Subject, functions, require, run_one_of


def check_circle(subject, names):
    """One deadlock of these threads in this order, or in another one that begins elsewhere in the circle."""
    event = subject.await_events(event="deadlock", phase="over")[0]
    found = [holder["thread"] for holder in event["holders"]]
    turns = [names[at:] + names[:at] for at in range(len(names))]
    require(found in turns, f"the circle is {found}")
    for position, (step, holder) in enumerate(zip(event["cycle"], event["holders"])):
        following = event["cycle"][(position + 1) % len(names)]
        require(step["waits_for"] == following["holds"] == holder["waits_for"], f"{event['cycle']}")
        require("before holdwatch was attached" in holder["taken"]["note"], f"{holder['taken']}")
        require(any("start<" in name for name in functions(holder["now"])), f"now {holder['now']}")
    text = (subject.directory / "text").read_text()
    # Without "for 1.2 s" if it was found right after the attach.
    require(f"deadlock of {len(names)} threads" in text, "the text does not say so")
    require(not subject.events(event="hold"), "told as a hold as well")
    return event


def three_mutexes(subject):
    """A circle of three, and who waits for it from outside."""
    subject.attach()
    event = check_circle(subject, ["first", "second", "third"])
    subject.control("snapshot", subject.pid)
    [asked] = subject.await_events(phase="snapshot")
    require(asked["event"] == "deadlock" and asked["limit_ns"] == 0, f"snapshot: {asked}")
    require([step["tid"] for step in asked["cycle"]] == [step["tid"] for step in event["cycle"]], f"snapshot: {asked}")
    require("at least, since before the attach: " in (subject.directory / "text").read_text(), "its age is not true")
    require([group["threads"] for group in event["waiters"]] == [["victim"]], f"waiters {event['waiters']}")


def mutex_and_rwlock(subject):
    """Through a lock that is held for writing, and one of the other kind."""
    subject.attach()
    event = check_circle(subject, ["first", "second"])
    require({step["kind"] for step in event["cycle"]} == {"mutex", "rwlock"}, f"{event['cycle']}")


def later(subject):
    """The locks were taken before the attachment, the circle was closed afterwards."""
    subject.attach()
    require(subject.tell("close") == "closed", "it does not hear")
    check_circle(subject, ["first", "second"])


def join_under_lock(subject):
    """One joins the other, which waits for what the first one holds: both since before the attachment."""
    subject.attach()
    event = subject.await_events(event="deadlock", phase="over")[0]
    first, second = event["holders"]
    require((first["thread"], second["thread"]) == ("first", "second"), f"{event['holders']}")
    steps = [(step["holds"], step["waits_for"], step["joins"]) for step in event["cycle"]]
    require(steps == [("L1", None, second["tid"]), (None, "L1", None)], f"{event['cycle']}")


def check_woken(subject):
    event = subject.await_events(event="deadlock", phase="over")[0]
    require({holder["thread"] for holder in event["holders"]} == {"first", "second"}, f"{event['holders']}")


def woken(subject):
    """A thread that has been woken from a condition wait waits for its mutex."""
    subject.attach()
    check_woken(subject)


def woken_later(subject):
    """The same where it still sat in its condition wait at the attachment."""
    subject.attach()
    require(subject.tell("close") == "closed", "it does not hear")
    check_woken(subject)


def itself(subject):
    """A thread that waits for what it holds."""
    subject.attach()
    event = subject.await_events(event="self_deadlock", phase="over")[0]
    require([holder["thread"] for holder in event["holders"]] == ["first"] and not event["waiters"], f"{event}")


def in_time(subject):
    """One of the circle waits with a timeout: the holds are told, and nothing that would never end."""
    subject.attach()
    events = subject.await_events(2, event="hold", phase="over")
    require({event["holders"][0]["thread"] for event in events} == {"first", "second"}, f"{events}")
    subject.await_events(2, event="hold", phase="still")
    require(not subject.events(event="deadlock"), "called a deadlock")
    waiters = {name for event in subject.events(phase="still") for group in event["waiters"] for name in group["threads"]}
    require(waiters == {"first", "second"}, f"waiters {waiters}")


def in_time_beside_a_sleeper(subject):
    """The same where the command has not touched the thread that waits so: its call is as it was."""
    in_time(subject)


def attach_to_child(subject):
    subject.pid = int(Path(f"/proc/{subject.pid}/task/{subject.pid}/children").read_text())
    subject.attach()


def two_processes(subject):
    """Through a mutex that processes share, and that nobody else here waits for."""
    subject.attach()
    event = subject.await_events(event="deadlock", phase="over")[0]
    first, other = event["holders"]
    require((first["thread"], other["thread"], other["pid"]) == ("first", "other", other["tid"]), f"{event['holders']}")
    require([step["waits_for"] for step in event["cycle"]] == [event["cycle"][1]["holds"], event["cycle"][0]["holds"]], f"{event['cycle']}")
    require({event["event"] for event in subject.events()} == {"deadlock"}, f"told as something else as well: {subject.events()}")


def held_by_other_process(subject):
    """One report, with the holder that the mutex names: of the wait, if that is over its limit at once, otherwise of the hold."""
    time.sleep(1.5)
    subject.attach()
    event = subject.await_events(phase="over")[0]
    holder, = event["holders"]
    require((holder["thread"], holder["pid"], holder["likely"]) == ("other", holder["tid"], False), f"{event}")
    subject.await_events(phase="still")
    require(len(subject.events(phase="over")) == 1, f"more than one report: {subject.events(phase='over')}")


def taken_before_fork(subject):
    """The lock names a thread of the parent, whose copy is the main thread: it can still release it."""
    attach_to_child(subject)
    event = subject.await_events(phase="over")[0]
    holder, = event["holders"]
    require((holder["tid"], holder["likely"]) == (subject.pid, True), f"{event}")
    require(event["event"] in ("wait", "hold") and event["note"] is None, f"{event}")
    require("main" in functions(holder["now"]), f"now {holder['now']}")
    subject.await_events(phase="still")
    require(len(subject.events(phase="over")) == 1, f"more than one report: {subject.events(phase='over')}")


def left_behind_at_fork(subject):
    """It names a thread of the parent that did not fork."""
    attach_to_child(subject)
    event = subject.await_events(phase="over")[0]
    require(event["event"] == "fork_orphan", f"{event}")


TESTS = (three_mutexes, mutex_and_rwlock, join_under_lock, later, woken, woken_later, itself, in_time, in_time_beside_a_sleeper, two_processes, held_by_other_process, taken_before_fork,
         left_behind_at_fork)

if __name__ == "__main__":
    run_one_of(TESTS, {test: lambda options: Subject(options, options.test) for test in TESTS}, __doc__)
