"""What was stuck before the attachment is reported by it, and nothing that only seems so; see the functions' first lines.

    stuck_before.py --shim LIBRARY --control CONTROL --subject PROGRAM TEST
"""

import os
import re
import time
from pathlib import Path

from subject import DEADLINE_S, Subject, abilities, require, run_one_of

LIMIT_NS = 1_000_000_000
# The program's way to get stuck, by test, if it has another name.
WAYS = {"read_in_c": "known_reader", "hidden_reader": "half_known_readers", "read_for_a_moment": "guarded_readers"}


def no_scheduler_clocks():
    """Some kernels move sleeping threads from one processor's clock to another's: what is sure is shorter by what these differ."""
    clocks = []
    allowed = os.sched_getaffinity(0)
    try:
        for processor in allowed:
            os.sched_setaffinity(0, {processor})
            text = Path("/proc/thread-self/sched").read_text()
            clocks.append(float(re.search(r"se.exec_start *: *([\d.]+)", text)[1]) / 1000)
    except OSError as error:
        return f"the scheduler does not tell when a thread ran: {error}"
    finally:
        os.sched_setaffinity(0, allowed)
    apart_s = max(clocks) - min(clocks)
    if apart_s > DEADLINE_S / 3:
        return f"the scheduler's clocks differ by {apart_s:.0f} s"
    return "" if os.cpu_count() == len(allowed) else "not allowed on all processors, whose clocks are needed"


class Before(Subject):
    """The program, once it has got as far as it gets."""

    def __init__(self, options):
        abilities.skip_if(no_scheduler_clocks())
        super().__init__(options, WAYS.get(options.test, options.test))
        self.said = ""
        self.earlier = 0  # how many reports there were before this attachment
        while (line := self.process.stdout.readline().strip()) != "begun":
            require(line, "the program has ended")
            self.said = line

    def watch_options(self):
        # Nothing exceeds this limit that begins with the attachment, as long as a test takes.
        return super().watch_options() | {"HOLDWATCH_LIMIT": f"{LIMIT_NS}ns", "HOLDWATCH_WAIT_LIMIT": "1s"}

    def attach_when_stuck(self, wanted="stuck now: "):
        """Attaches again until what is stuck is over the limit by the scheduler's clocks, which may stand still for a while.
        The answer is about the first look of the watcher: nothing that begins with the attachment is over the limit by then."""
        until = time.monotonic() + DEADLINE_S
        while True:
            time.sleep(1.5 * LIMIT_NS / 1e9)
            self.earlier = len(self.events(phase="over"))
            answer = self.attach()
            if wanted in answer or time.monotonic() > until:
                require(wanted in answer, answer)
                return answer
            self.detach()

    def event(self):
        return self.await_events(self.earlier + 1, phase="over")[self.earlier]

    def only_event(self):
        """The same if it is the only one; of a lock whose holder is known."""
        event = self.event()
        self.control("snapshot", self.pid)
        self.await_events(phase="snapshot")  # whatever was found at the first look comes before that
        found = self.events(phase="over")[self.earlier:]
        require(len(found) == 1, f"{len(found)} reports: {found}")
        return event


def check_hold(subject, owner, waiters, lock_kind="mutex"):
    answer = subject.attach_when_stuck(f' "{owner}" has held {lock_kind} ')
    event = subject.only_event()
    require(event["event"] == "hold" and event["lock"]["kind"] == lock_kind, f"{event}")
    [holder] = event["holders"]
    require((holder["thread"], holder["evidence"]) == (owner, "stated"), f"{holder}")
    require(holder["held_ns"] >= LIMIT_NS, f"held for {holder['held_ns']} ns")
    found = [name for group in event["waiters"] for name in group["threads"]]
    require(found == waiters, f"waiters {found}")
    require(min(group["longest_ns"] for group in event["waiters"]) > 0, f"{event['waiters']}")
    require(f'stuck now: thread {holder["tid"]} "{owner}" has held ' in answer, answer)
    require(" at least" in answer and "see the reports" not in answer, answer)
    return event


def owner_reads(subject):
    """The holder of a mutex is blocked in a read."""
    check_hold(subject, "owner", ["waiter"])


def main_owns(subject):
    """The holder is the thread that the command uses: what it did before that counts."""
    answer = subject.attach_when_stuck(f"stuck now: thread {subject.pid} ")
    event = subject.only_event()
    [holder] = event["holders"]
    require(holder["tid"] == subject.pid and holder["held_ns"] >= LIMIT_NS, f"{holder}")


def three_levels(subject):
    """A tree has one report, about its root."""
    event = check_hold(subject, "owner", ["relay"])
    require(event["tree"]["threads"] == 3, f"{event['tree']}")
    require([step["thread"] for step in event["chain"]] == ["owner", "relay", "outer"], f"{event['chain']}")


def behind_readers(subject):
    """So has one at whose root is a reader that no record names."""
    subject.attach_when_stuck()
    event = subject.only_event()
    require(event["event"] == "wait" and event["lock"]["kind"] == "rwlock", f"{event}")
    require([holder["thread"] for holder in event["holders"]] == ["reader"], f"{event['holders']}")
    require([step["thread"] for step in event["chain"]] == ["reader", "writer", "outer"], f"{event['chain']}")
    require(event["tree"]["threads"] == 3 and event["tree"]["lost_ns"] > event["lost_ns"], f"{event['tree']}")


def wide_tree(subject):
    """The same if a hundred holds are over the limit at once."""
    event = subject.attach_when_stuck(' "owner" has held ') and subject.only_event()
    require(event["holders"][0]["thread"] == "owner" and event["tree"]["threads"] == 201, f"{event}")


def circle(subject):
    """A deadlock."""
    answer = subject.attach_when_stuck()
    event = subject.only_event()
    require(event["event"] == "deadlock" and len(event["cycle"]) == 2, f"{event}")
    require("stuck now: deadlock of 2 threads" in answer, answer)


def stream(subject):
    """A stream."""
    check_hold(subject, "owner", ["waiter"], "stream")


def stream_left(subject):
    """The owner of a stream has exited; which thread it was is not known any more."""
    subject.attach_when_stuck(' "waiter" has waited ')
    event = subject.event()
    require(event["event"] == "wait" and event["lock"]["kind"] == "stream" and not event["holders"], f"{event}")
    require("the thread that has locked it has exited" in event["note"], f"{event['note']}")


def runs_with_it(subject):
    """Since when the holder has had the mutex is not known: once that is over the limit too, there is no second report."""
    answer = subject.attach_when_stuck(' "waiter" has waited ')
    require('"owner"' in answer, answer)
    event = subject.event()
    require(event["event"] == "wait" and [holder["thread"] for holder in event["holders"]] == ["owner"], f"{event}")
    subject.await_events(phase="still")
    time.sleep(2 * LIMIT_NS / 1e9)
    found = subject.events(phase="over")[subject.earlier:]
    require(len(found) == 1, f"{len(found)} reports: {found}")


def join_under_lock(subject):
    """The holder of a mutex waits for another thread's end."""
    event = check_hold(subject, "owner", ["waiter"])
    require(event["holders"][0]["wait"]["kind"] == "join", f"{event['holders']}")
    require(event["root"]["thread"] == "slow", f"{event['root']}")


def writer_holds(subject):
    """An rwlock that is held for writing."""
    check_hold(subject, "owner", ["reader", "writer"], "rwlock")


def writers_first(subject):
    """Readers that wait behind a writer are waiters for the same rwlock; how long they have waited is known."""
    subject.attach_when_stuck()
    event = subject.event()
    require(event["lock"]["kind"] == "rwlock" and event["lock"]["address"] == subject.said, f"{subject.said}: {event['lock']}")
    found = {(name, group["mode"]) for group in event["waiters"] for name in group["threads"]}
    require(found == {("writer", "exclusive"), ("behind", "shared")}, f"{event['waiters']}")
    require(max(group["longest_ns"] for group in event["waiters"]) >= LIMIT_NS, f"{event['waiters']}")


def signals_ahead(subject):
    """The holder of a mutex waits for a member of an object, which one of its waiters goes on to signal, and the other does not."""
    event = check_hold(subject, "callback", ["script", "other"])
    [holder] = event["holders"]
    [ender] = holder["wait"]["enders"]
    require((ender["thread"], ender["evidence"], ender["likely"]) == ("script", "code", True), f"{holder['wait']}")
    require([step["tid"] for step in event["likely_cycle"]] == [holder["tid"], ender["tid"]], f"{event['likely_cycle']}")


def known_reader(subject):
    """The first line names the reader, as the rest of the report does: it is written once the stacks have been read. So does
    the answer."""
    answer = subject.attach_when_stuck()
    is_late = "its readers, if they are found, are named in the report" in answer  # on a very busy machine
    require(is_late or re.search(r'now held by \d+ "reader"$', answer, re.MULTILINE), answer)
    event = subject.event()
    require([holder["thread"] for holder in event["holders"]] == ["reader"], f"{event['holders']}")
    said = (subject.directory / "text").read_text()
    require("likely now held by" in said and "holder unknown" not in said, said)


class Patient(Before):
    """Where waits by themselves are not reported."""

    def watch_options(self):
        return super().watch_options() | {"HOLDWATCH_WAIT_LIMIT": "1h"}


def check_read(subject, readers, evidence, waited_ns=LIMIT_NS):
    event = subject.event()
    require((event["event"], event["lock"]["kind"], event["limit_ns"]) == ("wait", "rwlock", LIMIT_NS), f"{event}")
    require(event["waiters"][0]["threads"] == ["writer"] and event["waiters"][0]["longest_ns"] >= waited_ns, f"{event['waiters']}")
    named = {(holder["thread"], holder["mode"], holder["evidence"]) for holder in event["holders"]}
    require(named == {(name, "shared", evidence) for name in readers}, f"{event['holders']}")
    return event


def read_in_c(subject):
    """A lock whose earlier reader is in no record is over the limit of holds as long as a writer has slept for it."""
    answer = subject.attach_when_stuck()
    event = check_read(subject, ["reader"], "code")
    require(event["holders"][0]["held_ns"] >= LIMIT_NS, f"{event['holders']}")
    require(' "writer" has waited ' in answer, answer)


def guarded_readers(subject):
    """The same of several, and again at twice the limit."""
    subject.attach_when_stuck()
    event = check_read(subject, ["reader", "other"], "guard")
    require(all(holder["held_ns"] >= LIMIT_NS for holder in event["holders"]), f"{event['holders']}")
    [again, *_] = subject.await_events(phase="still", event="wait")
    require(again["waiters"][0]["longest_ns"] >= 2 * LIMIT_NS, f"{again['waiters']}")


def hidden_reader(subject):
    """That it has been read all the time is certain also where a reader is not found."""
    subject.attach_when_stuck()
    event = check_read(subject, ["reader"], "guard")
    require(event["note"] == "one more reader has it: glibc does not record which thread", f"{event['note']}")


def reader_in_semop(subject):
    """What the kernel shows of the reader's system call tells where the object is whose lock it has: no guess, as for `inspect`."""
    subject.attach_when_stuck()
    check_read(subject, ["reader"], "guard")


def reader_through_pointer(subject):
    """The same of an argument that the object contains."""
    reader_in_semop(subject)


def reader_in_recv(subject):
    """The same of a call whose function keeps the argument on the stack for a while."""
    reader_in_semop(subject)


def read_for_a_moment(subject):
    """What is not over the limit yet when it is attached to is reported once it is."""
    subject.attach()
    check_read(subject, ["reader", "other"], "guard")


def readers_in_turn(subject):
    """Not of readers whose own short holds are seen: what that means for a writer is a matter of the limit of waits."""
    long = {"HOLDWATCH_LIMIT": "1h"}
    subject.watch_options = lambda: Before.watch_options(subject) | long
    subject.attach()
    require(subject.tell("go") == "in turn", "the readers do not take turns")
    subject.control("limit", subject.pid, "200ms")
    [event, *_] = subject.await_events(phase="over", event="wait")
    require(event["limit_ns"] == 5 * 200_000_000, f"{event}")


def check_not_stuck(subject, said):
    answer = subject.attach()
    require("stuck now" not in answer and said in answer, answer)
    subject.control("snapshot", subject.pid)
    require(not subject.events(phase="over"), f"{subject.events()}")


def idle_pool(subject):
    """Threads that wait for work are not stuck, however long they do."""
    time.sleep(1.5)
    check_not_stuck(subject, "no thread waits for a mutex or rwlock")


def held_without_waiters(subject):
    """A lock that no thread waits for is not known."""
    time.sleep(1.5)
    check_not_stuck(subject, "no thread waits for a mutex or rwlock")


class Slow(Before):
    """With limits that only what is really stuck exceeds, however slow the machine is."""

    def watch_options(self):
        return super().watch_options() | {"HOLDWATCH_LIMIT": "2500ms", "HOLDWATCH_WAIT_LIMIT": "0"}


def handed_on(subject):
    """A lock that goes from hand to hand is not stuck, though its waiters have slept for longer than the limit."""
    require(subject.process.stdout.readline() == "half\n", "the lock is not handed on")
    check_not_stuck(subject, "nothing is over its limit yet: ")


def busy(subject):
    """Neither is one that many threads fight for."""
    time.sleep(3)
    answer = subject.attach()
    require("stuck now" not in answer, answer)
    subject.control("snapshot", subject.pid)
    require(not subject.events(phase="over"), f"{subject.events()}")


PATIENT = (read_in_c, guarded_readers, hidden_reader, read_for_a_moment, reader_in_semop, reader_through_pointer, reader_in_recv)
TESTS = (owner_reads, main_owns, three_levels, behind_readers, wide_tree, circle, stream, stream_left, runs_with_it, join_under_lock, writer_holds, writers_first, signals_ahead,
         known_reader, *PATIENT, readers_in_turn, idle_pool, held_without_waiters, handed_on, busy)

if __name__ == "__main__":
    run_one_of(TESTS, {test: Slow if test in (handed_on, busy) else Patient if test in PATIENT else Before for test in TESTS}, __doc__)
