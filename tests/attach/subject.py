"""A program that is attached to, bare or under the preload, and what the tests of attaching ask of it."""

import argparse
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import abilities  # pylint: disable=wrong-import-position
from expectations import DEADLINE_S, Failure, require, wait_until  # pylint: disable=wrong-import-position
from processes import own_threads  # pylint: disable=wrong-import-position,unused-import

LIMIT = "200ms"
READ = 0  # the system call's number


class Subject:
    """The program, bare unless `preload` is given, and what holdwatch writes of it."""

    def __init__(self, options, *arguments, preload=False, prefix=()):
        abilities.skip_if(abilities.no_attaching())
        self.options = options
        self.directory = Path(tempfile.mkdtemp(prefix="holdwatch-attach-"))
        environment = {name: value for name, value in os.environ.items()
                       if name != "LD_PRELOAD" and not name.startswith("HOLDWATCH_")}
        if preload:
            environment |= {"LD_PRELOAD": options.shim, **self.watch_options()}
        self.process = subprocess.Popen([*prefix, options.subject, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        self.pid = self.process.pid
        self.await_start()

    def await_start(self):
        require(self.process.stdout.readline() == "ready\n", "the program does not start")

    def watch_options(self):
        return {"HOLDWATCH_LIMIT": LIMIT, "HOLDWATCH_JSON": str(self.directory / "json"),
                "HOLDWATCH_LOG": str(self.directory / "text")}

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def command(self, *arguments):
        return subprocess.run([self.options.control, *map(str, arguments)], env={**os.environ, **self.watch_options()},
                              capture_output=True, text=True, timeout=DEADLINE_S * 2, check=False)

    def control(self, *arguments, status=0):
        """Runs a command that ends with this status; returns what it printed."""
        done = self.command(*arguments)
        said = done.stdout + done.stderr
        require(done.returncode == status, f"{arguments[0]} ended with status {done.returncode}: {said}")
        return said

    def attach(self):
        return self.control("attach", self.options.shim, self.pid)

    def detach(self):
        return self.control("detach", self.pid)

    def output(self, name):
        """The path, for us, of what holdwatch writes into the process's file of that name."""
        return self.directory / name

    def events(self, **wanted):
        path = self.output("json")
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [event for event in map(json.loads, lines) if all(event[key] == value for key, value in wanted.items())]

    def await_events(self, count=1, **wanted):
        return wait_until(f"{count} events {wanted}; there are {[(e['event'], e['phase']) for e in self.events()]}",
                          lambda: (found := self.events(**wanted)) if len(self.events(**wanted)) >= count else None)

    def descriptors(self):
        """What each of them leads to, as far as they stay."""
        leads_to = {}
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):
                leads_to[int(number)] = os.readlink(f"/proc/{self.pid}/fd/{number}")
        return leads_to

    def status(self, field):
        return int(re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)[1])

    def end(self):
        """Lets it end by itself; returns its exit status and what it complained of."""
        _, complaints = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, complaints

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        for path in self.directory.iterdir():
            path.unlink()
        self.directory.rmdir()


class Waiting(Subject):
    """A program whose only thread waits in a call of the test's choice."""

    def write(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def line(self):
        return self.process.stdout.readline().strip()

    def begin_attaching(self, *prefix):
        return subprocess.Popen([*prefix, self.options.control, "attach", self.options.shim, str(self.pid)],
                                env={**os.environ, **self.watch_options()}, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def blocked_in(self):
        """The system call that its first thread waits in."""
        text = Path(f"/proc/{self.pid}/syscall").read_text().split()
        return int(text[0]) if text[0].lstrip("-").isdigit() else -1

    def await_call(self, number):
        wait_until(f"the system call {number}", lambda: self.process.poll() is not None or self.blocked_in() == number)
        require(self.process.poll() is None, f"it has ended: {self.process.returncode}")

    def attach_and_detach(self):
        said = self.command("attach", self.options.shim, self.pid)
        # The command that was killed may have got so far that the process is attached to.
        require(said.returncode == 0 or "is already watched" in said.stderr, f"afterwards: {said.stderr}")
        self.detach()


class HiddenSubject(Subject):
    """In a mount namespace of its own where nothing lies in the build's place."""

    def __init__(self, options, *without):
        abilities.skip_if(abilities.no_mounts())
        self.hidden = str(Path(options.shim).parent.parent)
        # The build may lie below /tmp itself: its program is open before that is hidden.
        # A library that is missing too is one that is no library.
        spoil = "".join(f"mount --bind /dev/null $(ldconfig -p | sed -n 's|.*{name}.* => ||p' | head -n 1); " for name in without)
        program, hidden = shlex.quote(options.subject), shlex.quote(self.hidden)
        script = (f"{spoil}exec 9<{program}; mount -t tmpfs none /tmp; cat <&9 >/tmp/subject; exec 9<&-; "
                  f"chmod 755 /tmp/subject; [ ! -d {hidden} ] || mount -t tmpfs none {hidden}; exec /tmp/subject")
        super().__init__(argparse.Namespace(**{**vars(options), "subject": script}),
                         prefix=["unshare", "--mount", "sh", "-c"])
        self.options = options

    def watch_options(self):
        return {"HOLDWATCH_LIMIT": LIMIT, "HOLDWATCH_LOG": "/tmp/text", "HOLDWATCH_JSON": "/tmp/json"}

    def output(self, name):
        return Path(f"/proc/{self.pid}/root/tmp/{name}")

    def stderr_inside(self):
        with contextlib.suppress(OSError):
            return self.output("text").read_text()
        return ""


def functions(stack):
    return [frame["function"] or "" for frame in stack["frames"]]


def check_reader(event):
    """What a reader has, and has had since before the attachment, is told by the code of the function that it is in."""
    require(event["lock"]["kind"] == "rwlock", f"{event}")
    [holder] = event["holders"]
    require(holder["thread"] == "reader" and holder["mode"] == "shared", f"held by {holder}")
    require(holder["evidence"] == "guard" and not holder["likely"], f"evidence {holder['evidence']}")
    require("reads_the_lock" in holder["taken"]["frames"][0]["function"], f"taken {holder['taken']}")
    require([group["threads"] for group in event["waiters"]] == [["writer"]], f"waiters {event['waiters']}")


def check_hold(event):
    holder, waiters = event["holders"][0], event["waiters"]
    require(holder["thread"] == "holder", f"held by {holder['thread']}")
    require(any("takes_the_lock" in name for name in functions(holder["taken"])), f"taken {holder['taken']}")
    require(waiters and waiters[0]["threads"] == ["waiter"], f"waiters {waiters}")
    require(any("wants_the_lock" in name for name in functions(waiters[0]["stack"])), f"waits {waiters}")


def run_one_of(tests, how, description, *more_options):
    """The main of a file of tests: runs the one that is named, on a Subject or what `how` makes for it."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name in ("--shim", "--control", "--subject", *more_options):
        parser.add_argument(name, required=True, type=os.path.abspath)
    parser.add_argument("test", choices=[test.__name__ for test in tests])
    options = parser.parse_args()
    test = next(test for test in tests if test.__name__ == options.test)
    subject = how.get(test, Subject)(options)
    try:
        test(subject)
    except Failure as failure:
        text = subject.directory / "text"
        print(f"FAILED: {failure}\nrerun: {sys.executable} {' '.join(sys.argv)}")
        print(text.read_text() if text.exists() else "holdwatch said nothing")
        sys.exit(1)
    finally:
        subject.close()
    print("passed")
