#!/usr/bin/env python3
"""Checks `holdwatch run`: a program in the launcher's place, options from the command line, and what bad use is told.

    run.py LAUNCHER SHIM STATIC_PROGRAM
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import launcher
from launcher import abilities

HOLDWATCH, SHIM, STATIC_PROGRAM = map(os.path.realpath, sys.argv[1:4])
NOBODY = 65534


def run(*argv, **options):
    return launcher.call(HOLDWATCH, "run", *argv, **options)


def keeps_pid_status_and_arguments():
    """the program is in the launcher's place: its pid, its status, its arguments"""
    child = subprocess.Popen([HOLDWATCH, "run", "--", "sh", "-c", 'echo $$ "$1" "$2"; exit 7', "sh", "a  b", "it's $HOME"],
                             env=launcher.environment(), stdout=subprocess.PIPE, text=True)
    out, _ = child.communicate(timeout=launcher.DEADLINE_S)
    assert (out, child.returncode) == (f"{child.pid} a  b it's $HOME\n", 7), (out, child.returncode)


def keeps_signals():
    """a signal to the launcher's pid is one to the program"""
    child = subprocess.Popen([HOLDWATCH, "run", "sh", "-c", "echo ready; exec sleep 1000"], env=launcher.environment(),
                             stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(launcher.DEADLINE_S) == -signal.SIGTERM, child.returncode


def options_become_variables():
    """options become variables, relative paths whole ones, and win over the environment"""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "f.conf").write_text("limit = 3s\n")
        answer = run("--limit", "200ms", "--read-limit=1.5s", "--json", "a b.jsonl", "--repeat", "0", "--lock-order=0",
                     "--on-report", "exec:hook", "--log=%e.log", "--config", "f.conf", "env", cwd=directory,
                     env=launcher.environment(HOLDWATCH_LIMIT="9s", HOLDWATCH_RATE="5"))
        answer.expect(0, ".*")
        said = {name: value for name, _, value in (line.partition("=") for line in answer.out.splitlines())
                if name.startswith("HOLDWATCH_")}
        here = os.path.realpath(directory)
    assert said == {"HOLDWATCH_LIMIT": "200ms", "HOLDWATCH_READ_LIMIT": "1.5s", "HOLDWATCH_JSON": f"{here}/a b.jsonl",
                    "HOLDWATCH_REPEAT": "0", "HOLDWATCH_LOCK_ORDER": "0", "HOLDWATCH_ON_REPORT": f"exec:{here}/hook",
                    "HOLDWATCH_LOG": f"{here}/%e.log", "HOLDWATCH_CONFIG": f"{here}/f.conf", "HOLDWATCH_RATE": "5"}, said


def relative_paths_are_made_whole():
    """a relative path begins where the launcher is called, without dots and without a slash too many"""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(os.path.realpath(directory), "a", "b%c")
        place.mkdir(parents=True)
        for where, typed, expected in (("/", "rel", "/rel"), ("/", "./x//y", "/x/y"), ("/", "../../rel", "/rel"),
                                       (place, "../x", f"{place.parent}/x"), (place, ".././x/../y", f"{place.parent}/x/../y"),
                                       (place, "./x", f"{place.parent}/b%%c/x"), (place, "//x", "//x")):
            run("--json", typed, "sh", "-c", "echo $HOLDWATCH_JSON", cwd=where).expect(0, f"{expected}\n")
        gone = ("sh", "-c", 'rmdir "$PWD" && exec "$0" run --json "$1" true', HOLDWATCH)
        # The shell has something to say about it too.
        launcher.call(*gone, "x.jsonl", cwd=place).expect(2, "", ".*--json x.jsonl: the working directory no longer exists; use [^\n]*\n")
        place.mkdir()
        launcher.call(*gone, "/x.jsonl", cwd=place).expect(0, "", "(sh[^\n]*\n)?")


def preload_is_joined():
    """the library comes after what was preloaded already, and only once"""
    show = ("sh", "-c", "echo $LD_PRELOAD")
    run(*show).expect(0, rf"{SHIM}\n")
    joined = run(*show, env=launcher.environment(LD_PRELOAD="libpthread.so.0"))
    joined.expect(0, rf"libpthread\.so\.0:{SHIM}\n")
    run(*show, env=launcher.environment(LD_PRELOAD=f"libpthread.so.0 {SHIM}")).expect(0, rf"libpthread\.so\.0 {SHIM}\n")


def brings_libdl_where_that_is_apart():
    """with a glibc before 2.34 libdl is preloaded too, whichever glibc this was built with"""
    if abilities.left_out(abilities.missing("cc")):
        return
    with tempfile.TemporaryDirectory() as directory:
        old = launcher.make_old_glibc(directory)
        run("sh", "-c", "echo $LD_PRELOAD", env=launcher.environment(LD_PRELOAD=old)).expect(0, rf"{old}:{SHIM}:libdl\.so\.2\n")


def library_is_loaded():
    """the library is in the program"""
    assert SHIM in run("cat", "/proc/self/maps").out


def bad_use_is_refused():
    """bad use: status 2, and one line that says what to type"""
    run().expect_bad_use("usage: holdwatch run")
    run("--limit", "1s").expect_bad_use("no program given")
    run("--limit").expect_bad_use("--limit requires a value: 0, 1ms to 87600h")
    run("--limit", "10", "true").expect_bad_use("--limit 10: needs a unit")
    run("--limt", "1s", "true").expect_bad_use(r"did you mean --limit\?")
    run("--only=some", "true").expect_bad_use("valid values: all, contended")
    run("--signal", "5", "true").expect_bad_use("auto, off, 34 to 64")
    run("--json", "-", "true").expect_bad_use("--json -: standard output is the program's own; give a path")
    run("--log=-", "true").expect_bad_use("--log -: standard output is the program's own")
    launcher.call(HOLDWATCH, "attach", os.getpid(), "--json", "-").expect_bad_use("--json -: standard output is the program's own")
    for name in ("HOLDWATCH_JSON", "HOLDWATCH_LOG"):
        dash = launcher.environment(**{name: "-"})
        run("true", env=dash).expect_bad_use(f"{name}=-: standard output is the program's own; give a path")
        launcher.call(HOLDWATCH, "attach", os.getpid(), env=dash).expect_bad_use(f"{name}=-: standard output is the program's own")
    run("--json", "/dev/null", "true", env=launcher.environment(HOLDWATCH_JSON="-")).expect(0)
    run("--config", "/nowhere/x", "true").expect_bad_use("no such file: '/nowhere/x'")
    run("--config", "/", "true").expect_bad_use("no such file: '/'")
    run("-x", "true").expect_bad_use("unknown option -x")
    run("-limit", "1s", "true").expect_bad_use(r"unknown option -limit; did you mean --limit\?")
    run("--limit=", "true").expect_bad_use("--limit : ")
    run("--frob=1", "true").expect_bad_use("unknown option --frob=1")
    launcher.call(HOLDWATCH).expect_bad_use("usage: holdwatch run PROGRAM")
    launcher.call(HOLDWATCH, "rum", "true").expect_bad_use("unknown command 'rum'; commands: .*run")
    launcher.call(HOLDWATCH, "../commands/run").expect_bad_use("unknown command")


def missing_program_is_reported():
    """a program that is not there, or not to be run, ends as with the shell"""
    run("no-such-program").expect(127, "", "holdwatch: no such program: 'no-such-program'\n")
    run("").expect(127, "", "holdwatch: no such program: ''\n")
    run("/etc/passwd").expect(126, "", "holdwatch: /etc/passwd cannot be run: [^\n]*\n")
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "script")
        script.write_text("#!/nowhere/sh\n")
        run(directory).expect(126, "", f"holdwatch: {directory} cannot be run: [^\n]*\n")
        run(script).expect(126, "", f"holdwatch: {script} cannot be run: [^\n]*\n")
        script.chmod(0o755)
        run(script).expect(127, "", f"holdwatch: {script} cannot be run: its interpreter /nowhere/sh does not exist\n")
        # What the kernel takes for no program, a shell takes for a script.
        script.write_text("echo as a script\n")
        run(script).expect(0, "as a script\n")


def odd_words_are_kept():
    """programs that are named like options or variables, and values with all that a shell knows"""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("-x", "--limit", "a b", "x=y", "run"):
            shutil.copy("/bin/true", Path(directory, name))
            run("--", f"./{name}", cwd=directory).expect(0)
            run("--", name, env=launcher.environment(PATH=directory)).expect(0)
    for value in ("a b=c", "it's $HOME `x` \"q\" \\", "a\nb", " ", "*"):
        run("--exe", value, "/bin/sh", "-c", 'printf "[%s]" "$HOLDWATCH_EXE"').expect(0, re.escape(f"[{value}]"))
        run(f"--exe={value}", "/bin/sh", "-c", 'printf "[%s]" "$HOLDWATCH_EXE"').expect(0, re.escape(f"[{value}]"))
    run("/bin/true", env=launcher.environment(PATH="")).expect(0)


def unwatchable_is_reported():
    """a program that cannot be watched runs, and one line says so"""
    run(STATIC_PROGRAM).expect(0, "", r"holdwatch: [^\n]+ is not watched: it is statically linked[^\n]*\n")
    if abilities.left_out(abilities.no_root()):
        return
    with tempfile.TemporaryDirectory() as directory:
        program = shutil.copy("/bin/true", directory)
        os.chown(program, NOBODY, NOBODY)
        os.chmod(program, 0o4755)
        run(program).expect(0, "", r"holdwatch: \S+ is not watched: it is set-user-ID[^\n]*\n")


def help_at_each_level():
    """--help and --version, in the middle of a line too"""
    launcher.call(HOLDWATCH, "--help").expect(0, r"Usage: holdwatch COMMAND.*  run \[OPTION.*")
    launcher.call(HOLDWATCH, "--version").expect(0, r"holdwatch \d+\.\d+\.\d+\n")
    said = run("--help").expect(0, r"Usage: holdwatch run .*--read-limit VALUE .*\n")[0]
    for without_effect in ("lock-order", "summary", "metrics"):
        assert f"--{without_effect}" not in said, said
    run("--limit", "1s", "--help", "true").expect(0, "Usage: holdwatch run .*")
    run("true", "--help").expect(0, "Usage: true .*")


def commands_find_their_tools():
    """each command finds its tool in the tree where it was built, and their errors have one form"""
    for command, *more in (("inspect",), ("attach",), ("detach",), ("snapshot",), ("stop",), ("start",), ("limit", "1s")):
        usage = f"usage: holdwatch {command} PID" if command != "snapshot" else r"usage: holdwatch snapshot \[--waits\] PID"
        launcher.call(HOLDWATCH, command, "999999999", *more).expect(1, "", "holdwatch: no such process: 999999999\n")
        launcher.call(HOLDWATCH, command, "x", *more).expect_bad_use(f"invalid process id 'x'; {usage}")
        launcher.call(HOLDWATCH, command, *more).expect_bad_use(usage)
        launcher.call(HOLDWATCH, command, "1", "2s", "3").expect_bad_use(usage)
    launcher.call(HOLDWATCH, "detach", "--frob").expect_bad_use("unknown option --frob; usage: holdwatch detach PID")
    launcher.call(HOLDWATCH, "doctor").expect(0, ".*")


def is_found_from_everywhere():
    """the launcher finds its parts through a symbolic link, from its own directory, and by a relative path"""
    with tempfile.TemporaryDirectory() as directory:
        link = Path(directory, "hw")
        link.symlink_to(HOLDWATCH)
        launcher.call(link, "run", "true").expect(0)
    launcher.call("./holdwatch", "run", "true", cwd=Path(HOLDWATCH).parent).expect(0)
    launcher.call("sh", "holdwatch", "run", "true", cwd=Path(HOLDWATCH).parent).expect(0)


if __name__ == "__main__":
    abilities.skip_if(abilities.no_preloading(SHIM))
    launcher.run_cases([keeps_pid_status_and_arguments, keeps_signals, options_become_variables,
                        relative_paths_are_made_whole, preload_is_joined,
                        brings_libdl_where_that_is_apart, library_is_loaded, bad_use_is_refused, missing_program_is_reported,
                        odd_words_are_kept,
                        unwatchable_is_reported, help_at_each_level, commands_find_their_tools, is_found_from_everywhere])
