"""One unit of the testbed, from enable to disable, and how the chat room and memcached are brought to a report."""

import contextlib
import os
import re
import sys
from pathlib import Path

sys.path[1:1] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("chatroom", "real")]
import memcached_stuck_dump
import servers
import story
import testbed

SYSTEM = "/etc/systemd/system"
class Service:
    """One unit: the fixed part of each scenario round what it does meanwhile."""

    def __init__(self, bed, name, text, directory=SYSTEM):
        self.bed, self.name = bed, name
        self.file = f"{directory}/{re.sub('@.*', '@', name)}.service"
        bed.write(self.file, text)
        bed.run("systemctl", "daemon-reload")

    def control(self, *words):
        done = self.bed.run("systemctl", *words, self.name, check=False)
        assert done.returncode == 0, f"systemctl {words} {self.name}:\n{done.stderr}{self.bed.text_of_journal(self.name)}"
        return done

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

    def reports(self, *fields, event="hold"):
        self.bed.run("journalctl", "--sync")
        return self.bed.reports(self.name, f"HOLDWATCH_EVENT={event}", *fields)

    def this_run(self):
        """What picks the entries since the service's last start."""
        shown = self.bed.run("systemctl", "show", "--value", "-p", "InvocationID", self.name).stdout
        return f"_SYSTEMD_INVOCATION_ID={shown.strip()}"

    def wait_for(self, phase, event="hold"):
        """The first report of this phase since the service runs."""
        this_run = self.this_run()
        return testbed.wait_until(f"a report of {self.name}: {event} {phase}",
                                  lambda: self.reports(f"HOLDWATCH_PHASE={phase}", this_run, event=event))[0]

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


def run_scenarios(scenarios, build, chosen):
    """Each with a testbed that has holdwatch, the chat room and the holder; the one that is given, or all."""
    with testbed.Testbed() as bed:
        bed.install(build)
        bed.copy(build / "tests/chatroom/chatroom")
        bed.copy(build / "tests/launcher/holder")
        bed.copy(build / "tests/systemd/deadlocked")
        has_memcached = bed.path("/usr/bin/memcached").exists()
        for scenario in scenarios:
            if chosen and scenario.__name__ not in chosen:
                continue
            if "memcached" in scenario.__doc__ and not has_memcached:
                print(f"left out, no memcached here: {scenario.__doc__}")
                continue
            print(scenario.__doc__, flush=True)
            scenario(bed)
    print("passed")
