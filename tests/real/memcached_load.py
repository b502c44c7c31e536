"""memcached with four worker threads: the answers to a fixed script of sets, gets, counters and deletes from 16
connections are the same with and without the preload, and idle workers are not reported.

It becomes an unprivileged user, as it does in production: its /proc files then belong to root.
"""

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor

import comparison
import servers

WORKERS = 4
CONNECTIONS = 16
ROUNDS = 120
COMMANDS_A_ROUND = 100
COUNTED = ["cmd_get", "cmd_set", "get_hits", "get_misses", "delete_hits", "delete_misses", "incr_hits", "incr_misses",
           "curr_items", "total_items", "evictions", "threads"]


class Client:
    """One connection that sends a round of commands at once and then reads all answers."""

    def __init__(self, port):
        self.socket = servers.connect(port)
        self.lines = self.socket.makefile("rb")

    def close(self):
        self.lines.close()
        self.socket.close()

    def ask(self, commands):
        self.socket.sendall(b"".join(commands))
        return [self.answer() for _ in commands]

    def answer(self):
        """The lines of one answer: a single one, or values and statistics up to END."""
        answer = [self.lines.readline()]
        while answer[-1].startswith((b"VALUE ", b"STAT ")):
            if answer[-1].startswith(b"VALUE "):
                answer.append(self.lines.read(int(answer[-1].split()[3]) + 2))
            answer.append(self.lines.readline())
        return b"".join(answer)


def command(dice, own):
    """One command on the connection's own keys, so that its answer does not depend on the others."""
    key = b"%s-%d" % (own, dice.randrange(500))
    kind = dice.randrange(10)
    if kind < 4:
        value = dice.randbytes(dice.choice([10, 100, 1000, 8000]))
        return b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value)
    if kind < 8:
        return b"get %s\r\n" % key
    if kind == 8:
        return b"delete %s\r\n" % key
    return b"incr counter-%s 1\r\n" % own


def converse(port, number):
    """A whole connection's script; returns the checksum of its answers."""
    own = b"c%d" % number
    dice = random.Random(number)
    checksum = hashlib.sha256()
    client = Client(port)
    client.ask([b"set counter-%s 0 0 1\r\n0\r\n" % own])
    for _ in range(ROUNDS):
        answers = client.ask([command(dice, own) for _ in range(COMMANDS_A_ROUND)] + [b"incr everybody 1\r\n"])
        # The last answer counts what all connections do: only its final value is the same in every run.
        for answer in answers[:-1]:
            servers.require(not answer.startswith((b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")), answer)
            checksum.update(answer)
    client.close()
    return checksum.hexdigest()


def scenario(run):
    port = servers.free_port()
    user = servers.unprivileged_user()
    server = run.start([servers.find_program("memcached", "memcached"), "-t", WORKERS, "-l", "127.0.0.1", "-p", port,
                        "-U", 0, "-m", 256, *(["-u", user] if user else [])])
    server.wait_until("memcached listens", lambda: servers.accepts(port))
    run.check_is_watched(server.pid, threaded=True)

    client = Client(port)
    client.ask([b"set everybody 0 0 1\r\n0\r\n"])
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        checksums = list(pool.map(lambda number: converse(port, number), range(CONNECTIONS)))
    run.idle_past_limit()
    [statistics] = client.ask([b"stats\r\n"])
    [everybody] = client.ask([b"get everybody\r\n"])
    client.close()

    counts = dict(line.split()[1:3] for line in statistics.decode().splitlines() if line.startswith("STAT "))
    servers.require(everybody.split()[4] == b"%d" % (CONNECTIONS * ROUNDS), f"counted {everybody}")
    return {"answers": checksums, "counts": {name: counts[name] for name in COUNTED},
            "exit status": server.stop()}


if __name__ == "__main__":
    servers.main(lambda shim: comparison.compare_runs(shim, scenario))
