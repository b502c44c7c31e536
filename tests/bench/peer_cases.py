"""What others take for watching locks: the same cases under DRD and Helgrind, and compiled with ThreadSanitizer.

They look for other things than holdwatch (races, lock order), and are here because they are what one has for C and C++.
mutrace and go-deadlock are not in Debian: docs/performance.md says how to compare with them.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from pairing import Missing, clean_environment, google_benchmark, paired, ratio_row

HERE = Path(__file__).resolve().parent
MOST_TURNS = 5
CASES = [("mutex/1", "mutex"), ("own_mutex/threads:2", "2 threads, each its own mutex"),
         ("read_lock/threads:1", "read-lock"), ("read_lock/threads:2", "2 readers on one rwlock")]


def peer_rows(bench, name, command):
    bare = bench.program("lock_calls")
    # Google Benchmark itself is not compiled for it: what it finds there is no failure.
    environment = clean_environment() | {"TSAN_OPTIONS": "exitcode=0"}
    for benchmark, says in CASES:
        yield ratio_row(f"{name}: {says}", paired(
            min(bench.rounds, MOST_TURNS),
            lambda benchmark=benchmark: google_benchmark([bare], benchmark, clean_environment())["cpu_time"],
            lambda benchmark=benchmark: google_benchmark(command, benchmark, environment)["cpu_time"]))


def valgrind_rows(bench, tool):
    if shutil.which("valgrind") is None:
        raise Missing("on Debian: apt-get install valgrind")
    return peer_rows(bench, tool.upper() if tool == "drd" else tool.capitalize(),
                     ["valgrind", "--quiet", f"--tool={tool}", bench.program("lock_calls")])


def tsan_rows(bench):
    """The benchmark compiled with ThreadSanitizer, as one would have to compile the whole server."""
    with tempfile.TemporaryDirectory(prefix="holdwatch-bench-") as directory:
        program, callers = f"{directory}/lock_calls", []
        compiler = ["g++", "-std=c++20", "-O2", "-g", "-fsanitize=thread", "-Wno-tsan"]
        for build in ("O0", "O2", "O2_frame_pointers"):
            callers.append(f"{directory}/{build}.o")
            subprocess.run([*compiler, f"-DBENCH_BUILD={build}", "-c", HERE / "callers.cpp", "-o", callers[-1]], check=True)
        built = subprocess.run([*compiler, HERE / "lock_calls.cpp", *callers, "-o", program, "-lbenchmark", "-pthread"],
                               capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise Missing(f"ThreadSanitizer does not link: {built.stderr.splitlines()[-1]}")
        # Without address space randomization it runs on every kernel: see tests/tsan.
        yield from peer_rows(bench, "ThreadSanitizer", ["setarch", "-R", program])


def cases():
    return {"drd": lambda bench: valgrind_rows(bench, "drd"), "helgrind": lambda bench: valgrind_rows(bench, "helgrind"),
            "tsan": tsan_rows}
