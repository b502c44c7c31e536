#!/usr/bin/env python3
"""Reports on a terminal are colored, and only there: those of a watched program, and those of `holdwatch inspect`.

    colors.py HOLDWATCH HOLDER
"""

import os
import pty
import re
import subprocess
import sys
import threading

import launcher

HOLDWATCH, HOLDER = sys.argv[1:]
SEQUENCE = re.compile(r"\033\[[0-9;]*m")
FIRST_LINE = re.compile(r"\033\[2mholdwatch\[\d+\]: \033\[0m\033\[1;33mthread \d+ \"holder\" has held mutex L1[^\n]*\033\[0m\r?\n"
                        r"  \033\[36mlock    \033\[0mL1 mutex ")


def on_terminal(command, stream, **variables):
    """What the command writes to this stream, a terminal."""
    ours, theirs = pty.openpty()
    parts = []

    def read():
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:  # the terminal's last writer has gone
            pass

    reader = threading.Thread(target=read)
    reader.start()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: theirs}
    settings = {"TERM": "xterm", "HOLDWATCH_LIMIT": "200ms", **variables}
    subprocess.run(command, env=launcher.environment(**settings), stdin=subprocess.DEVNULL, check=False,
                   timeout=launcher.DEADLINE_S, **streams)
    os.close(theirs)
    reader.join()
    os.close(ours)
    return b"".join(parts).decode()


def watched():
    """A report on a terminal has colors, and without them it is the report that a file gets."""
    run = [HOLDWATCH, "run", HOLDER]
    assert FIRST_LINE.search(text := on_terminal(run, "stderr")), repr(text)
    assert not SEQUENCE.search(text := on_terminal(run, "stderr", NO_COLOR="1")) and "has held mutex L1" in text, repr(text)
    assert not SEQUENCE.search(text := on_terminal(run, "stderr", HOLDWATCH_COLOR="never")) and "L1" in text, repr(text)
    file = launcher.call(*run, env=launcher.environment(TERM="xterm", HOLDWATCH_LIMIT="200ms"))
    assert not SEQUENCE.search(file.err) and "has held mutex L1" in file.err, file
    asked = launcher.call(*run, env=launcher.environment(HOLDWATCH_LIMIT="200ms", HOLDWATCH_COLOR="always", NO_COLOR="1"))
    assert FIRST_LINE.search(asked.err), asked


def inspected():
    """The same of `holdwatch inspect`."""
    child = subprocess.Popen([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "hangs\n"
        look = [HOLDWATCH, "inspect", str(child.pid)]
        colored = on_terminal(look, "stdout")
        assert SEQUENCE.search(colored) and "for mutex L1" in SEQUENCE.sub("", colored), repr(colored)
        assert not SEQUENCE.search(on_terminal(look, "stdout", NO_COLOR="1"))
        assert not SEQUENCE.search(launcher.call(*look).out)
        assert SEQUENCE.search(launcher.call(*look, "--color", "always").out)
        launcher.call(*look, "--color", "pink").expect_bad_use("invalid value of --color: pink")
        launcher.call(*look, "--color").expect_bad_use("--color")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


# A thread waits for ever for a mutex that another one has.
HANGS = """
import ctypes, threading, time
libc = ctypes.CDLL(None)
mutex = ctypes.create_string_buffer(40)
libc.pthread_mutex_lock(mutex)
other = threading.Thread(target=libc.pthread_mutex_lock, args=(mutex,))
other.start()
while not open(f"/proc/self/task/{other.native_id}/syscall").read().startswith("202 "):  # futex
    time.sleep(0.01)
print("hangs", flush=True)
time.sleep(1000)
"""

watched()
inspected()
