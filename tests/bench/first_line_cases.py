"""How soon after its limit a hold is told: holds that begin at random moments, in processes that are idle or busy, by threads
that sleep or run. Counted from the holder's own clock to the line's arrival at the other end of a pipe."""

import itertools
import re
import subprocess
import threading
import time

from pairing import Row, watched_environment

LIMITS_MS = (500, 1000)
PROCESS_KINDS = {"idle": "idle process", "busy": "busy process", "hot": "lock call that others make all the time"}
# At a time: a holder that sleeps needs no processor; a first report takes one for reading debug data.
PROCESSES = {"warm": 4, "cold": 2}
HEAD = re.compile(r"holdwatch\[\d+\]: thread \d+ .* has held mutex ")


def goal_ms(limit_ms, kind):
    return 20 if kind == "sleeps" else limit_ms / 8 + 20


class Holds:
    """bench_holds run to its end: for each of its holds the time of the first line after the limit, and of the last line after
    the first, in ms."""

    def __init__(self, bench, limit_ms, count, kind, process_kind):
        hold_ms = limit_ms * 3 // 2
        environment = watched_environment(bench.shim, {"HOLDWATCH_LOG": "stderr", "HOLDWATCH_LIMIT": f"{limit_ms}ms",
                                                       "HOLDWATCH_REPEAT": "0", "HOLDWATCH_RATE": "1000"})
        command = [bench.program("bench_holds"), str(count), str(hold_ms), kind, *([] if process_kind == "idle" else [process_kind])]
        lines = []  # (time in ns, text)
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            reader = threading.Thread(target=lambda: lines.extend(
                (time.monotonic_ns(), line.decode(errors="replace")) for line in process.stderr))
            reader.start()
            printed = process.stdout.read().decode()
            reader.join()
        self.first, self.rest, self.early = [], [], 0
        for taken, before in (map(int, pair) for pair in re.findall(r"^taken (\d+) (\d+)", printed, re.MULTILINE)):
            report = self.report(lines, taken, taken + hold_ms * 1_000_000)
            self.first.append(None if report is None else (report[0] - taken) / 1e6 - limit_ms)
            self.rest.append(None if report is None else (report[1] - report[0]) / 1e6)
            # A holder may lose the processor between having the lock and reading its clock.
            self.early += report is not None and report[0] - before < limit_ms * 1_000_000

    @staticmethod
    def report(lines, begin, end):
        for index, (first, line) in enumerate(lines):
            if begin < first < end and HEAD.match(line):  # its rest may come after the hold
                details = itertools.takewhile(lambda entry: not entry[1].startswith("holdwatch["), lines[index + 1:])
                return first, max([first, *(at for at, _ in details)])
        return None


def all_of(bench, runs, at_a_time, *arguments):
    """So many runs, some at a time."""
    done = []
    for begin in range(0, runs, at_a_time):
        threads = [threading.Thread(target=lambda: done.append(Holds(bench, *arguments)))
                   for _ in range(min(at_a_time, runs - begin))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return done


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def row(says, holds, goal):
    """The figure is the 99th percentile. That a line came before its limit would be a fault, and is named."""
    first = [value for one in holds for value in one.first]
    there = [value for value in first if value is not None]
    rest = [value for one in holds for value in one.rest if value is not None]
    if not there:
        return Row(says, float("nan"), "ms", goal, note="no line came")
    early = sum(one.early for one in holds)
    return Row(says, percentile(there, 0.99), "ms", goal, low=min(there), high=max(there),
               note=f"median {percentile(there, 0.5):.1f} ms, of {len(there)}; rest of the report p99 {percentile(rest, 0.99):.0f} ms"
               + (f"; {early} BEFORE THE LIMIT" if early else "")
               + (f"; {len(first) - len(there)} did not come" if len(there) < len(first) else ""))


def rows(bench, kind, process_kind, cold):
    """Cold: the first report of each process. Warm: those after it."""
    wanted = 20 if bench.quick else 100
    for limit_ms in LIMITS_MS:
        says = f"{limit_ms} ms, {kind}, {PROCESS_KINDS[process_kind]}, {'cold' if cold else 'warm'}"
        at_a_time = PROCESSES["cold" if cold else "warm"]
        count = 1 if cold else wanted // at_a_time + 1
        holds = all_of(bench, wanted if cold else at_a_time, at_a_time, limit_ms, count, kind, process_kind)
        if not cold:
            for one in holds:
                del one.first[0], one.rest[0]
        yield row(says, holds, goal_ms(limit_ms, kind))


def cases():
    def case(kind, process_kind, cold):
        return lambda bench: rows(bench, kind, process_kind, cold)

    return {f"first-line-{kind}-{process_kind}-{'cold' if cold else 'warm'}": case(kind, process_kind, cold)
            for kind in ("sleeps", "runs") for process_kind in PROCESS_KINDS for cold in (False, True)
            if not (cold and process_kind == "hot")}
