"""Programs whose threads hold locks since before anybody looked (see stage.h): asked by inspect, by attach and from a core file who
holds which lock and in which function, and compared with what the program says itself.
"""
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent)]
from expectations import DEADLINE_S, Failure, require  # pylint: disable=wrong-import-position

EXACT = {"recorded", "stated", "guard"}
QUIET_S = 10  # after the first report that follows an attach: nothing new for so long, and what is missing counts as missing
CORE_PATTERN = pathlib.Path("/proc/sys/kernel/core_pattern")


@dataclasses.dataclass
class Known:
    """One holder of one lock, as the program says it."""
    lock: str       # the program's name for it
    address: str
    thread: str
    tid: int
    mode: str
    functions: list
    how: str


@dataclasses.dataclass
class Named:
    """One holder of one lock, as holdwatch says it."""
    thread: str
    mode: str
    evidence: str
    likely: bool
    places: list    # (module, offset) of the innermost frame in which it is said to have been taken; of the watch, of all frames


@dataclasses.dataclass
class Verdict:
    known: Known
    named: str      # exactly, likely, missing
    function: str   # right, missing, wrong
    evidence: str


class Process:
    """A program that has come to rest."""

    def __init__(self, directory, environment=None):
        self.directory = pathlib.Path(directory)
        bare = {name: value for name, value in os.environ.items() if not name.startswith("HOLDWATCH_")}
        self.errors = open(self.directory / "errors", "w+")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(["./program"], cwd=directory, env={**bare, **(environment or {})}, stdout=subprocess.PIPE, text=True,
                                        stderr=self.errors, preexec_fn=_dump_cores)  # pylint: disable=subprocess-popen-preexec-fn
        self.pid, self.known, self.waiters = self.process.pid, [], []
        for line in self.process.stdout:
            if line == "ready\n":
                return
            answer = json.loads(line)
            if "waiter" in answer:
                self.waiters.append((answer["lock"], answer["address"], answer["waiter"]))
            for holder in answer.get("holders", []):
                self.known.append(Known(answer["lock"], answer["address"], holder["thread"], holder["tid"], holder["mode"],
                                        holder["functions"].split(), holder["how"]))
        self.close()
        raise Failure(f"{directory}/program: {(self.directory / 'errors').read_text()}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def dump(self):
        """Ends it with a core file, by the kernel if it puts it here; else by gdb."""
        if "/" not in CORE_PATTERN.read_text() and "|" not in CORE_PATTERN.read_text():
            os.kill(self.pid, signal.SIGABRT)
            self.process.wait()
        else:
            subprocess.run(["gcore", "-o", "core", str(self.pid)], cwd=self.directory, check=True, capture_output=True, timeout=DEADLINE_S)
        cores = list(self.directory.glob("*core*"))
        require(len(cores) == 1, f"core files: {cores}")
        return cores[0]


def _dump_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def no_core_files():
    """Why there are none here, or ""."""
    elsewhere = "/" in CORE_PATTERN.read_text() or "|" in CORE_PATTERN.read_text()
    return "core files go elsewhere, and no gcore here; on Debian: apt-get install gdb" if elsewhere and shutil.which("gcore") is None else ""


def read_events(path):
    path = pathlib.Path(path)
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def _inspect(build, directory, *words):
    path = pathlib.Path(directory) / "inspected"
    path.unlink(missing_ok=True)
    done = subprocess.run([build / "scripts/holdwatch", "inspect", *words, "--json", path], capture_output=True, text=True, timeout=DEADLINE_S * 4,
                          check=False)
    (pathlib.Path(directory) / "text").write_text(done.stdout + done.stderr)
    require(done.returncode in (0, 3), f"inspect ended with {done.returncode}: {done.stderr}")
    return read_events(path)


def _reports(path, known, quiet_s):
    """What is reported, until each of `known` has been named, or nothing new has come for that long."""
    end, wanted = time.monotonic() + DEADLINE_S, {(one.address, one.tid) for one in known}
    named, changed = set(), end
    while time.monotonic() < min(end, changed + quiet_s) and not named >= wanted:
        time.sleep(0.2)
        if (now := set(names_in(read_events(path)))) != named:
            named, changed = now, time.monotonic()
    return read_events(path)


def ask(build, directory, view):
    """The process, which has ended, with what it knows, and the events of that view."""
    path = pathlib.Path(directory) / "json"
    path.unlink(missing_ok=True)
    options = {"HOLDWATCH_LIMIT": "300ms", "HOLDWATCH_JSON": str(path), "HOLDWATCH_LOG": str(pathlib.Path(directory) / "text"), "HOLDWATCH_RATE": "100000"}
    process = Process(directory, {"LD_PRELOAD": str(build / "shim/libholdwatch.so"), **options} if view == "watch" else None)
    with contextlib.closing(process):
        if view == "inspect":
            return process, _inspect(build, directory, str(process.pid))
        if view == "core":
            core = process.dump()
            try:
                return process, _inspect(build, directory, "--core", core)
            finally:
                core.unlink()
        if view == "attach":
            done = subprocess.run([build / "scripts/holdwatch", "attach", str(process.pid)], env={**os.environ, **options}, capture_output=True,
                                  text=True, timeout=DEADLINE_S * 2, check=False)
            require(done.returncode == 0, f"attach ended with {done.returncode}: {done.stderr}")
        return process, _reports(path, process.known, DEADLINE_S if view == "watch" else QUIET_S)


def _places(holder, view):
    frames = [(frame["module"], frame["offset"]) for frame in holder["taken"]["frames"] if not frame["inlined"] and frame["module"]]
    return frames if view == "watch" else frames[:1]


def names_in(events, view="inspect"):
    """(lock address, tid) -> Named, from every place that says who holds a lock; the last one counts."""
    found = {}
    for event in events:
        if event["event"] not in ("hold", "wait"):
            continue
        for holder in event["holders"]:
            found[event["lock"]["address"], holder["tid"]] = Named(holder["thread"], holder["mode"], holder["evidence"], bool(holder.get("likely")),
                                                                   _places(holder, view))
    for event in events:
        waits = [group.get("wait") for group in event["waiters"]] + [thread["wait"] for thread in [*event["holders"], *event.get("chain", [])]]
        for wait in filter(None, waits):
            for ender in wait["enders"] if wait["kind"] in ("mutex", "rwlock") else []:
                found.setdefault((wait["object"], ender["tid"]),
                                 Named(ender["thread"], None, ender["evidence"], ender["evidence"] not in EXACT, []))
    return found


class Functions:
    """The functions at addresses of a program, with those inlined there, from its debug data."""

    def __init__(self, program):
        self.program, self.cache = program, {}

    def at(self, offset):
        """Of the instruction at or before this offset: the frame may be told by its return address."""
        if offset not in self.cache:
            address = int(offset, 16)
            done = subprocess.run(["addr2line", "-f", "-i", "-e", self.program, hex(address), hex(address - 1)], capture_output=True, text=True, check=True)
            self.cache[offset] = set(done.stdout.splitlines()[::2])
        return self.cache[offset]


def _function(named, known, functions):
    if not named.places:
        return "missing"
    return "right" if any(wanted in name for module, offset in named.places if os.path.basename(module).startswith("program")
                          for name in functions.at(offset) for wanted in known.functions) else "wrong"


def judge(process, events, view):
    """A verdict on each known holder, and a line for each name that is wrong and each known waiter that is missing."""
    known, directory = process.known, process.directory
    functions, found = Functions(directory / "program.debug"), names_in(events, view)
    verdicts, wrong = [], []
    for one in known:
        named = found.pop((one.address, one.tid), None)
        if named is None:
            verdicts.append(Verdict(one, "missing", "missing", ""))
            continue
        function = _function(named, one, functions)
        verdicts.append(Verdict(one, "likely" if named.likely else "exactly", function, named.evidence))
        if named.mode not in (None, one.mode):
            wrong.append(f"lock {one.lock}: {one.thread} holds it {one.mode}, not {named.mode}")
        if function == "wrong":
            places = ", ".join(f"{module}+{offset} {sorted(functions.at(offset))}" for module, offset in named.places)
            wrong.append(f"lock {one.lock}: {one.thread} has it in {' or '.join(one.functions)}, not in {places} ({named.evidence})")
    locks = {one.address: one.lock for one in known}
    for (address, tid), named in found.items():
        if address in locks:
            wrong.append(f"lock {locks[address]}: {named.thread} ({tid}) does not hold it ({named.evidence})")
    waiting = {(event["lock"]["address"], tid) for event in events for group in event["waiters"] for tid in group["tids"]}
    wrong += [f"lock {lock}: thread {tid} is not said to wait for it" for lock, address, tid in process.waiters if (address, tid) not in waiting]
    return verdicts, wrong


def build(commands, directory):
    for command in commands:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}\nin {directory} failed:\n{done.stderr[:3000]}")


class Table:
    """Counts of verdicts by row."""

    def __init__(self):
        self.rows, self.wrong = collections.defaultdict(collections.Counter), []

    def add(self, row, verdicts, wrong):
        counts = self.rows[row]
        for verdict in verdicts:
            counts["holders"] += 1
            counts[verdict.named] += 1
            counts["function " + verdict.function] += 1
        counts["wrong"] += len(wrong)
        self.wrong += wrong

    COLUMNS = ("holders", "exactly", "likely", "missing", "wrong", "function right", "function missing", "function wrong")

    def __str__(self):
        lines = ["| | holders | named exactly | likely | missing | wrong | function right | missing | wrong |", "|---|" + "---|" * len(self.COLUMNS)]
        lines += [f"| {row} | " + " | ".join(str(counts[column]) for column in self.COLUMNS) + " |" for row, counts in self.rows.items()]
        return "\n".join(lines)
