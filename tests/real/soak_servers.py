"""The servers of the soak: each can be talked to, and those with a known way to get stuck can be made to hold a lock for
as long as one likes.
"""

import time

import mariadb
import mariadb_stuck_log
import memcached_stuck_dump
import redis_load
import servers
from soak_load import MariadbTalk, MemcachedTalk, RedisTalk


class Memcached:
    """Gets stuck when a client that wants the list of all keys stops reading."""

    NAME = "memcached"
    GETS_STUCK = True
    MISTAKES = memcached_stuck_dump.MISTAKES

    def __init__(self, run):
        self.port = servers.free_port()
        self.user = servers.unprivileged_user()
        self.server = memcached_stuck_dump.start(run, self.port, self.user)
        self.pid = self.server.pid
        memcached_stuck_dump.store_keys(self.port)
        self.fingerprint = None

    def talk(self, number):
        return MemcachedTalk(self.port, number)

    def provoke(self):
        self.reader = memcached_stuck_dump.client_that_does_not_read(self.port)
        self.peer = "{}:{}".format(*self.reader.getsockname())

    def relieve(self):
        self.reader.close()

    def check(self, report):
        memcached_stuck_dump.check_hold(report, self.peer, proc_is_open=self.user is None)
        # Where its /proc is closed there is little else to tell this hold from another by. The fingerprint is made of the first report,
        # which may have met the thread between two poll()s: then its stack is another one.
        if report["phase"] == "over" and not memcached_stuck_dump.between_polls(report["holders"][0]):
            servers.require(self.fingerprint in (None, report["fingerprint"]),
                            f"another hold than the one before, with fingerprint {self.fingerprint}: {report}")
            self.fingerprint = report["fingerprint"]

    def said(self):
        return self.server.log()


class Redis:
    """Knows no way to get stuck, but forks for every save."""

    NAME = "redis"
    GETS_STUCK = False

    def __init__(self, run):
        self.port = servers.free_port()
        self.server = redis_load.start(run, self.port)
        self.pid = self.server.pid

    def talk(self, number):
        return RedisTalk(self.port, number)

    def fork_for(self, seconds):
        """One child after the other; returns how many have saved."""
        client = redis_load.Client(self.port)
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            servers.require(redis_load.save_in_child(client) == "ok", "redis could not save")
            count += 1
        client.close()
        return count

    def said(self):
        return self.server.log()


class Mariadb:
    """Gets stuck when nobody reads its error log, and a client that it refuses makes it write there."""

    NAME = "MariaDB"
    GETS_STUCK = True

    def __init__(self, run):
        self.run = run
        self.pipe = mariadb_stuck_log.Pipe(run.directory / "collector.fifo")
        self.server = mariadb.start(run, stderr=self.pipe.writing)
        self.pid = self.server.pid
        MariadbTalk.prepare(run)

    def talk(self, number):
        return MariadbTalk(self.run, number)

    def provoke(self):
        self.pipe.fill()
        self.refused = mariadb_stuck_log.refused_client(self.run)
        self.holder = self.server.wait_until("a thread is stuck in its log",
                                             lambda: mariadb_stuck_log.thread_that_writes(self.server))

    def relieve(self):
        self.pipe.read_what_is_there()
        servers.wait_until("the refused client's end", lambda: self.refused.poll() is not None)
        self.pipe.read_what_is_there()
        self.pipe.text = self.pipe.text.replace(b"." * 64, b"")  # what it was filled with, hour after hour

    def check(self, report):
        mariadb_stuck_log.check_hold(report, self.holder, self.pipe)

    def said(self):
        return self.pipe.text.decode()


KINDS = [Memcached, Redis, Mariadb]
