"""What the launcher's tests have in common: calling it, and saying what was wrong with its answer."""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import abilities  # pylint: disable=unused-import,wrong-import-position
import expectations  # pylint: disable=wrong-import-position

DEADLINE_S = 60


class Answer:
    """How a command ended, and what it said."""

    def __init__(self, argv, done):
        self.argv, self.status, self.out, self.err = argv, done.returncode, done.stdout, done.stderr

    def __str__(self):
        return f"{' '.join(map(str, self.argv))}\n  status {self.status}\n  out {self.out!r}\n  err {self.err!r}"

    def expect(self, status=0, out="", err=""):
        """Whole texts as regular expressions; returns the match of `out`."""
        assert self.status == status, f"status is not {status}: {self}"
        assert re.fullmatch(err, self.err, re.DOTALL), f"standard error is not {err!r}: {self}"
        found = re.fullmatch(out, self.out, re.DOTALL)
        assert found, f"standard output is not {out!r}: {self}"
        return found

    def expect_bad_use(self, text):
        """One line that has `text` in it, and status 2."""
        return self.expect(2, "", rf"holdwatch: [^\n]*{text}[^\n]*\n")


def environment(**variables):
    """This process's, without what would watch it, and with `variables`."""
    bare = {name: value for name, value in os.environ.items()
            if name != "LD_PRELOAD" and not name.startswith("HOLDWATCH_")}
    return {**bare, **{name: str(value) for name, value in variables.items()}}


def make_old_glibc(directory):
    """A library that, preloaded, makes any glibc say that it is 2.31; needs a C compiler."""
    path = f"{directory}/old.so"
    subprocess.run(["cc", "-xc", "-", "-shared", "-fPIC", "-o", path], check=True, text=True,
                   input='const char *gnu_get_libc_version(void) { return "2.31"; }\n')
    return path


def call(*argv, env=None, cwd=None):
    argv = [str(word) for word in argv]
    done = subprocess.run(argv, env=env or environment(), cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=DEADLINE_S, check=False)
    return Answer(argv, done)


def wait_until_runs(pid, program):
    """The process has executed the program, and that has its C library."""
    def runs():
        maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
        return os.path.samefile(f"/proc/{pid}/exe", program) and "/libc.so.6" in maps
    expectations.wait_until(f"{program} to run", runs)


LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def check_call(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter_own_mounts():
    """For this process and all that it starts; see abilities.no_mounts."""
    check_call(LIBC.unshare(CLONE_NEWNS))
    check_call(LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))


def mount(source, place, kind=None, flags=0):
    check_call(LIBC.mount(os.fsencode(source), os.fsencode(place), kind and os.fsencode(kind), flags, None))


def unmount(place):
    check_call(LIBC.umount2(os.fsencode(place), 0))


def run_cases(cases, *arguments):
    """Calls each function with `arguments`; the first that fails ends the test with what it says."""
    for case in cases:
        try:
            case(*arguments)
        except AssertionError as failure:
            print(f"FAILED: {case.__doc__ or case.__name__}\n{failure}\nrerun: {sys.executable} {' '.join(sys.argv)}")
            sys.exit(1)
        print(f"passed: {case.__doc__ or case.__name__}")
