#!/usr/bin/env python3
"""Checks on a real systemd what `holdwatch systemd enable` says about units and writes for them, of which none is started:
their programs, the files that they are to write, what else sets LD_PRELOAD, names, and what is refused.

    units.py BUILD_DIRECTORY
"""

import re
import sys
from pathlib import Path

import testbed

SYSTEM = "/etc/systemd/system"
UNIT = f"{SYSTEM}/held.service"

# What a unit's programs, files and preloads may bring: the unit, options of enable, and what is said, or "" for nothing.
# Nothing of it is run.
HOLDER = "ExecStart=/usr/local/bin/holder\n"
SPOKEN_OF = [
    ("ExecStart=/usr/local/bin/static", (), r"/usr/local/bin/static is not watched: it is statically linked"),
    ("ExecStart=/usr/local/bin/setuid\nUser=daemon", (), r"setuid is not watched: it is set-user-ID"),
    ("ExecStart=/usr/local/bin/setuid\nUser=daemon\nNoNewPrivileges=yes", (), ""),
    ("ExecStart=/nowhere/server", (), "/nowhere/server, which ExecStart= names, does not exist"),
    ("ExecStart=/bin/sh -c /usr/local/bin/holder", (), r"ExecStart= runs sh, .* --exe memcached"),
    ("ExecStart=/bin/sh -c /usr/local/bin/holder", ("--exe", "holder"), ""),
    ("ExecStart=/bin/sh -c 'x; exec /usr/local/bin/holder $x'", (), r"ExecStart= runs sh, .* --exe holder\n"),
    ("ExecStart=/usr/local/bin/script", (), r"ExecStart= runs script, .* --exe memcached"),
    ("ExecStart=/usr/bin/env -i /usr/local/bin/holder", ("--exe", "holder"), "env may start the server without LD_PRELOAD"),
    ("ExecStart=/usr/local/bin/sudo /usr/local/bin/holder", ("--exe", "holder"), "sudo may start .* User="),
    ("ExecStart=/usr/local/bin/docker run x", ("--exe", "x"), "docker starts the server in a container"),
    ("Type=oneshot\nExecStart=/usr/local/bin/holder 1\nExecStart=/usr/local/bin/holder 2", (), ""),
    (HOLDER + "Environment=LD_PRELOAD=/a.so:/b.so", (), r"existing LD_PRELOAD is kept and extended: /a\.so:/b\.so:\S*/libholdwatch\.so"),
    (HOLDER + 'Environment="LD_PRELOAD=/a.so /b.so" C=d', (), r"extended: /a\.so:/b\.so:\S*/libholdwatch\.so"),
    (HOLDER + "ProtectSystem=strict", ("--json", "/var/log/held/%p.jsonl"),
     r"ProtectSystem=strict keeps the service from writing /var/log/held/%p\.jsonl; .*LogsDirectory=held"),
    (HOLDER + "ProtectSystem=strict\nLogsDirectory=held", ("--json", "/var/log/held/%p.jsonl"), ""),
    (HOLDER + "ProtectSystem=strict\nReadWritePaths=/var/log", ("--log", "/var/log/held.log"), ""),
    (HOLDER + "ProtectSystem=full", ("--log", "/etc/held.log"), "ProtectSystem=full keeps the service from writing"),
    (HOLDER + "ReadOnlyPaths=/srv", ("--log", "/srv/held.log"), "ReadOnlyPaths=/srv keeps the service from writing"),
    (HOLDER + "ProtectHome=yes", ("--log", "/home/held.log"), "ProtectHome=yes keeps the service from writing"),
    (HOLDER + "PrivateTmp=yes", ("--log", "/tmp/held.log"), "with PrivateTmp=yes the service has its own /tmp"),
    (HOLDER, ("--on-report", "exec:/nowhere/hook"), "/nowhere/hook does not exist"),
    (HOLDER, ("--on-report", "exec:/usr/bin/true"), ""),
    (HOLDER + "User=daemon", ("--config", "/srv/closed.conf"), "user daemon cannot read /srv/closed.conf"),
    (HOLDER + "User=daemon", ("--log", "/etc/held.log"), "User=daemon keeps the service from writing"),
    (HOLDER, ("--log", "/nowhere/held.log"), "the missing directory /nowhere keeps the service from writing"),
    (HOLDER + "User=daemon\nRuntimeDirectory=held", ("--log", "/var/run/held/log"), ""),
    (HOLDER + "InaccessiblePaths=/srv", ("--config", "/srv/held.conf"), "InaccessiblePaths=/srv hides /srv/held.conf"),
    (HOLDER + "ProtectHome=yes", ("--config", "/home/held.conf"), "ProtectHome=tmpfs and BindReadOnlyPaths=/home/held.conf"),
    (HOLDER + "UnsetEnvironment=HOLDWATCH_LOG", (), "UnsetEnvironment= removes HOLDWATCH_LOG"),
    (HOLDER + "TasksMax=4", (), "TasksMax=4 also counts holdwatch's two threads, .* TasksMax=12"),
    (HOLDER + "TasksMax=99\nLimitNPROC=3", (), ""),
    (HOLDER + "RestrictAddressFamilies=AF_INET", ("--log", "syslog"), "keeps holdwatch from reaching syslog: .*=AF_UNIX"),
    (HOLDER + "TemporaryFileSystem=/run", ("--log", "syslog"), "BindReadOnlyPaths=/run/systemd/journal/dev-log"),
    (HOLDER + "RestrictAddressFamilies=AF_INET", ("--log", "none"), ""),
    (HOLDER + "RootImage=/srv/image", ("--log", "stderr"), r"RootImage=/srv/image hides \S*/libholdwatch\.so"),
    (HOLDER + "AppArmorProfile=held", (), "AppArmorProfile=held may restrict the service"),
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
    bed.write("/srv/held.conf", "")
    bed.write("/home/held.conf", "")
    bed.run("install", "-m", "600", "/dev/null", "/srv/closed.conf")
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
    for unit, status, expected in (("nosuch", 1, "no such unit: nosuch.service"), ("a@b@c", 1, "no such unit: "),
                                   ("dbus.socket", 2, "use the service: dbus.service"), ("bad", 1, "cannot be loaded"),
                                   ("getty@tty9", 1, "is masked")):
        answer = bed.holdwatch("systemd", "enable", unit, check=False)
        assert answer.returncode == status and re.fullmatch(f"holdwatch: .*{expected}.*\n", answer.stderr), answer
    answer = bed.run("setpriv", "--reuid=65534", "holdwatch", "systemd", "enable", "held", check=False)
    assert answer.returncode == 1 and "sudo holdwatch systemd enable held.service" in answer.stderr, answer
    assert "is not enabled" in bed.holdwatch("systemd", "disable", "nosuch").stdout
    assert not bed.path("/etc/systemd/system/nosuch.service.d").exists()


# ExecStart=, and what EXE is set to; None: nothing, and one line tells to name the server.
MAIN_PROGRAMS = [
    ("/usr/local/bin/holder 1", "holder"), ("holder 1", "holder"), ('"/usr/local/bin/two words" x', "two words"),
    ("@/usr/local/bin/holder other", "other"), ('@/usr/local/bin/holder "other name" 1', "other*"),
    ("@/usr/local/bin/holder /opt/other", "other"), ('@/usr/local/bin/holder "/a b/other" 1', None),
    ("/nowhere/server", "server"), ("-+/usr/local/bin/holder", "holder"), ("/usr/local/bin/script", None),
    ("/usr/local/bin/holder\nExecStart=/usr/local/bin/chatroom\nType=oneshot", None),
    ("/usr/local/bin/in_root\nRootDirectory=/srv", "in_root"), ("/bin/nice /usr/local/bin/holder", None),
]
OF_INSTANCES = [("/usr/local/bin/%p-%i", "room-*"), ("/opt/%i/holder", "holder"), ("/usr/local/bin/holder %i", "holder"),
                ("/usr/local/bin/holder\nRootDirectory=/srv/%i\nUser=%i", "holder")]


def main_programs(bed):
    """the name of the main program, by which its helpers are left out; where there is none, it is asked for"""
    bed.run("install", "-D", "/usr/local/bin/holder", "/srv/usr/local/bin/in_root")
    bed.run("cp", "/usr/local/bin/holder", "/usr/local/bin/two words")
    for file, unit, list_of_units in ((UNIT, "held", MAIN_PROGRAMS), (f"{SYSTEM}/room@.service", "room@", OF_INSTANCES)):
        for command, expected in list_of_units:
            bed.write(file, f"[Service]\nExecStart={command}\n")
            bed.run("systemctl", "daemon-reload")
            answer = bed.holdwatch("systemd", "enable", unit, "--dry-run")
            found = re.findall('^Environment="HOLDWATCH_EXE=(.*)"$', answer.stdout, re.MULTILINE)
            assert found == ([] if expected is None else [expected]), f"{command}: {answer}"
            is_asked_for = re.search(r"every program that it starts is watched; name the server, as in --exe \w+\n", answer.stderr)
            assert bool(is_asked_for) == (expected is None), f"{command}: {answer}"
            depends = "which program runs depends on the instance" in answer.stderr
            assert depends == ("%i" in command.split()[0]), f"{command}: {answer}"
            assert "HoldwatchInstance" not in answer.stdout + answer.stderr, answer


def exe_of_a_file(bed):
    """EXE and LOG of a file of options are not overruled by what enable sets by itself"""
    bed.write("/etc/held.conf", "exe = other\n log=none\n")
    bed.write(UNIT, f"[Service]\n{HOLDER}")
    bed.run("systemctl", "daemon-reload")
    answer = bed.holdwatch("systemd", "enable", "held", "--dry-run", "--config", "/etc/held.conf")
    assert "EXE" not in answer.stdout and "HOLDWATCH_LOG" not in answer.stdout and answer.stderr == "", answer


def environment_of_the_caller(bed):
    """options that the caller's own shell has in its environment are none of the unit's"""
    bed.write(UNIT, f"[Service]\n{HOLDER}")
    bed.run("systemctl", "daemon-reload")
    own = ["HOLDWATCH_JSON=/nowhere/x", "HOLDWATCH_CONFIG=/etc/held.conf", "HOLDWATCH_LOG=none"]
    answer = bed.run("env", *own, "holdwatch", "systemd", "enable", "held", "--dry-run")
    assert answer.stderr == "" and answer.stdout == bed.holdwatch("systemd", "enable", "held", "--dry-run").stdout, answer


def rights_of_groups(bed):
    """a directory or a file that the unit's user may write to through a group is written to, and nothing is said"""
    bed.run("mkdir", "-p", "/srv/logs")
    bed.write("/srv/mine.log", "")
    bed.run("chown", "root:adm", "/srv/logs")
    bed.run("chmod", "775", "/srv/logs")
    bed.run("chown", "daemon", "/srv/mine.log")
    for lines, path, expected in (("", "/srv/logs/x", "User=daemon keeps"), ("Group=adm\n", "/srv/logs/x", ""),
                                  ("SupplementaryGroups=adm\n", "/srv/logs/%p", ""), ("", "/srv/mine.log", ""),
                                  ("", "/srv/other.log", "User=daemon keeps")):
        spoken_of(bed, f"{HOLDER}User=daemon\n{lines}", ("--log", path), expected)


def drop_in_after_ours(bed):
    """somebody's drop-in that comes later and takes ours back: said, and the advice works"""
    other = f"{UNIT}.d/90-other.conf"
    bed.write("/etc/default/other", "LD_PRELOAD=/c.so\n")
    for line, joined in (("Environment=LD_PRELOAD=/b.so", "/b.so:"), ("Environment=", ""),
                         ("Environment=HOLDWATCH_LOG=none", ""), ("EnvironmentFile=-/etc/default/other", "/c.so:")):
        bed.write(UNIT, f"[Service]\n{HOLDER}")
        bed.write(other, f"[Service]\n{line}\n")
        bed.run("systemctl", "daemon-reload")
        said = bed.holdwatch("systemd", "enable", "held").stderr
        [advice] = re.findall(f"{other} is read after .*; rename it so that it is read first: (mv .*)$", said, re.MULTILINE)
        bed.run(*advice.split())
        said = bed.holdwatch("systemd", "enable", "held").stderr
        assert "read after" not in said and "does not use" not in said, said
        written = "".join(path.read_text() for path in bed.path(f"{UNIT}.d").glob("50-holdwatch.*"))
        assert re.search(rf'LD_PRELOAD="?=?"?{joined}\S*/libholdwatch\.so"', written), written
        bed.run("rm", "-r", f"{UNIT}.d")
    bed.write(other, "[Service]\nEnvironment=MINE=1\nEnvironmentFile=-/etc/default/nothing\n")
    spoken_of(bed, HOLDER, (), "")
    bed.run("rm", "-r", f"{UNIT}.d")


def hidden_by_a_name(bed):
    """a file of the same name where systemd looks first: it is said that ours is not taken"""
    bed.write(UNIT, f"[Service]\n{HOLDER}")
    first = "/etc/systemd/system.control/held.service.d"
    bed.write(f"{first}/50-holdwatch.conf", "[Service]\n")
    said = bed.holdwatch("systemd", "enable", "held").stderr
    assert re.fullmatch("holdwatch: warning: systemd does not use .*; to list them: systemctl cat held.service\n", said), said
    bed.run("rm", "-r", first, f"{UNIT}.d")


def files_of_variables(bed):
    """files that set our variables win: so do ours, which come after them, and nothing of what they say is lost"""
    bed.run("mkdir", "-p", "/etc/default/held")
    for text, options, expected in (
            ("LD_PRELOAD=\n", (), r'LD_PRELOAD="/usr/local/\S*/libholdwatch\.so"'),
            ("LD_PRELOAD='/a.so /b.so'\n", (), r'LD_PRELOAD="/a\.so:/b\.so:\S*/libholdwatch\.so"'),
            ("A=1\nHOLDWATCH_LIMIT=9s\n", ("--limit", "200ms"), 'HOLDWATCH_LIMIT="200ms"'),
            ("HOLDWATCH_LOG=none\n", ("--log", '/srv/a"b$c%%d'), r'HOLDWATCH_LOG="/srv/a\\"b\\\$c%%d"')):
        bed.write("/etc/default/held/1.env", text)
        bed.write(UNIT, f"[Service]\n{HOLDER}EnvironmentFile=-/etc/default/held/*.env\n")
        bed.run("systemctl", "daemon-reload")
        dry = bed.holdwatch("systemd", "enable", "held", "--dry-run", *options).stdout
        bed.holdwatch("systemd", "enable", "held", *options)
        files = [f"{UNIT}.d/50-holdwatch.env", f"{UNIT}.d/50-holdwatch.conf"]
        contents = [bed.path(file).read_text() for file in files]
        assert dry == "\n".join(f"{file}:\n{text}" for file, text in zip(files, contents)), dry
        assert re.search(f"^{expected}$", contents[0], re.MULTILINE) and "\nEnvironment=" not in contents[1], contents
        bed.holdwatch("systemd", "disable", "held")
    # Where the file says nothing of ours any more, ours goes too.
    bed.holdwatch("systemd", "enable", "held")
    bed.write("/etc/default/held/1.env", "A=1\n")
    bed.holdwatch("systemd", "enable", "held")
    assert not bed.path(f"{UNIT}.d/50-holdwatch.env").exists()
    bed.holdwatch("systemd", "disable", "held")


def names(bed):
    """what is no name of a unit is refused, before systemctl could take it for a pattern or for another name"""
    for name in ("foo bar", "foo*", "f[o]o", "../x", "", ".service", "@", "x\ny", "é", "x" * 250, "-x.service"):
        answer = bed.holdwatch("systemd", "enable", *(() if name[:1] != "-" else ("--",)), name, check=False)
        assert answer.returncode == 2, answer
        assert re.fullmatch("holdwatch: invalid unit name [^\n]*; [^\n]*\n", answer.stderr), answer
    bed.write(f"{SYSTEM}/foo\\x2dbar.service", f"[Service]\n{HOLDER}[Install]\nAlias=other.service\n")
    bed.run("systemctl", "enable", "foo\\x2dbar")
    before = bed.changed_files()
    said = bed.holdwatch("systemd", "enable", "other").stderr
    assert said == "holdwatch: other.service is an alias of foo\\x2dbar.service\n", said
    assert f"{SYSTEM}/foo\\x2dbar.service.d/50-holdwatch.conf" in bed.changed_files()
    for name in ("foo\\x2dbar", "other"):
        assert "enabled by" in bed.holdwatch("systemd", "status", name, check=False).stdout
    bed.holdwatch("systemd", "disable", "other")
    assert bed.changed_files() == before


def main():
    build = Path(sys.argv[1])
    with testbed.Testbed() as bed:
        library = bed.install(build)
        bed.copy(build / "tests/launcher/holder")
        make_programs(bed, build)
        for unit, options, expected in SPOKEN_OF:
            print(f"spoken of: {unit!r} {options}", flush=True)
            spoken_of(bed, unit, options, expected)
        library_closed_to_user(bed, library)
        for case in (main_programs, exe_of_a_file, environment_of_the_caller, rights_of_groups, drop_in_after_ours,
                     hidden_by_a_name, files_of_variables, names, refusals):
            print(case.__doc__, flush=True)
            case(bed)
    print("passed")


if __name__ == "__main__":
    main()
