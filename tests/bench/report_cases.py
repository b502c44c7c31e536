"""What a report costs: how long after the limit it is there, and what the program's other threads get done meanwhile."""

import itertools
import re
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from pairing import Row, watched_environment
from process_cases import rollup_kib

HERE = Path(__file__).resolve().parent

LIMIT_S = 1.0
HOLD_MS = 1900
WARM_HOLDS = 3
IDLE_S = 75  # what was read is given back when a minute has gone by without a report
BIG_DEBUG_MB = 200


class Stall:
    """bench_stall run to its end: when each lock was taken, when each line of the reports came, what work was done. Before
    the end `look` is called with the process's number."""

    def __init__(self, bench, holds, waiters, program=None, look=None):
        command = [program or bench.program("bench_stall"), str(holds), str(HOLD_MS), str(waiters)]
        self.lines = []  # (time in ns, text)
        with subprocess.Popen(command, env=watched_environment(bench.shim, {"HOLDWATCH_LOG": "stderr"}),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            reader = threading.Thread(target=self.read, args=(process.stderr,))
            reader.start()
            if look is not None:
                time.sleep((holds * HOLD_MS) / 1000 + 1)
                self.seen = look(process.pid)
            process.stdin.close()
            printed = process.stdout.read().decode()
            reader.join()
        self.taken = [int(number) for number in re.findall(r"^taken (\d+)", printed, re.MULTILINE)]
        self.released = [int(number) for number in re.findall(r"^released (\d+)", printed, re.MULTILINE)]
        self.work = [tuple(map(int, found)) for found in re.findall(r"^work (\d+) (\d+) (\d+)", printed, re.MULTILINE)]

    def read(self, stream):
        for line in stream:
            self.lines.append((time.monotonic_ns(), line.decode(errors="replace")))

    def report(self, hold):
        """The times of the first and the last line of a hold's first report; None if there was none. Locks are numbered as
        they are reported, and each hold is of another one."""
        head = re.compile(rf"holdwatch\[\d+\]: thread .* has held mutex L{hold + 1} ")
        for index, (first, line) in enumerate(self.lines):
            if head.match(line):
                details = itertools.takewhile(lambda entry: not entry[1].startswith("holdwatch["), self.lines[index + 1:])
                return first, max([first, *(at for at, _ in details)])
        return None

    def latency_ms(self, hold, of_last_line=False):
        report = self.report(hold)
        return (report[of_last_line] - self.taken[hold]) / 1e6 - LIMIT_S * 1000 if report else None

    def rates(self, begin_ns, end_ns):
        """Pairs of the busy thread a second, and a second of its processor time."""
        inside = [sample for sample in self.work if begin_ns <= sample[0] <= end_ns]
        if len(inside) < 2 or inside[-1][2] == inside[0][2]:
            return None
        pairs = inside[-1][1] - inside[0][1]
        return pairs / (inside[-1][0] - inside[0][0]) * 1e9, pairs / (inside[-1][2] - inside[0][2]) * 1e9


def latency_row(says, stalls, holds, goal):
    """From the limit to the first line, and in the note to the last, over those holds of all stalls."""
    first, last = ([stall.latency_ms(hold, of_last_line) for stall in stalls for hold in holds]
                   for of_last_line in (False, True))
    there = [latency for latency in first if latency is not None]
    missing = len(first) - len(there)
    if not there:
        return Row(says, float("nan"), "ms", goal, note="no report came")
    return Row(says, statistics.median(there), "ms", goal, low=min(there), high=max(there),
               note=f"last line {statistics.median(latency for latency in last if latency is not None):.0f} ms"
               + (f"; {missing} of {len(first)} did not come before the release" if missing else ""))


def latency_rows(bench, says, waiters, goals):
    """Cold: the process's first report. Warm: those after it."""
    stalls = [Stall(bench, 1 + WARM_HOLDS, waiters) for _ in range(1 if bench.quick else 5)]
    yield latency_row(f"limit to first line, cold{says}", stalls, [0], goals[0])
    yield latency_row(f"limit to first line, warm{says}", stalls, range(1, 1 + WARM_HOLDS), goals[1])
    yield from work_rows(stalls, says)


def work_rows(stalls, says):
    """The busy thread during each report, from the limit to the report's last line, against the 400 ms before. By its
    processor time it shows what we keep it from by locks and signals; by the clock also that we use processors too."""
    by_clock, by_processor = [], []
    for stall in stalls:
        for hold, taken in enumerate(stall.taken):
            limit_ns, report = taken + int(LIMIT_S * 1e9), stall.report(hold)
            before = stall.rates(limit_ns - 500_000_000, limit_ns - 100_000_000)
            during = stall.rates(limit_ns, report[1] + 20_000_000) if report else None
            if before and during:
                by_clock.append(during[0] / before[0])
                by_processor.append(during[1] / before[1])
    if by_clock:
        yield Row(f"a busy thread's work during a report / before{says}", 2 - statistics.median(by_processor), "", 1.02,
                  low=2 - max(by_processor), high=2 - min(by_processor),
                  note=f"loss by its processor time; work by the clock x {statistics.median(by_clock):.2f}")


def memory_rows(bench, says, program=None):
    """Resident memory of the whole process, a second after the reports and once the program has been idle."""
    def look(pid):
        soon = rollup_kib(pid)
        time.sleep(IDLE_S)
        return soon, rollup_kib(pid)

    stall = Stall(bench, 2, 2, program, look)
    for when, seen in zip(("a second after two reports", f"{IDLE_S} s later"), stall.seen):
        yield Row(f"resident memory{says}, {when}", seen["Rss"] / 1024, "MiB",
                  note=f"of it {seen['Anonymous'] / 1024:.1f} MiB not of files")
    for number, word in enumerate(("first", "second")):
        yield latency_row(f"limit to first line{says}, {word} report", [stall], [number], None)


def big_program(directory, megabytes):
    """bench_stall with so much debug data: one object of functions and types that nobody calls, linked many times."""
    source = directory / "ballast.cpp"
    source.write_text("namespace {\n" + "\n".join(
        f"struct Type{number} {{ long first[{number + 1}]; Type{number}* next; int (*call)(Type{number}&, double); }};\n"
        f"[[gnu::used]] long function_{number}(Type{number}* it, long count) {{\n"
        f"  long sum = 0;\n  for (long i = 0; i < count; ++i) {{ const long own = it->first[0] * i; sum += own; }}\n"
        f"  return sum;\n}}" for number in range(6000)) + "\n}\n")
    ballast = directory / "ballast.o"
    subprocess.run(["g++", "-g", "-O0", "-c", source, "-o", ballast], check=True)
    size = debug_bytes(ballast)
    copies = []
    for number in range(megabytes * 1_000_000 // size + 1):
        copies.append(directory / f"ballast-{number}.o")
        copies[-1].symlink_to(ballast)
    program = directory / "stall-big"
    subprocess.run(["g++", "-std=c++20", "-g", "-O2", HERE / "stall.cpp", *copies, "-o", program, "-pthread"], check=True)
    return program, debug_bytes(program)


def debug_bytes(path):
    """The sum of an object's debug sections."""
    listing = subprocess.run(["size", "-A", path], check=True, capture_output=True, text=True).stdout
    return sum(int(size) for size in re.findall(r"^\.debug_\w+\s+(\d+)", listing, re.MULTILINE))


def big_debug_rows(bench):
    with tempfile.TemporaryDirectory(prefix="holdwatch-bench-") as directory:
        program, size = big_program(Path(directory), BIG_DEBUG_MB)
        yield from memory_rows(bench, f", {size / 1e6:.0f} MB of debug data", program)


def cases():
    """big-debug takes a while to build: by its name only."""
    return {
        "report": lambda bench: latency_rows(bench, "", 2, (500, 50)),
        "report-1000": lambda bench: latency_rows(bench, ", 1,000 waiters", 1000, (1000, 1000)),
        "memory-report": lambda bench: memory_rows(bench, ""),
        "big-debug": big_debug_rows,
    }
