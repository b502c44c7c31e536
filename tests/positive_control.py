"""The positive control of tests that expect silence: a library that does nothing is silent too.

In the very environment of such a test, with the same library, options and other preloads, a small program holds a lock until
the hold is reported. Changed are only the options that would keep this hold from being reported by design, or report it elsewhere.

The program is this file, run as a script. It says "ready", takes the lock after the first line on its standard input, and releases
it when that ends.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE_S = 100  # far beyond what a slow machine needs


class NotReported(Exception):
    """The silence of the test proves nothing; the text says so."""


class Control:
    """One run of the program. `attach`, if given, is called before it takes the lock, with its process id and the watch's options."""

    def __init__(self, environment, attach=None):
        self.directory = tempfile.mkdtemp(prefix="holdwatch-control-")
        self.json_path = os.path.join(self.directory, "json")
        self.text_path = os.path.join(self.directory, "text")
        with open(self.text_path, "wb") as text:
            self.process = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__)],
                                            env={**environment, **self.options()}, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=text)
        if attach:
            self.process.stdout.readline()
            attach(self.process.pid, self.options())
        with contextlib.suppress(BrokenPipeError):  # it has ended: require_report says so
            self.process.stdin.write(b"hold\n")
            self.process.stdin.flush()

    def options(self):
        """A limit that is soon over, our name, and outputs of our own."""
        return {"HOLDWATCH_LIMIT": "100ms", "HOLDWATCH_EXE": "python*", "HOLDWATCH_JSON": self.json_path,
                "HOLDWATCH_LOG": "stderr"}

    def is_reported(self):
        """In JSON, or where the symbolizer is missing, in text only."""
        for path, words in ((self.json_path, b'"phase":"over"'), (self.text_path, b"held mutex")):
            if os.path.exists(path):
                with open(path, "rb") as file:
                    if words in file.read():
                        return True
        return False

    def require_report(self, patience_s=DEADLINE_S):
        """Returns once the hold is reported, or raises NotReported."""
        end = time.monotonic() + patience_s
        while not self.is_reported():
            if time.monotonic() > end or self.process.poll() is not None:
                raise NotReported("positive control: this test expects silence, but in its environment a hold that must be "
                                  f"reported is not reported either (within {patience_s:g} s)")
            time.sleep(0.02)

    def close(self):
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.directory, ignore_errors=True)


def require_report(environment, attach=None):
    control = Control(environment, attach)
    try:
        control.require_report()
    finally:
        control.close()


def hold_while_input_lasts(libc, lock, taken):
    libc.pthread_mutex_lock(lock)
    taken.set()
    sys.stdin.read()
    libc.pthread_mutex_unlock(lock)


def main():
    print("ready", flush=True)
    sys.stdin.readline()
    libc = ctypes.CDLL(None)
    lock = ctypes.create_string_buffer(64)  # zeros are PTHREAD_MUTEX_INITIALIZER
    taken = threading.Event()
    threading.Thread(target=hold_while_input_lasts, args=(libc, lock, taken)).start()
    taken.wait()
    # A waiter, for options that want one.
    libc.pthread_mutex_lock(lock)
    libc.pthread_mutex_unlock(lock)


if __name__ == "__main__":
    main()
