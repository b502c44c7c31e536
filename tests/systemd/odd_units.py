#!/usr/bin/env python3
"""Has units of a real systemd watched that are in some way out of the ordinary: by where they are, how they are named and
started, and by what else sets their variables.

    odd_units.py BUILD_DIRECTORY [SCENARIO...]
"""

import re
import shutil
import socket
import sys
from pathlib import Path

import testbed
from service import SYSTEM, Service, run_scenarios


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
    bed.holdwatch("systemd", "enable", "held", "--json", "/var/log/%%%p.jsonl", "--exe", 'a"b\\c\n$d\'e')
    service.control("start")
    testbed.wait_until("both files' variables", lambda: {
        "HOLDWATCH_JSON=/var/log/%%%p.jsonl", "MINE=1", 'HOLDWATCH_EXE=a"b\\c\n$d\'e'} <= set(
        Path(f"/proc/{service.pid()}/environ").read_text().split("\0")))
    service.control("stop")
    bed.holdwatch("systemd", "disable", "held")
    assert bed.changed_files() == before
    shutil.rmtree(bed.path(service.directory()))
    service.remove()


def odd_names(bed):
    """a program whose name has marks of a pattern in it, and one with a space in its path"""
    for name, expected in (("hold[er]*", '"HOLDWATCH_EXE=hold\\\\[er\\\\]\\\\*"'), ("two words", '"HOLDWATCH_EXE=two words"')):
        bed.run("cp", "/usr/local/bin/holder", f"/usr/local/bin/{name}")
        service = Service(bed, "held", f'[Service]\nExecStart="/usr/local/bin/{name}"\nType=oneshot\n')
        bed.holdwatch("systemd", "enable", "held", "--limit", "200ms")
        text = bed.path(f"{service.directory()}/50-holdwatch.conf").read_text()
        assert expected in text, text
        before = len(service.reports())
        service.control("start")
        testbed.wait_until(f"a report of {name}", lambda: len(service.reports()) > before)
        bed.holdwatch("systemd", "disable", "held")
        service.remove()


def user_unit(bed):
    """a unit of a user's own systemd; of the directories that had to be made for it, none is left"""
    bed.run("install", "-d", "-o", "games", "/run/user/5", "/home/op")
    bed.run("mkdir", "-p", "/etc/xdg/systemd/user")
    variables = ("XDG_RUNTIME_DIR=/run/user/5", "HOME=/home/op")
    bed.run("systemd-run", "--unit=manager", "-p", "Delegate=yes", "-p", "User=games",
            *(f"--setenv={one}" for one in variables), "--", testbed.SYSTEMD, "--user", "--unit=basic.target")
    as_user = ("setpriv", "--reuid=games", "--regid=games", "--clear-groups", "env", *variables)
    testbed.wait_until("a systemd of the user's own",
                       lambda: "running" in bed.run(*as_user, "systemctl", "--user", "is-system-running", check=False).stdout)
    bed.write("/etc/systemd/user/held.service", "[Service]\nExecStart=/usr/local/bin/holder 1000\n")
    bed.run(*as_user, "systemctl", "--user", "daemon-reload")
    before = bed.changed_files()
    answer = bed.run(*as_user, "holdwatch", "systemd", "enable", "--user", "held", "--json", "/etc/held.jsonl", "--dry-run")
    assert answer.stderr == ("holdwatch: warning: running as user games keeps the service from writing /etc/held.jsonl; name a file "
                             "in one of your directories\n"), answer
    answer = bed.run(*as_user, "holdwatch", "systemd", "enable", "--user", "held", "--limit", "200ms")
    assert answer.stderr == "" and "journalctl --user -u held.service" in answer.stdout, answer
    drop_in = "/home/op/.config/systemd/user/held.service.d/50-holdwatch.conf"
    assert "# To remove it: holdwatch systemd disable --user held\n" in bed.path(drop_in).read_text()
    bed.run(*as_user, "systemctl", "--user", "start", "held")
    testbed.wait_until("a report", lambda: bed.run("journalctl", "-o", "cat", "HOLDWATCH_THREAD=holder",
                                                   "_SYSTEMD_UNIT=manager.service", check=False).stdout)
    assert "watched" in bed.run(*as_user, "holdwatch", "systemd", "status", "--user", "held").stdout
    bed.run(*as_user, "holdwatch", "systemd", "disable", "--user", "held", "--now")
    assert bed.changed_files() == before, set(bed.changed_files()) ^ set(before)
    bed.run("systemctl", "stop", "manager")


def count_reports(service):
    return len(service.reports("HOLDWATCH_PHASE=over"))


def called_otherwise(bed):
    """programs that systemd starts by another name, and those of templates, are told from what else their units start"""
    bed.run("cp", "/usr/local/bin/holder", "/usr/local/bin/room-one")
    for name, command in (("held", '@/usr/local/bin/holder "other name" --x'), ("held", "@/usr/local/bin/holder /opt/other"),
                          ("room@one", "/usr/local/bin/%p-%i")):
        service = Service(bed, name, "[Service]\nType=oneshot\nExecStartPre=/usr/local/bin/holder --briefly\n"
                                     f"ExecStart={command}\n")
        unit = name.replace("one", "")
        bed.holdwatch("systemd", "enable", unit, "--limit", "200ms")
        before = count_reports(service)
        service.control("start")
        assert count_reports(service) == before + 1, bed.text_of_journal(name)
        bed.holdwatch("systemd", "disable", unit)
        service.remove()


def enable_start_disable(bed, service, *options):
    """With a report in between."""
    files, reports = bed.changed_files(), count_reports(service)
    bed.holdwatch("systemd", "enable", service.name, "--limit", "200ms", *options)
    service.control("restart")
    testbed.wait_until(f"a report of {service.name}", lambda: count_reports(service) > reports)
    bed.holdwatch("systemd", "disable", service.name)
    assert bed.changed_files() == files, set(bed.changed_files()) ^ set(files)
    service.control("stop")


def not_in_etc(bed):
    """units that are only in /run, or that systemd-run or a generator has made"""
    service = Service(bed, "held", "[Service]\nExecStart=/usr/local/bin/holder 1000\n", directory="/run/systemd/system")
    enable_start_disable(bed, service)
    bed.run("systemctl", "stop", "held")
    service.remove()
    bed.run("systemd-run", "--unit=held", "/usr/local/bin/holder", "1000")
    enable_start_disable(bed, service)
    script = "/etc/init.d/held"
    bed.write(script, "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: held\n# Default-Start: 2 3 4 5\n### END INIT INFO\n"
                      '[ "$1" = stop ] || /usr/local/bin/holder 1000 &\n')
    bed.run("chmod", "755", script)
    bed.run("systemctl", "daemon-reload")
    assert "/generator.late/" in bed.run("systemctl", "show", "-p", "FragmentPath", "held").stdout
    assert "ExecStart= runs held, which starts the server" in bed.holdwatch("systemd", "enable", "held", "--dry-run").stderr
    enable_start_disable(bed, service, "--exe", "holder")
    bed.path(script).unlink()
    bed.run("systemctl", "daemon-reload")


def tells_that_it_is_ready(bed):
    """Type=notify: systemd hears from the program as before"""
    command = "/bin/sh -c 'systemd-notify --ready; exec /usr/local/bin/holder 1000'"
    service = Service(bed, "held", f"[Service]\nType=notify\nNotifyAccess=all\nExecStart={command}\n")
    enable_start_disable(bed, service, "--exe", "holder")
    service.remove()


def activated_by_a_socket(bed):
    """a service that its socket starts, once for all connections"""
    bed.write(f"{SYSTEM}/held.socket", "[Socket]\nListenStream=/run/held.socket\n")
    service = Service(bed, "held", "[Service]\nExecStart=/usr/local/bin/holder 1000\n")
    bed.run("systemctl", "start", "held.socket")
    files, reports = bed.changed_files(), count_reports(service)
    bed.holdwatch("systemd", "enable", "held", "--now", "--limit", "200ms")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(bed.path("/run/held.socket")))
        testbed.wait_until("a report", lambda: count_reports(service) > reports)
    assert "process" in bed.holdwatch("systemd", "status", "held").stdout
    bed.holdwatch("systemd", "disable", "held")
    assert bed.changed_files() == files
    bed.run("systemctl", "stop", "held.socket", "held")
    bed.path(f"{SYSTEM}/held.socket").unlink()
    service.remove()


def what_status_tells(bed):
    """status asks each process: watched, not yet, left out, attached to, not any more, and not at all"""
    def expect(name, status, *lines):
        """In the end: systemd calls a simple service started when it has forked."""
        def is_told():
            answer = bed.holdwatch("systemd", "status", name, check=False)
            return answer.returncode == status and all(re.search(f"^ *{line}", answer.stdout, re.MULTILINE) for line in lines)
        testbed.wait_until(f"status {status} and {lines}", is_told)

    def control(action):
        bed.holdwatch(action, bed.run("systemctl", "show", "--value", "-p", "MainPID", "held").stdout.strip())

    expect("nosuch@", 1)
    service = Service(bed, "held", "[Service]\nExecStart=/usr/local/bin/holder 1000\n")
    service.control("start")
    expect("held", 1, "held.service: not enabled", r"process \d+ holder: it is not watched")
    control("attach")
    expect("held", 1, r"process \d+ holder: it is watched since it was attached to")
    control("detach")
    expect("held", 1, r"process \d+ holder: it was attached to and then detached from")
    bed.holdwatch("systemd", "enable", "held")
    expect("held", 1, "held.service: enabled by", "none of its processes is watched; to restart it: systemctl restart held.service")
    service.control("restart")
    expect("held", 0, "held.service: enabled by", "EXE=holder", r"process \d+ holder: it is watched")
    bed.holdwatch("systemd", "enable", "held", "--exe", "another", "--now")
    expect("held", 1, r"process \d+ holder: .* is excluded by EXE", "none of its processes is watched")
    service.control("stop")
    expect("held", 0, "it is not running")
    bed.write(service.file, "[Service]\nExecStart=/bin/sleep 1000\nEnvironmentFile=-/etc/default/held\n")
    bed.write("/etc/default/held", "HOLDWATCH_LIMIT=9s\n")
    bed.run("systemctl", "daemon-reload")
    bed.holdwatch("systemd", "enable", "held", "--limit", "200ms", "--now")
    service.control("start")
    expect("held", 0, "LIMIT=200ms", r"process \d+ sleep: .* not watched yet")
    bed.holdwatch("systemd", "disable", "held")
    service.control("stop")
    service.remove()


SCENARIOS = [preload_in_a_file, directory_of_others, odd_names, called_otherwise, not_in_etc, tells_that_it_is_ready,
             activated_by_a_socket, what_status_tells, user_unit]

if __name__ == "__main__":
    run_scenarios(SCENARIOS, Path(sys.argv[1]), sys.argv[2:])
