"""A steady, bounded load on one server: a helper process asks on several connections at once, compares every answer with
the one that is right, and sleeps until the next turn. It can be stopped and continued like any process.
"""

import multiprocessing
import os
import signal
import subprocess
import time

import mariadb
import memcached_load
import redis_load
import servers

CONNECTIONS = 4
TURN_S = 0.1
PAIRS_A_TURN = 10  # of a change and a question, on each connection
KEYS = 500


class MemcachedTalk:
    """One connection that sets and gets keys of its own."""

    def __init__(self, port, number):
        self.client = memcached_load.Client(port)
        self.name = b"soak-%d" % number

    def say(self, turn):
        """Sends a turn's requests; returns the answers that are right."""
        requests, right = [], []
        for number in range(turn * PAIRS_A_TURN, (turn + 1) * PAIRS_A_TURN):
            key, value = b"%s-%d" % (self.name, number % KEYS), b"%d" % number * 50
            requests.append(b"set %s 0 0 %d\r\n%s\r\nget %s\r\n" % (key, len(value), value, key))
            right += [b"STORED\r\n", b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value)]
        self.client.socket.sendall(b"".join(requests))
        return right

    def hear(self):
        return self.client.answer()


class RedisTalk:
    """One connection that sets and gets keys of its own."""

    def __init__(self, port, number):
        self.client = redis_load.Client(port)
        self.name = b"soak-%d" % number

    def say(self, turn):
        requests, right = [], []
        for number in range(turn * PAIRS_A_TURN, (turn + 1) * PAIRS_A_TURN):
            key, value = b"%s-%d" % (self.name, number % KEYS), b"%d" % number * 50
            requests += [[b"SET", key, value], [b"GET", key]]
            right += [b"OK", value]
        self.client.send(requests)
        return right

    def hear(self):
        return self.client.answer()


class HttpTalk:
    """One connection that asks for what `expect` names: it gives the paths of a turn, and what they hold."""

    def __init__(self, port, expect):
        self.socket = servers.connect(port)
        self.lines = self.socket.makefile("rb")
        self.expect = expect

    def say(self, turn):
        paths, right = self.expect(turn)
        self.ask(*paths)
        return right

    def ask(self, *paths):
        self.socket.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode() for path in paths))

    def close(self):
        self.lines.close()
        self.socket.close()

    def hear(self):
        """An answer's body, or its first line if it is no success."""
        first, size = self.lines.readline(), 0
        while (line := self.lines.readline()) not in (b"\r\n", b""):
            name, value = line.split(b":", 1)
            size = int(value) if name.lower() == b"content-length" else size
        body = self.lines.read(size)
        return body if b" 200 " in first else first


class HttpVisits:
    """A client that connects anew for each turn: servers close connections that are idle or have had their share."""

    def __init__(self, port, expect):
        self.port = port
        self.expect = expect
        self.visit = None

    def say(self, turn):
        if self.visit:
            self.visit.close()
        self.visit = HttpTalk(self.port, self.expect)
        return self.visit.say(turn)

    def hear(self):
        return self.visit.hear()


class MariadbTalk:
    """One client that counts in a row of its own, and in one that all clients want."""

    def __init__(self, run, number):
        self.client = subprocess.Popen([*mariadb.client_command(run), "--unbuffered", "soak"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True, env=servers.bare_environment())
        self.number = number

    @staticmethod
    def prepare(run):
        rows = ", ".join(f"({number}, 0)" for number in [*range(CONNECTIONS), CONNECTIONS])
        mariadb.query(run, "create database soak; use soak; create table counts (id int primary key, n int);"
                           f"insert into counts values {rows};")

    def say(self, turn):
        print(f"update counts set n = n + 1 where id = {CONNECTIONS}; update counts set n = n + 1 where id = {self.number};"
              f" select n from counts where id = {self.number};", file=self.client.stdin, flush=True)
        return [f"{turn + 1}\n"]

    def hear(self):
        return self.client.stdout.readline()


class Load:
    """The helper process, and what it has counted so far. Without a time for its turns they follow one upon the other."""

    def __init__(self, make_talk, turn_s=TURN_S, connections=CONNECTIONS):
        self.right, self.wrong, self.turns, self.answering_ns = (multiprocessing.RawValue("Q") for _ in range(4))
        self.is_over = multiprocessing.RawValue("b")
        self.turn_s = turn_s
        self.connections = connections
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=self.drive, args=(make_talk,), daemon=True)
        self.process.start()

    def drive(self, make_talk):
        os.setpgid(0, 0)  # so that a signal also reaches the clients that it starts
        talks = [make_talk(number) for number in range(self.connections)]
        due = time.monotonic()
        while not self.is_over.value:
            self.take_turn(talks)
            # What a slow turn has cost is not made up for: the load is bounded.
            now = time.monotonic()
            due = max(due + self.turn_s, now)
            time.sleep(due - now)

    def take_turn(self, talks):
        began_ns = time.monotonic_ns()
        expected = [talk.say(self.turns.value) for talk in talks]
        for talk, answers in zip(talks, expected):
            for answer in answers:
                counter = self.right if talk.hear() == answer else self.wrong
                counter.value += 1
        self.answering_ns.value += time.monotonic_ns() - began_ns
        self.turns.value += 1

    def pause(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def finish(self):
        """Lets it end its turn: whatever was asked has been answered then, or the test fails."""
        self.is_over.value = True
        self.process.join(servers.DEADLINE_S)
        status = self.process.exitcode
        servers.require(status == 0, f"the clients ended with status {status}, after {self.turns.value} turns")

    def end(self):
        """Its clients end with their pipes."""
        self.process.kill()
        self.process.join()

    def mean_turn_ms(self):
        return self.answering_ns.value / max(self.turns.value, 1) / 1e6
