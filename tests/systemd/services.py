#!/usr/bin/env python3
"""Has services of a real systemd watched, from enable to disable: the chat room and memcached, plain and hardened, as a
template, as a daemon that forks, with wrappers. Each is provoked, its report read from the journal by field, and after
disable the file system is as it was.

    services.py BUILD_DIRECTORY [SCENARIO...]
"""

import re
import shutil
import sys
from pathlib import Path

import testbed
from service import SYSTEM, Service, memcached_stuck_dump, provoke_chat, provoke_memcached, run_scenarios, servers

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
    assert "its template is enabled; to disable it: holdwatch systemd disable room@\n" in bed.holdwatch("systemd", "disable", "room@one").stdout
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
    with service.watched(expected_to_say=f"holdwatch: the existing LD_PRELOAD is kept and extended: {preload}:.*\n"):
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


def deadlocked(bed):
    """a service of which two threads wait for each other, found in the journal by what happened"""
    service = Service(bed, "bank", "[Service]\nExecStart=/usr/local/bin/deadlocked\n")
    with service.watched("--limit", "300ms"):
        bed.run("systemctl", "kill", "--signal=SIGUSR1", "bank")
        report = service.wait_for("over", "deadlock")
        assert re.search('deadlock of 2 threads.* "transfer" holds L. and waits for L.', report["MESSAGE"]), report
        assert "deadlocked.cpp:" in report["MESSAGE"] and len(report["HOLDWATCH_FINGERPRINT"]) == 16, report
        assert re.fullmatch(r"[0-9a-f]{32}", report["MESSAGE_ID"]) and report["_SYSTEMD_UNIT"] == "bank.service", report
        [by_message] = {one["HOLDWATCH_EVENT"] for one in bed.reports("bank", f"MESSAGE_ID={report['MESSAGE_ID']}")}
        assert by_message == "deadlock", by_message
    service.remove()


SCENARIOS = [chat_plain, chat_hardened, chat_template, memcached_plain, memcached_hardened, deadlocked, wrapped]

if __name__ == "__main__":
    run_scenarios(SCENARIOS, Path(sys.argv[1]), sys.argv[2:])
