"""What this machine lets a test do: root on a desktop may do all of it, a user or root in a container less.

Each ability is tried, not deduced from the user or the kernel. A function returns why it is not there, or "" if it is. What cannot
be tested for such a reason is left out in one form, which scripts/dev/summarize-tests shows again at the end.
"""

import ctypes
import functools
import os
import re
import shutil
import socket
import subprocess
import sys

EXIT_SKIPPED = 77  # what meson counts as "skipped"
PTRACE_SEIZE = 0x4206


def skip(reason):
    """Ends the whole test."""
    print(f"skipped: {reason}")
    sys.exit(EXIT_SKIPPED)


def skip_if(reason):
    if reason:
        skip(reason)


def left_out(reason):
    """Whether a part of the test has to be left out; says so."""
    if reason:
        print(f"left out: {reason}")
    return bool(reason)


def no_root():
    """Root has other users' rights to try, and files to give away."""
    return "" if os.geteuid() == 0 else "needs root"


def no_view_of_all_processes():
    """/proc shows those of its pid namespace: all, in the first one (PROC_PID_INIT_INO, linux/proc_ns.h)."""
    return "" if os.readlink("/proc/self/ns/pid") == "pid:[4026531836]" else "needs the first pid namespace"


def path_of(program):
    """Where it is; servers are often not on a user's path."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin")


def missing(program, package=None):
    return "" if path_of(program) else f"no program '{program}' here; on Debian: apt-get install {package or program}"


@functools.cache
def no_namespaces(*flags):
    """For `unshare` with these flags."""
    if missing("unshare"):
        return missing("unshare", "util-linux")
    tried = subprocess.run(["unshare", *flags, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no namespaces here: {tried.stderr.strip()}"


def no_mounts():
    """In a mount namespace of our own, which takes root."""
    return no_root() or no_namespaces("--mount")


@functools.cache
def no_tracing():
    """Of a process that is not the tracer's child, as `attach` and `inspect` do: a container may forbid it, or Yama."""
    trace = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace({PTRACE_SEIZE}, int(sys.argv[1]), 0, 0) != 0)"
    with subprocess.Popen(["sleep", "1000"]) as other:
        tried = subprocess.run([sys.executable, "-c", trace, str(other.pid)], check=False)
        other.kill()
    return "" if tried.returncode == 0 else "this user may trace no process that is not its child (ptrace)"


def system_call_filter():
    """Within a container's filter all processes filter their system calls. We leave such a process's memory alone where that would
    take a call out of the ordinary, and do not attach to it."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return "all processes here filter their system calls (seccomp)" if "Seccomp:\t2" in status.read() else ""


def no_attaching():
    return system_call_filter() or no_tracing()


@functools.cache
def no_tracing_of_others():
    """Of a process that root has started and that is another user's now: takes CAP_SYS_PTRACE, also to read much of its /proc."""
    if no_root() or no_tracing():
        return no_root() or no_tracing()
    become = "import os, time; os.setuid(65534); print(flush=True); time.sleep(1000)"
    with subprocess.Popen([sys.executable, "-c", become], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        allowed = ctypes.CDLL(None).ptrace(PTRACE_SEIZE, other.pid, 0, 0) == 0
        other.kill()
    return "" if allowed else "root may not trace other users' processes here (no CAP_SYS_PTRACE)"


def no_looking_at_servers():
    """If root starts them, most become another user's."""
    return no_tracing_of_others() if os.geteuid() == 0 else no_tracing()


def no_attaching_to_servers():
    return no_attaching() or no_looking_at_servers()


def no_localhost():
    """A bare system has no /etc/hosts."""
    try:
        socket.getaddrinfo("localhost", None)
    except OSError as error:
        return f"the name localhost has no address here: {error.strerror}"
    return ""


def no_preloading(library):
    return f"the loader cannot preload {library}: its path has a space or a colon" if re.search("[ :]", library) else ""


def closed_directory(path):
    """Who keeps a program that becomes another user from this path: a directory above it, such as a closed home."""
    path = os.path.realpath(path)
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return f"other users cannot reach {path}"
    return ""
