"""Attaches to a running program that was not prepared for it, in one way per test; see the functions' first lines.

    attach.py --shim LIBRARY --control CONTROL --subject PROGRAM TEST
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from subject import Subject, check_hold, functions, own_threads, require, run_one_of, wait_until

def report(subject):
    """A hold is reported while attached, not after the detachment, and again after another attachment."""
    for number in (1, 2):
        require(re.search(r"\d+ calls redirected; one thread was paused for [\d.]+ ms", subject.attach()), "no figures")
        subject.tell("hold")
        check_hold(subject.await_events(number, phase="over")[-1])
        subject.tell("release")
        subject.await_events(number, phase="released")
        subject.detach()
        wait_until("the end of holdwatch's threads", lambda: not own_threads(subject.pid))
        subject.tell("hold")
        time.sleep(0.9)
        subject.tell("release")
        require(len(subject.events(phase="over")) == number, "a report after the detachment")
    require(subject.end() == (0, ""), "it does not end as it should")


def held_before(subject):
    """What was held and waited for before is told by the locks' own fields."""
    subject.tell("hold")
    subject.attach()
    event = subject.await_events(phase="over")[0]
    holder, waiters = event["holders"][0], event["waiters"][0]
    require(holder["thread"] == "holder" and waiters["threads"] == ["waiter"], f"{event}")
    require("from its code" in holder["taken"]["note"], f"{holder['taken']}")
    require("takes_the_lock" in holder["taken"]["frames"][0]["function"], f"{holder['taken']}")
    require(any("takes_the_lock" in name for name in functions(holder["now"])), f"now {holder['now']}")
    require(any("wants_the_lock" in name for name in functions(waiters["stack"])), f"waits {waiters}")
    require("at least, since before the attach" in (subject.directory / "text").read_text(), "the text does not say so")
    subject.tell("release")
    subject.await_events(phase="released")
    subject.tell("hold")
    check_hold(subject.await_events(2, phase="over")[-1])


def robust_before(subject):
    """A robust mutex is waited for in a function of libc's that has no name; its word names the holder."""
    subject.tell("robust")
    subject.attach()
    event = subject.await_events(phase="over")[0]
    require(event["event"] == "hold" and event["holders"][0]["thread"] == "holder", f"{event}")
    require([group["threads"] for group in event["waiters"]] == [["waiter"]], f"{event}")


def stream_before(subject):
    """The lock of a stream names its holder, and needs no function's name, such as that of fputs."""
    subject.tell("stream")
    subject.attach()
    event = subject.await_events(phase="over")[0]
    require(event["lock"]["kind"] == "stream" and event["lock"]["name"].startswith("the stream of descriptor "), f"{event}")
    require([holder["thread"] for holder in event["holders"]] == ["holder"], f"{event}")
    require(event["holders"][0]["evidence"] == "stated" and not event["holders"][0]["likely"], f"{event}")
    require([group["threads"] for group in event["waiters"]] == [["waiter"]], f"{event}")


def queue_before(subject):
    """Readers that wait behind a writer sleep on another word of the rwlock than the writer: it is one lock all the same."""
    address = subject.tell("queue")
    subject.attach()
    event = subject.await_events(phase="over")[0]
    require(event["event"] == "wait" and event["lock"]["address"] == address, f"{address}: {event}")
    waiters = {(name, group["mode"]) for group in event["waiters"] for name in group["threads"]}
    require(waiters == {("writer", "exclusive"), ("behind", "shared")}, f"{event}")
    require("reader" not in str(event["holders"]) or event["holders"][0]["thread"] == "reader", f"{event}")


def loaded_later(subject):
    """A library that is loaded after the attachment is watched too, and found where it would be without us."""
    subject.attach()
    said = subject.tell(f"load {Path(subject.options.subject).parent / 'attach_loader.so'}")
    require(said == "held", said)
    event = subject.await_events(phase="over")[0]
    require("hold_in_plugin" in functions(event["holders"][0]["taken"]), f"taken {event['holders'][0]['taken']}")


def nobody_notices(subject):
    """No thread's system call is cut short, none is delayed for long, and nothing is lost or changed."""
    for _ in range(30):
        subject.attach()
        subject.detach()
    require(subject.tell("recall") == "fine", "something was noticed")


def comings_and_goings(subject):
    """The same while libraries are loaded and unloaded and threads come and go."""
    done, size = 0, 0
    for number in range(100):
        if number == 20:
            size = subject.status("VmRSS")
        said = subject.command("attach", subject.options.shim, subject.pid)
        # A thread that is inside the loader at every look is a reason to give up.
        require(said.returncode == 0 or "nothing was changed" in said.stderr, said.stderr)
        if said.returncode == 0:
            subject.detach()
            done += 1
    print(f"attached {done} times of 100, with {subject.status('VmRSS') - size} KiB more since the twentieth")
    require(subject.status("VmRSS") - size < 2048, "the memory grows")
    require(done > 0, "not attached once")
    require(subject.tell("recall") == "fine", "something was noticed")


def signals_arrive(subject):
    """Signals that are queued meanwhile all arrive, in their order, in the only thread there is: the one that is borrowed."""
    sender = f"""
import ctypes, time
libc = ctypes.CDLL(None)
for value in range(1, 1501):
    while libc.sigqueue({subject.pid}, {signal.SIGRTMIN}, ctypes.c_void_p(value)) != 0: time.sleep(0.01)
    time.sleep(0.001)
"""
    sending = subprocess.Popen([sys.executable, "-c", sender])
    while sending.poll() is None:
        subject.attach()
        subject.detach()
    require(sending.returncode == 0, "the signals could not be sent")
    require(subject.tell("recall") == "fine", "a signal was lost, or came too early")


def hundred_rounds(subject):
    """A hundred times under load: no memory, thread or descriptor more, and all that locks protect is whole."""
    def figures():
        wait_until("the end of holdwatch's threads", lambda: not own_threads(subject.pid))
        tasks = len(list(Path(f"/proc/{subject.pid}/task").iterdir()))
        return subject.status("VmRSS"), subject.status("VmSize"), tasks, len(os.listdir(f"/proc/{subject.pid}/fd"))

    def round_trip():
        subject.attach()
        subject.detach()

    for _ in range(20):
        round_trip()
    before = figures()
    for _ in range(80):
        round_trip()
    after = figures()
    print(f"RSS, size (KiB), threads, descriptors: {before}, then {after}")
    require(after[0] - before[0] < 1024 and after[1] - before[1] < 1024, "the memory grows")
    require(after[2:] == before[2:], "threads or descriptors are left")
    require(subject.tell("recall") == "fine", "something was noticed")


def fork_goes_on(subject):
    """A child of an attached process is watched by itself, and nothing in it hangs."""
    subject.attach()
    subject.process.stdin.write("fork\n")
    subject.process.stdin.flush()
    # It ends by _exit, which waits for no report.
    events = subject.await_events(phase="over")
    require(subject.tell("end") == "7", "the child does not end as it should")
    require(events[0]["pid"] != subject.pid, f"reported by {events[0]['pid']}")
    subject.tell("hold")
    wait_until("the parent's own report", lambda: [e for e in subject.events(phase="over") if e["pid"] == subject.pid])
    subject.tell("release")
    subject.detach()


def children_load_libraries(subject):
    """No child of a fork finds one of the loader's locks taken by a thread of ours, which it does not have."""
    done = 0
    while done < 50 and subject.process.poll() is None:
        # Its only thread may be inside fork whenever the command looks.
        said = subject.command("attach", subject.options.shim, subject.pid)
        if said.returncode == 0:
            subject.detach()
            done += 1
        require(said.returncode == 0 or "nothing was changed" in said.stderr, said.stderr)
    said = subject.tell("how many")
    require(re.fullmatch(r"[1-9]\d+ children, 0 did not come back", said), said)
    print(said)


def main_leaves(subject):
    """A process whose main thread leaves ends with its last thread, although ours are there."""
    subject.attach()
    subject.process.stdin.write("leave\n")
    subject.process.stdin.flush()
    require(subject.end() == (0, ""), "it does not end as it should")


def ask_questions(subject):
    subject.tell("hold")
    subject.await_events(phase="over")
    subject.control("snapshot", subject.pid)
    subject.await_events(phase="snapshot")
    subject.tell("release")
    subject.await_events(phase="released")

    subject.control("stop", subject.pid)
    subject.tell("hold")
    time.sleep(0.9)
    subject.tell("release")
    require(len(subject.events(phase="over")) == 1, "a report although it was told to stop")

    subject.control("start", subject.pid)
    subject.tell("hold")
    subject.await_events(2, phase="over")
    subject.tell("release")
    subject.await_events(2, phase="released")

    subject.control("limit", subject.pid, "1h")
    subject.tell("hold")
    time.sleep(0.9)
    require(len(subject.events(phase="over")) == 2, "a report although the limit is an hour")
    subject.control("limit", subject.pid, "300ms")
    require(subject.await_events(3, phase="over")[-1]["limit_ns"] == 300_000_000, "another limit")
    subject.tell("release")


def questions(subject):
    """snapshot, stop, start and limit reach an attached process."""
    subject.attach()
    ask_questions(subject)


def questions_to_preloaded(subject):
    """They reach one that was started under the preload as well, which cannot be detached from."""
    ask_questions(subject)
    said = subject.control("detach", subject.pid, status=1)
    require("it was started with holdwatch preloaded" in said, said)


def condition_waits(subject):
    """snapshot --waits lists those who are idle, by stack, most threads first; without it they are not mentioned."""
    subject.attach()
    require("0 threads are in a condition wait\n" in subject.control("snapshot", "--waits", subject.pid), "who is idle?")
    subject.tell("idle")
    said = subject.control("snapshot", subject.pid, "--waits")
    require("4 threads are in a condition wait, listed in its log" in said, said)
    workers, logger = subject.await_events(2)
    for event, thread, count, function, name in ((workers, "worker", 3, "waits_for_work", "work_came"),
                                                 (logger, "logger", 1, "waits_for_a_line", "line_came")):
        [group] = event["waiters"]
        require((event["event"], event["phase"], event["limit_ns"]) == ("wait", "snapshot", 0), f"{event}")
        require((event["lock"]["kind"], event["lock"]["name"].rpartition("::")[2]) == ("condition", name), f"{event['lock']}")
        require((group["count"], set(group["threads"])) == (count, {thread}) and group["longest_ns"] > 0, f"{group}")
        require(any(function in frame for frame in functions(group["stack"])), f"{group['stack']}")
        require((group["wait"]["kind"], group["wait"]["object"]) == ("condition", event["lock"]["address"]), f"{group['wait']}")
    require(workers["lock"]["id"] != logger["lock"]["id"] and workers["fingerprint"] != logger["fingerprint"], "one for both")
    text = (subject.directory / "text").read_text()
    require(re.search(r"snapshot: 3 threads in a condition wait on L\d+, longest [\d.]+ m?s\n  lock .*\n  waits +3 threads", text), text)
    require(re.search(r"snapshot: 1 thread in a condition wait on L\d+, [\d.]+ m?s\n", text), text)


def plugin_of(options):
    return str(Path(options.subject).parent / "attach_plugin.so")


HOW = {
    nobody_notices: lambda options: Subject(options, "--sit", "--hammer"),
    comings_and_goings: lambda options: Subject(options, "--sit", "--churn", plugin_of(options)),
    children_load_libraries: lambda options: Subject(options, plugin_of(options)),
    signals_arrive: lambda options: Subject(options, "--signals"),
    hundred_rounds: lambda options: Subject(options, "--sit", "--hammer"),
    questions_to_preloaded: lambda options: Subject(options, preload=True),
}


if __name__ == "__main__":
    run_one_of((report, held_before, robust_before, stream_before, queue_before, loaded_later, fork_goes_on, main_leaves, questions, condition_waits, *HOW), HOW, __doc__)
