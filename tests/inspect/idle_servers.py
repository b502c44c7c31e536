#!/usr/bin/env python3
"""Servers of other people's, idle: nobody waits for a lock, and none of their threads is stopped.

    idle_servers.py INSPECTOR SCENES_PROGRAM
"""

import pathlib
import re
import subprocess
import sys

from looking import Look, abilities, require

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "real"))
import mariadb  # pylint: disable=wrong-import-position
import nginx_load  # pylint: disable=wrong-import-position
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


def nginx(run):
    return nginx_load.start(run)[0]


def main_process(server):
    return server.pid


def check(inspector, server, pid, name, says):
    """It may have something to do for a moment, such as a page to clean: a wait that is there twice is none of these."""
    def is_idle():
        look = Look(inspector, pid)
        require(look.status == 0, f"{name}: {look}")
        return look.events == [] and "no thread was stopped" in look.text and re.search(says, look.text)
    server.wait_until(f"{name} is idle", is_idle)


NOTHING = "no thread waits for a lock of libc, of"


def of_redis():
    """redis parked its I/O threads on mutexes that its main thread holds; since version 8 they wait for events."""
    version = subprocess.run([servers.find_program("redis-server", "redis-server"), "--version"], capture_output=True, text=True,
                             check=True).stdout
    parks = int(re.search(r" v=(\d+)", version)[1]) < 8
    return r"3 waits not shown: redis parks its idle .*\n.* in redis-server: 3 waits explained exactly;" if parks else NOTHING


# What the inspector says of each.
SERVERS = (("memcached", memcached, main_process, lambda: NOTHING), ("MariaDB", mariadb.start, main_process, lambda: NOTHING),
           ("Python", python, main_process, lambda: NOTHING), ("nginx", nginx, nginx_load.the_worker, lambda: NOTHING),
           ("redis", redis, main_process, of_redis))


def main():
    inspector = sys.argv[1]
    abilities.skip_if(abilities.no_looking_at_servers())
    for name, start, pid_of, says in SERVERS:
        with servers.Run(None) as run:
            server = start(run)
            check(inspector, server, pid_of(server), name, says())
            print(f"{name} is idle")


if __name__ == "__main__":
    main()
