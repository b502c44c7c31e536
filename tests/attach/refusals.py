"""Whatever stands in the way of an attachment is said in one line, with the remedy, before anything is done; the process
goes on.

    refusals.py --shim LIBRARY --control CONTROL --subject PROGRAM --static PROGRAM --filter PROGRAM --stuck PROGRAM
                --plugin LIBRARY --allocating PROGRAM --other LIBRARY --handler PROGRAM
"""

import argparse
import contextlib
import ctypes
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import abilities  # pylint: disable=wrong-import-position
from expectations import DEADLINE_S, wait_until  # pylint: disable=wrong-import-position

PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17


class Checker:
    def __init__(self, options):
        abilities.skip_if(abilities.no_attaching())
        self.options, self.failures, self.passed = options, [], 0

    def attach(self, pid, **how):
        return self.run(["attach", self.options.shim, pid], **how)

    def run(self, command, prefix=(), control=None, settings=None):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDWATCH_")}
        environment |= settings or {}
        return subprocess.run([*prefix, control or self.options.control, *map(str, command)], env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    def expect(self, what, pid, pattern, **how):
        self.judge(what, pattern, self.attach(pid, **how))

    def expect_of_others(self, what, pid, pattern, but_detach=None, **how):
        """The same of all other commands, unless detach says something else."""
        self.judge(f"{what}, detach", but_detach or pattern, self.run(["detach", pid], **how))
        for command in (["snapshot", pid], ["stop", pid], ["start", pid], ["limit", pid, "1s"]):
            self.judge(f"{what}, {command[0]}", pattern, self.run(command, **how))

    def judge(self, what, pattern, done):
        """One line that says so, status 1."""
        lines = done.stderr.splitlines()
        right = done.returncode == 1 and len(lines) == 1 and re.match("holdwatch: " + pattern, lines[0]) and not done.stdout
        self.passed += bool(right)
        if not right:
            self.failures.append(f"{what}: status {done.returncode}, {done.stdout}{done.stderr}, expected {pattern}")


@contextlib.contextmanager
def running(argv, ready=None, **options):
    """A process that goes at the end, once `ready(pid)`, or its first line, says that it is there."""
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
    try:
        if ready is None:
            process.stdout.readline()
        else:
            wait_until("the program's start", lambda: ready(process.pid))
        yield process.pid
        if process.poll() is not None:
            sys.exit(f"FAILED: {argv} has ended with status {process.returncode}")
    finally:
        process.kill()
        process.communicate()


def in_call(name):
    """Whether the process is blocked in a system call of this number."""
    return lambda pid: Path(f"/proc/{pid}/syscall").read_text().split()[0] == str(name)


def status_says(field, value):
    return lambda pid: re.search(rf"^{field}:\s+{value}", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)


def program_of_32_bits(path):
    """The smallest that waits: pause() in a loop, in an ELF file made by hand."""
    code = bytes.fromhex("b81d000000cd80ebf7")
    base, header = 0x08048000, 52 + 32
    elf = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + header, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    elf += struct.pack("<IIIIIIII", 1, 0, base, base, header + len(code), header + len(code), 5, 4096)
    path.write_bytes(elf + code)
    path.chmod(0o755)
    return path


def check_all(checker, directory):
    options, pause = checker.options, 34
    for expect in (checker.expect, checker.expect_of_others):
        expect("no process", 4194305, r"no such process: 4194305$")
    kernel = [pid for pid in os.listdir("/proc") if pid.isdigit() and is_kernel_thread(pid)]
    if kernel:
        checker.expect("kernel thread", kernel[0], r"\d+ \(.*\) is a kernel thread")

    # Stopping it by a signal cuts its calls short, of which it complains: that is not ours.
    with running([options.subject, "--sit"], stderr=subprocess.DEVNULL) as pid:
        another = max(map(int, os.listdir(f"/proc/{pid}/task")))
        checker.expect("thread", another, rf"{another} is a thread of process {pid} \(subject.*\): use that process id")
        os.kill(pid, signal.SIGSTOP)
        wait_until("its stop", lambda: status_says("State", "T")(pid))
        checker.expect("stopped", pid, rf".* is stopped: resume it first \(kill -CONT {pid}\)")
        os.kill(pid, signal.SIGCONT)
        check_traced(checker, pid)
        check_other_user(checker, pid, directory)
        if checker.attach(pid).returncode != 0:
            checker.failures.append("it cannot be attached to afterwards")
        check_stopped_later(checker, pid)
        checker.expect("twice", pid, rf".* is already watched; to end that: holdwatch detach {pid}$")

    with running([options.subject], env={**os.environ, "LD_PRELOAD": options.shim}) as pid:
        checker.expect("preloaded", pid, r".* is already watched: it was started with holdwatch preloaded")
    with running([options.subject], env={**os.environ, "LD_PRELOAD": options.shim, "HOLDWATCH_EXE": "other"}) as pid:
        checker.expect("left out", pid, r".* is excluded by EXE")
    with running([options.static], in_call(pause)) as pid:
        checker.expect("static", pid, r".* is statically linked")
    with running([options.filter], status_says("Seccomp", 2)) as pid:
        checker.expect("filter", pid, r".* has a seccomp filter .*: start it with holdwatch run")
    with running([options.stuck, options.plugin]) as pid:
        checker.expect("loader", pid, r"nothing was changed: thread \d+ is blocked inside the loader; try again")
    check_waits(checker)
    check_ends(checker)
    with running([options.subject], env={**os.environ, "LD_PRELOAD": options.other}) as pid:
        checker.expect("other version", pid, r".* has another version of holdwatch loaded: use that version's command")
        checker.expect_of_others("other version", pid, r".* has another version of holdwatch loaded: use that version's command")
    with running([options.subject]) as pid:
        check_unwatched(checker, pid)
    check_unwritable(checker, directory)
    check_yama(checker, directory)
    check_32_bits(checker, directory)


def check_unwatched(checker, pid):
    """Before the first attachment, and after the detachment."""
    for when in ("", " any more"):
        checker.expect_of_others("not watched" + when, pid, rf".* is not watched{when}: to watch it: holdwatch attach {pid}$",
                                 but_detach=rf".* is not watched{when}: nothing to detach")
        if checker.attach(pid).returncode != 0 or checker.run(["detach", pid]).returncode != 0:
            checker.failures.append(f"not watched{when}: it cannot be attached to and detached from")


def check_stopped_later(checker, pid):
    os.kill(pid, signal.SIGSTOP)
    wait_until("its stop", lambda: status_says("State", "T")(pid))
    checker.expect_of_others("stopped", pid, rf".* is stopped: resume it first \(kill -CONT {pid}\)")
    os.kill(pid, signal.SIGCONT)


def check_waits(checker):
    """What is in the way may pass, and does not: five seconds for each."""
    with running([checker.options.allocating]) as pid:
        checker.expect("allocator", pid, r"nothing was changed: thread \d+ is blocked inside the memory allocator; try again")
    with running([checker.options.handler]) as pid:
        checker.expect("signal's stack", pid, rf"nothing was changed: thread {pid} is on a stack that is not its own or is nearly full")
    busy = "import sys; print(); sys.stdout.flush()\nwhile True: pass"
    with running(["/usr/bin/python3", "-c", busy]) as pid:
        checker.expect("busy", pid, r"nothing was changed: its threads are running, .*; try again later, or start the program with holdwatch run")


def check_ends(checker):
    ended = subprocess.Popen(["/bin/true"])
    wait_until("its end", lambda: status_says("State", "Z")(ended.pid))
    for expect in (checker.expect, checker.expect_of_others):
        expect("zombie", ended.pid, rf"{ended.pid} \(true\) has (already )?exited")
    ended.wait()
    leave = ("import ctypes, threading, time; threading.Thread(target=time.sleep, args=(3600,)).start(); print(flush=True); "
             "ctypes.CDLL(None).pthread_exit(None)")
    with running(["/usr/bin/python3", "-c", leave], status_says("State", "Z")) as pid:
        checker.expect("main thread", pid, r".*: its main thread, .*, has exited: start it with holdwatch run instead")


def check_unwritable(checker, directory):
    """What the process cannot write to is told to who attaches, not to the process's standard error; it is not attached to,
    and can be afterwards."""
    complaints = directory / "complaints"
    with complaints.open("w") as file, running([checker.options.subject], stderr=file) as pid:
        who = rf"cannot attach to {pid} \(subject.*\): HOLDWATCH_"
        checker.expect("log", pid, who + "LOG: cannot write to /nowhere/text: No such file or directory$",
                       settings={"HOLDWATCH_LOG": "/nowhere/text"})
        checker.expect("JSON", pid, who + f"JSON: cannot write to {directory}: Is a directory$",
                       settings={"HOLDWATCH_JSON": str(directory)})
        checker.expect("program", pid, who + "ON_REPORT: cannot run /nowhere: No such file or directory$",
                       settings={"HOLDWATCH_ON_REPORT": "exec:/nowhere"})
        if len(os.listdir(f"/proc/{pid}/task")) != 1 or complaints.read_text():
            checker.failures.append(f"unwritable: threads are left, or it said {complaints.read_text()}")
        if checker.attach(pid).returncode != 0:
            checker.failures.append("unwritable: it cannot be attached to afterwards")


def is_kernel_thread(pid):
    with contextlib.suppress(OSError):
        return not re.search("^(VmSize|State:\tZ)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return False


def check_traced(checker, pid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    if libc.ptrace(PTRACE_SEIZE, pid, 0, 0) != 0:
        sys.exit("FAILED: cannot trace the program")
    checker.expect("traced", pid, rf".* is being traced by {os.getpid()} \(.*\): wait until that has finished")
    # Detaching needs a stop; the tracer's own end does not, but this test has still to go on.
    libc.ptrace(0x4207, pid, 0, 0)
    os.waitpid(pid, 0x40000000)
    libc.ptrace(PTRACE_DETACH, pid, 0, 0)


def as_nobody(directory):
    """How to run a copy of the command as a user with no rights."""
    if os.geteuid() != 0:
        return None
    directory.chmod(0o755)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]


def check_other_user(checker, pid, directory):
    if (prefix := as_nobody(directory)) is None:
        return
    control = shutil.copy(checker.options.control, directory)
    for expect in (checker.expect, checker.expect_of_others):
        expect("other user", pid, r".* belongs to root: run this as root \(sudo\)", prefix=prefix, control=control)


def check_yama(checker, directory):
    """A process that has closed itself even to its own user; and the same on a machine on which only root may trace, by a
    file in the place of the kernel's."""
    if (prefix := as_nobody(directory)) is None:
        return
    control = shutil.copy(checker.options.control, directory)
    closed = "import ctypes, sys; ctypes.CDLL(None).prctl(4, 0); print('ready', flush=True); sys.stdin.read()"
    yama = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /proc/sys/kernel && mkdir /proc/sys/kernel/yama && "
            'echo 1 > /proc/sys/kernel/yama/ptrace_scope && exec "$@"', "sh"]
    with running([*prefix, "/usr/bin/python3", "-c", closed], cwd="/") as pid:
        checker.expect("closed", pid, r".* has changed its privileges .*: run this as root \(sudo\)", prefix=prefix,
                       control=control)
        if abilities.left_out(abilities.no_mounts()):
            return
        checker.expect("yama", pid, r".*only root .*ptrace_scope = 1\): run this as root \(sudo\)",
                       prefix=yama + prefix, control=control)


def check_32_bits(checker, directory):
    program = program_of_32_bits(directory / "program32")
    try:
        with running([str(program)], lambda pid: os.readlink(f"/proc/{pid}/exe") == str(program)) as pid:
            checker.expect("32 bits", pid, r".* is a 32-bit program")
    except OSError as error:
        abilities.left_out(f"this kernel runs no 32-bit programs ({error})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--shim", "--control", "--subject", "--static", "--filter", "--stuck", "--plugin", "--allocating", "--other",
                 "--handler"):
        parser.add_argument(name, required=True, type=os.path.abspath)
    checker = Checker(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="holdwatch-refusals-") as directory:
        check_all(checker, Path(directory))
    print("\n".join(checker.failures))
    print(f"{checker.passed} refusals as they should be")
    sys.exit(1 if checker.failures else 0)


if __name__ == "__main__":
    main()
