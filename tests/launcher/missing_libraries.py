#!/usr/bin/env python3
"""Every command starts where there is nothing but a libc, and says what to install for what it cannot do there.

    missing_libraries.py LAUNCHER BUILD_DIRECTORY HOLDER

A machine without the libraries is played by mounts of its own, in which files of a 32-bit system stand in their places: the
loader passes those over, and finds none. Skipped where there can be no such mounts. HOLDER is a program that stays.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import launcher
from launcher import abilities

HOLDWATCH, BUILD, HOLDER = map(os.path.realpath, sys.argv[1:4])
SETUP = f"{os.path.dirname(__file__)}/../../scripts/setup"
INSPECTION = f"{BUILD}/symbolizer/tools/inspect/libholdwatch-inspect.so"
LIBC_ALONE = {"libc.so.6", "ld-linux-x86-64.so.2"}
COMMANDS = ("attach/control", "inspect/holdwatch-inspect", "top/holdwatch-top", "doctor/doctor", "launcher/arguments", "launcher/program",
            "launcher/starter")
LIBRARIES = {"libunwind.so.8": "libunwind8", "libunwind-x86_64.so.8": "libunwind8", "libdw.so.1": "libdw1",
             "libelf.so.1": "libelf1", "liblzma.so.5": "liblzma5", "libz.so.1": "zlib1g"}
# What attach itself needs: with these alone it works, and the symbolizer does not.
OF_ATTACH = ("libunwind.so.8", "libunwind-x86_64.so.8", "liblzma.so.5")


def commands_need_libc_alone():
    """what the loader has to find before any of our code runs"""
    for command in COMMANDS:
        dynamic = subprocess.run(["readelf", "-W", "-d", f"{BUILD}/symbolizer/tools/{command}"], capture_output=True, text=True,
                                 check=True).stdout
        needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
        assert "libc.so.6" in needed and needed <= LIBC_ALONE, f"{command} needs {sorted(needed)}"


def places_of_libraries():
    """Where the loader finds each of them here."""
    listed = subprocess.run(["ldd", INSPECTION], capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"^\s*(\S+) => (/\S+)", listed, re.MULTILINE))
    return {name: found[name] for name in LIBRARIES}


def query_packages(*arguments):
    return subprocess.run(["dpkg-query", *arguments], capture_output=True, text=True, check=False).stdout


def packages_of_this_release(file):
    """The package that has the file, and the names under which that can be installed too. dpkg may know the file without /usr."""
    for path in (file, os.path.realpath(file), os.path.realpath(file).removeprefix("/usr")):
        owners = re.findall(r"^([^\s:,]+)(?::\w+)?: /", query_packages("-S", path), re.MULTILINE)
        if owners:
            return set(re.findall(r"[a-z0-9.+-]+(?=$|,| \()", query_packages("-W", "-f", "${Package}, ${Provides}", owners[0])))
    return set()


def packages_are_those_of_this_release():
    """each is the package that has the library, and comes with one that scripts/setup installs for building"""
    if abilities.left_out(abilities.missing("dpkg-query", "dpkg")):
        return
    with open(SETUP, encoding="utf-8") as setup:
        [rows] = re.findall("^for_building='([^']*)'", setup.read(), re.MULTILINE)
    brought_along = query_packages("-W", "-f", "${Depends}\n", *rows.replace("|", " ").split())
    for name, file in places_of_libraries().items():
        real = packages_of_this_release(file)
        if not real and abilities.left_out(f"{file} is of no package"):
            continue
        assert LIBRARIES[name] in real, f"{name}: {LIBRARIES[name]} is not among {sorted(real)}"
        assert any(re.search(rf"(^|[ ,]){re.escape(package)}([ ,]|$)", brought_along, re.MULTILINE) for package in real), \
            f"{sorted(real)} is needed by no package that scripts/setup installs for building"


def copy_beginning(source, target):
    with open(source, "rb") as whole, open(target, "wb") as part:
        part.write(whole.read(64 * 1024))


def incomplete_files_are_named():
    """files that are just being copied: every command says so, and neither it nor the program dies of the loader's SIGBUS"""
    with tempfile.TemporaryDirectory() as directory:
        inspect, shim, symbolizer = (f"{directory}/{name}" for name in ("inspect", "libholdwatch.so", "libholdwatch-symbolizer.so"))
        shutil.copy(f"{BUILD}/symbolizer/tools/inspect/holdwatch-inspect", inspect)
        copy_beginning(INSPECTION, f"{directory}/libholdwatch-inspect.so")
        launcher.call(inspect, os.getpid()).expect(
            1, "", r"holdwatch: inspect cannot use \S+/libholdwatch-inspect\.so: the file is incomplete; [^\n]*\n")
        copy_beginning(f"{BUILD}/shim/libholdwatch.so", shim)
        copy_beginning(f"{BUILD}/symbolizer/libholdwatch-symbolizer.so", symbolizer)
        launcher.call(f"{BUILD}/symbolizer/tools/doctor/doctor", "--", shim).expect(
            1, rf".*no +library +{re.escape(shim)} is incomplete; .*"
            rf"note +names +[^\n]*the symbolizer cannot use {re.escape(symbolizer)}: the file is incomplete; .*")
        launcher.call(f"{BUILD}/symbolizer/tools/launcher/arguments", "run", "--program", "--library", shim, "--", "true").expect(
            1, ".*", rf"holdwatch: {re.escape(shim)} is incomplete; build or install holdwatch again\n")
        if abilities.left_out(abilities.no_attaching()):
            return
        with subprocess.Popen([HOLDER, "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                launcher.wait_until_runs(process.pid, HOLDER)
                launcher.call(f"{BUILD}/symbolizer/tools/attach/control", "attach", shim, process.pid).expect(
                    1, "", rf"holdwatch: {re.escape(shim)} is incomplete; build or install holdwatch again\n")
                assert process.poll() is None, "the process died of it"
            finally:
                process.kill()


def hide_libraries():
    """For this process and all that it starts. Returns where they were, behind all symbolic links."""
    places = {name: os.path.realpath(file) for name, file in places_of_libraries().items()}
    launcher.enter_own_mounts()
    with tempfile.NamedTemporaryFile(prefix="holdwatch-32-bits-") as file:
        file.write(b"\x7fELF\1\1\1".ljust(4096, b"\0"))
        file.flush()
        for place in places.values():
            launcher.mount(file.name, place, flags=launcher.MS_BIND)
    return places


def show_libraries_of_attach(places):
    for name in OF_ATTACH:
        launcher.unmount(places[name])


def all_start():
    """help, bad use, and what needs no library"""
    for command in ("attach", "detach", "doctor", "inspect", "limit", "run", "snapshot", "start", "stop"):
        launcher.call(HOLDWATCH, command, "--help").expect(0, f"Usage: holdwatch {command}.*")
        launcher.call(HOLDWATCH, "help", command).expect(0, f"Usage: holdwatch {command}.*")
    launcher.call(HOLDWATCH, "run", "true").expect(0)
    launcher.call(HOLDWATCH, "inspect", "x").expect_bad_use("invalid process id 'x'")
    for command in ("detach", "snapshot", "stop", "start"):
        launcher.call(HOLDWATCH, command, os.getpid()).expect(1, "", r"holdwatch: \d+ [^\n]* is not watched: [^\n]*\n")
    launcher.call(HOLDWATCH, "limit", os.getpid(), "1s").expect(1, "", r"holdwatch: [^\n]* is not watched: [^\n]*\n")


def reports_say_what_to_install():
    """a watched program reports without names, and one line says what is missing, what has it, and what that costs"""
    complaint = (r"cannot load .*: (\S+) is not installed \(on Debian: apt-get install (\S+); to see all that is missing: holdwatch "
                 r"doctor\); reports go to stderr without function names")
    answer = launcher.call(HOLDWATCH, "run", "--limit", "200ms", HOLDER, "--briefly")
    [(library, package)] = re.findall(complaint + "$", answer.err, re.MULTILINE)
    assert LIBRARIES[library] == package, answer
    assert "has held mutex" in answer.err, answer
    answer = launcher.call(HOLDWATCH, "run", "--limit", "200ms", "--json", "/nowhere/a", "--log", "/nowhere/b", HOLDER, "--briefly")
    assert re.search(complaint + ", and nothing is written to LOG=/nowhere/b and JSON=/nowhere/a$", answer.err, re.MULTILINE), answer


def says_what_to_install():
    """inspect, attach and doctor: one line, with the packages"""
    def names_all(line):
        packages = line.split("apt-get install ")[1].split()
        return all(name in line for name in LIBRARIES) and sorted(packages) == sorted(set(LIBRARIES.values()))

    answer = launcher.call(HOLDWATCH, "inspect", os.getpid())
    answer.expect(1, "", r"holdwatch: inspect needs [^\n]* which are not installed; on Debian: apt-get install [^\n]*\n")
    assert names_all(answer.err), answer
    with subprocess.Popen([HOLDER, "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            launcher.wait_until_runs(process.pid, HOLDER)
            launcher.call(HOLDWATCH, "attach", process.pid).expect(
                1, "", r"holdwatch: attach needs libunwind\S* which is not installed; on Debian: apt-get install libunwind8\n")
            launcher.call(HOLDWATCH, "doctor", process.pid).expect(
                0, r".*note +watch +it is not watched and cannot be attached to: attach needs libunwind\S* which is not installed; .*")
        finally:
            process.kill()
    said = launcher.call(HOLDWATCH, "doctor").expect(0, ".*")[0]
    [line] = re.findall("^note +names +(.*)$", said, re.MULTILINE)
    assert line.startswith("reports have no names and no full stacks, and go to standard error only: the symbolizer needs ") and names_all(line), said
    launcher.call(HOLDWATCH, "doctor", os.getpid()).expect(0, ".*note +watch +it is not watched.*")
    said = launcher.call(HOLDWATCH, "doctor", HOLDER).expect(0, ".*ok +program.*ok +debug .*")[0]
    assert said.count("reports have") == 1, f"reports cannot have names and have none: {said}"


def attaches_without_the_symbolizer():
    """with what attach needs, and nothing for names: it is told what to install and what is lost, or refused where that was asked for"""
    if abilities.left_out(abilities.no_attaching()):
        return
    with subprocess.Popen([HOLDER, "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            launcher.wait_until_runs(process.pid, HOLDER)
            for option in ("--json", "--log"):
                launcher.call(HOLDWATCH, "attach", process.pid, option, "/tmp/none").expect(
                    1, "", r"holdwatch: attach cannot write a log or a JSON file: the symbolizer needs [^\n]*libdw\.so\.1[^\n]*"
                    r"apt-get install [^\n]*libdw1[^\n]*\n")
            launcher.call(HOLDWATCH, "doctor", process.pid).expect(0, r".*note +watch +it is not watched; holdwatch attach \d+ watches it now.*")
            with open(f"/proc/{process.pid}/maps", encoding="utf-8") as maps:
                assert "holdwatch.so" not in maps.read(), "it was touched"
            launcher.call(HOLDWATCH, "attach", process.pid).expect(
                0, r"attached to \d+ \(holder\): \d+ calls redirected; one thread was paused [^\n]*\n[^\n]*\n[^\n]*\n",
                r"holdwatch: cannot load [^\n]* is not installed \(on Debian: apt-get install [^\n]*"
                r"reports go to stderr without function names\n")
        finally:
            process.kill()


if __name__ == "__main__":
    launcher.run_cases([commands_need_libc_alone, packages_are_those_of_this_release, incomplete_files_are_named])
    if abilities.left_out(abilities.no_mounts()):
        sys.exit(0)
    hidden = hide_libraries()
    launcher.run_cases([all_start, reports_say_what_to_install, says_what_to_install])
    show_libraries_of_attach(hidden)
    launcher.run_cases([attaches_without_the_symbolizer])
