#!/usr/bin/env python3
"""The founding story: one member of a chat room stops reading, and nobody can join any more.

Plays the members of the room against the chat server in this directory, which runs under the watch:
alice speaks, bob stops reading, and while alice's message to bob is stuck, carol, dave and erin want to join. Once the
watch has said what there is to say, bob goes, and everything flows again.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from expectations import wait_until  # pylint: disable=wrong-import-position

PATIENCE_S = 30
SENDTO, FUTEX = 44, 202  # x86-64
LATE_COMERS = ("carol", "dave", "erin")


class Server:
    """The chat server as a child process, with all that it and the watch have said so far; without a shim it is not watched."""

    def __init__(self, shim, program, arguments=(), echo=None, **options):
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDWATCH_")}
        self.environment.update({f"HOLDWATCH_{name}": value for name, value in options.items()})
        if shim:
            self.environment["LD_PRELOAD"] = shim
        self.child = subprocess.Popen([program, *arguments], env=self.environment, stdin=subprocess.DEVNULL, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.port = int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", self.child.stdout.readline())[1])
        self.text = ""
        self.reader = threading.Thread(target=self._read, args=(echo,), daemon=True)
        self.reader.start()

    def _read(self, echo):
        for line in self.child.stderr:
            self.text += line
            if echo:
                echo.write(line)
                echo.flush()

    def wait_for_text(self, expression):
        wait_until(f"{expression!r} in the report", lambda: re.search(expression, self.text))

    def wait_until_blocked(self, thread, number):
        """Returns once the thread with this name sits in the same system call for three looks in a row."""
        looks = []
        def settled():
            looks.append(self._system_call(thread))
            return len(looks) >= 3 and looks[-1][:1] == [str(number)] and looks[-3] == looks[-2] == looks[-1]
        wait_until(f"{thread} to be blocked in system call {number}", settled)

    def _system_call(self, thread):
        tasks = f"/proc/{self.child.pid}/task"
        for tid in os.listdir(tasks):
            try:
                with open(f"{tasks}/{tid}/comm", encoding="utf-8") as comm, \
                        open(f"{tasks}/{tid}/syscall", encoding="utf-8") as call:
                    if comm.read().rstrip("\n") == thread:
                        return call.read().split()
            except OSError:
                continue  # the thread has just gone
        return []

    def stop(self):
        self.child.terminate()
        self.child.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return self.child.returncode


class Member:
    """One client. Reads all that it is sent in a thread of its own, unless it is the one that does not."""

    def __init__(self, server, name, reads=True):
        self.name, self.heard, self.welcomed = name, b"", threading.Event()
        self.socket = socket.socket()
        if not reads:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", server.port))
        self.address = "%s:%d" % self.socket.getsockname()
        if reads:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while part := self.socket.recv(65536):
            self.heard = self.heard[-1000:] + part
            if b"* welcome, " in self.heard:
                self.welcomed.set()

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def join(self):
        self.send("JOIN " + self.name)

    def wait_for_welcome(self):
        wait_until(f"{self.name} to be welcomed", self.welcomed.is_set)

    def leave(self):
        self.socket.close()


def play(server, mended, before_bob_goes):
    """The story up to its end. Calls `before_bob_goes` while alice's message is stuck and the late comers are there."""
    bob = Member(server, "bob", reads=False)
    bob.join()
    wait_until("bob to be welcomed", lambda: bob.socket.recv(200))
    alice = Member(server, "alice")
    alice.join()
    alice.wait_for_welcome()

    # More than the buffers on the way to bob take. Alice hears herself only after bob, who joined before her.
    speech = threading.Thread(target=lambda: [alice.send("SAY " + "blah " * 10_000) for _ in range(20)], daemon=True)
    speech.start()
    server.wait_until_blocked("alice", SENDTO)

    late = [Member(server, name) for name in LATE_COMERS]
    for member in late:
        member.join()
        if mended:
            member.wait_for_welcome()
        else:
            server.wait_until_blocked(member.name, FUTEX)
    before_bob_goes()
    bob.leave()
    for member in late:
        member.wait_for_welcome()
    speech.join(PATIENCE_S)
    alice.send("SAY goodbye")
    wait_until("alice to hear herself", lambda: alice.heard.endswith(b"alice: goodbye\n"))
    return bob


def main():
    parser = argparse.ArgumentParser(description="Plays the chat room's story against a server under the watch.")
    parser.add_argument("--demo", action="store_true", help="show the report on the screen as it comes")
    parser.add_argument("--mended", action="store_true", help="with the room that does not have the bug")
    parser.add_argument("shim")
    parser.add_argument("server")
    options = parser.parse_args()

    arguments = ["--mended"] if options.mended else []
    server = Server(os.path.abspath(options.shim), os.path.abspath(options.server), arguments, LIMIT="1s",
                    echo=sys.stdout if options.demo else None)
    if options.mended:
        play(server, True, lambda: time.sleep(3))
    else:
        play(server, False, lambda: server.wait_for_text("still held"))
        server.wait_for_text("released by")
    server.stop()


if __name__ == "__main__":
    main()
