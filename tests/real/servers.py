"""A real server as a test sees it: started bare or under the preload, waited for by events, stopped by its pid.

Nothing here knows a particular server. All listen on loopback only and live in a directory of the run, which goes with
it. No wait is a fixed time: it ends with the event or, a minute later, with the test's failure.
"""

import argparse
import atexit
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import abilities  # pylint: disable=wrong-import-position
import positive_control  # pylint: disable=wrong-import-position
from expectations import DEADLINE_S, Failure, require, wait_until  # pylint: disable=wrong-import-position
from processes import own_threads, thread_names  # pylint: disable=wrong-import-position

DEFAULT_LIMIT_S = 1.0


def find_program(name, package):
    """The path of an installed program, or the end of the test as skipped, naming the Debian package to install."""
    abilities.skip_if(abilities.missing(name, package))
    return abilities.path_of(name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)


def accepts(port):
    """True once something listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S).close()
        return True
    except ConnectionRefusedError:
        return False


def run_client(argv, **options):
    """Runs a client to its end, unwatched; returns what it printed. Its failure is the test's."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=bare_environment(),
                          timeout=DEADLINE_S * 2, check=False, **options)
    require(done.returncode == 0, f"{argv[0]} ended with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def bare_environment():
    inherited = {name: value for name, value in os.environ.items()
                 if name != "LD_PRELOAD" and not name.startswith("HOLDWATCH_")}
    return {**inherited, "LC_ALL": "C", "TZ": "UTC"}


def unprivileged_user():
    """Whom a server that will not work as root should become; None if we are not root and it stays who it is."""
    return "nobody" if os.geteuid() == 0 else None


def reachable(shim):
    """The shim, where a server that becomes another user can still load the symbolizer beside it: a closed home, as root's, keeps
    it from the build. Then both are copied, for as long as we run."""
    if unprivileged_user() is None or not abilities.closed_directory(shim):
        return shim
    place = Path(tempfile.mkdtemp(prefix="holdwatch-real-", dir="/tmp"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    for part in ("shim/libholdwatch.so", "symbolizer/libholdwatch-symbolizer.so"):
        original = shim.parent.parent / part
        (place / part).parent.mkdir(mode=0o755)
        if original.exists():
            shutil.copy(original, place / part)
    return place / "shim" / shim.name


def program_threads(pid):
    """The threads that are the program's own."""
    return [tid for tid, name in thread_names(pid).items() if not name.startswith("holdwatch")]


def children(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in listed.split()]


def known_mistakes(subject):
    """The events that are reported rightly of a server whose own mistakes they are."""
    return getattr(subject, "MISTAKES", frozenset())


def require_control(environment, attach=None):
    """Fails unless a hold that must be reported is, in this environment: without that silence proves nothing."""
    try:
        positive_control.require_report(environment, attach)
    except positive_control.NotReported as failure:
        raise Failure(failure) from None


class Run:
    """One performance of a scenario: its directory, its servers, and whether they are watched."""

    def __init__(self, shim, **options):
        self.shim = shim  # None: bare
        self.options = options  # of the preload, such as HOLDWATCH_LIMIT
        # Under /tmp by name and not by TMPDIR: a socket's path may have 107 characters only.
        self.directory = Path(tempfile.mkdtemp(prefix="holdwatch-real-", dir="/tmp"))
        self.reports_directory = self.directory / "reports"
        self.reports_directory.mkdir()
        # The server may become another user before it has anything to report.
        self.directory.chmod(0o755)
        self.reports_directory.chmod(0o777)
        self.servers = []

    def __enter__(self):
        return self

    def __exit__(self, failure, raised, *_):
        skipped = isinstance(raised, SystemExit) and raised.code == abilities.EXIT_SKIPPED
        if failure is not None and not skipped and self.watched:
            print(f"what holdwatch said until then, whole:\n{self.reports_text()}{self.reports_json()}")
            print("\n".join(f"{server.log_path.name}:\n{server.log()}" for server in self.servers))
        for server in self.servers:
            server.end_by_force()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def watched(self):
        return self.shim is not None

    def environment(self):
        if not self.watched:
            return bare_environment()
        return {**bare_environment(), "LD_PRELOAD": str(self.shim),
                "HOLDWATCH_JSON": str(self.reports_directory / "reports.json"),
                "HOLDWATCH_LOG": str(self.reports_directory / "reports.txt"), **self.options}

    def start(self, argv, **options):
        server = Server(self, [str(word) for word in argv], **options)
        self.servers.append(server)
        return server

    def give_to(self, user, path):
        """Lets `user` (None: ourselves) own a file or directory."""
        if user is not None:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def reports(self):
        """The JSON lines so far. A line that is not JSON fails the test; one without its end is not there yet."""
        return [json.loads(line) for line in self.reports_json().split("\n")[:-1]]

    def reports_json(self):
        return self.said("reports.json")

    def reports_text(self):
        return self.said("reports.txt")

    def said(self, name):
        path = self.reports_directory / name
        return path.read_text() if path.exists() else ""

    def check_is_watched(self, pid, threaded):
        """Fails unless the shim is mapped there, and if the process has threads, its watcher runs."""
        if not self.watched:
            return
        try:
            maps = Path(f"/proc/{pid}/maps").read_text()
            require(self.shim.name in maps, f"process {pid} does not have {self.shim.name} loaded")
        except PermissionError:
            abilities.left_out(abilities.no_looking_at_servers() or f"process {pid} does not show its maps")
        if threaded:
            wait_until(f"a thread named holdwatch in process {pid}", lambda: own_threads(pid))

    def idle_past_limit(self):
        """Leaves the server alone for longer than a wrong report needs: an idle worker holds nothing."""
        if self.watched:
            time.sleep(2.5 * DEFAULT_LIMIT_S)


class Server:
    """One server process, its standard error in a file unless told otherwise."""

    def __init__(self, run, argv, stdin=subprocess.DEVNULL, stdout=None, stderr=None):
        self.run = run
        self.log_path = run.directory / f"{Path(argv[0]).name}.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(argv, stdin=stdin, stdout=stdout or log, stderr=stderr or log,
                                            env=run.environment(), cwd=run.directory, start_new_session=True)
        self.pid = self.process.pid

    def wait_until(self, what, happened):
        """As above, but says at once if the server has died meanwhile."""
        def happened_or_dead():
            value = happened()
            status = self.process.poll()
            require(value or status is None, f"the server ended with status {status} before: {what}\n{self.log()}")
            return value
        return wait_until(what, happened_or_dead)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self, number=signal.SIGTERM):
        """Sends the signal and returns the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        try:
            return self.process.wait(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"the server did not end within {DEADLINE_S} s\n{self.log()}") from None

    def end_by_force(self):
        """What a failed test leaves: the process, and the workers that it forked."""
        if self.process.poll() is None:
            for pid in [*children(self.pid), self.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()


def main(test, *options):
    """Runs `test(shim)` with the shim that the command line names, and ends with the status that meson expects.

    Each of `options` adds one to the parser of the command line; `test` gets its value by its name.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("shim", type=Path, help="path/to/libholdwatch.so")
    for add_option in options:
        add_option(parser)
    arguments = vars(parser.parse_intermixed_args())
    shim = arguments.pop("shim").absolute()  # not resolved: see tests/as_usual.sh
    if not shim.is_file():
        parser.error(f"no file {shim}")
    shim = reachable(shim)
    # A test that meson ends after its time has to take its servers with it: Python would just die of the signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    try:
        test(shim, **arguments)
    except Failure as failure:
        print(f"FAILED: {failure}\nrerun: {sys.executable} {' '.join(sys.argv)}")
        sys.exit(1)
    print("passed")
