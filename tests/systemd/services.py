#!/usr/bin/env python3
"""Has services of a real systemd watched, from enable to disable: the chat room and memcached, plain and hardened, as a
template, as a daemon that forks, with wrappers. Each is provoked, its report read from the journal by field, and after
disable the file system is as it was.

    services.py BUILD_DIRECTORY
"""

import contextlib
import os
import re
import shutil
import socket
import sys
from pathlib import Path

sys.path[1:1] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("chatroom", "real")]
import memcached_stuck_dump
import servers
import story
import testbed

SYSTEM = "/etc/systemd/system"
HARDENED = """NoNewPrivileges=yes
DynamicUser=yes
SystemCallFilter=@system-service
MemoryDenyWriteExecute=yes
ProtectProc=invisible
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_INET AF_UNIX
CapabilityBoundingSet=
LockPersonality=yes
"""


class Service:
    """One unit: the fixed part of each scenario round what it does meanwhile."""

    def __init__(self, bed, name, text):
        self.bed, self.name = bed, name
        self.file = f"{SYSTEM}/{re.sub('@.*', '@', name)}.service"
        bed.write(self.file, text)
        bed.run("systemctl", "daemon-reload")

    def control(self, *words):
        return self.bed.run("systemctl", *words, self.name)

    def pid(self):
        """Of the main process, as this side sees it."""
        inside = self.bed.run("systemctl", "show", "--value", "-p", "MainPID", self.name).stdout.strip()
        assert inside != "0", self.bed.text_of_journal(self.name)
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                namespaces = re.search(r"^NSpid:\t(.*)$", status.read_text(), re.MULTILINE)[1].split()
                if len(namespaces) > 1 and namespaces[-1] == inside and self._is_inside(status.parent):
                    return int(namespaces[0])
        raise AssertionError(f"no process for {inside}")

    def _is_inside(self, process):
        return os.readlink(process / "ns/pid") == os.readlink(f"/proc/{self.bed.pid}/ns/pid")

    def is_watched(self):
        return "libholdwatch.so" in Path(f"/proc/{self.pid()}/maps").read_text()

    def reports(self, *fields):
        self.bed.run("journalctl", "--sync")
        return self.bed.reports(self.name, "HOLDWATCH_EVENT=hold", *fields)

    def this_run(self):
        """What picks the entries since the service's last start."""
        shown = self.bed.run("systemctl", "show", "--value", "-p", "InvocationID", self.name).stdout
        return f"_SYSTEMD_INVOCATION_ID={shown.strip()}"

    def wait_for(self, phase):
        """The first report of this phase since the service runs."""
        this_run = self.this_run()
        return testbed.wait_until(f"a report of {self.name}: {phase}",
                                  lambda: self.reports(f"HOLDWATCH_PHASE={phase}", this_run))[0]

    @contextlib.contextmanager
    def watched(self, *options, expected_to_say=""):
        """The running service, enabled and restarted; afterwards disabled, and nothing is left."""
        self.control("start")
        assert not self.is_watched()
        before = self.bed.changed_files()
        dry = self.bed.holdwatch("systemd", "enable", self.name, "--dry-run", *options)
        assert self.bed.changed_files() == before, "--dry-run has written"
        done = self.bed.holdwatch("systemd", "enable", self.name, "--now", *options)
        assert re.fullmatch(expected_to_say, done.stderr, re.DOTALL), done.stderr
        [drop_in] = set(self.bed.changed_files()) - set(before) - {f"{self.directory()}"}
        assert dry.stdout == f"{drop_in}:\n{self.bed.path(drop_in).read_text()}", dry.stdout
        assert oct(self.bed.path(drop_in).stat().st_mode)[-3:] == "644"
        # systemd calls a simple service started when it has forked.
        testbed.wait_until(f"{self.name} to be watched", self.is_watched)
        assert self.bed.holdwatch("systemd", "status", self.name).stdout.startswith(f"{self.name}.service: enabled by ")
        yield
        # Twice is as good as once: what it has made stays known.
        self.bed.holdwatch("systemd", "enable", self.name, *options)
        self.bed.holdwatch("systemd", "disable", self.name, "--now")
        assert self.bed.changed_files() == before, set(self.bed.changed_files()) ^ set(before)
        assert not self.is_watched() and self.bed.holdwatch("systemd", "status", self.name, check=False).returncode == 1
        self.control("stop")

    def directory(self):
        return f"{SYSTEM}/{self.name}.service.d"

    def remove(self):
        self.bed.path(self.file).unlink()
        self.bed.run("systemctl", "daemon-reload")


class ChatServer(story.Server):
    """The chat room's story with a unit in the place of a child."""

    class Process:
        """What the story needs to know of a child."""

        def __init__(self, pid):
            self.pid = pid

    def __init__(self, service):
        this_run = service.this_run()
        said = testbed.wait_until("the port", lambda: re.search(
            r"listening on 127\.0\.0\.1:(\d+)",
            service.bed.run("journalctl", "--no-pager", "-o", "cat", this_run, check=False).stdout))
        self.port = int(said[1])
        self.child = self.Process(service.pid())


def check_fields(report, thread):
    """What a fleet's log store counts and filters by."""
    assert report["HOLDWATCH_THREAD"] == thread and report["PRIORITY"] == "4", report
    assert int(report["HOLDWATCH_DURATION_NS"]) > 0 and len(report["HOLDWATCH_FINGERPRINT"]) == 16, report
    assert re.fullmatch(r"[0-9a-f]{32}", report["MESSAGE_ID"]) and report["SYSLOG_IDENTIFIER"] == "holdwatch", report


def provoke_chat(service):
    story.play(ChatServer(service), False, lambda: service.wait_for("still"))
    report = service.wait_for("over")
    check_fields(report, "alice")
    assert "Room::broadcast" in report["MESSAGE"] and "room.cpp:" in report["MESSAGE"], report["MESSAGE"]
    service.wait_for("released")


def provoke_memcached(service, port):
    testbed.wait_until("memcached listens", lambda: servers.accepts(port))
    memcached_stuck_dump.store_keys(port)
    reader = memcached_stuck_dump.client_that_does_not_read(port)
    report = service.wait_for("over")
    check_fields(report, report["HOLDWATCH_THREAD"])
    reader.close()
    service.wait_for("released")


def chat_plain(bed):
    """the chat room, with children before and beside it that hold locks too and are not reported"""
    service = Service(bed, "chat", "[Service]\nExecStartPre=/usr/local/bin/holder --briefly\nExecStart=/usr/local/bin/chatroom\n"
                                   "ExecStartPost=/usr/local/bin/holder --briefly\n")
    with service.watched("--limit", "500ms"):
        provoke_chat(service)
        assert all(report["_EXE"].endswith("/chatroom") for report in service.reports())
    service.remove()


def chat_hardened(bed):
    """the chat room with everything forbidden that systemd can forbid it"""
    service = Service(bed, "chat", f"[Service]\nExecStart=/usr/local/bin/chatroom\n{HARDENED}")
    with service.watched("--limit", "500ms"):
        provoke_chat(service)
    service.remove()


def chat_template(bed):
    """a template, and through it an instance"""
    service = Service(bed, "room@one", "[Service]\nExecStart=/usr/local/bin/chatroom\n")
    before = bed.changed_files()
    said = bed.holdwatch("systemd", "enable", "room@", "--limit", "500ms").stdout
    assert f"{SYSTEM}/room@.service.d/50-holdwatch.conf" in said, said
    service.control("start")
    testbed.wait_until("the instance to be watched", service.is_watched)
    assert "enabled by /etc/systemd/system/room@.service.d/" in bed.holdwatch("systemd", "status", "room@one").stdout
    provoke_chat(service)
    bed.holdwatch("systemd", "disable", "room@")
    assert bed.changed_files() == before
    service.control("stop")
    with service.watched("--limit", "500ms"):
        provoke_chat(service)
    service.remove()


def memcached_plain(bed):
    """memcached as a daemon that forks, with another preload that is kept"""
    port = servers.free_port()
    bed.path("/opt").mkdir(exist_ok=True)
    preload = "/usr/local/lib/libother.so"
    shutil.copy(bed.path("/lib/x86_64-linux-gnu/libpthread.so.0"), bed.path(preload))
    command = f"/usr/bin/memcached -d -P /run/mc.pid -t 4 -l 127.0.0.1 -U 0 -u root -p {port}"
    service = Service(bed, "mc", f"[Service]\nType=forking\nPIDFile=/run/mc.pid\nExecStart={command}\n"
                                 f'Environment="LD_PRELOAD={preload}" A=b\n')
    with service.watched(expected_to_say=f"holdwatch: LD_PRELOAD is kept as it is, and joined: {preload}:.*\n"):
        assert preload in Path(f"/proc/{service.pid()}/maps").read_text()
        provoke_memcached(service, port)
    service.remove()
    bed.path(preload).unlink()


def memcached_hardened(bed):
    """memcached with everything forbidden that systemd can forbid it"""
    port = servers.free_port()
    service = Service(bed, "mc", f"[Service]\nExecStart=/usr/bin/memcached -t 4 -l 127.0.0.1 -U 0 -p {port}\n{HARDENED}")
    with service.watched():
        provoke_memcached(service, port)
    service.remove()


def preload_in_a_file(bed):
    """a file of variables that has LD_PRELOAD wins over the unit; it is joined all the same, and the second file goes too"""
    bed.write("/etc/default/holder", "LD_PRELOAD=/lib/x86_64-linux-gnu/libdl.so.2\n")
    service = Service(bed, "held", "[Service]\nEnvironmentFile=/etc/default/holder\nExecStart=/usr/local/bin/holder 1000\n")
    before = bed.changed_files()
    bed.holdwatch("systemd", "enable", "held", "--limit", "200ms")
    written = set(bed.changed_files()) - set(before)
    assert f"{service.directory()}/50-holdwatch.env" in written, written
    service.control("start")
    service.wait_for("released")
    assert "libdl.so.2" in Path(f"/proc/{service.pid()}/maps").read_text()
    bed.holdwatch("systemd", "disable", "held")
    assert bed.changed_files() == before
    service.control("stop")
    service.remove()
    bed.path("/etc/default/holder").unlink()


def directory_of_others(bed):
    """a directory with somebody else's drop-in stays, with it; a drop-in is replaced whole"""
    bed.write(f"{SYSTEM}/held.service.d/10-mine.conf", "[Service]\nEnvironment=MINE=1\n")
    service = Service(bed, "held", "[Service]\nExecStart=/usr/local/bin/holder 1000\n")
    before = bed.changed_files()
    bed.holdwatch("systemd", "enable", "held", "--limit", "200ms", "--json", "/var/log/%%%p.jsonl")
    bed.holdwatch("systemd", "enable", "held", "--limit", "300ms", "--log", "stderr", "--exe", 'a"b\\c')
    text = bed.path(f"{service.directory()}/50-holdwatch.conf").read_text()
    assert "200ms" not in text and 'Environment="HOLDWATCH_EXE=a\\"b\\\\c"' in text, text
    bed.holdwatch("systemd", "enable", "held", "--json", "/var/log/%%%p.jsonl")
    service.control("start")
    testbed.wait_until("both files' variables", lambda: {"HOLDWATCH_JSON=/var/log/%%%p.jsonl", "MINE=1"} <= set(
        Path(f"/proc/{service.pid()}/environ").read_text().split("\0")))
    service.control("stop")
    bed.holdwatch("systemd", "disable", "held")
    assert bed.changed_files() == before
    shutil.rmtree(bed.path(service.directory()))
    service.remove()


def wrapped(bed):
    """Debian's own memcached, which a script starts: what to type is said, and typed it works"""
    if not bed.path("/lib/systemd/system/memcached.service").exists():
        print("no unit of Debian's for memcached here")
        return
    port = servers.free_port()
    bed.write("/etc/memcached.conf", f"-l 127.0.0.1\n-p {port}\n-U 0\n-u nobody\n-t 4\n")
    bed.write(f"{SYSTEM}/shell.service", "[Service]\nExecStart=/bin/sh -c '/usr/local/bin/holder; exit 0'\n")
    bed.run("systemctl", "daemon-reload")
    said = bed.holdwatch("systemd", "enable", "shell", "--dry-run").stderr
    assert "ExecStart= runs sh, which starts the server" in said and "--exe" in said, said
    bed.run("systemctl", "start", "memcached")
    testbed.wait_until("memcached listens", lambda: servers.accepts(port))
    before = bed.changed_files()
    bed.holdwatch("systemd", "enable", "memcached", "--now")
    assert 'HOLDWATCH_EXE=memcached"' in bed.path(f"{SYSTEM}/memcached.service.d/50-holdwatch.conf").read_text()
    testbed.wait_until("memcached listens", lambda: servers.accepts(port))
    memcached_stuck_dump.store_keys(port)
    reader = memcached_stuck_dump.client_that_does_not_read(port)
    testbed.wait_until("a report", lambda: bed.reports("memcached", "HOLDWATCH_EVENT=hold"))
    reader.close()
    bed.holdwatch("systemd", "disable", "memcached", "--now")
    bed.run("systemctl", "stop", "memcached")
    assert bed.changed_files() == before


def odd_names(bed):
    """a program whose name has marks of a pattern in it, and one with a space in its path"""
    for name, expected in (("hold[er]*", '"HOLDWATCH_EXE=hold\\\\[er\\\\]\\\\*"'), ("two words", None)):
        bed.run("cp", "/usr/local/bin/holder", f"/usr/local/bin/{name}")
        service = Service(bed, "held", f'[Service]\nExecStart="/usr/local/bin/{name}"\nType=oneshot\n')
        bed.holdwatch("systemd", "enable", "held", "--limit", "200ms")
        text = bed.path(f"{service.directory()}/50-holdwatch.conf").read_text()
        assert expected in text if expected else "EXE" not in text, text
        before = len(service.reports())
        service.control("start")
        testbed.wait_until(f"a report of {name}", lambda: len(service.reports()) > before)
        bed.holdwatch("systemd", "disable", "held")
        service.remove()


def user_unit(bed):
    """a unit of a user's own systemd; of the directories that had to be made for it, none is left"""
    bed.run("mkdir", "-p", "/run/user/0", "/home/op", "/etc/xdg/systemd/user")
    variables = ("XDG_RUNTIME_DIR=/run/user/0", "HOME=/home/op")
    bed.run("systemd-run", "--unit=manager", "-p", "Delegate=yes", *(f"--setenv={one}" for one in variables), "--",
            testbed.SYSTEMD, "--user", "--unit=basic.target")
    as_user = ("env", *variables)
    testbed.wait_until("a systemd of the user's own",
                       lambda: "running" in bed.run(*as_user, "systemctl", "--user", "is-system-running", check=False).stdout)
    bed.write("/etc/systemd/user/held.service", "[Service]\nExecStart=/usr/local/bin/holder 1000\n")
    bed.run(*as_user, "systemctl", "--user", "daemon-reload")
    before = bed.changed_files()
    bed.run(*as_user, "holdwatch", "systemd", "enable", "--user", "held", "--limit", "200ms")
    assert "/home/op/.config/systemd/user/held.service.d/50-holdwatch.conf" in bed.changed_files()
    bed.run(*as_user, "systemctl", "--user", "start", "held")
    testbed.wait_until("a report", lambda: bed.run("journalctl", "-o", "cat", "HOLDWATCH_THREAD=holder",
                                                   "_SYSTEMD_UNIT=manager.service", check=False).stdout)
    assert "watched" in bed.run(*as_user, "holdwatch", "systemd", "status", "--user", "held").stdout
    bed.run(*as_user, "holdwatch", "systemd", "disable", "--user", "held", "--now")
    assert bed.changed_files() == before, set(bed.changed_files()) ^ set(before)
    bed.run("systemctl", "stop", "manager")


SCENARIOS = [chat_plain, chat_hardened, chat_template, memcached_plain, memcached_hardened, preload_in_a_file,
             directory_of_others, odd_names, user_unit, wrapped]


def main():
    build = Path(sys.argv[1])
    chosen = sys.argv[2:]
    with testbed.Testbed() as bed:
        bed.install(build)
        bed.copy(build / "tests/chatroom/chatroom")
        bed.copy(build / "tests/launcher/holder")
        has_memcached = shutil.which("memcached") is not None
        for scenario in SCENARIOS:
            if chosen and scenario.__name__ not in chosen:
                continue
            if "memcached" in scenario.__doc__ and not has_memcached:
                print(f"left out, no memcached here: {scenario.__doc__}")
                continue
            print(scenario.__doc__, flush=True)
            scenario(bed)
    print("passed")


if __name__ == "__main__":
    main()
