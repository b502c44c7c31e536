"""What a watched server's requests cost: processor time of the server a request, bare and watched.

Both servers run at once, and the load goes to the one and the other by turns, a fixed number of requests each time. The
load is heavy and pipelined: what locks cost is most of what there is to see. Only the server's processor time counts. Turns are short
and many, as a server's work varies far more from turn to turn than a loop of lock calls does.
"""

import contextlib
import re
import shutil
import statistics
import time

import mariadb
import redis_load
import servers
from pairing import Missing, ratio_row

TURNS_A_ROUND = 3
PIPELINE = 100
VALUE_BYTES = 64
KEYS = 1000


def need(program, package):
    if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        raise Missing(f"on Debian: apt-get install {package}")


def processor_ns(pid):
    """What a process has used of the processors so far, in all its threads: its clock, as clock_getcpuclockid gives it."""
    return time.clock_gettime_ns((~pid << 3) | 2)


class Memcached:
    """Pipelined gets on a few connections, all of them hits."""

    name, says, goal = "memcached", "memcached, pipelined gets", 1.035
    CONNECTIONS, REQUESTS = 4, 40_000

    def __init__(self, run):
        need("memcached", "memcached")
        port = servers.free_port()
        user = servers.unprivileged_user()
        self.server = run.start(["memcached", "-t", 2, "-l", "127.0.0.1", "-p", port, "-U", 0, "-m", 64,
                                 *(["-u", user] if user else [])])
        self.server.wait_until("memcached listens", lambda: servers.accepts(port))
        run.check_is_watched(self.server.pid, threaded=True)
        self.pid = self.server.pid
        self.sockets = [servers.connect(port) for _ in range(self.CONNECTIONS)]
        value = b"v" * VALUE_BYTES
        answer = sum(len(self.ask(b"set key-%04d 0 0 %d\r\n%s\r\n" % (key, VALUE_BYTES, value), 8)) for key in range(KEYS))
        servers.require(answer == 8 * KEYS, "memcached has not stored the keys")
        self.batch = b"".join(b"get key-%04d\r\n" % (key * 7 % KEYS) for key in range(PIPELINE))
        self.answer_bytes = len(b"VALUE key-0000 0 %d\r\n%s\r\nEND\r\n" % (VALUE_BYTES, value)) * PIPELINE

    def ask(self, request, answer_bytes):
        self.sockets[0].sendall(request)
        return self.receive(self.sockets[0], answer_bytes)

    @staticmethod
    def receive(socket, count):
        parts = []
        while count > 0:
            parts.append(socket.recv(count))
            servers.require(parts[-1], "the server has closed a connection")
            count -= len(parts[-1])
        return b"".join(parts)

    def load(self):
        for _ in range(self.REQUESTS // PIPELINE // self.CONNECTIONS):
            for socket in self.sockets:
                socket.sendall(self.batch)
            for socket in self.sockets:
                self.receive(socket, self.answer_bytes)
        return self.REQUESTS

    def stop(self):
        for socket in self.sockets:
            socket.close()
        self.server.stop()


class Redis:
    """redis-benchmark's pipelined gets, with an I/O thread that also reads. While requests come it spins, and so does what
    waits for it: with more such threads than cores little else would be measured."""

    name, says, goal = "redis", "redis with io-threads, pipelined gets", 1.01
    REQUESTS, IO_THREADS = 50_000, 2

    def __init__(self, run):
        need("redis-server", "redis-server")
        need("redis-benchmark", "redis-tools")
        self.port = servers.free_port()
        self.server = redis_load.start(run, self.port, self.IO_THREADS)
        self.pid = self.server.pid
        servers.run_client(["redis-benchmark", "-p", str(self.port), "-q", "-t", "set", "-n", "1000", "-r", "1000"])

    def load(self):
        servers.run_client(["redis-benchmark", "-p", str(self.port), "-c", "50", "-n", str(self.REQUESTS), "-P", "16",
                            "-t", "get", "-d", str(VALUE_BYTES), "-r", "1000", "--csv"])
        return self.REQUESTS

    def stop(self):
        self.server.stop()


class Mariadb:
    """sysbench's read-only transactions, 14 queries each."""

    name, says, goal = "mariadb", "MariaDB, sysbench read-only", 1.01
    TRANSACTIONS = 300
    TABLE = ["--tables=1", "--table-size=10000"]

    def __init__(self, run):
        need("mariadbd", "mariadb-server")
        need("sysbench", "sysbench")
        self.run = run
        self.server = mariadb.start(run)
        self.pid = self.server.pid
        mariadb.query(run, "create database bench")
        self.sysbench("prepare", "--threads=1")

    def sysbench(self, command, *options):
        return servers.run_client(["sysbench", "oltp_read_only", "--db-driver=mysql", "--mysql-user=root",
                                   f"--mysql-socket={mariadb.socket_path(self.run)}", "--mysql-db=bench", *self.TABLE,
                                   *options, command])

    def load(self):
        self.sysbench("run", "--threads=4", f"--events={self.TRANSACTIONS}", "--time=0", "--rand-seed=1")
        return self.TRANSACTIONS

    def stop(self):
        self.server.stop()


NGINX = """
worker_processes 1;
daemon off;
pid {directory}/pid;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  sendfile off;
  aio threads;
  keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; root {directory}; }}
}}
"""


class Nginx:
    """A small file over kept connections, read by the thread pool: each request is handed over and back under mutexes."""

    name, says, goal = "nginx", "nginx, small file through its thread pool", 1.01
    REQUESTS = 5_000

    def __init__(self, run):
        need("nginx", "nginx")
        need("ab", "apache2-utils")
        self.port = servers.free_port()
        user = servers.unprivileged_user()
        configuration = run.directory / "nginx.conf"
        configuration.write_text(NGINX.format(directory=run.directory, port=self.port,
                                              user=f"user {user} nogroup;" if user else ""))
        (run.directory / "file").write_bytes(b"f" * 2000)
        self.server = run.start([servers.find_program("nginx", "nginx"), "-p", run.directory, "-e", "stderr", "-c",
                                 configuration])
        self.server.wait_until("nginx listens", lambda: servers.accepts(self.port))
        [self.pid] = self.server.wait_until("a worker", lambda: servers.children(self.server.pid))
        self.load()  # the pool's threads are there now
        run.check_is_watched(self.pid, threaded=True)

    def load(self):
        servers.run_client(["ab", "-q", "-k", "-n", str(self.REQUESTS), "-c", "32",
                            f"http://127.0.0.1:{self.port}/file"])
        return self.REQUESTS

    def stop(self):
        self.server.stop()


def turn(server):
    """Microseconds of the server's processor time a request, and requests a second."""
    before_ns, began = processor_ns(server.pid), time.monotonic()
    requests = server.load()
    return (processor_ns(server.pid) - before_ns) / requests / 1000, requests / (time.monotonic() - began)


def server_row(bench, kind):
    with contextlib.ExitStack() as stack:
        try:
            bare, watched = (kind(stack.enter_context(servers.Run(shim))) for shim in (None, bench.shim))
        except SystemExit as skipped:  # how the tests of servers say that one is not here
            raise Missing(f"a program of {kind.name} ({skipped})") from None
        turn(bare), turn(watched)
        turns = [(turn(bare), turn(watched)) for _ in range(TURNS_A_ROUND * bench.rounds)]
        bare.stop()
        watched.stop()
    throughput = statistics.median(watched[1] / bare[1] for bare, watched in turns)
    return ratio_row(kind.says, [(bare[0], watched[0]) for bare, watched in turns], kind.goal, unit="us",
                     note=f"throughput x {throughput:.2f}")


KINDS = (Memcached, Redis, Mariadb, Nginx)


def cases():
    return {kind.name: (lambda bench, kind=kind: [server_row(bench, kind)]) for kind in KINDS}
