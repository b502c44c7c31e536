"""Programs that filter their system calls, all of them or one thread its own, before or after they were attached to.

    filtered.py --shim LIBRARY --control CONTROL --subject PROGRAM TEST
"""

import re

from subject import Subject, require, run_one_of


def later(subject):
    """Attached to, then filtered: what would undo the attachment is forbidden. The process lives, and the command says so."""
    subject.attach()
    require(subject.tell("filter") == "done", "it did not survive its own filter")
    for _ in range(2):
        said = subject.control("detach", subject.pid, status=1)
        require(re.search(r"has installed a seccomp filter .* still go through holdwatch, which no longer reports anything", said), said)
        require(subject.tell("hold") == "done" and subject.tell("release") == "done", "it has ended")
    require("reports again" in subject.control("start", subject.pid), "it cannot be watched again")
    require(subject.tell("hold") == "done" and subject.tell("release") == "done", "it has ended")
    status, said = subject.end()
    require(status == 0, f"status {status}: {said}")


def sandboxed_thread(subject):
    """The thread that has filtered its own calls is left alone; the others' holds are reported in full, and given back."""
    subject.attach()
    subject.tell("hold")
    event = subject.await_events(phase="over")[0]
    require(event["holders"][0]["now"]["complete"], f"{event}")
    subject.tell("release")
    subject.await_events(phase="released")
    subject.detach()
    status, said = subject.end()
    require(status == 0, f"status {status}: {said}")


if __name__ == "__main__":
    run_one_of((later, sandboxed_thread), {sandboxed_thread: lambda options: Subject(options, "--thread")}, __doc__)
