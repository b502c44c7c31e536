"""Python's threading: a program of locks, re-entrant locks, conditions and queues computes the same with and without
the preload, and its idle workers are not reported.

CPython's own locks are semaphores on Linux; what the preload sees is the interpreter's lock, a mutex and a condition
that every thread switch goes through.
"""

import subprocess
import sys
from pathlib import Path

import comparison
import servers

PROGRAM = Path(__file__).with_name("threading_program.py")
THREADS = 9  # eight workers and the main thread


def scenario(run):
    server = run.start([sys.executable, "-B", PROGRAM], stdin=subprocess.PIPE)
    server.wait_until("all threads run", lambda: len(servers.program_threads(server.pid)) == THREADS)
    run.check_is_watched(server.pid, threaded=True)
    server.wait_until("the work is done", lambda: "checksum" in server.log())
    run.idle_past_limit()
    server.process.stdin.close()
    status = server.wait()
    return {"printed": server.log(), "exit status": status}


if __name__ == "__main__":
    servers.main(lambda shim: comparison.compare_runs(shim, scenario))
