"""Attaches to a running program that was not prepared for it, in one way per test; see the functions' first lines.

    attach.py --shim LIBRARY --control CONTROL --launcher SCRIPT --subject PROGRAM TEST
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from subject import EXIT_SKIPPED, LIMIT, Failure, HiddenSubject, Subject, require, wait_until

def functions(stack):
    return [frame["function"] or "" for frame in stack["frames"]]


def check_hold(event):
    holder, waiters = event["holders"][0], event["waiters"]
    require(holder["thread"] == "holder", f"held by {holder['thread']}")
    require(any("takes_the_lock" in name for name in functions(holder["taken"])), f"taken {holder['taken']}")
    require(waiters and waiters[0]["threads"] == ["waiter"], f"waiters {waiters}")
    require(any("wants_the_lock" in name for name in functions(waiters[0]["stack"])), f"waits {waiters}")


def own_threads(pid):
    """Those of holdwatch; one that ends between the look at the folder and that at its name is none."""
    names = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            names.append((task / "comm").read_text())
    return [name for name in names if name.startswith("holdwatch")]


def report(subject):
    """A hold is reported while attached, not after the detachment, and again after another attachment."""
    for number in (1, 2):
        require(re.search(r"\d+ calls redirected; one thread stood still for [\d.]+ ms", subject.attach()), "no figures")
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
    require("before holdwatch was attached" in holder["taken"]["note"], f"{holder['taken']}")
    require(any("takes_the_lock" in name for name in functions(holder["now"])), f"now {holder['now']}")
    require(any("wants_the_lock" in name for name in functions(waiters["stack"])), f"waits {waiters}")
    require("at least, since before the attachment" in (subject.directory / "text").read_text(), "the text does not say so")
    subject.tell("release")
    subject.await_events(phase="released")
    subject.tell("hold")
    check_hold(subject.await_events(2, phase="over")[-1])


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
    require(subject.tell("fork") == "7", "the child does not end as it should")
    events = subject.await_events(phase="over")
    require(events[0]["pid"] != subject.pid, f"reported by {events[0]['pid']}")
    subject.tell("hold")
    wait_until("the parent's own report", lambda: [e for e in subject.events(phase="over") if e["pid"] == subject.pid])
    subject.tell("release")
    subject.detach()


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


def in_pid_namespace(subject):
    """A process that counts itself as another than we do, as in a container."""
    # unshare waits for it, outside of its namespace.
    subject.pid = int(Path(f"/proc/{subject.pid}/task/{subject.pid}/children").read_text())
    in_user_namespace(subject)
    require(subject.events()[0]["pid"] == 1, f"pid {subject.events()[0]['pid']}")


def in_user_namespace(subject):
    subject.attach()
    subject.tell("hold")
    check_hold(subject.await_events(phase="over")[0])
    subject.control("snapshot", subject.pid)
    subject.await_events(phase="snapshot")
    subject.tell("release")
    subject.detach()


def paths(subject):
    """A relative path is completed from the caller's working directory, given as a flag or in the environment."""
    done = subprocess.run([subject.options.launcher, "attach", str(subject.pid), "--log", "text", "--limit", LIMIT],
                          cwd=subject.directory, env={**os.environ, "HOLDWATCH_JSON": "json"}, capture_output=True,
                          text=True, check=False)
    require(done.returncode == 0, done.stderr)
    subject.tell("hold")
    check_hold(subject.await_events(phase="over")[0])
    wait_until("the text", (subject.directory / "text").exists)


def no_descriptors(subject):
    """A program that has closed its first descriptors has its next ones there: none is taken while it is attached to, and
    none is left afterwards."""
    for number in (1, 2):
        subject.attach()
        require(not subject.descriptors().keys() & {0, 1, 2}, f"attached: {subject.descriptors()}")
        subject.await_events(number, phase="over")
        wait_until("nothing in the first places", lambda: not subject.descriptors().keys() & {0, 1, 2})
        subject.detach()
        require(not subject.descriptors(), f"detached: {subject.descriptors()}")


class WithoutDescriptors(Subject):
    def await_start(self):
        wait_until("the end of its descriptors", lambda: not self.descriptors())


def other_file_system(subject):
    """A process that does not see our files, as in a container, is watched all the same."""
    before = subject.descriptors()
    subject.attach()
    subject.tell("hold")
    wait_until("a report", lambda: "holder" in subject.said_inside())
    require("takes_the_lock" in subject.said_inside(), subject.said_inside())
    subject.tell("release")
    subject.detach()
    subject.attach()
    subject.detach()
    require(subject.descriptors() == before, f"descriptors: {before}, then {subject.descriptors()}")


def plugin_of(options):
    return str(Path(options.subject).parent / "attach_plugin.so")


def unshared(options, *namespaces):
    if subprocess.run(["unshare", *namespaces, "true"], check=False).returncode != 0:
        print("skipped: this user cannot make such a namespace")
        sys.exit(EXIT_SKIPPED)
    return Subject(options, prefix=["unshare", *namespaces])


HOW = {
    nobody_notices: lambda options: Subject(options, "--sit", "--hammer"),
    comings_and_goings: lambda options: Subject(options, "--sit", "--churn", plugin_of(options)),
    signals_arrive: lambda options: Subject(options, "--signals"),
    hundred_rounds: lambda options: Subject(options, "--sit", "--hammer"),
    questions_to_preloaded: lambda options: Subject(options, preload=True),
    other_file_system: HiddenSubject,
    no_descriptors: WithoutDescriptors,
    in_pid_namespace: lambda options: unshared(options, "--pid", "--fork", "--mount-proc"),
    in_user_namespace: lambda options: unshared(options, "--user", "--map-root-user"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--shim", "--control", "--launcher", "--subject"):
        parser.add_argument(name, required=True, type=os.path.abspath)
    tests = (report, held_before, loaded_later, fork_goes_on, main_leaves, questions, paths, *HOW)
    parser.add_argument("test", choices=[test.__name__ for test in tests])
    options = parser.parse_args()
    test = next(test for test in tests if test.__name__ == options.test)
    subject = HOW.get(test, Subject)(options)
    try:
        test(subject)
    except Failure as failure:
        text = subject.directory / "text"
        print(f"FAILED: {failure}\nrerun: {sys.executable} {' '.join(sys.argv)}")
        print(text.read_text() if text.exists() else "holdwatch said nothing")
        sys.exit(1)
    finally:
        subject.close()
    print("passed")


if __name__ == "__main__":
    main()
