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


def main():
    build = Path(sys.argv[1])
    with testbed.Testbed() as bed:
        library = bed.install(build)
        bed.copy(build / "tests/systemd/holder")
        bed.path("/srv/root/usr/local").mkdir(parents=True)
        for directives in HARMLESS:
            print(f"harmless: {directives!r}", flush=True)
            harmless(bed, directives)
        for directives, expected, advice in HINDERING:
            print(f"hindering: {directives!r}", flush=True)
            hindering(bed, directives, expected, advice, library)
    print("passed")


if __name__ == "__main__":
    main()
