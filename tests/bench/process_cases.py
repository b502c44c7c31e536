"""What a watched process pays besides its lock calls: the idle watcher, memory, the start."""

import os
import re
import statistics
import subprocess
import time
from collections import Counter
from pathlib import Path

from pairing import Row, clean_environment, digits, watched_environment

THREADS_OF_OURS = "holdwatch"
MANY = 10_000


class Idle:
    """bench_idle, bare or watched, from when all its threads are there until the end of the `with`."""

    def __init__(self, bench, threads, *words, watched=True, options=None):
        environment = watched_environment(bench.shim, options) if watched else clean_environment()
        self.process = subprocess.Popen([bench.program("bench_idle"), str(threads), *words], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid

    def __enter__(self):
        self.process.stdout.readline()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def our_threads(self):
        return [task for task in Path(f"/proc/{self.pid}/task").iterdir()
                if (task / "comm").read_text().startswith(THREADS_OF_OURS)]


def processor_ns(task):
    return int((task / "schedstat").read_text().split()[0])


def wake_ups(task):
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.MULTILINE)[1])


def watcher_rows(bench, says, threads, words, goal):
    """Processor time and wake-ups of our threads over some seconds, after the symbolizer was loaded."""
    with Idle(bench, threads, *words) as idle:
        time.sleep(2)
        tasks = idle.our_threads()
        began, used, woken = time.monotonic(), sum(map(processor_ns, tasks)), sum(map(wake_ups, tasks))
        time.sleep(5 if bench.quick else 20)
        took_s = time.monotonic() - began
        share = (sum(map(processor_ns, tasks)) - used) / 1e9 / took_s
        woken = (sum(map(wake_ups, tasks)) - woken) / took_s
    yield Row(says, share * 100, "% of a core", goal, note=f"{digits(woken)} wake-ups a second")


def rollup_kib(pid):
    """What /proc/PID/smaps_rollup says, in KiB, by name."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return Counter({name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)})


def resident_by_mapping(pid):
    """KiB of resident memory by what is mapped there."""
    found, name = Counter(), ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            name = Path(line.split(maxsplit=5)[5]).name if len(line.split(maxsplit=5)) > 5 else "no file"
        elif line.startswith("Rss:"):
            found[name] += int(line.split()[1])
    return found


def settled(bench, threads, watched, look):
    """What `look` sees of an idle process once all is loaded that is loaded before a first report."""
    with Idle(bench, threads, watched=watched) as idle:
        time.sleep(1.5)
        return look(idle.pid)


def thread_memory_rows(bench):
    few, many = 100, 4100
    used = {(threads, watched): settled(bench, threads, watched, rollup_kib)["Rss"]
            for threads in (few, many) for watched in (False, True)}
    bare, watched = ((used[many, is_watched] - used[few, is_watched]) / (many - few) for is_watched in (False, True))
    yield Row("resident memory a thread", watched - bare, "KiB", 1, f"{bare:.2f} KiB", f"{watched:.2f} KiB")


def process_memory_rows(bench):
    def both(pid):
        return rollup_kib(pid), resident_by_mapping(pid)

    (bare, bare_parts), (watched, watched_parts) = (settled(bench, 1, is_watched, both) for is_watched in (False, True))
    more = Counter({name: watched_parts[name] - bare_parts[name] for name in watched_parts})
    parts = ", ".join(f"{name} {kib}" for name, kib in more.most_common(8) if kib > 0)
    private = sum((watched - bare)[name] for name in ("Private_Clean", "Private_Dirty"))
    yield Row("resident memory a process, before the first report", (watched["Rss"] - bare["Rss"]) / 1024, "MiB", 1,
              f"{bare['Rss'] / 1024:.2f} MiB", f"{watched['Rss'] / 1024:.2f} MiB",
              note=f"{(watched['Pss'] - bare['Pss']) / 1024:.2f} MiB of Pss, {private / 1024:.2f} private; KiB: {parts}")
    (bare, _), (watched, parts) = (settled(bench, 0, is_watched, both) for is_watched in (False, True))
    yield Row("the same, of a process without threads", (watched["Rss"] - bare["Rss"]) / 1024, "MiB", None,
              f"{bare['Rss'] / 1024:.2f} MiB", f"{watched['Rss'] / 1024:.2f} MiB",
              note=f"{parts['libholdwatch.so']} KiB of libholdwatch.so")


def start_ms(environment):
    """The time and the processor time of one /bin/true, from its start to its end."""
    began = time.perf_counter()
    pid = os.posix_spawn("/bin/true", ["true"], environment)
    _, _, usage = os.wait4(pid, 0)
    return (time.perf_counter() - began) * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def start_rows(bench):
    environments = (clean_environment(), watched_environment(bench.shim))
    for environment in environments:
        start_ms(environment)
    turns = [[start_ms(environment) for environment in environments] for _ in range(100 if bench.quick else 1000)]
    bare, watched = (statistics.median(turn[index][0] for turn in turns) for index in (0, 1))
    more = statistics.median(turn[1][0] - turn[0][0] for turn in turns)
    processor = statistics.median(turn[1][1] - turn[0][1] for turn in turns)
    yield Row("start and end of /bin/true", more, "ms", 0.3, f"{bare:.2f} ms", f"{watched:.2f} ms",
              note=f"{processor:.2f} ms more CPU time; {what_a_start_brings(environments[1])}")


def what_a_start_brings(environment):
    """The threads and the libraries of a process without threads, which waits for its input."""
    with subprocess.Popen(["/bin/cat"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        cat.stdin.write(b".")
        cat.stdin.flush()
        cat.stdout.read1(1)
        maps = Path(f"/proc/{cat.pid}/maps").read_text()
        threads = len(list(Path(f"/proc/{cat.pid}/task").iterdir()))
        cat.stdin.close()
        cat.wait()
    libraries = {Path(path).name for path in re.findall(r"(/\S+\.so\S*)", maps)}
    extra = sorted(name for name in libraries if not name.startswith(("ld-linux", "libc.so")))
    return f"{threads} thread, {' '.join(extra)}"


def cases():
    return {
        "idle": lambda bench: watcher_rows(bench, "idle watcher, default limit", 1, (), 0.02),
        "idle-waiting": lambda bench: watcher_rows(bench, "4,000 threads in condition waits", 4000, ("waiting",), None),
        "idle-stalled": lambda bench: watcher_rows(bench, "the same, and a hold over its limit with one behind it", 4000,
                                                   ("stalled",), None),
        "idle-10000": lambda bench: watcher_rows(bench, f"the same, {MANY:,} threads each holding a lock", MANY,
                                                 ("holding",), 0.5),
        "memory-thread": thread_memory_rows,
        "memory-process": process_memory_rows,
        "start": start_rows,
    }
