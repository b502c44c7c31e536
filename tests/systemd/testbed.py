"""A real systemd to test with: process 1 of namespaces of its own, on a copy of the root directory that goes with it.

Needs root, and a kernel that gives it namespaces and an overlay: where not, the test is skipped and says why.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import abilities  # pylint: disable=wrong-import-position
import expectations  # pylint: disable=wrong-import-position

DEADLINE_S = 120
PR_SET_PDEATHSIG = 1
SETUP = Path(__file__).with_name("testbed.sh")
SYSTEMD = Path("/lib/systemd/systemd")
# $1: an empty directory, whose name is the cgroup's. It can be removed once the last process in it has ended.
REMOVE_CGROUP = """
mount -t cgroup2 cgroup2 "$1" && cd "$1" || exit
cgroup=${1##*/}
[ -d "$cgroup" ] || exit 0
until grep -qx 'populated 0' "$cgroup/cgroup.events"; do sleep 0.01; done
find "$cgroup" -depth -type d -exec rmdir {} +
"""


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(what, happened):
    return expectations.wait_until(what, happened, DEADLINE_S)


class Testbed:
    """The running systemd: commands are executed inside, files are read and written from outside."""

    def __init__(self):
        abilities.skip_if(abilities.no_root())
        if not SYSTEMD.exists():
            abilities.skip("no systemd here; on Debian: apt-get install systemd")
        self.directory = Path(tempfile.mkdtemp(prefix="holdwatch-systemd-", dir="/tmp"))
        self.log = open(self.directory.with_suffix(".log"), "w+b")
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--propagation",
             "private", "sh", str(SETUP), str(self.directory)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=die_with_parent)
        self.pid = None

    def __enter__(self):
        # Nothing of it may outlive a test that is skipped, or ended by meson after its time.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        try:
            wait_until("a systemd to come up", self._is_up)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_up(self):
        """Sets `pid`, by which others see process 1."""
        if self.process.poll() is not None:
            abilities.skip(f"no namespaces for a systemd here: {self._complaints()}")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children or Path(f"/proc/{children[0]}/comm").read_text() != "systemd\n":
            return False
        self.pid = children[0]
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def _complaints(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace").strip()

    def __exit__(self, *_):
        # The end of process 1 is the end of all in its namespace, and of their mounts.
        self.process.kill()
        self.process.wait()
        subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", REMOVE_CGROUP, "sh", self.directory],
                       stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, timeout=DEADLINE_S, check=False)
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.with_suffix(".log").unlink(missing_ok=True)

    def run(self, *argv, check=True, env=None):
        """Executes a command inside; with `check`, its failure is the test's."""
        done = subprocess.run(["nsenter", "-t", self.pid, "-a", "--", *map(str, argv)], stdin=subprocess.DEVNULL,
                              text=True, capture_output=True, timeout=DEADLINE_S, check=False, env=env)
        assert not check or done.returncode == 0, f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def path(self, inside):
        """The path by which a file inside is reached from here."""
        return Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def write(self, inside, text):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def install(self, build):
        """Installs holdwatch as `meson install` does; returns the directory that its library is in."""
        done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", self.path("/")],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"meson install failed:\n{done.stdout}{done.stderr}"
        [library] = self.path("/usr/local").glob("lib*/**/libholdwatch.so")  # lib64 without dpkg-dev
        return "/" + str(library.parent.relative_to(self.path("/")))

    def copy(self, program, inside="/usr/local/bin"):
        shutil.copy(program, self.path(inside))

    def holdwatch(self, *argv, **options):
        return self.run("holdwatch", *argv, **options)

    def reports(self, unit, *fields):
        """The unit's entries of the journal that match all of `fields`, oldest first."""
        listed = self.run("journalctl", "--no-pager", "-o", "json", "-u", unit, *fields, check=False).stdout
        return [json.loads(line) for line in listed.splitlines()]

    def text_of_journal(self, unit):
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, check=False).stdout

    def changed_files(self):
        """Path -> contents of everything that differs from the machine's, but what systemd itself keeps. Of what is in
        memory, where other programs come and go, what is called after holdwatch."""
        changes = self.path("/run/changes")
        found = {}
        for path in sorted(changes.rglob("*")):
            name = "/" + str(path.relative_to(changes))
            if not name.startswith(("/var/log", "/var/lib/systemd")):
                found[name] = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for directory in ("/run", "/tmp", "/var/tmp", "/dev/shm"):
            for path in self.path(directory).rglob("*holdwatch*"):
                if changes not in path.parents:
                    found[f"{directory}/{path.name}"] = None
        return found
