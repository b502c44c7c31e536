"""The programs of the quiet trial, each with a light and steady load that goes on until it is told to end.

A program is started by a function of its name, which gets the run that it belongs to, for how many seconds it will run, and an
ExitStack for what has to end after it.
"""

import dataclasses
import hashlib
import signal
import subprocess
from pathlib import Path

import abilities
import mariadb
import memcached_stuck_dump
import nginx_load
import redis_load
import servers
from soak_load import HttpVisits, Load, MariadbTalk, MemcachedTalk, RedisTalk

TURN_S = 1.0
OFFICE_TURN_S = 30.0
OFFICE_START_S = 180  # it makes its profile first
DEBIAN_PYTHON = "/usr/bin/python3"  # which python3-uno is for
TRANSACTIONS_A_SECOND = 4
FILE_OF_TWO_READS = "f7"  # one of nginx_load's, which grow with their number

# An HTTP server with a thread pool (pbkdf2) and a worker.
NODE_SERVER = """
const { createServer } = require('http');
const { pbkdf2 } = require('crypto');
const { Worker, isMainThread, parentPort } = require('worker_threads');
if (!isMainThread) {
  parentPort.on('message', number => parentPort.postMessage(2 * number));
} else {
  const worker = new Worker(__filename);
  const server = createServer((request, response) => {
    const number = request.url.slice(1);
    pbkdf2(number, 'salt', 1000, 32, 'sha256', (error, key) => {
      worker.once('message', twice => {
        const text = key.toString('hex') + ' ' + twice;
        response.writeHead(200, { 'Content-Length': text.length });
        response.end(text);
      });
      worker.postMessage(Number(number));
    });
  });
  server.listen(Number(process.argv[2]), '127.0.0.1');
  process.on('SIGTERM', () => {
    worker.terminate();
    server.close();
    server.closeAllConnections();
  });
}
"""

# Live sources, a queue, and so a thread, before and after each encoder, and one for the file.
PIPELINE = """
audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! tee name=sound
sound. ! queue ! audioconvert ! audioresample ! opusenc ! queue ! mux.
sound. ! queue ! fakesink
videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=5/1 ! queue ! videoconvert ! theoraenc ! queue ! mux.
oggmux name=mux ! queue ! filesink location={file}
"""


@dataclasses.dataclass
class Program:
    """One that runs, and its load, if it needs one. It is ended by a signal; without one it ends by itself, once its load has."""
    server: servers.Server
    load: Load | None
    signal: int | None = signal.SIGTERM

    def stop(self):
        """Returns the exit status."""
        if self.load:
            self.load.finish()
        return self.server.stop(self.signal) if self.signal else self.server.wait()


def memcached(run, _seconds, _after):
    port = servers.free_port()
    server = memcached_stuck_dump.start(run, port, servers.unprivileged_user())
    return Program(server, Load(lambda number: MemcachedTalk(port, number), TURN_S))


def redis(run, _seconds, _after):
    """With I/O threads, and a child that saves every minute."""
    port = servers.free_port()
    server = redis_load.start(run, port, options=["--save", "60 1"])
    return Program(server, Load(lambda number: RedisTalk(port, number), TURN_S))


def mariadb_server(run, _seconds, _after):
    server = mariadb.start(run)
    MariadbTalk.prepare(run)
    return Program(server, Load(lambda number: MariadbTalk(run, number), TURN_S))


def nginx(run, _seconds, _after):
    """With a thread pool that reads its files."""
    server, worker, port = nginx_load.start(run)
    run.check_is_watched(worker, threaded=True)
    body = (run.directory / "files" / FILE_OF_TWO_READS).read_bytes()

    def expect(_turn):
        return ["/" + FILE_OF_TWO_READS], [body]
    return Program(server, Load(lambda _: HttpVisits(port, expect), TURN_S), signal.SIGQUIT)


def node_answer(turn):
    key = hashlib.pbkdf2_hmac("sha256", b"%d" % turn, b"salt", 1000)
    return [f"/{turn}"], [f"{key.hex()} {2 * turn}".encode()]


def node(run, _seconds, _after):
    port = servers.free_port()
    script = run.directory / "server.js"
    script.write_text(NODE_SERVER)
    server = run.start([servers.find_program("node", "nodejs"), script, port])
    server.wait_until("node listens", lambda: servers.accepts(port))
    run.check_is_watched(server.pid, threaded=True)
    # One connection only: the script takes the worker's next message for the answer to the last question.
    return Program(server, Load(lambda _: HttpVisits(port, node_answer), TURN_S, connections=1))


def gstreamer(run, _seconds, _after):
    """SIGINT is an end of stream for it, which runs through all queues."""
    file = run.directory / "stream.ogg"
    server = run.start([servers.find_program("gst-launch-1.0", "gstreamer1.0-tools"), "-q", "-e",
                        *PIPELINE.format(file=file).split()])
    server.wait_until("the stream is being written", lambda: file.exists() and file.stat().st_size > 0)
    run.check_is_watched(server.pid, threaded=True)
    return Program(server, None, signal.SIGINT)


class OfficeTalk:
    """A client that has documents made into PDF; LibreOffice ends with it."""

    def __init__(self, port, directory):
        client = [DEBIAN_PYTHON, "-B", Path(__file__).with_name("office_client.py"), str(port), directory]
        self.client = subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       env=servers.bare_environment())

    def say(self, turn):
        paragraphs = 100 + turn
        print(paragraphs, file=self.client.stdin, flush=True)
        return [f"{paragraphs} %PDF\n"]

    def hear(self):
        return self.client.stdout.readline()


def libreoffice(run, _seconds, _after):
    port = servers.free_port()
    server = run.start([servers.find_program("soffice", "libreoffice-writer-nogui"), "--headless", "--norestore", "--nologo",
                        f"-env:UserInstallation=file://{run.directory}/profile",
                        f"--accept=socket,host=127.0.0.1,port={port};urp"])
    servers.wait_until("LibreOffice listens", lambda: servers.accepts(port), OFFICE_START_S)
    for child in servers.children(server.pid):
        run.check_is_watched(child, threaded=True)
    return Program(server, Load(lambda _: OfficeTalk(port, run.directory), OFFICE_TURN_S, connections=1), None)


def as_unprivileged():
    """PostgreSQL refuses to run as root."""
    user = servers.unprivileged_user()
    return ["setpriv", "--reuid", user, "--regid", "nogroup", "--clear-groups"] if user else []


def postgresql_program(name):
    """Debian has them in a directory for each version, and wrappers in Perl on the user's path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found[-1] if found else servers.find_program(name, "postgresql")


def bare_postgresql(after):
    """A server that is not watched, with pgbench's tables; returns how its clients reach it."""
    run = after.enter_context(servers.Run(None))
    run.give_to(servers.unprivileged_user(), run.directory)
    port = servers.free_port()
    at = ["-h", run.directory, "-p", str(port)]
    data = run.directory / "data"
    servers.run_client([*as_unprivileged(), postgresql_program("initdb"), "-D", data, "-U", "trial", "-A", "trust", "--no-sync"],
                       cwd=run.directory)
    server = run.start([*as_unprivileged(), postgresql_program("postgres"), "-D", data, "-c", "listen_addresses=",
                        "-k", run.directory, "-p", port])
    after.callback(server.stop, signal.SIGINT)
    socket = run.directory / f".s.PGSQL.{port}"
    server.wait_until("PostgreSQL's socket is there", socket.exists)
    ready = [abilities.path_of("pg_isready"), "-q", *at]
    server.wait_until("PostgreSQL answers", lambda: subprocess.run(ready, env=servers.bare_environment(),
                                                                   check=False).returncode == 0)
    at += ["-U", "trial"]
    servers.run_client([*as_unprivileged(), postgresql_program("pgbench"), *at, "-i", "-q", "postgres"], cwd=run.directory)
    return at


def pgbench(run, seconds, after):
    """The clients are watched, not the server. They end by themselves."""
    at = bare_postgresql(after)
    server = run.start([*as_unprivileged(), postgresql_program("pgbench"), *at, "-c", 4, "-j", 4,
                        f"--rate={TRANSACTIONS_A_SECOND}", "-T", int(seconds), "postgres"])
    server.wait_until("pgbench's threads run", lambda: len(servers.program_threads(server.pid)) >= 4)
    run.check_is_watched(server.pid, threaded=True)
    return Program(server, None, None)


PROGRAMS = {"memcached": memcached, "redis": redis, "MariaDB": mariadb_server, "nginx": nginx, "node": node,
            "GStreamer": gstreamer, "LibreOffice": libreoffice, "pgbench": pgbench}
