#!/usr/bin/env python3
"""What cannot be looked at is said in one line that helps, with the right exit status.

    refusals.py INSPECTOR SCENES_PROGRAM
"""

import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

from looking import DEADLINE_S, abilities, core_of, require, scene

COULD_NOT_LOOK, BAD_USE = 1, 2
NEVER_A_PID = "4194304"  # the kernel's limit


def refused(inspector, words, status, text, **how):
    done = subprocess.run([inspector, *map(str, words)], capture_output=True, text=True, timeout=DEADLINE_S,
                          check=False, **how)
    said = f"{words}: status {done.returncode}, {done.stderr!r}{done.stdout!r}"
    require(done.returncode == status, said)
    require(re.match("holdwatch: (?!inspect:)", done.stderr) and done.stderr.count("\n") == 1, said)
    require(text in done.stderr and done.stdout == "", said)


def bad_use(inspector):
    for words in ([], ["x"], ["0"], ["-1"], ["1", "2"], ["--core"], ["--core="], ["--bad"], ["1", "--json"],
                  ["--core", "a", "b", "c"], ["12x"], ["99999999999999999999"]):
        refused(inspector, words, BAD_USE, "usage: holdwatch inspect PID")
    refused(inspector, ["--bad=1", "1"], BAD_USE, "unknown option --bad=1; usage")
    refused(inspector, ["1", "--json"], BAD_USE, "--json requires a value: FILE; usage")
    refused(inspector, ["--", "--json"], BAD_USE, "invalid process id '--json'; usage")


def no_such_process(inspector):
    refused(inspector, [NEVER_A_PID], COULD_NOT_LOOK, f"no such process: {NEVER_A_PID}")


def ended(inspector):
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        refused(inspector, [process.pid], COULD_NOT_LOOK, "has exited")


def kernel_thread(inspector):
    if abilities.left_out(abilities.no_tracing_of_others()) or not pathlib.Path("/proc/2/exe").is_symlink():
        return
    if pathlib.Path("/proc/2/comm").read_text() == "kthreadd\n":
        refused(inspector, [2], COULD_NOT_LOOK, "is a kernel thread")


def of_another_user(inspector):
    if abilities.left_out(abilities.no_root()):
        return
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="holdwatch-refused-") as directory:
        os.chmod(directory, 0o755)
        copy = shutil.copy(inspector, directory)
        shutil.copy(pathlib.Path(inspector).with_name("libholdwatch-inspect.so"), directory)
        refused(copy, [os.getpid()], COULD_NOT_LOOK, "run this as root (sudo)", user=nobody.pw_uid, group=nobody.pw_gid,
                extra_groups=[])


PROGRAM_32 = ".globl _start\n_start: movl $29, %eax\nint $0x80\njmp _start\n"  # pause, for ever


def of_32_bits(inspector, directory):
    source, thing, program = (pathlib.Path(directory) / name for name in ("p.s", "p.o", "p"))
    source.write_text(PROGRAM_32)
    subprocess.run(["as", "--32", source, "-o", thing], check=True)
    subprocess.run(["ld", "-m", "elf_i386", thing, "-o", program], check=True)
    try:
        with subprocess.Popen([program]) as process:
            refused(inspector, [process.pid], COULD_NOT_LOOK, "is a 32-bit program")
            process.kill()
    except OSError:
        print("this kernel runs no 32-bit programs")


def of_musl(inspector, directory):
    if shutil.which("musl-gcc") is None:
        print("no musl-gcc here; on Debian: apt-get install musl-tools")
        return
    source, program = pathlib.Path(directory) / "m.c", pathlib.Path(directory) / "m"
    source.write_text("#include <stdio.h>\nint main() { return getchar(); }\n")
    subprocess.run(["musl-gcc", source, "-o", program], check=True)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        # The loader may be at work still.
        while "libc.so" not in pathlib.Path(f"/proc/{process.pid}/maps").read_text():
            pass
        refused(inspector, [process.pid], COULD_NOT_LOOK, "its C library is musl")
        process.kill()


def no_core_file(inspector, directory):
    garbage = pathlib.Path(directory) / "garbage"
    garbage.write_bytes(b"\x7fELF" + bytes(200))
    (pathlib.Path(directory) / "empty").touch()
    refused(inspector, ["--core", pathlib.Path(directory) / "none"], COULD_NOT_LOOK, "No such file")
    refused(inspector, ["--core", directory], COULD_NOT_LOOK, "Is a directory")
    refused(inspector, ["--core", "/dev/zero"], COULD_NOT_LOOK, "cannot be read")
    refused(inspector, ["--core", pathlib.Path(directory) / "empty"], COULD_NOT_LOOK, "is not a core file")
    refused(inspector, ["--core", garbage], COULD_NOT_LOOK, "another architecture")
    refused(inspector, ["--core", inspector], COULD_NOT_LOOK, "is not a core file, but a program")


def cut_core_file(inspector, program, directory):
    """The first part of one that was cut off, as by a full disk: told as far as it goes, or refused; never a crash."""
    if shutil.which("gcore") is None:
        return
    with scene(program, "two") as pid:
        whole = core_of(pid, directory).read_bytes()
    cut = pathlib.Path(directory) / "cut"
    for size in (64, 1000, 4096, 20000, len(whole) // 2):
        cut.write_bytes(whole[:size])
        done = subprocess.run([inspector, "--core", cut], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        require(done.returncode in (0, 1, 3), f"cut to {size} bytes: {done}")


def unwritable(inspector):
    refused(inspector, [os.getpid(), "--json", "/nonexistent/x"], COULD_NOT_LOOK, "--json /nonexistent/x")


def main():
    inspector, program = sys.argv[1:]
    abilities.skip_if(abilities.no_tracing())
    bad_use(inspector)
    no_such_process(inspector)
    ended(inspector)
    kernel_thread(inspector)
    of_another_user(inspector)
    unwritable(inspector)
    with tempfile.TemporaryDirectory(prefix="holdwatch-refused-") as directory:
        of_32_bits(inspector, directory)
        of_musl(inspector, directory)
        no_core_file(inspector, directory)
        cut_core_file(inspector, program, directory)


if __name__ == "__main__":
    main()
