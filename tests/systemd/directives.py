#!/usr/bin/env python3
"""Tries what units are hardened with, one directive after the other, on a real systemd: either the hold is in the journal,
or `holdwatch systemd enable` has said why not, and following its advice brings it there.

    directives.py BUILD_DIRECTORY
"""

import re
import sys
from pathlib import Path

import testbed

UNIT = "/etc/systemd/system/held.service"
LIMIT = "200ms"
HOLD = ("HOLDWATCH_EVENT=hold", "HOLDWATCH_PHASE=over")

# These do not stand in the way, and nothing is said about them.
HARMLESS = [
    "", "NoNewPrivileges=yes", "MemoryDenyWriteExecute=yes", "ProtectProc=invisible\nProcSubset=pid\nUser=nobody",
    "ProtectProc=noaccess\nUser=nobody", "PrivateUsers=yes", "ProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes",
    "PrivateDevices=yes\nProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectControlGroups=yes", "DynamicUser=yes",
    "SystemCallFilter=@system-service", "SystemCallFilter=@system-service\nSystemCallFilter=~@resources @privileged",
    "SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap @resources @privileged",
    "SystemCallArchitectures=native\nRestrictRealtime=yes\nLockPersonality=yes\nRestrictNamespaces=yes",
    "CapabilityBoundingSet=", "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX AF_INET",
    "InaccessiblePaths=/opt\nNoExecPaths=/\nExecPaths=/usr /lib /lib64", "TemporaryFileSystem=/var",
]

# Directive, what is said, and what was advised (None: nothing to be added to the unit that would help).
HINDERING = [
    ("SystemCallFilter=@system-service\nSystemCallFilter=~pipe2", r"SystemCallFilter= ends the service .* pipe2;",
     "SystemCallFilter=pipe2"),
    ("SystemCallFilter=~@network-io @ipc", r"SystemCallFilter= ends the service .* pipe2 .* socket;",
     "SystemCallFilter=connect getpeername getsockname getsockopt memfd_create pipe2 sendmsg sendto socket"),
    ("SystemCallFilter=~socket\nSystemCallErrorNumber=EPERM", r"SystemCallFilter= lets calls fail .* socket;", 
     "SystemCallFilter=socket"),
    ("RestrictAddressFamilies=AF_INET", r"RestrictAddressFamilies=AF_INET keeps the watch from the journal",
     "RestrictAddressFamilies=AF_UNIX"),
    ("TemporaryFileSystem=/run", r"TemporaryFileSystem=/run keeps the watch from the journal",
     "BindReadOnlyPaths=/run/systemd/journal/socket"),
    ("TemporaryFileSystem=/usr/local/lib", r"TemporaryFileSystem=/usr/local/lib hides \S*/libholdwatch.so",
     "BindReadOnlyPaths={library}"),
    ("InaccessiblePaths=-/usr/local/lib", r"InaccessiblePaths=/usr/local/lib hides \S*/libholdwatch.so", None),
    ("NoExecPaths=/usr/local/lib", r"NoExecPaths=/usr/local/lib forbids loading", "ExecPaths={library}"),
    ("RootDirectory=/srv/root\nMountAPIVFS=yes\nBindReadOnlyPaths=/usr/bin /usr/lib /usr/lib64 /lib /lib64 /usr/local/bin",
     r"RootDirectory=/srv/root hides \S*/libholdwatch.so",
     "BindReadOnlyPaths={library} /run/systemd/journal/socket"),
    ("UnsetEnvironment=LD_PRELOAD", r"UnsetEnvironment= takes LD_PRELOAD away", "UnsetEnvironment="),
]


# What a unit's programs, files and preloads may bring: the unit, options of enable, and what is said, or "" for nothing.
# Nothing of it is run.
HOLDER = "ExecStart=/usr/local/bin/holder\n"
SPOKEN_OF = [
    ("ExecStart=/usr/local/bin/static", (), r"/usr/local/bin/static is not watched: it is statically linked"),
    ("ExecStart=/usr/local/bin/setuid\nUser=daemon", (), r"setuid is not watched: it is set-user-ID"),
    ("ExecStart=/usr/local/bin/setuid\nUser=daemon\nNoNewPrivileges=yes", (), ""),
    ("ExecStart=/nowhere/server", (), "there is no /nowhere/server, which ExecStart= names"),
    ("ExecStart=/bin/sh -c /usr/local/bin/holder", (), r"ExecStart= runs sh, .* --exe memcached"),
    ("ExecStart=/bin/sh -c /usr/local/bin/holder", ("--exe", "holder"), ""),
    ("ExecStart=/usr/local/bin/script", (), r"ExecStart= runs script, .* --exe memcached"),
    ("ExecStart=/usr/bin/env -i /usr/local/bin/holder", ("--exe", "holder"), "env may start the server without LD_PRELOAD"),
    ("ExecStart=/usr/local/bin/sudo /usr/local/bin/holder", ("--exe", "holder"), "sudo may start .* User="),
    ("ExecStart=/usr/local/bin/docker run x", ("--exe", "x"), "docker starts the server in a container"),
    ("Type=oneshot\nExecStart=/usr/local/bin/holder 1\nExecStart=/usr/local/bin/holder 2", (), ""),
    (HOLDER + "Environment=LD_PRELOAD=/a.so:/b.so", (), r"kept as it is, and joined: /a\.so:/b\.so:\S*/libholdwatch\.so"),
    (HOLDER + 'Environment="LD_PRELOAD=/a.so /b.so" C=d', (), r"joined: /a\.so:/b\.so:\S*/libholdwatch\.so"),
    (HOLDER + "ProtectSystem=strict", ("--json", "/var/log/held/%p.jsonl"),
     r"ProtectSystem=strict keeps the service from writing /var/log/held/%p\.jsonl; .*LogsDirectory=held"),
    (HOLDER + "ProtectSystem=strict\nLogsDirectory=held", ("--json", "/var/log/held/%p.jsonl"), ""),
    (HOLDER + "ProtectSystem=strict\nReadWritePaths=/var/log", ("--log", "/var/log/held.log"), ""),
    (HOLDER + "ProtectSystem=full", ("--log", "/etc/held.log"), "ProtectSystem=full keeps the service from writing"),
    (HOLDER + "ReadOnlyPaths=/srv", ("--log", "/srv/held.log"), "ReadOnlyPaths= keeps the service from writing"),
    (HOLDER + "ProtectHome=yes", ("--log", "/home/held.log"), "ProtectHome=yes keeps the service from writing"),
    (HOLDER + "PrivateTmp=yes", ("--log", "/tmp/held.log"), "PrivateTmp=yes keeps the service from writing"),
    (HOLDER + "User=daemon", ("--log", "/etc/held.log"), "the rights of user daemon keeps the service from writing"),
    (HOLDER + "RootImage=/srv/image", ("--log", "stderr"), r"RootImage=/srv/image hides \S*/libholdwatch\.so"),
    (HOLDER + "AppArmorProfile=held", (), "AppArmorProfile=held has rules of its own"),
]


def spoken_of(bed, unit, options, expected):
    bed.write(UNIT, f"[Service]\n{unit}\n")
    bed.run("systemctl", "daemon-reload")
    said = bed.holdwatch("systemd", "enable", "held", "--dry-run", *options).stderr
    assert re.search(expected, said) if expected else said == "", f"not {expected!r}: {said!r}"


def make_programs(bed, build):
    """What SPOKEN_OF names."""
    bed.copy(build / "tests/launcher/static")
    for name in ("setuid", "sudo", "docker"):
        bed.run("cp", "/usr/local/bin/holder", f"/usr/local/bin/{name}")
    bed.run("chown", "nobody", "/usr/local/bin/setuid")
    bed.run("chmod", "4755", "/usr/local/bin/setuid")
    bed.write("/usr/local/bin/script", "#!/bin/sh\nexec /usr/local/bin/holder\n")
    bed.run("chmod", "755", "/usr/local/bin/script")


def library_closed_to_user(bed, library):
    """A library that the unit's user cannot read, as one in a developer's home."""
    bed.write(UNIT, f"[Service]\n{HOLDER}User=daemon\n")
    bed.run("systemctl", "daemon-reload")
    bed.run("chmod", "700", library)
    said = bed.holdwatch("systemd", "enable", "held", "--dry-run").stderr
    bed.run("chmod", "755", library)
    assert re.search(r"user daemon cannot read \S*/libholdwatch\.so", said), said


def refusals(bed):
    """What is no unit, or none that can start: one line, and nothing is written."""
    bed.write(f"{Path(UNIT).parent}/bad.service", "[Service]\nUser=x\n")
    bed.run("systemctl", "mask", "getty@tty9")
    for unit, status, expected in (("nosuch", 1, "there is no unit nosuch.service"), ("a/b", 2, "is no name of a unit"),
                                   ("dbus.socket", 2, "name the service: dbus.service"), ("bad", 1, "cannot be loaded"),
                                   ("getty@tty9", 1, "is masked")):
        answer = bed.holdwatch("systemd", "enable", unit, check=False)
        assert answer.returncode == status and re.fullmatch(f"holdwatch: .*{expected}.*\n", answer.stderr), answer
    answer = bed.run("setpriv", "--reuid=65534", "holdwatch", "systemd", "enable", "held", check=False)
    assert answer.returncode == 1 and "sudo holdwatch systemd enable held.service" in answer.stderr, answer
    assert "is not enabled" in bed.holdwatch("systemd", "disable", "nosuch").stdout
    assert not bed.path("/etc/systemd/system/nosuch.service.d").exists()


def write_unit(bed, *directives):
    lines = "\n".join(directives)
    bed.write(UNIT, f"[Service]\nType=oneshot\nExecStart=/usr/local/bin/holder\n{lines}\n")
    bed.run("systemctl", "daemon-reload")


def run_unit(bed):
    """Whether systemd calls the run a success, and the holds that are in the journal since."""
    before = len(bed.reports("held", *HOLD))
    started = bed.run("systemctl", "start", "held", check=False).returncode == 0
    bed.run("journalctl", "--sync")
    return started, bed.reports("held", *HOLD)[before:]


def enable(bed, *options):
    """What enable warns of."""
    return bed.holdwatch("systemd", "enable", "held", "--limit", LIMIT, *options).stderr


def harmless(bed, directives):
    write_unit(bed, directives)
    said = enable(bed)
    assert said == "", said
    started, reports = run_unit(bed)
    assert started and len(reports) == 1, bed.text_of_journal("held")
    assert reports[0]["HOLDWATCH_THREAD"] == "holder" and "#0" in reports[0]["MESSAGE"], reports


def hindering(bed, directives, expected, advice, library):
    write_unit(bed, directives)
    said = enable(bed, "--force")
    warnings = re.findall(r"^holdwatch: warning: .*$", said, re.MULTILINE)
    assert len([line for line in warnings if re.search(expected, line)]) == 1, f"no {expected} in {said}"
    started, reports = run_unit(bed)
    assert not started or not reports, "warned for nothing"
    if "ends the service" in expected:
        assert not started, "not ended"
        refused = bed.holdwatch("systemd", "enable", "held", check=False)
        assert refused.returncode == 1 and "left as it is" in refused.stderr, refused
    if advice is None:
        return
    advice = advice.format(library=library)
    assert all(word in said for word in advice.split()), f"the advice was not {advice}: {said}"
    write_unit(bed, directives, advice)
    said = enable(bed)
    assert said == "", f"warned after its advice was followed: {said}"
    started, reports = run_unit(bed)
    assert started and len(reports) == 1, f"the advice does not help: {bed.text_of_journal('held')}"


def exact_list(bed):
    """With no calls but those that enable asks for, and the program's own, each kind of output works."""
    warnings = (Path(__file__).parents[2] / "scripts/commands/systemd/warnings.sh").read_text()
    needed = " ".join(re.search(r"^needed_calls='(.*?)'", warnings, re.MULTILINE | re.DOTALL)[1].split())
    write_unit(bed, f"SystemCallFilter={needed} execve exit_group arch_prctl set_tid_address")
    for options in (("--json", "/tmp/held.jsonl"), ("--log", "/tmp/held.log"), ("--log", "syslog"), ("--log", "stderr"),
                    ("--stacks", "full", "--clock", "tsc")):
        print(f"exactly what is needed: {options}", flush=True)
        assert enable(bed, *options) == ""
        assert run_unit(bed)[0], f"ended with {options}: {bed.text_of_journal('held')}"
    assert "held" in bed.path("/tmp/held.log").read_text() and "hold" in bed.path("/tmp/held.jsonl").read_text()


def main():
    build = Path(sys.argv[1])
    with testbed.Testbed() as bed:
        library = bed.install(build)
        bed.copy(build / "tests/launcher/holder")
        bed.path("/srv/root/usr/local").mkdir(parents=True)
        make_programs(bed, build)
        for unit, options, expected in SPOKEN_OF:
            print(f"spoken of: {unit!r} {options}", flush=True)
            spoken_of(bed, unit, options, expected)
        library_closed_to_user(bed, library)
        refusals(bed)
        for directives in HARMLESS:
            print(f"harmless: {directives!r}", flush=True)
            harmless(bed, directives)
        for directives, expected, advice in HINDERING:
            print(f"hindering: {directives!r}", flush=True)
            hindering(bed, directives, expected, advice, library)
        exact_list(bed)
    print("passed")


if __name__ == "__main__":
    main()
