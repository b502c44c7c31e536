"""What the soak does to the servers, their clients, and the file that the watched one reports to.

A fault is a context: what it breaks when it is entered is whole again when it is left. `pair` has the bare and the watched
server of one kind.
"""

import contextlib
import ctypes
import errno
import os
import signal
import subprocess
import time

import servers

STOPPED_S = 3
FORKING_S = 5
DISK_KIB = 256
BLOCK = 4096
CLONE_NEWNS = 0x20000  # linux/sched.h


def use_own_mounts():
    """What is mounted from now on, only this process and its children see. True if we may mount at all."""
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode == 0


class Log:
    """The file that a watched server writes its reports to, on a small disk of its own if we may mount one."""

    def __init__(self, directory, may_mount):
        directory.mkdir()
        self.directory = directory if may_mount else None
        if may_mount:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", directory], check=True)
        directory.chmod(0o777)
        self.path = directory / "reports.txt"
        self.taken_away = ""  # the text of the files that were renamed or removed

    def text(self):
        return self.taken_away + (self.path.read_text() if self.path.exists() else "")

    def closing_lines(self):
        return self.text().count(" released by ")

    def remove(self):
        if self.path.exists():
            self.taken_away += self.path.read_text()
            self.path.unlink()

    def rotate(self):
        """As logrotate does with "create": the old file away, an empty one of the same owner in its place."""
        if not self.path.exists():
            return
        status = self.path.stat()
        self.remove()
        self.path.touch(mode=0o600)
        os.chown(self.path, status.st_uid, status.st_gid)

    def fill_disk(self):
        """To the last byte: in the log's own last block there would be room for one more report."""
        if self.path.exists():
            with self.path.open("ab") as log:
                log.write(b"\n" * (-log.tell() % BLOCK))
        filler = self.directory / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"." * BLOCK)
            except OSError as failure:
                servers.require(failure.errno == errno.ENOSPC, f"filling the disk: {failure}")

    def free_disk(self):
        (self.directory / "filler").unlink(missing_ok=True)

    def end(self):
        if self.directory is not None:
            subprocess.run(["umount", "--lazy", self.directory], check=True)


@contextlib.contextmanager
def nothing(_):
    yield


@contextlib.contextmanager
def load_stopped(pair):
    """The clients stand still in the middle of whatever they were saying."""
    for side in pair:
        side.load.pause()
    time.sleep(STOPPED_S)
    yield
    for side in pair:
        side.load.go_on()


@contextlib.contextmanager
def server_stopped(pair):
    """For longer than the limit: that time must not pass for a hold of a lock that was taken afterwards."""
    for side in pair:
        side.server.process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_S)
    for side in pair:
        side.server.process.send_signal(signal.SIGCONT)
    yield


@contextlib.contextmanager
def log_rotated(pair):
    pair.watched.log.rotate()
    yield


@contextlib.contextmanager
def log_removed(pair):
    pair.watched.log.remove()
    yield


@contextlib.contextmanager
def disk_full(pair):
    log = pair.watched.log
    log.fill_disk()
    yield
    log.free_disk()
    # Not before: giving up the old file would make room for a report. And the text would fill the disk by itself some day.
    log.rotate()


@contextlib.contextmanager
def fork_storm(pair):
    """redis forks for every save; the other servers never do."""
    for side in pair:
        if hasattr(side.subject, "fork_for"):
            side.forks += side.subject.fork_for(FORKING_S)
    yield
