"""memcached in a container, attached to from outside: namespaces of its own for mounts and process ids, root's and a user's, and
a root with memcached, its libraries and nothing of holdwatch's.

It gets stuck in the list of its keys, and the hold has to be reported. Where the container happens to have the libraries that
symbolizing takes, the report is whole; where it has not, it is told on the container's standard error, without names.

    attach_container.py SHIM --control CONTROL
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import memcached_stuck_dump
import servers
from attached import AttachableRun

# Of the second kind only one user is known.
CONTAINERS = {"nobody": ["--mount", "--pid"], "root": ["--user", "--map-root-user", "--mount", "--pid"]}
PASSWD = "root:x:0:0:root:/:/none\nnobody:x:65534:65534:nobody:/:/none\n"
# Where LOG and JSON lead to, as the container sees it.
OPTIONS = {"HOLDWATCH_LOG": "/tmp/reports.txt", "HOLDWATCH_JSON": "/tmp/reports.json"}
CANNOT_NAME = r"holdwatch\[1\]: cannot load libholdwatch-symbolizer\.so: .*; reports go to stderr without function names" \
    r", and nothing is written to LOG=/tmp/reports\.txt and JSON=/tmp/reports\.json"
TOLD = r'holdwatch\[1\]: thread (\d+) "mc-itemcrawler" has held mutex L1 1 s'
TAKEN = r"holdwatch\[1\]: +taken by (\d+) .*memcached\+0x[0-9a-f]+ \(build id [0-9a-f]+\)"
RELEASED = r'holdwatch\[1\]: L1 released by (\d+) "mc-itemcrawler"'


def libraries_of(file):
    printed = subprocess.run(["ldd", file], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", printed)


def make_root(run, program, more_libraries):
    """A root with what the program needs, and a place where whoever it becomes may write."""
    root = run.directory / "root"
    files = {program, *libraries_of(program), *more_libraries}
    # As in images: the loader is one of the libraries, and /lib64 has a link to it.
    for file in files | {os.path.realpath(file) for file in files if "ld-linux" in file}:
        place = root / file.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    for folder in ("proc", "tmp", "etc"):
        (root / folder).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text(PASSWD)
    return root


def enter(namespaces):
    return ["unshare", "--fork", "--kill-child", *namespaces]


def skip_without(namespaces):
    """Not everybody may make containers, and not within every container."""
    tried = subprocess.run([*enter(namespaces), "mount", "-t", "proc", "proc", "/proc"], capture_output=True, text=True, check=False)
    servers.abilities.skip_if(servers.abilities.no_root() or tried.returncode != 0 and f"no containers here: {tried.stderr.strip()}")


class Container:
    """memcached in one, and its process id outside."""

    def __init__(self, run, user, more_libraries):
        program = servers.find_program("memcached", "memcached")
        root = make_root(run, program, more_libraries)
        run.reports_directory = root / "tmp"
        self.port = servers.free_port()
        self.server = run.start([*enter(CONTAINERS[user]), sys.executable, "-B", Path(__file__).with_name("contained.py"), root,
                                 program, "-t", 4, "-l", "127.0.0.1", "-p", self.port, "-U", 0, "-u", user])
        self.server.wait_until("memcached listens", lambda: servers.accepts(self.port))
        [self.pid] = servers.children(self.server.pid)
        seen = sorted(path.name for path in Path(f"/proc/{self.pid}/root").iterdir())
        servers.require(seen == ["etc", "lib", "lib64", "proc", "tmp", "usr"], f"the container sees {seen}")
        memcached_stuck_dump.store_keys(self.port)

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        return self.server.wait()


@contextlib.contextmanager
def stuck(container):
    """As long as it does, a client wants the list of all keys and does not read it; gives that client's address."""
    reader = memcached_stuck_dump.client_that_does_not_read(container.port)
    yield "{}:{}".format(*reader.getsockname())
    reader.close()


def hold_told_on_standard_error(run, container, user):
    said = container.server.log
    with stuck(container):
        holder = container.server.wait_until("the first line", lambda: re.search(TOLD, said())).group(1)
        taker = container.server.wait_until("where it was taken", lambda: re.search(TAKEN, said())).group(1)
    releaser = container.server.wait_until("the closing line", lambda: re.search(RELEASED, said())).group(1)
    servers.require(holder == taker == releaser, f"three threads: {holder}, {taker}, {releaser}")
    servers.require(len(re.findall(CANNOT_NAME, said())) == 1, "it does not say once why there are no names")
    servers.require(not run.reports(), "it is reported twice")


def hold_reported(run, container, user):
    with stuck(container) as peer:
        container.server.wait_until("a report", run.reports)
    container.server.wait_until("the closing line", lambda: memcached_stuck_dump.hold_reports(run)[-1]["phase"] == "released")
    for report in memcached_stuck_dump.hold_reports(run)[:-1]:
        # In there it is the first process.
        servers.require(report["pid"] == 1, f"pid {report['pid']}")
        memcached_stuck_dump.check_hold(report, peer, proc_is_open=user == "root")


def story(shim, user, more_libraries, hold):
    with AttachableRun(shim, **OPTIONS) as run:
        container = Container(run, user, more_libraries)
        print(run.attach(container.pid), end="")
        hold(run, container, user)
        print(run.detach(container.pid), end="")
        servers.wait_until("the end of holdwatch's threads", lambda: not servers.own_threads(container.pid))
        memcached_stuck_dump.check_keys(container.port)
        run.attach(container.pid)
        run.detach(container.pid)
        print(container.server.log() + run.reports_text())
        servers.require(container.stop() == 0, "memcached does not end well")


def test(shim, control):
    AttachableRun.control = control
    symbolizer = shim.parent.parent / "symbolizer" / "libholdwatch-symbolizer.so"
    for user, namespaces in CONTAINERS.items():
        skip_without(namespaces)
        print(f"in a container, as its {user}:")
        story(shim, user, [], hold_told_on_standard_error)
        story(shim, user, libraries_of(symbolizer), hold_reported)


if __name__ == "__main__":
    servers.main(test, lambda parser: parser.add_argument("--control", required=True))
