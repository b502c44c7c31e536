#!/usr/bin/env python3
"""Compares stacks of random call chains with gdb's, frame address by frame address.

    chains.py --build BUILD [--seed N] [--chains N] [--each N] [--keep DIRECTORY] [--views watch,inspect,attach]

Each program of some 25 chains is compiled with options of chance (see generate.py), and looked at while its threads are
blocked: by the watch (`now` of each holder, the stacks of the waiters), by `inspect` and by `attach` (waiters). A stack is
right if it equals gdb's, without inlined functions and the frames that gdb infers of functions that ended in a jump. It ends
early if it is a part of that, from the innermost frame on, and says so. All else is wrong. Exit status 1 if a stack is wrong
or more than 2 % end early.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "capture"))
import compare_gdb  # noqa: E402
import generate  # noqa: E402

PATIENCE = 60       # seconds for a report; nothing is concluded from how long one takes
ALLOWED_EARLY = 0.02
LOCK_FRAMES = 6     # of libc, at most, below the call of a lock function
LOCK_FUNCTION = re.compile("mutex|rwlock|lll_lock|futex")


def frames_of(stack):
    return [frame["ip"] for frame in stack["frames"] if not frame["inlined"]]


class Stack:
    def __init__(self, view, tid, stack, pcs=None):
        self.view, self.tid, self.complete, self.note = view, tid, stack["complete"], stack["note"]
        self.pcs = frames_of(stack) if pcs is None else pcs


def stacks_of_reports(view, lines):
    """The latest `now` of each holder and the stack of each waiter, by thread."""
    stacks = {}
    for report in map(json.loads, lines):
        if report["phase"] not in ("over", "still", "snapshot"):
            continue
        for holder in report["holders"]:
            if holder["now"]["frames"]:
                stacks[holder["tid"]] = Stack(view, holder["tid"], holder["now"])
        for group in report["waiters"]:
            for tid in group["tids"]:
                stacks[tid] = Stack(view, tid, group["stack"])
    return stacks


def fresh(path):
    path.unlink(missing_ok=True)
    return path


def read_lines(path):
    if not path.exists():
        return []
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def start(directory, environment=None):
    process = subprocess.Popen(["./chains"], cwd=directory, env=dict(os.environ, **(environment or {})), stdout=subprocess.PIPE)
    if process.stdout.readline() != b"ready\n":
        process.kill()
        sys.exit("%s/chains does not come up" % directory)
    return process


def settle(pid):
    """Waits until all threads are blocked."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        calls = [path.read_text() for path in pathlib.Path("/proc/%d/task" % pid).glob("*/syscall")]
        if not any(call.startswith("running") for call in calls):
            return
        time.sleep(0.05)


def wait_until(seen, wanted):
    """Calls `seen` until it gives at least `wanted` stacks or no more come."""
    deadline = time.monotonic() + PATIENCE
    found, last_change = seen(), time.monotonic()
    while len(found) < wanted and time.monotonic() < deadline and time.monotonic() - last_change < 8:
        time.sleep(0.2)
        now = seen()
        if len(now) != len(found):
            last_change = time.monotonic()
        found = now
    return found


def inspected(view, build, directory, pid):
    path = fresh(directory / "inspect.json")
    subprocess.run([build / "scripts/holdwatch", "inspect", "--json", path, str(pid)], capture_output=True, timeout=120, check=False)
    return list(stacks_of_reports(view, read_lines(path)).values())


def watch_view(build, directory, views, count):
    path = fresh(directory / "watch.json")
    process = start(directory, {"LD_PRELOAD": str(build / "shim/libholdwatch.so"), "HOLDWATCH_LIMIT": "300ms", "HOLDWATCH_LOG": "none",
                                "HOLDWATCH_JSON": str(path), "HOLDWATCH_RATE": "1000000"})
    try:
        found = list(wait_until(lambda: stacks_of_reports("watch", read_lines(path)), count).values())
        if "inspect" in views:
            found += inspected("inspect of watched", build, directory, process.pid)
        return found, compare_gdb.gdb_stacks(process.pid)
    finally:
        process.kill()
        process.wait()


def outside_views(build, directory, views):
    launcher = str(build / "scripts/holdwatch")
    process = start(directory)
    found = []
    try:
        pid = process.pid
        settle(pid)
        for stack in compare_gdb.our_stacks(str(build / "tests/capture/stacks"), pid).values():
            found.append(Stack("stacks", stack["tid"], stack, stack["pcs"]))
        if "inspect" in views:
            found += inspected("inspect", build, directory, pid)
        if "attach" in views:
            path = fresh(directory / "attach.json")
            subprocess.run([launcher, "attach", "--limit", "300ms", "--json", str(path), "--log", "none", str(pid)],
                           capture_output=True, timeout=120, check=False)
            waiting = sum(1 for stack in found if stack.view == "inspect")
            found += wait_until(lambda: stacks_of_reports("attach", read_lines(path)), waiting).values()
        return found, compare_gdb.gdb_stacks(pid)
    finally:
        process.kill()
        process.wait()


def judge(stack, theirs):
    pcs = [pc for pc, _ in theirs]
    # The watch knows of a waiter where it called the lock function, not where it is inside.
    if stack.view in ("watch", "attach") and stack.pcs and stack.pcs[0] in pcs[:LOCK_FRAMES]:
        first = pcs.index(stack.pcs[0])
        if all(LOCK_FUNCTION.search(name or "") for _, name in theirs[:first]):
            pcs = pcs[first:]
    if stack.complete and stack.pcs == pcs:
        return "right"
    if not stack.complete and stack.note and stack.pcs == pcs[:len(stack.pcs)]:
        return "early"
    return "wrong"


class Results:
    def __init__(self):
        self.counts = collections.defaultdict(collections.Counter)

    def add(self, stack, theirs, directory):
        if not theirs:
            return
        verdict = judge(stack, theirs)
        self.counts[stack.view][verdict] += 1
        if verdict == "right" and "likely" in (stack.note or ""):
            self.counts[stack.view]["likely"] += 1
        if verdict == "right":
            return
        print("%s %s: thread %d, complete=%s, note: %s\n  %s" % (verdict, stack.view, stack.tid, stack.complete, stack.note,
                                                               directory))
        if verdict == "wrong":
            print(compare_gdb.describe(stack.pcs, theirs))
        sys.stdout.flush()

    def summary(self):
        lines, good = [], True
        for view, counts in sorted(self.counts.items()):
            total = counts["right"] + counts["early"] + counts["wrong"]
            lines.append("%s: %d stacks, %d right (%d of them said to be likely), %d ended early and said so, %d wrong" %
                         (view, total, counts["right"], counts["likely"], counts["early"], counts["wrong"]))
            good = good and counts["wrong"] == 0 and counts["early"] <= ALLOWED_EARLY * total
        return "\n".join(lines), good


def judge_all(seen, directory, results):
    found, theirs = seen
    for stack in found:
        results.add(stack, theirs.get(stack.tid), directory)


def run_program(options, seed, count, directory, results):
    program = generate.generate(random.Random(seed), count)
    for name, text in program.sources.items():
        (directory / name).write_text(text)
    (directory / "build.sh").write_text("\n".join(map(shlex.join, program.commands)) + "\n")
    (directory / "chains.txt").write_text("\n".join("%d: %s" % pair for pair in enumerate(program.chains)) + "\n")
    for command in program.commands:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit("%s\nin %s failed:\n%s" % (shlex.join(command), directory, done.stderr[:3000]))
    print("# seed %s: %s" % (seed, program.note))
    sys.stdout.flush()
    if "watch" in options.views:
        judge_all(watch_view(options.build, directory, options.views, count + 1), directory, results)
    if set(options.views) - {"watch"}:
        judge_all(outside_views(options.build, directory, options.views), directory, results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=lambda text: pathlib.Path(text).absolute(), required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chains", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first program")
    parser.add_argument("--each", type=int, default=25, help="chains in one program")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the programs in this directory")
    parser.add_argument("--views", type=lambda text: text.split(","), default=["watch", "inspect", "attach"])
    options = parser.parse_args()
    results = Results()
    left, number = options.chains, options.first
    while left > 0:
        count = min(left, options.each)
        seed = "%d/%d" % (options.seed, number)
        with tempfile.TemporaryDirectory() as temporary:
            directory = pathlib.Path(temporary)
            if options.keep:
                directory = options.keep.resolve() / seed.replace("/", "-")
                directory.mkdir(parents=True, exist_ok=True)
            run_program(options, seed, count, directory, results)
        left, number = left - count, number + 1
    text, good = results.summary()
    print(text)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
