"""A true find in a real server: MariaDB whose error log goes to a pipe that nobody reads any more, as when the
collector of a container's output hangs.

The thread that writes a warning holds the error log's mutex while write() blocks; every other thread with something to
say waits for that mutex. The report must name that mutex's holder, the write to that pipe, the server's own functions
and all who wait; after the pipe is read again it must close the episode. So too where the report's text goes, as it
does by default, into that very pipe: while the stall lasts only the JSON lines can tell of it, and neither the watch
nor the server's end may hang on it.
"""

import contextlib
import fcntl
import os
import subprocess
import threading
from pathlib import Path

import mariadb
import servers

WAITERS = 15
WRITE = "1"  # the system call's number on x86-64, as /proc/PID/task/TID/syscall writes it
STDERR = "0x2"
SOMEBODY = "a_stranger"  # a user whom the server refuses, with a warning in its log


class Pipe:
    """A named pipe, its reading end in our hands: read by a thread, or not at all."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        self.reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.writing = os.open(path, os.O_WRONLY)
        self.text = b""

    def fill(self):
        """Leaves no room for a single byte."""
        stuffing = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(stuffing, b"." * size)
        os.close(stuffing)

    def read_what_is_there(self):
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.reading, 65536):
                self.text += piece

    def read_to_its_end(self):
        """Reads from now on until the last writer has gone; returns the thread that does."""
        def read():
            while piece := os.read(self.reading, 65536):
                self.text += piece
        fcntl.fcntl(self.reading, fcntl.F_SETFL, 0)
        os.close(self.writing)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        return reader


def refused_client(run):
    return subprocess.Popen([*mariadb.client_command(run, user=SOMEBODY), "-e", "select 1"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=servers.bare_environment())


def thread_that_writes(server):
    """The tid of the thread that is in write() to the server's standard error, or None."""
    for tid in servers.program_threads(server.pid):
        with contextlib.suppress(OSError):
            call = Path(f"/proc/{server.pid}/task/{tid}/syscall").read_text().split()
            if call[:2] == [WRITE, STDERR]:
                return tid
    return None


def function_names(stack):
    return " ".join(frame["function"] or "" for frame in stack["frames"])


def has_place(stack, function):
    """True if the stack names the server's function, or if its symbols are missing, the place in its own file."""
    if function in function_names(stack):
        return True
    own = [frame for frame in stack["frames"] if Path(frame["module"]).name == "mariadbd"]
    return bool(own) and all(frame["function"] is None and frame["offset"] and frame["build_id"] for frame in own)


def check_hold(report, holder, pipe):
    """The facts of one report while the log is stuck."""
    what = f"{report['phase']} report"
    servers.require(report["event"] == "hold", f"{what}: event {report['event']}")
    servers.require(report["lock"]["kind"] == "mutex", f"{what}: lock {report['lock']}")
    servers.require([one["tid"] for one in report["holders"]] == [holder], f"{what}: the holder is not {holder}")
    [one] = report["holders"]
    servers.require(one["mode"] == "exclusive" and one["state"] == "blocked", f"{what}: {one['mode']} {one['state']}")
    servers.require(one["held_ns"] >= report["limit_ns"], f"{what}: held {one['held_ns']} ns, under the limit")
    servers.require(one["doing"].startswith("write(fd 2 ") and str(pipe.path) in one["doing"],
                    f"{what}: doing {one['doing']!r}")
    for name in ("taken", "now"):
        servers.require(has_place(one[name], "sql_print_warning"), f"{what}: {name} {function_names(one[name])!r}")
        servers.require(one[name]["complete"], f"{what}: {name} is incomplete: {one[name]['note']}")
    for waiters in report["waiters"]:
        servers.require(waiters["mode"] == "exclusive", f"{what}: waiters {waiters['mode']}")
        servers.require(holder not in waiters["tids"], f"{what}: the holder waits for itself")
        servers.require(has_place(waiters["stack"], "sql_print_warning"),
                        f"{what}: waiters at {function_names(waiters['stack'])!r}")


def waiting(report):
    return sum(group["count"] for group in report["waiters"])


def check_story(run, holder, pipe):
    """All reports of the run, from the first to the closing one."""
    reports = run.reports()
    servers.require({report["episode"] for report in reports} == {reports[0]["episode"]}, "more than one episode")
    servers.require([reports[0]["phase"], reports[-1]["phase"]] == ["over", "released"],
                    f"phases {[report['phase'] for report in reports]}")
    servers.require(len({report["fingerprint"] for report in reports}) == 1, "the fingerprint changes")
    for report in reports[:-1]:
        check_hold(report, holder, pipe)
    for report in reports[1:-1]:
        servers.require(report["phase"] == "still" and report["holders"][0]["moved"] is False,
                        f"{report['phase']} report: the holder has moved")
    lost_ns = [report["lost_ns"] for report in reports]
    servers.require(lost_ns == sorted(lost_ns) and lost_ns[-1] > 0, f"time lost: {lost_ns} ns")


def story(shim, **options):
    with servers.Run(shim, **options) as run:
        pipe = Pipe(run.directory / "collector.fifo")
        server = mariadb.start(run, stderr=pipe.writing)
        pipe.read_what_is_there()
        pipe.fill()
        clients = [refused_client(run)]
        holder = server.wait_until("a thread is stuck in its log", lambda: thread_that_writes(server))
        clients += [refused_client(run) for _ in range(WAITERS)]
        server.wait_until(f"a report with {WAITERS} waiters",
                          lambda: any(waiting(report) == WAITERS for report in run.reports()))
        reader = pipe.read_to_its_end()
        server.wait_until("the closing line",
                          lambda: any(report["phase"] == "released" for report in run.reports()))
        refused = [client.wait(timeout=servers.DEADLINE_S) for client in clients]
        status = server.stop()
        reader.join()
        print(run.reports_text())
        check_story(run, holder, pipe)
        said = run.reports_text() + pipe.text.decode()
        servers.require(f"released by {holder} " in said, f"no closing line in: {said}")
        servers.require(refused == [1] * (1 + WAITERS), f"the clients ended with {refused}")
        servers.require(status == 0, f"the server ended with status {status}")
        servers.require(pipe.text.count(SOMEBODY.encode()) == 1 + WAITERS, "warnings got lost")


def test(shim):
    story(shim)
    story(shim, HOLDWATCH_LOG="stderr")


if __name__ == "__main__":
    servers.main(test)
