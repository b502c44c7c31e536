"""Attaches to a process that is elsewhere: with other files, process ids or users than ours, without descriptors, in another
working directory; in one way per test.

    elsewhere.py --shim LIBRARY --control CONTROL --launcher SCRIPT --subject PROGRAM TEST
"""

import argparse
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from subject import LIMIT, HiddenSubject, Subject, abilities, check_hold, check_reader, require, run_one_of, wait_until


def attach_late(subject):
    """A thread reads a lock since before the attachment."""
    said = subject.attach()
    require("readers of rwlocks" not in said, said)
    await_reader(subject, 1)


def await_reader(subject, count):
    """The report of that, for the last of so many attachments."""
    found = lambda: [event for event in subject.events(phase="over") if event["lock"]["kind"] == "rwlock"]
    wait_until(f"{count} reports of the reader", lambda: len(found()) >= count)
    check_reader(found()[-1])


def in_pid_namespace(subject):
    """A process that counts itself as another than we do, as in a container."""
    # unshare waits for it, outside of its namespace.
    subject.pid = int(Path(f"/proc/{subject.pid}/task/{subject.pid}/children").read_text())
    in_user_namespace(subject)
    require(subject.events()[0]["pid"] == 1, f"pid {subject.events()[0]['pid']}")


def in_user_namespace(subject):
    subject.tell("read")
    attach_late(subject)
    subject.tell("hold")
    check_hold(subject.await_events(2, phase="over")[-1])
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


def again_and_again(subject):
    """A process whose only thread sleeps in one call all the while, which the kernel goes on with under another number once it
    was stopped."""
    for _ in range(3):
        subject.attach()
        subject.detach()
    subject.process.send_signal(signal.SIGSTOP)
    wait_until("its stop", lambda: "T (stopped)" in Path(f"/proc/{subject.pid}/status").read_text())
    subject.process.send_signal(signal.SIGCONT)
    subject.attach()
    subject.detach()
    require(subject.process.poll() is None, "it has ended")


def without_our_libraries(subject):
    """A process whose file system lacks what the symbolizer needs, as most containers': who attaches is told, and reports name
    addresses only."""
    said = subject.attach()
    require(re.search("cannot load libholdwatch-symbolizer.so: .*libunwind", said) and "without function names" in said, said)
    subject.tell("hold")
    line = ""
    while "has held mutex" not in line:
        line = subject.process.stderr.readline()
        require(line, "its standard error has ended")
    subject.tell("release")
    subject.detach()
    again = subject.attach()
    require(re.search("cannot load libholdwatch-symbolizer.so: .*libunwind", again), f"the second time: {again}")
    subject.detach()
    # The library is there by now: mounted away is what stood in its place.
    uncovered = subprocess.run(["nsenter", "-m", "-t", str(subject.pid), "umount", library_path("libunwind.so.8")], check=False)
    require(uncovered.returncode == 0, "cannot uncover the library")
    subject.attach()
    subject.tell("hold")
    wait_until("a report with names", lambda: "takes_the_lock" in subject.stderr_inside())
    subject.tell("release")
    subject.detach()


def library_path(name):
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    return re.search(rf"{re.escape(name)}.* => (\S+)", listed)[1]


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
    subject.tell("read")
    before = subject.descriptors()
    attach_late(subject)
    subject.tell("hold")
    wait_until("a report with names", lambda: "takes_the_lock" in subject.stderr_inside())
    subject.tell("release")
    subject.detach()
    loaded = copies_loaded(subject)
    require(loaded.keys() == {"libholdwatch.so", "libholdwatch-symbolizer.so", "libholdwatch-decoder.so"}, f"{loaded}")
    subject.attach()
    await_reader(subject, 2)
    subject.detach()
    require(subject.descriptors() == before, f"descriptors: {before}, then {subject.descriptors()}")
    require(copies_loaded(subject) == loaded, f"copies: {loaded}, then {copies_loaded(subject)}")


def copies_loaded(subject):
    """The inodes of the files in memory that are mapped, by name."""
    copies = {}
    for line in Path(f"/proc/{subject.pid}/maps").read_text().splitlines():
        if found := re.search(r" (\d+) +/memfd:(libholdwatch\S*)", line):
            copies.setdefault(found[2], set()).add(found[1])
    return copies


def without_capstone(subject):
    """Nor does its file system need Capstone, if that is linked in; otherwise who attaches is told."""
    decoder = Path(subject.options.shim).parent.parent / "symbolizer" / "libholdwatch-decoder.so"
    if b"libcapstone.so" in decoder.read_bytes():
        said = subject.attach()
        require(re.search(r"readers of rwlocks from before the attachment will not be named: libcapstone\S* is not installed", said), said)
        return
    subject.tell("read")
    attach_late(subject)
    subject.detach()


def unshared(options, *namespaces):
    abilities.skip_if(abilities.no_namespaces(*namespaces))
    return Subject(options, prefix=["unshare", *namespaces])


HOW = {
    again_and_again: lambda options: Subject(argparse.Namespace(**{**vars(options), "subject": sys.executable}), "-c",
                                             "import time; print('ready', flush=True); time.sleep(3600)"),
    other_file_system: HiddenSubject,
    without_capstone: lambda options: HiddenSubject(options, "libcapstone.so"),
    without_our_libraries: lambda options: HiddenSubject(options, "libunwind.so.8"),
    no_descriptors: WithoutDescriptors,
    in_pid_namespace: lambda options: unshared(options, "--pid", "--fork", "--mount-proc"),
    in_user_namespace: lambda options: unshared(options, "--user", "--map-root-user"),
}

if __name__ == "__main__":
    run_one_of((paths, *HOW), HOW, __doc__, "--launcher")
