"""Servers that start bare and are attached to where their tests make sure that they are watched."""

import re
import subprocess
import threading
import time
from pathlib import Path

import servers

ATTACHED_S = 0.25
DETACHED_S = 0.05
# The process may end between two looks, and a thread may be at work in the allocator whenever we look.
PASSING = r"no such process|has (already )?exited|nothing was changed"


class AttachedRun(servers.Run):
    """Attaches once, and stays."""

    control = None  # the command, set by the test's command line

    def __init__(self, shim, **options):
        servers.abilities.skip_if(servers.abilities.no_attaching_to_servers())
        super().__init__(shim, **options)

    def environment(self):
        return servers.bare_environment()

    def command(self, name, *arguments, options=None):
        """Status and words of one of holdwatch's commands; its options are those of a watched run."""
        done = subprocess.run([self.control, name, *map(str, arguments)], env=super().environment() | (options or {}),
                              capture_output=True, text=True, timeout=2 * servers.DEADLINE_S, check=False)
        return done.returncode, done.stdout + done.stderr

    def require_control(self):
        """A hold in a process that is attached to is reported."""
        servers.require_control(self.environment(),
                                lambda pid, options: self.command("attach", self.shim, pid, options=options))

    def check_is_watched(self, pid, threaded):
        status, said = self.command("attach", self.shim, pid)
        servers.require(status == 0, said)
        print(said, end="")


class AttachableRun(AttachedRun):
    """Attaches and detaches when it is told to."""

    def check_is_watched(self, pid, threaded):
        pass

    def attach(self, pid):
        """What the command says. It may ask to be tried again: every thread may have been at work in the allocator."""
        def stderr_if_attached():
            status, said = self.command("attach", self.shim, pid)
            servers.require(status == 0 or re.search(PASSING, said), said)
            return said if status == 0 else None
        return servers.wait_until(f"attaching to {pid}", stderr_if_attached)

    def detach(self, pid):
        status, said = self.command("detach", pid)
        servers.require(status == 0, said)
        return said


class AttachedAgainAndAgain(AttachedRun):
    """Attaches and detaches as often as the run is long."""

    def __init__(self, shim, **options):
        super().__init__(shim, **options)
        self.rounds, self.stops_ms, self.refused, self.troubles = 0, [], [], []
        self.workers, self.over = [], threading.Event()

    def check_is_watched(self, pid, threaded):
        self.workers.append(threading.Thread(target=self.attach_and_detach, args=(pid,)))
        self.workers[-1].start()

    def end(self):
        self.over.set()
        for worker in self.workers:
            worker.join()

    def __exit__(self, failure, *rest):
        self.end()
        super().__exit__(failure, *rest)

    def attach_and_detach(self, pid):
        while not self.over.is_set() and Path(f"/proc/{pid}/exe").exists():
            self.one_round(pid)
            time.sleep(DETACHED_S)

    def one_round(self, pid):
        status, said = self.command("attach", self.shim, pid)
        # A child that was forked while its parent was attached to is watched as well.
        if status == 0 or "is already watched" in said:
            self.stops_ms += map(float, re.findall(r"was paused for ([\d.]+) ms", said))
            self.over.wait(ATTACHED_S)
            status, said = self.command("detach", pid)
            self.rounds += status == 0
        if status != 0 and Path(f"/proc/{pid}/exe").exists():
            (self.refused if re.search(PASSING, said) else self.troubles).append(said)
