"""The servers of attach_hold.py beside those of the soak: Debian's own, each with a lock that it holds for as long as somebody
at the other end of a named pipe likes, as it would for a hung disk or a colleague who does not answer.

redis and nginx by themselves hold no lock for long: redis waits only under the lock that it takes round each turn once a
module is loaded, nginx only in the code that it calls, here a handler in Perl that asks SQLite.
"""

import glob
import os
import zlib
from pathlib import Path

import redis_load
import servers
from soak_load import HttpTalk, RedisTalk

SEARCH_MODULE = "/usr/lib/redis/modules/redisearch.so"
PERL_MODULE = "/usr/lib/nginx/modules/ngx_http_perl_module.so"
PERL_SQLITE = "/usr/lib/*/perl5/*/DBD/SQLite.pm"
DEBIAN_PYTHON = "/usr/bin/python3"
PATHS_A_TURN = 20


def need_file(path, package):
    """Ends the test as skipped if a package's file, or one by a pattern, is not here."""
    if not glob.glob(path):
        servers.abilities.skip(f"no {path} here; on Debian: apt-get install {package}")
    return path


def function_names(stack):
    return [frame["function"] or "" for frame in stack["frames"]]


def check_blocked(report, opened):
    """The hold of a mutex by a thread that is opening a pipe nobody opens from the other side."""
    servers.require(report["event"] == "hold" and report["lock"]["kind"] == "mutex", f"not the hold: {report}")
    [one] = report["holders"]
    servers.require(one["held_ns"] >= report["limit_ns"], f"held {one['held_ns']} ns, under the limit")
    servers.require((one["doing"] or "").startswith(f"openat({opened}"), f"doing {one['doing']!r}")
    servers.require(one["now"]["complete"], f"now: {one['now']['note']}")


class Redis:
    """Saves to a file that does not take it, under the modules' lock; the search module's cleaner waits for that lock."""

    def __init__(self, run):
        self.port = servers.free_port()
        module = need_file(SEARCH_MODULE, "redis-redisearch")
        self.server = redis_load.start(run, self.port, options=["--loadmodule", module])
        self.pid = self.server.pid
        self.file = run.directory / f"temp-{self.pid}.rdb"
        self.client = redis_load.Client(self.port)
        self.client.ask("FT.CREATE", "words", "SCHEMA", "text", "TEXT")

    def talk(self, number):
        return RedisTalk(self.port, number)

    def provoke(self):
        os.mkfifo(self.file)
        self.client.send([[b"SAVE"]])

    def relieve(self):
        with open(self.file, "rb") as file:
            servers.require(file.read().startswith(b"REDIS"), "redis has saved something else")
        # Nothing that is kept can be had of a pipe: it says that it has failed, and removes it.
        servers.require(self.client.lines.readline().startswith(b"-ERR"), "redis takes a pipe for a file")

    def check(self, report):
        check_blocked(report, self.file.name)
        for waiters in report["waiters"]:
            servers.require("RM_ThreadSafeContextLock" in function_names(waiters["stack"])[:2], f"waiters: {waiters}")


NGINX = """
load_module {module};
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  sendfile off;
  aio threads;
  keepalive_requests 100000000;
  perl_modules {directory};
  perl_require Report.pm;
  server {{
    listen 127.0.0.1:{port};
    root {directory}/files;
    location /report {{ perl Report::answer; }}
  }}
}}
"""

PERL_HANDLER = """
package Report;
use nginx;
use DBI;
my $database = DBI->connect('dbi:SQLite:dbname=:memory:', '', '', {{RaiseError => 1}});
$database->sqlite_create_function('ask_colleague', 0, sub {{ open(my $answer, '<', '{pipe}'); return <$answer>; }});
sub answer {{
  my $request = shift;
  my ($answer) = $database->selectrow_array('select ask_colleague()');
  $request->header_out('Content-Length', length $answer);
  $request->send_http_header('text/plain');
  $request->print($answer);
  return OK;
}}
1;
"""


class WebServer:
    """A colleague who does not answer keeps a query from its end, and SQLite's mutex with it."""

    def __init__(self, run):
        self.pipe = run.directory / "colleague"
        os.mkfifo(self.pipe)
        self.pipe.chmod(0o666)

    def check(self, report):
        check_blocked(report, self.pipe)
        servers.require(not report["waiters"], f"who waits? {report['waiters']}")

    def provoke(self):
        self.client = HttpTalk(self.port, None)
        self.client.ask("/report")

    def relieve(self):
        self.pipe.write_text("fine\n")
        servers.require(self.client.hear().strip() == b"fine", "the report is another than the colleague's")
        self.client.close()


class Nginx(WebServer):
    """A handler in Perl asks the database: the whole worker stands still, and nobody waits for the mutex."""

    FILES = 20

    def __init__(self, run):
        super().__init__(run)
        module = need_file(PERL_MODULE, "libnginx-mod-http-perl")
        need_file(PERL_SQLITE, "libdbd-sqlite3-perl")
        self.port = servers.free_port()
        user = servers.unprivileged_user()
        files = run.directory / "files"
        files.mkdir()
        for number in range(self.FILES):
            (files / str(number)).write_bytes(self.content(number))
        (run.directory / "Report.pm").write_text(PERL_HANDLER.format(pipe=self.pipe))
        configuration = run.directory / "nginx.conf"
        configuration.write_text(NGINX.format(directory=run.directory, port=self.port, module=module,
                                              user=f"user {user} nogroup;" if user else ""))
        self.server = run.start([servers.find_program("nginx", "nginx"), "-p", run.directory, "-e", "stderr",
                                 "-c", configuration])
        self.server.wait_until("nginx listens", lambda: servers.accepts(self.port))
        [self.pid] = self.server.wait_until("a worker", lambda: servers.children(self.server.pid))

    @staticmethod
    def content(number):
        return b"%d," % number * 500

    def expect(self, turn):
        numbers = [(turn + step) % self.FILES for step in range(PATHS_A_TURN)]
        return [f"/{number}" for number in numbers], [self.content(number) for number in numbers]

    def talk(self, number):
        return HttpTalk(self.port, self.expect)


class Python(WebServer):
    """A thread of python_server.py asks the database, and the others go on."""

    def __init__(self, run):
        super().__init__(run)
        need_file(DEBIAN_PYTHON, "python3")
        self.server = run.start([DEBIAN_PYTHON, "-B", Path(__file__).with_name("python_server.py"), self.pipe])
        self.port = int(self.server.wait_until("Python listens", self.server.log))
        self.pid = self.server.pid

    def talk(self, number):
        def expect(turn):
            paths = [f"/{number}/{turn}/{step}" for step in range(PATHS_A_TURN)]
            sums = [b"%d\n" % zlib.crc32(path.encode() * 1000) for path in paths]
            return paths, sums
        return HttpTalk(self.port, expect)
