#!/usr/bin/env python3
"""Checks what `holdwatch doctor` says about running processes: watched or not, closed to it, filtered, contained.

    doctor_processes.py LAUNCHER BUILD_DIRECTORY
"""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import doctoring
import launcher
from launcher import abilities
from doctoring import BUILD, HOLDER, HOLDWATCH, NOBODY, SHIM, WORK, compile_c, doctor, expect

ALLOW_ALL = 0x7fff0000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PTRACE_SEIZE = 38, 22, 2, 0x4206


LIBC = ctypes.CDLL(None, use_errno=True)


class Child:
    """A process that is there while the doctor looks."""

    def __init__(self, *argv, **options):
        self.process = subprocess.Popen(argv, env=launcher.environment(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True, **options)

    def __enter__(self):
        # The word comes once the last program of the chain is there.
        assert self.process.stdout.readline() == "ready\n"
        return self.process.pid

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


READY = ("sh", "-c", 'echo ready; exec "$@"', "sh")


def wait_for(pid, line):
    """Some lines take a moment to be true: the child is still between two programs, or its threads come."""
    pattern = re.compile(f"^{line}$", re.MULTILINE)
    for _ in range(3000):
        answer = doctor(pid)
        if pattern.search(answer.out):
            return answer
    raise AssertionError(f"no line {line!r}: {answer}")


def processes():
    """a process: watched, not yet, left out, not at all; deleted since"""
    with Child(*READY, "sleep", "1000") as pid:
        wait_for(pid, r"ok +process +\d+ runs \S*/sleep, 1 thread")
        expect(pid, 0, f"note +watch +it is not watched; holdwatch attach {pid} watches it now.*")
    with Child(HOLDWATCH, "run", *READY, "sleep", "1000") as pid:
        wait_for(pid, "note +watch +it was started with holdwatch preloaded, and is not watched yet.*")
    with Child(HOLDWATCH, "run", *READY, HOLDER, "1000") as pid:
        wait_for(pid, "ok +watch +it is watched: it was started with holdwatch preloaded")
    with Child(HOLDWATCH, "run", "--exe", "another", *READY, HOLDER, "1000") as pid:
        wait_for(pid, "note +watch +it was started with .*, but is excluded by EXE .*")
    copy = shutil.copy("/bin/sleep", WORK / "gone")
    with Child(*READY, copy, "1000") as pid:
        wait_for(pid, r"ok +process +\d+ runs \S*/gone, .*")
        copy.unlink()
        expect(pid, 0, r"ok +program +\S*/gone \(deleted\): x86-64.*")


def attached_to():
    """a process that is attached to, and one that was: the library in it does nothing any more"""
    if abilities.left_out(abilities.no_attaching()):
        return
    with Child(*READY, HOLDER, "1000") as pid:
        wait_for(pid, r"ok +process +\d+ runs \S*/holder, .*")
        answer = launcher.call(HOLDWATCH, "attach", pid, "--log", "none")
        assert answer.status == 0, answer
        expect(pid, 0, f"ok +watch +it is watched since it was attached to; holdwatch detach {pid} ends that")
        answer = launcher.call(HOLDWATCH, "detach", pid)
        assert answer.status == 0, answer
        expect(pid, 0, "note +watch +it was attached to and then detached from: .*does nothing; "
               f"holdwatch attach {pid} watches it again")


def spoil_fentry(libc):
    """Other code where attach expects what it knows."""
    symbols = subprocess.run(["readelf", "-W", "--dyn-syms", libc], capture_output=True, text=True, check=True).stdout
    address = int(re.search(r": ([0-9a-f]+) .* __fentry__@", symbols)[1], 16)
    segments = subprocess.run(["readelf", "-W", "-l", libc], capture_output=True, text=True, check=True).stdout
    for offset, start, size in re.findall(r"^ +LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+)", segments, re.MULTILINE):
        if int(start, 16) <= address < int(start, 16) + int(size, 16):
            with open(libc, "r+b") as file:
                file.seek(address - int(start, 16) + int(offset, 16))
                file.write(b"\x90" * 16)


def take_dlopen_away(libc):
    """As it was before glibc 2.34, when libdl had it."""
    code = libc.read_bytes()
    assert code.count(b"\0dlopen\0") == 1
    libc.write_bytes(code.replace(b"\0dlopen\0", b"\0dlopem\0"))


def refused_libcs():
    """a process whose libc `attach` can do nothing with: said beforehand, and attach says the same"""
    refuse_libc(spoil_fentry, "has an unknown build of the C library: start it with holdwatch run instead")
    refuse_libc(take_dlopen_away, r"has a glibc older than 2\.34, whose libc has no dlopen: start it with holdwatch run instead")


def refuse_libc(change, reason):
    directory = WORK / f"libc-{change.__name__}"
    directory.mkdir()
    change(Path(shutil.copy(next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()
                                 if line.endswith("/libc.so.6")), directory)))
    with Child(*READY, "env", f"LD_LIBRARY_PATH={directory}", HOLDER, "1000") as pid:
        wait_for(pid, rf"note +watch +it is not watched and cannot be attached to: {pid} \(holder\) {reason}")
        answer = launcher.call(HOLDWATCH, "attach", pid, "--log", "none")
        if "cannot be traced" in answer.err or "lets only root trace" in answer.err:
            print("left out: may trace nothing here")
            return
        answer.expect(1, "", rf"holdwatch: [^\n]* {reason}\n")


def other_kinds_of_numbers():
    """a program that cannot be watched is not to be attached to; a thread, a kernel's thread, what has ended"""
    static = compile_c("static_sleeper", "#include <unistd.h>\nint main(void) { return pause(); }\n", "-static")
    with Child(*READY, static) as pid:
        wait_for(pid, r"ok +process +\d+ runs \S*/static_sleeper, .*")
        expect(pid, 1, f"note +watch +it is not watched; holdwatch inspect {pid} shows .*", "no +program .*statically linked.*")
    with Child(*READY, HOLDER, "1000") as pid:
        wait_for(pid, r"ok +process +\d+ runs \S*/holder, 2 threads")
        thread = max(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
        doctor(thread).expect_bad_use(rf"{thread} is a thread of process {pid} \(holder\): use that process id")
    kernels = Path("/proc/2/status")
    if kernels.exists() and "kthreadd" in kernels.read_text():
        expect(2, 1, r"no +process +2 \(kthreadd\) is a kernel thread")
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    expect(ended.pid, 1, rf"no +process +{ended.pid} \(true\) has already exited")
    ended.wait()


def of_another_user():
    """a process of somebody else: what could not be looked at, whom to ask, and a status of its own"""
    if abilities.left_out(abilities.no_root()):
        return
    drop = "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"
    with tempfile.TemporaryDirectory(prefix="holdwatch-doctor-") as directory, Child(*READY, "sleep", "1000") as pid:
        # Where the user may come; the build tree may lie in root's own directory.
        look, library = (shutil.copy(path, directory) for path in (f"{BUILD}/symbolizer/tools/doctor/doctor", SHIM))
        Path(directory).chmod(0o755)
        closed = Path(directory, "closed")
        closed.mkdir(0o700)
        hidden = shutil.copy(SHIM, closed)
        for its_library, status, says in ((library, 3, ""), (hidden, 1, f"no +library +{hidden} cannot be read by this user: .*")):
            answer = launcher.call("/usr/bin/python3", "-c", drop, look, its_library, pid)
            assert answer.status == status and answer.err == "", answer
            assert re.search(f"^{says}", answer.out, re.MULTILINE), answer
            assert re.search(rf"^note +access +its program, .* were not checked: {pid} \(\S+\) belongs to root: run this as "
                             r"root \(sudo\)$", answer.out, re.MULTILINE), answer
        for program in ("/etc/shadow", closed / "program"):
            answer = launcher.call("/usr/bin/python3", "-c", drop, look, library, program)
            assert answer.status == 3 and f"{program} cannot be read by this user" in answer.out, answer


def install_filter():
    """Allows everything; for preexec_fn."""
    code = (ctypes.c_uint64 * 1)(0x06 | ALLOW_ALL << 32)  # BPF_RET | BPF_K
    program = ctypes.create_string_buffer(16)
    ctypes.c_uint16.from_buffer(program).value = 1
    ctypes.c_uint64.from_buffer(program, 8).value = ctypes.addressof(code)
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def filtered_and_traced():
    """a process whose system calls are filtered; one that is traced"""
    with Child(*READY, "sleep", "1000", preexec_fn=install_filter) as pid:
        expect(pid, 0, "note +seccomp +it has a seccomp filter.*")
    with Child(*READY, "sleep", "1000") as pid:
        if LIBC.ptrace(PTRACE_SEIZE, pid, 0, 0) != 0:
            abilities.left_out("this user may trace no process (ptrace)")
            return
        expect(pid, 0, rf"note +traced +process {os.getpid()} \(\S+\) is tracing it: holdwatch attach works only after that ends")


def secure_and_contained():
    """a process that gained rights; one that gave them up; one whose mounts hide the library"""
    if not abilities.left_out(abilities.no_tracing_of_others()):
        secure()
    if not abilities.left_out(abilities.no_mounts()):
        contained()


def secure():
    program = WORK / "secure"
    shutil.copy("/bin/sleep", program)
    os.chown(program, NOBODY, -1)
    program.chmod(0o4755)
    WORK.chmod(0o755)
    with Child(*READY, program, "1000") as pid:
        wait_for(pid, r"no +rights +it gained privileges when it started.*")
    become = f"import os, time; os.setuid({NOBODY}); print('ready', flush=True); time.sleep(1000)"
    with Child(sys.executable, "-c", become) as pid:
        expect(pid, 0, rf"note +user +it became user {NOBODY} after its start.*User=\)")


def contained():
    # The library is a copy, in a directory over which something can be mounted without harm.
    hidden = WORK / "hidden"
    hidden.mkdir()
    library = shutil.copy(SHIM, hidden)
    look = f"{BUILD}/symbolizer/tools/doctor/doctor"
    with Child("unshare", "--mount", *READY, "sleep", "1000") as pid:
        assert re.search(r"^ok +container .*the library is there too$", launcher.call(look, library, pid).out, re.MULTILINE)
    with Child("unshare", "--mount", "sh", "-c", f"mount -t tmpfs t {hidden}; echo ready; exec sleep 1000") as pid:
        said = launcher.call(look, library, pid).out
        assert re.search(rf"^note +container .*, without {library}; .*$", said, re.MULTILINE), said


if __name__ == "__main__":
    doctoring.run([processes, attached_to, refused_libcs, other_kinds_of_numbers, of_another_user, filtered_and_traced,
                   secure_and_contained])
