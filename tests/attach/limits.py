"""A process whose limits (setrlimit) leave no room for an attachment: one line names the limit and how to raise it; the
process goes on, and is attached to once it is raised.

    limits.py --shim LIBRARY --control CONTROL --subject PROGRAM
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from refusals import Checker, abilities, as_nobody, running


def check_descriptors(checker):
    with running([checker.options.subject]) as pid:
        check_raised(checker, pid, resource.RLIMIT_NOFILE, len(os.listdir(f"/proc/{pid}/fd")), "open files")


def check_memory(checker):
    """At several steps: for the first stack, for the library, for the watch."""
    for more in (0, 300_000, 8_000_000, 40_000_000):
        with running([checker.options.subject], stderr=subprocess.DEVNULL) as pid:
            size = int(re.search(r"VmSize:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) * 1024
            check_raised(checker, pid, resource.RLIMIT_AS, size + more, "address space")


def check_raised(checker, pid, kind, value, what):
    _, hard = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (value, hard))
    option = {resource.RLIMIT_NOFILE: "nofile", resource.RLIMIT_AS: "as"}[kind]
    pattern = rf"its limit of {what} is too low; raise it: (prlimit --pid {pid} --{option}=\d+:)$"
    done = checker.attach(pid)
    checker.judge(f"{what} {value}", ".*: " + pattern, done)
    if advice := re.search(pattern, done.stderr.strip()):
        subprocess.run(advice[1].split(), check=True)
        if (after := checker.attach(pid)).returncode != 0:
            checker.failures.append(f"{what} {value}: its advice does not help: {after.stderr}")


def check_threads(checker, directory):
    """The limit counts all threads of a user, and not those of root."""
    if abilities.left_out(abilities.no_tracing_of_others()) or (prefix := as_nobody(directory)) is None:
        return
    waits = "import sys; print(flush=True); sys.stdin.read()"
    user = ["setpriv", "--reuid=65533", *prefix[2:]]  # nobody else runs anything as this one
    for threads, pattern in ((1, r"\d+ \(python3\) cannot start a thread for holdwatch: .*: raise its thread limit .*; the library stays loaded"),
                             (2, r"cannot attach to \d+ \(python3\): it has no thread .*: raise its thread limit"),
                             (3, r"cannot attach to \d+ \(python3\): it has no thread .*: raise its thread limit")):
        argv = [*user, "prlimit", f"--nproc={threads}", "/usr/bin/python3", "-c", waits]
        with running(argv, cwd="/", stderr=subprocess.DEVNULL) as pid:
            checker.expect(f"{threads} threads", pid, pattern)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--shim", "--control", "--subject"):
        parser.add_argument(name, required=True, type=os.path.abspath)
    checker = Checker(parser.parse_args())
    check_descriptors(checker)
    check_memory(checker)
    with tempfile.TemporaryDirectory(prefix="holdwatch-limits-") as directory:
        check_threads(checker, Path(directory))
    print("\n".join(checker.failures))
    print(f"{checker.passed} refusals as they should be")
    sys.exit(1 if checker.failures else 0)


if __name__ == "__main__":
    main()
