"""What the tests of `inspect` share: a program that hangs in a known way, looks at it, and what the looks must say."""

import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import abilities  # pylint: disable=wrong-import-position
import json_schema  # pylint: disable=wrong-import-position

DEADLINE_S = 100  # for any one event; far beyond what a slow machine needs


def require(condition, why):
    if not condition:
        sys.exit(f"FAILED: {why}\nrerun: {sys.executable} {' '.join(sys.argv)}")


def is_idle(event):
    """Threads in a condition wait: what they wait for is not always known."""
    return event["event"] == "wait" and all(group["wait"]["kind"] == "condition" for group in event["waiters"])


class Look:
    """One run of the inspector: its exit status, its text and its JSON lines, which must keep their promise."""

    def __init__(self, inspector, *words, **how):
        with tempfile.NamedTemporaryFile(prefix="holdwatch-inspect-") as lines:
            done = subprocess.run([inspector, *map(str, words), "--json", lines.name], capture_output=True, text=True,
                                  timeout=DEADLINE_S, check=False, **how)
            events = json_schema.check_file(pathlib.Path(lines.name).read_bytes())
        self.events = [event for event in events if not is_idle(event)]
        self.idle = [event for event in events if is_idle(event)]
        require(events == self.events + self.idle, "a list of idle threads comes before a report")
        self.status, self.text, self.errors = done.returncode, done.stdout, done.stderr

    def __str__(self):
        return f"status {self.status}\n{self.text}{self.errors}"

    def kinds(self):
        return [event["event"] for event in self.events]


@contextlib.contextmanager
def scene(program, name=None, *before):
    """Runs a scene (with words `before` it on the command line) and gives the process id that it names."""
    process = subprocess.Popen([*before, program, *([name] if name else [])], stdout=subprocess.PIPE, text=True,
                               start_new_session=True)
    try:
        word, pid = process.stdout.readline().split()
        require(word == "ready", f"the scene said {word!r}")
        yield int(pid)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        process.stdout.close()


def look_until(inspector, pid, happened):
    """Looks again and again: the last threads of a scene may be on their way still."""
    end = time.monotonic() + DEADLINE_S
    while True:
        look = Look(inspector, pid)
        if happened(look):
            return look
        require(time.monotonic() < end, f"looked {DEADLINE_S} s in vain; the last time:\n{look}")


def is_deadlock(look):
    return look.kinds() == ["deadlock"] and look.status == 3


def waiting_threads(event):
    return sum(group["count"] for group in event["waiters"])


def functions(stack):
    return [frame["function"].replace("(anonymous namespace)::", "").removeprefix("stage::").split("(")[0]
            for frame in stack["frames"] if frame["function"]]


def core_of(pid, directory):
    """A core file of the running process, made by gdb, which lets it go on."""
    prefix = pathlib.Path(directory) / "core"
    subprocess.run(["gcore", "-o", prefix, str(pid)], check=True, timeout=DEADLINE_S, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return prefix.with_name(f"core.{pid}")


def as_json(event):
    return json.dumps(event, indent=1)
