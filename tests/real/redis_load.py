"""redis with four I/O threads that also read: the answers to a fixed script from 16 connections, the data set's digest,
a save in a forked child and a benchmark's fixed number of requests are the same with and without the preload.

redis holds mutexes for as long as it is idle, by design: a line says that they are not reported.
"""

import hashlib
import random
import re

import comparison
import servers

IO_THREADS = 4
CONNECTIONS = 16
ROUNDS = 60
COMMANDS_A_ROUND = 40
BENCHMARK_REQUESTS = 10000
NOTICE = r"not reported: redis parks its idle I/O threads"


class Client:
    """One connection; a round of commands is sent at once and its answers are read later."""

    def __init__(self, port):
        self.socket = servers.connect(port)
        self.lines = self.socket.makefile("rb")

    def close(self):
        self.lines.close()
        self.socket.close()

    def send(self, commands):
        """Each command is a list of words; inline it would be limited to printable ones."""
        parts = []
        for words in commands:
            parts.append(b"*%d\r\n" % len(words))
            parts.extend(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.socket.sendall(b"".join(parts))

    def answer(self):
        line = self.lines.readline()
        kind, rest = line[:1], line[1:-2]
        servers.require(kind != b"-", f"redis answers {line}")
        if kind == b"$" and rest != b"-1":
            return self.lines.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return b" ".join(self.answer() for _ in range(int(rest)))
        return rest

    def ask(self, *words):
        self.send([[word.encode() for word in words]])
        return self.answer().decode()


def command(dice, own):
    """One command on the connection's own keys, so that its answer does not depend on the others."""
    key = b"%s-%d" % (own, dice.randrange(300))
    return dice.choice([
        lambda: [b"SET", key, dice.randbytes(dice.choice([10, 100, 1000, 8000]))],
        lambda: [b"GET", key],
        lambda: [b"DEL", key],
        lambda: [b"INCR", b"counter-" + own],
        lambda: [b"RPUSH", b"list-" + own, key],
        lambda: [b"LRANGE", b"list-" + own, b"-5", b"-1"],
        lambda: [b"HSET", b"hash-" + own, key, b"%d" % dice.randrange(1000)],
        lambda: [b"HGET", b"hash-" + own, key],
    ])()


def converse(port):
    """Plays all connections' scripts, every round on all of them at once: the I/O threads work only when several
    clients wait. Returns the checksum of each connection's answers."""
    clients = [Client(port) for _ in range(CONNECTIONS)]
    dice = [random.Random(number) for number in range(CONNECTIONS)]
    checksums = [hashlib.sha256() for _ in range(CONNECTIONS)]
    for _ in range(ROUNDS):
        for number, client in enumerate(clients):
            client.send([command(dice[number], b"c%d" % number) for _ in range(COMMANDS_A_ROUND)])
        for number, client in enumerate(clients):
            for _ in range(COMMANDS_A_ROUND):
                checksums[number].update(client.answer())
    for client in clients:
        client.close()
    return [checksum.hexdigest() for checksum in checksums]


def information(client, section):
    return dict(re.findall(r"^(\w+):(.*?)\r?$", client.ask("INFO", section), re.MULTILINE))


def save_in_child(client):
    client.ask("BGSAVE")
    servers.wait_until("redis has saved",
                       lambda: information(client, "persistence")["rdb_bgsave_in_progress"] == "0")
    return information(client, "persistence")["rdb_last_bgsave_status"]


def benchmark(port):
    """redis-benchmark's tests that ended, one "name: requests" each: its figures are not of interest."""
    printed = servers.run_client([servers.find_program("redis-benchmark", "redis-tools"), "-p", str(port), "-c", "50",
                                  "-n", str(BENCHMARK_REQUESTS), "-P", "16", "-t", "set,get,incr,lpush", "--csv"])
    return [line.split(",")[0] for line in printed.splitlines() if line.startswith('"')]


def start(run, port, io_threads=IO_THREADS, options=()):
    server = run.start([servers.find_program("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", port,
                        "--io-threads", io_threads, "--io-threads-do-reads", "yes", "--dir", run.directory,
                        "--save", "", "--enable-debug-command", "local", "--daemonize", "no", *options])
    server.wait_until("redis listens", lambda: servers.accepts(port))
    run.check_is_watched(server.pid, threaded=True)
    return server


def scenario(run):
    port = servers.free_port()
    server = start(run, port)
    client = Client(port)
    results = {"answers": converse(port), "digest": client.ask("DEBUG", "DIGEST"), "keys": client.ask("DBSIZE")}
    results["save"] = save_in_child(client)
    results["benchmark"] = benchmark(port)
    run.idle_past_limit()
    threaded_reads = int(information(client, "stats")["io_threaded_reads_processed"])
    servers.require(threaded_reads > 0, "the I/O threads have read nothing: this load proves nothing of them")
    client.close()
    return {**results, "exit status": server.stop()}


if __name__ == "__main__":
    servers.main(lambda shim: comparison.compare_runs(shim, scenario, NOTICE))
