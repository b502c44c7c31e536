#!/usr/bin/env python3
"""Servers of other people's, idle: nobody waits for a lock, and none of their threads is stopped.

    idle_servers.py INSPECTOR SCENES_PROGRAM
"""

import pathlib
import subprocess
import sys

from looking import Look, require

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "real"))
import mariadb  # pylint: disable=wrong-import-position
import servers  # pylint: disable=wrong-import-position

IDLE_PYTHON = """
import queue, threading
work = queue.Queue()
for _ in range(4): threading.Thread(target=work.get, daemon=True).start()
print("ready", flush=True)
input()
"""


def memcached(run):
    port = servers.free_port()
    user = servers.unprivileged_user()
    server = run.start([servers.find_program("memcached", "memcached"), "-t", 4, "-l", "127.0.0.1", "-p", port, "-U", 0,
                        *(["-u", user] if user else [])])
    server.wait_until("memcached listens", lambda: servers.accepts(port))
    return server


def redis(run):
    port = servers.free_port()
    server = run.start([servers.find_program("redis-server", "redis-server"), "--port", port, "--bind", "127.0.0.1",
                        "--save", "", "--io-threads", 4])
    server.wait_until("redis listens", lambda: servers.accepts(port))
    return server


def python(run):
    server = run.start([sys.executable, "-c", IDLE_PYTHON], stdin=subprocess.PIPE)
    server.wait_until("its threads run", lambda: "ready" in server.log())
    return server


def check(inspector, server, name):
    """It may have something to do for a moment, such as a page to clean: a wait that is there twice is none of these."""
    def is_idle():
        look = Look(inspector, server.pid)
        require(look.status == 0, f"{name}: {look}")
        # redis parks its I/O threads on mutexes by design: they do wait.
        waiting = [thread for event in look.events for group in event["waiters"] for thread in group["threads"]]
        return all(thread.startswith("io_thd_") for thread in waiting) and "no thread was stopped" in look.text
    server.wait_until(f"{name} is idle", is_idle)


def main():
    inspector = sys.argv[1]
    for name, start in {"memcached": memcached, "MariaDB": mariadb.start, "Python": python, "redis": redis}.items():
        with servers.Run(None) as run:
            server = start(run)
            check(inspector, server, name)
            server.end_by_force()
            print(f"{name} is idle")


if __name__ == "__main__":
    main()
