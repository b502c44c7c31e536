#!/usr/bin/env python3
"""Threads that wait for locks of other libraries than libc: of how many is the kind of the wait known, of how many the object, and
who can end it, and is that right? One thread of each program is inside the lock, stopped by ptrace.

    measure.py BUILD_DIRECTORY [PROGRAM...]      without a name: all that can be built here

Prints a table in Markdown. Ends with 1 if a blocked thread is missing, if its kind or its object is not known where the program
names it, or if a thread is named that is not the one inside. Needs a C++ compiler, and of each library its headers; a program that
cannot be built is left out, with the reason.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import abilities  # pylint: disable=wrong-import-position

DEADLINE_S = 60
FOUND_WITHIN_S = 60
BLOCKED = {f"blocked{number}" for number in range(4)}
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WAIT_FOR_THREADS = 0x4206, 0x4207, 17, 0x40000000  # __WALL
# How a source is built: compiler, flags, packages for pkg-config.
CXX = ["c++", "-std=c++20", "-O2", "-g", "-pthread", "-fPIC"]
PROGRAMS = {
    "abseil": (CXX, [], ["absl_synchronization"]), "glib_mutex": (CXX, [], ["glib-2.0"]), "glib_rw_lock": (CXX, [], ["glib-2.0"]),
    "qt_mutex": (CXX, [], ["Qt5Core"]), "qt_read_write_lock": (CXX, [], ["Qt5Core"]), "one_tbb": (CXX, [], ["tbb"]),
    "boost_shared_mutex": (CXX, ["-DBOOST_THREAD_VERSION=4", "-lboost_thread"], []), "atomic_semaphore": (CXX, [], []),
    "libcxx_semaphore": (["clang++", *CXX[1:]], ["-stdlib=libc++"], []),
}
LIBC = ctypes.CDLL(None, use_errno=True)


class CannotBuild(Exception):
    pass


def built(name, directory):
    """The words that start the program."""
    if name == "interpreter":
        return [sys.executable, str(HERE / "interpreter.py")]
    target = str(Path(directory, name))
    if name == "rust_mutex":
        command = ["rustc", "-O", "-g", "-o", target, str(HERE / "rust_mutex.rs")]
    else:
        compiler, flags, packages = PROGRAMS[name]
        found = subprocess.run(["pkg-config", "--cflags", "--libs", *packages], capture_output=True, text=True,
                               check=False) if packages else None
        if found and found.returncode:
            raise CannotBuild(found.stderr.splitlines()[0])
        command = [*compiler, "-o", target, str(HERE / f"{name}.cpp"), *flags, *(found.stdout.split() if found else [])]
    if shutil.which(command[0]) is None:
        raise CannotBuild(f"no {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(done.stderr.strip().splitlines()[-1])
    return [target]


def thread_names(pid):
    return {int(task.name): (task / "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}


class Stopped:
    """A thread that is stopped by ptrace."""

    def __init__(self, tid):
        self.tid = tid

    def __enter__(self):
        for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
            if LIBC.ptrace(request, self.tid, None, None) != 0:
                sys.exit(f"cannot stop thread {self.tid}: {os.strerror(ctypes.get_errno())}")
        os.waitpid(self.tid, WAIT_FOR_THREADS)

    def __exit__(self, *_):
        LIBC.ptrace(PTRACE_DETACH, self.tid, None, None)


def waits_in(events):
    found = {}
    for event in events:
        for thread in [*event["holders"], *event.get("chain", [])]:
            if thread["wait"]:
                found[thread["tid"]] = thread["wait"]
    return found


def read_events(path):
    lines = Path(path).read_text().split("\n")[:-1] if Path(path).exists() else []
    return [json.loads(line) for line in lines]


def inspected(build, pid, directory):
    path = Path(directory, "inspected")
    subprocess.run([build / "symbolizer/tools/inspect/holdwatch-inspect", str(pid), "--json", path], capture_output=True,
                   timeout=DEADLINE_S, check=False)
    return read_events(path)


def await_waits(pid, events):
    """Of the threads that are blocked, as far as they are found in time: a thread that waits in slices is not seen each time."""
    end, found = time.monotonic() + FOUND_WITHIN_S, {}
    while len(found) < len(BLOCKED) and time.monotonic() < end:
        names = thread_names(pid)
        found |= {tid: wait for tid, wait in waits_in(events()).items() if names.get(tid) in BLOCKED}
        time.sleep(0.3)
    return found


def measure(build, name, words, way):
    """The waits of the blocked threads, the address of what they wait for, and the id of the thread that is inside."""
    with tempfile.TemporaryDirectory(prefix="holdwatch-locks-") as directory:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("HOLDWATCH_")}
        if way == "watch":
            environment |= {"LD_PRELOAD": str(build / "shim/libholdwatch.so"), "HOLDWATCH_LIMIT": "300ms",
                            "HOLDWATCH_RATE": "1000", "HOLDWATCH_JSON": f"{directory}/json", "HOLDWATCH_LOG": "none"}
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            said, address = process.stdout.readline().split()
            [inside] = [tid for tid, thread in thread_names(process.pid).items() if thread == "inside"]
            assert said == "ready", f"{name} said {said}"
            look = (lambda: read_events(f"{directory}/json")) if way == "watch" else (lambda: inspected(build, process.pid, directory))
            with Stopped(inside):
                found = await_waits(process.pid, look)
            return found, address, inside
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()


class Row:
    """What is known of the blocked threads of one program, in numbers."""

    def __init__(self, found, address, inside):
        self.waits = list(found.values())
        self.kinds = sorted({wait["kind"] for wait in self.waits})
        self.objects = sum(wait["object"] is not None for wait in self.waits)
        self.wrong_objects = sum(wait["object"] != address for wait in self.waits) if address != "(nil)" else 0
        named = [ender for wait in self.waits for ender in wait["enders"]]
        self.named = sum(bool(wait["enders"]) for wait in self.waits)
        self.wrong = sum(ender["tid"] != inside for ender in named)
        self.total = len(named)

    def is_good(self):
        return len(self.waits) == len(BLOCKED) and not {"other"} & set(self.kinds) and not self.wrong_objects

    def __str__(self):
        return (f"{len(self.waits)} of {len(BLOCKED)} | {', '.join(self.kinds)} | {self.objects} | "
                f"{self.named}{f', {self.wrong} of {self.total} wrong' if self.wrong else ''}")


def main():
    abilities.skip_if(abilities.no_attaching())
    build = Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or [*PROGRAMS, "rust_mutex", "interpreter"]
    left_out, rows = [], []
    print("| program | seen by | blocked threads whose wait is known | kind | with its object | of which an ender is named |\n"
          "|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="holdwatch-locks-") as directory:
        for name in names:
            try:
                words = built(name, directory)
            except CannotBuild as why:
                left_out.append(f"{name}: {why}")
                continue
            for way in ("watch", "inspect"):
                rows.append(Row(*measure(build, name, words, way)))
                print(f"| {name} | {way} | {rows[-1]} |", flush=True)
    print(*(f"left out: {line}" for line in left_out), sep="\n")
    total, wrong = sum(row.total for row in rows), sum(row.wrong for row in rows)
    print(f"{sum(len(row.waits) for row in rows)} of {len(rows) * len(BLOCKED)} waits known; {total} threads named, {wrong} of them wrong; "
          f"{sum(len(row.waits) - row.named for row in rows)} waits without a name")
    sys.exit(0 if all(row.is_good() for row in rows) and wrong * 20 <= total else 1)


if __name__ == "__main__":
    main()
