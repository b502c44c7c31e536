#!/usr/bin/env python3
"""Every command starts where there is nothing but a libc, and says what to install for what it cannot do there.

    missing_libraries.py LAUNCHER BUILD_DIRECTORY HOLDER

A machine without the libraries is played by mounts of its own, in which files of a 32-bit system stand in their places: the
loader passes those over, and finds none. Skipped where there can be no such mounts. HOLDER is a program that stays.
"""

import ctypes
import os
import re
import subprocess
import sys
import tempfile

import launcher

HOLDWATCH, BUILD, HOLDER = map(os.path.realpath, sys.argv[1:4])
INSPECTION = f"{BUILD}/symbolizer/tools/inspect/libholdwatch-inspect.so"
LIBC_ALONE = {"libc.so.6", "ld-linux-x86-64.so.2"}
COMMANDS = ("attach/control", "inspect/holdwatch-inspect", "doctor/doctor", "launcher/arguments", "launcher/program",
            "launcher/starter")
LIBRARIES = {"libunwind.so.8": "libunwind8", "libunwind-x86_64.so.8": "libunwind8", "libdw.so.1": "libdw1",
             "libelf.so.1": "libelf1", "liblzma.so.5": "liblzma5", "libz.so.1": "zlib1g"}
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def commands_need_libc_alone():
    """what the loader has to find before any of our code runs"""
    for command in COMMANDS:
        dynamic = subprocess.run(["readelf", "-W", "-d", f"{BUILD}/symbolizer/tools/{command}"], capture_output=True, text=True,
                                 check=True).stdout
        needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
        assert "libc.so.6" in needed and needed <= LIBC_ALONE, f"{command} needs {sorted(needed)}"


def places_of_libraries():
    """Where the loader finds them here, behind all symbolic links."""
    listed = subprocess.run(["ldd", INSPECTION], capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"^\s*(\S+) => (/\S+)", listed, re.MULTILINE))
    return [os.path.realpath(found[name]) for name in LIBRARIES]


def hide_libraries():
    """For this process and all that it starts."""
    places = places_of_libraries()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with tempfile.NamedTemporaryFile(prefix="holdwatch-32-bits-") as file:
        file.write(b"\x7fELF\1\1\1".ljust(4096, b"\0"))
        file.flush()
        for place in places:
            assert libc.mount(os.fsencode(file.name), os.fsencode(place), None, MS_BIND, None) == 0, os.strerror(ctypes.get_errno())


def all_start():
    """help, bad use, and what needs no library"""
    for command in ("attach", "detach", "doctor", "inspect", "limit", "run", "snapshot", "start", "stop"):
        launcher.call(HOLDWATCH, command, "--help").expect(0, f"Usage: holdwatch {command}.*")
    launcher.call(HOLDWATCH, "run", "true").expect(0)
    launcher.call(HOLDWATCH, "inspect", "x").expect_bad_use("invalid process id 'x'")
    for command in ("detach", "snapshot", "stop", "start"):
        launcher.call(HOLDWATCH, command, os.getpid()).expect(1, "", r"holdwatch: \d+ [^\n]* is not watched: [^\n]*\n")
    launcher.call(HOLDWATCH, "limit", os.getpid(), "1s").expect(1, "", r"holdwatch: [^\n]* is not watched: [^\n]*\n")


def reports_point_to_doctor():
    """a watched program reports without names, and one line says who knows what is missing"""
    answer = launcher.call(HOLDWATCH, "run", "--limit", "200ms", HOLDER, "--briefly")
    assert len(re.findall("cannot load .*; for details: holdwatch doctor; reports go to stderr without", answer.err)) == 1, answer
    assert "has held mutex" in answer.err, answer


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
            launcher.call(HOLDWATCH, "attach", process.pid).expect(
                1, "", r"holdwatch: attach needs libunwind\S* which is not installed; on Debian: apt-get install libunwind8\n")
        finally:
            process.kill()
    said = launcher.call(HOLDWATCH, "doctor").expect(0, ".*")[0]
    [line] = re.findall("^note +names +(.*)$", said, re.MULTILINE)
    assert line.startswith("reports have no names and no full stacks: the symbolizer needs ") and names_all(line), said
    launcher.call(HOLDWATCH, "doctor", os.getpid()).expect(0, ".*note +watch +it is not watched.*")
    launcher.call(HOLDWATCH, "doctor", HOLDER).expect(0, ".*ok +program.*ok +debug .*")


if __name__ == "__main__":
    launcher.run_cases([commands_need_libc_alone])
    if launcher.abilities.left_out(launcher.abilities.no_mounts()):
        sys.exit(0)
    hide_libraries()
    launcher.run_cases([all_start, reports_point_to_doctor, says_what_to_install])
