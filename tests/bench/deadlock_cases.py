"""How soon a deadlock is told: from the call that closes the cycle to the line's arrival at the other end of a pipe."""

import queue
import random
import re
import subprocess
import threading
import time

from pairing import Row, watched_environment

# The limit, and the longest sleep of the watcher in a process that makes few lock calls, and many (shim/timing/overdue.h).
LIMITS = {"0": {"idle": 1000, "busy": 1000}, "1s": {"idle": 750, "busy": 10}, "10s": {"idle": 1000, "busy": 78}}
THREADS = (0, 6000)
A_PROCESS = 2  # deadlocks: with a limit of 10 s, all are over before the chain's holds are reported
PATIENCE_S = 20
LINE = re.compile(rb"holdwatch\[\d+\]: deadlock of 2 threads")


def goal_ms(limit, process_kind):
    """Half a second, or two wake-ups."""
    return max(500, 2 * LIMITS[limit][process_kind])


def delays_ms(bench, limit, threads, process_kind, count):
    """Of so many deadlocks in one process; None for a line that did not come."""
    environment = watched_environment(bench.shim, {"HOLDWATCH_LOG": "stderr", "HOLDWATCH_LIMIT": limit,
                                                   "HOLDWATCH_WAIT_LIMIT": "0", "HOLDWATCH_RATE": "1000"})
    told = queue.Queue()

    def read(stream):
        for line in stream:
            if LINE.match(line):
                told.put(time.monotonic_ns())

    command = [bench.program("bench_deadlocks"), str(threads), *(["busy"] if process_kind == "busy" else [])]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        threading.Thread(target=read, args=(process.stderr,), daemon=True).start()
        process.stdout.readline()  # ready
        for _ in range(count):
            process.stdin.write(b"%d\n" % random.randint(0, 1_000_000))
            process.stdin.flush()
            closed = int(process.stdout.readline().split()[1])
            try:
                yield (told.get(timeout=PATIENCE_S) - closed) / 1e6
            except queue.Empty:
                yield None
        process.stdin.close()


def rows(bench, limit, threads, process_kind):
    wanted = 4 if bench.quick else 40
    delays = [delay for _ in range(wanted // A_PROCESS) for delay in delays_ms(bench, limit, threads, process_kind, A_PROCESS)]
    there = sorted(delay for delay in delays if delay is not None)
    says = f"limit {limit}, {process_kind} process, " + (f"{threads:,} other threads that hold a lock and wait" if threads else "no other threads")
    if not there:
        yield Row(says, float("nan"), "ms", goal_ms(limit, process_kind), note="no line came")
        return
    missing = len(delays) - len(there)
    yield Row(says, there[-1], "ms", goal_ms(limit, process_kind), low=there[0], high=there[-1],
              note=f"median {there[len(there) // 2]:.0f} ms, of {len(delays)}" + (f"; {missing} did not come" if missing else ""))


def cases():
    def case(*how):
        return lambda bench: rows(bench, *how)

    return {f"deadlock-{limit}-{threads}-{kind}": case(limit, threads, kind)
            for limit in LIMITS for threads in THREADS for kind in ("idle", "busy")}
