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
    "CapabilityBoundingSet=", "User=daemon\nAmbientCapabilities=CAP_NET_BIND_SERVICE", "DynamicUser=yes\nPrivateUsers=yes",
    "LimitFSIZE=0\nLimitMEMLOCK=0\nLimitSTACK=64K\nLimitAS=200M", "StandardOutput=null\nStandardError=null",
    "RestrictSUIDSGID=yes\nPrivateIPC=yes\nDevicePolicy=closed\nUMask=0777\nIPAddressDeny=any\nRemoveIPC=yes",
    "ProtectClock=yes\nProtectHostname=yes\nProtectKernelLogs=yes\nReadOnlyPaths=/", "PassEnvironment=LD_PRELOAD",
    "User=daemon\nSecureBits=noroot no-setuid-fixup-locked", "RestrictAddressFamilies=~AF_INET", "PrivateNetwork=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET",
    "InaccessiblePaths=/opt\nNoExecPaths=/\nExecPaths=/usr /lib /lib64", "TemporaryFileSystem=/var",
]

# Directive, what is said, and what was advised.
HINDERING = [
    ("SystemCallFilter=@system-service\nSystemCallFilter=~socket", r"SystemCallFilter= kills the service .* socket;",
     "SystemCallFilter=socket"),
    ("SystemCallFilter=~@network-io @ipc", r"SystemCallFilter= kills the service .* connect .* socket;",
     "SystemCallFilter=connect getpeername getsockname getsockopt memfd_create sendmsg sendto socket"),
    ("SystemCallFilter=~socket\nSystemCallErrorNumber=EPERM", r"SystemCallFilter= makes system calls of holdwatch fail.* socket;", 
     "SystemCallFilter=socket"),
    ("SystemCallFilter=~socket:EPERM", r"SystemCallFilter= makes system calls of holdwatch fail.* socket;", "SystemCallFilter=socket"),
    ("SystemCallErrorNumber=EPERM\nSystemCallFilter=~socket:kill", r"SystemCallFilter= kills the service .* socket;",
     "SystemCallFilter=socket"),
    ("RestrictAddressFamilies=AF_INET", r"RestrictAddressFamilies=AF_INET keeps holdwatch from reaching the journal",
     "RestrictAddressFamilies=AF_UNIX"),
    ("RestrictAddressFamilies=none", r"RestrictAddressFamilies=none keeps holdwatch from reaching the journal",
     "RestrictAddressFamilies=AF_UNIX"),
    ("RestrictAddressFamilies=~AF_UNIX AF_INET", r"RestrictAddressFamilies=~AF_INET AF_UNIX keeps holdwatch from reaching the journal",
     "RestrictAddressFamilies=AF_UNIX"),
    ("InaccessiblePaths=/run/systemd/journal", r"InaccessiblePaths=/run/systemd/journal keeps holdwatch from reaching the journal",
     "InaccessiblePaths="),
    ("User=games\nLimitNPROC=3", r"LimitNPROC=3 also counts holdwatch's two threads", "LimitNPROC=11"),
    ("TemporaryFileSystem=/run", r"TemporaryFileSystem=/run keeps holdwatch from reaching the journal",
     "BindReadOnlyPaths=/run/systemd/journal/socket"),
    ("TemporaryFileSystem=/usr/local/lib", r"TemporaryFileSystem=/usr/local/lib hides \S*/libholdwatch.so",
     "BindReadOnlyPaths={library}"),
    ("InaccessiblePaths=-/usr/local/lib /opt", r"InaccessiblePaths=/usr/local/lib hides \S*/libholdwatch.so",
     "InaccessiblePaths=\nInaccessiblePaths=/opt"),
    ("InaccessiblePaths=/usr/local/lib\nBindReadOnlyPaths={library}",
     r"InaccessiblePaths=/usr/local/lib hides \S*/libholdwatch.so", "InaccessiblePaths="),
    ("NoExecPaths=/usr/local/lib", r"NoExecPaths=/usr/local/lib forbids loading", "ExecPaths={library}"),
    ("RootDirectory=/srv/root\nMountAPIVFS=yes\nBindReadOnlyPaths=/usr/bin /usr/lib /usr/lib64 /lib /lib64 /usr/local/bin",
     r"RootDirectory=/srv/root hides \S*/libholdwatch.so",
     "BindReadOnlyPaths={library} /run/systemd/journal/socket"),
    ("UnsetEnvironment=LD_PRELOAD", r"UnsetEnvironment= removes LD_PRELOAD", "UnsetEnvironment="),
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
    directives, advice = directives.format(library=library), advice.format(library=library)
    write_unit(bed, directives)
    said = enable(bed, "--force")
    warnings = re.findall(r"^holdwatch: warning: .*$", said, re.MULTILINE)
    assert len([line for line in warnings if re.search(expected, line)]) == 1, f"no {expected} in {said}"
    started, reports = run_unit(bed)
    assert not started or not reports, "warned for nothing"
    if "kills the service" in expected:
        assert not started, "not ended"
        refused = bed.holdwatch("systemd", "enable", "held", check=False)
        assert refused.returncode == 1 and "is unchanged" in refused.stderr, refused
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


def no_proc(bed):
    """Reports that come without stacks, until the advice is followed."""
    directives = ("TemporaryFileSystem=/:ro", "BindReadOnlyPaths=/usr /lib /lib64 /run/systemd/journal/socket")
    for added, expected in ((), r"TemporaryFileSystem=/ hides /proc, .*MountAPIVFS=yes"), (("MountAPIVFS=yes",), ""):
        write_unit(bed, *directives, *added)
        said = enable(bed)
        assert re.search(expected, said) if expected else said == "", said
        _, [report] = run_unit(bed)
        assert ("holder.cpp" in report["MESSAGE"]) == (expected == ""), report["MESSAGE"]


def namespace_of_the_journal(bed):
    """A journal of the unit's own: enable tells where the reports are."""
    write_unit(bed, "LogNamespace=apart")
    told = bed.holdwatch("systemd", "enable", "held", "--limit", LIMIT).stdout
    [command] = re.findall("^to read its reports: (journalctl .*)$", told, re.MULTILINE)
    assert "--namespace=apart" in command, told
    bed.run("systemctl", "start", "held")
    testbed.wait_until("a report", lambda: "held mutex" in bed.run(*command.split(), check=False).stdout)


def main():
    build = Path(sys.argv[1])
    with testbed.Testbed() as bed:
        library = bed.install(build)
        bed.copy(build / "tests/launcher/holder")
        bed.path("/srv/root/usr/local").mkdir(parents=True)
        for directives in HARMLESS:
            print(f"harmless: {directives!r}", flush=True)
            harmless(bed, directives)
        apart = "" if library.startswith("/usr/local/lib/") else f"the library is in {library}, not below /usr/local/lib"
        for directives, expected, advice in HINDERING:
            if "/usr/local/lib" in directives and testbed.abilities.left_out(apart):
                continue
            print(f"hindering: {directives!r}", flush=True)
            hindering(bed, directives, expected, advice, library)
        no_proc(bed)
        namespace_of_the_journal(bed)
        exact_list(bed)
    print("passed")


if __name__ == "__main__":
    main()
