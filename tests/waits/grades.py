#!/usr/bin/env python3
"""Holders that wait for everything, seen in the four ways in which holdwatch sees a process: the kind of the wait, the object, and
how well it is known who can end it, which must be what the table in docs/waits.md says.

    grades.py --shim LIBRARY --control CONTROL --inspector INSPECTOR --subject PROGRAM --table DOCUMENT [--hide-debug-symbols] WAY

WAY is a column of the table. Skipped (77) where the way cannot be gone: no attaching, no gcore. With --hide-debug-symbols, as on a
machine where those of libc are not installed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "inspect")]
import abilities  # pylint: disable=wrong-import-position
from expectations import DEADLINE_S, wait_until  # pylint: disable=wrong-import-position
from looking import Look, core_of, require  # pylint: disable=wrong-import-position

# Thread: the row of the table, the kind of its wait, and who can end it if that is known: threads, or another process.
PROCESS = "a process"
SCENES = {
    "mutex": ("mutex", "mutex", ["owner"]),
    "reader": ("rwlock, held by a writer", "rwlock", ["writing"]),
    "writer": ("rwlock, held by readers", "rwlock", ["first_reader", "second_reader"]),
    "condition": ("condition", "condition", []), "condition_for": ("condition", "condition", []),
    "join": ("join", "join", ["joined"]), "timed_join": ("join", "join", ["joined"]),
    "semaphore": ("semaphore", "semaphore", []), "jumps_to_sem": ("semaphore", "semaphore", []), "barrier": ("barrier", "barrier", []),
    "once": ("once", "once", ["first_once"]), "call_once": ("once", "once", ["first_call"]),
    "static": ("static", "static", ["first_static"]),
    "atomic": ("atomic", "atomic", []), "latch": ("atomic", "atomic", []), "future": ("atomic", "atomic", []),
    "puts": ("stream", "stream", ["logger"]), "flockfile": ("stream", "stream", ["logger"]),
    "loader": ("loader", "loader", ["loading"]),
    "futex": ("futex", "futex", []),
    "file_lock": ("file_lock", "file_lock", PROCESS), "range_lock": ("file_lock", "file_lock", PROCESS),
    "child": ("child", "child", PROCESS), "pipe": ("pipe", "pipe", PROCESS), "socket": ("socket", "socket", PROCESS),
    "sleep": ("sleep", "sleep", []), "poll": ("poll", "poll", []), "poll_for": ("poll", "poll", []),
}
TIMED = {"condition_for", "timed_join", "sleep", "poll_for"}
EXACT = {"recorded", "stated", "guard"}
# What cannot be told apart in a core file, which has no links of descriptors.
KINDS_IN_CORE = {"pipe": "other", "socket": "other"}
# A process is not attached to while one of its threads is inside the loader.
NOT_THERE = {"attach": {"loader"}}
LIMIT = "300ms"


def grade(wait):
    if not wait["enders"]:
        return "unknown"
    return "exact" if all(ender["evidence"] in EXACT for ender in wait["enders"]) else "likely"


def table(document, way):
    """What the table says of each row, for one way."""
    rows = [[cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
            for line in Path(document).read_text().splitlines() if line.startswith("|")]
    [head] = [row for row in rows if row[-1] == "core file"]
    return {row[0]: row[head.index(way)] for row in rows[rows.index(head) + 2:] if len(row) == len(head)}


def waits_in(events):
    """By the id of the thread, from every place that tells what a thread waits for; the one that names most counts."""
    found = {}

    def add(tid, wait):
        if wait and (tid not in found or len(wait["enders"]) >= len(found[tid]["enders"])):
            found[tid] = wait

    for event in events:
        for waiters in event["waiters"]:
            for tid in waiters["tids"]:
                add(tid, waiters.get("wait"))
        for thread in [*event["holders"], *event.get("chain", [])]:
            add(thread["tid"], thread["wait"])
    return found


class Subject:
    """The program, which stays; how holdwatch sees it is up to `way`."""

    def __init__(self, options, promised, directory):
        self.options, self.promised, self.directory = options, promised, directory
        watch = options.way == "watch"
        environment = {name: value for name, value in os.environ.items()
                       if name != "LD_PRELOAD" and not name.startswith("HOLDWATCH_")}
        environment |= {"HARNESS_TMP": directory, **({"LD_PRELOAD": options.shim, **self.watch_options()} if watch else {})}
        self.scenes = {name: scene for name, scene in SCENES.items() if name not in NOT_THERE.get(options.way, ())}
        self.process = subprocess.Popen([options.subject, "stays", *NOT_THERE.get(options.way, ())], stdout=subprocess.PIPE, text=True, env=environment)
        self.objects = dict(self.read_objects())
        self.names = {}
        if options.way == "attach":
            subprocess.run([options.control, "attach", options.shim, str(self.process.pid)], check=True, timeout=DEADLINE_S,
                           env={**environment, **self.watch_options()})

    def watch_options(self):
        return {"HOLDWATCH_LIMIT": LIMIT, "HOLDWATCH_RATE": "1000", "HOLDWATCH_LOG": f"{self.directory}/text",
                "HOLDWATCH_JSON": f"{self.directory}/json"}

    def read_objects(self):
        for line in self.process.stdout:
            name, address = line.split()
            if name == "ready":
                return
            yield name, address
        sys.exit("FAILED: the program ended")

    def read_names(self):
        self.names = {int(task.name): (task / "comm").read_text().strip()
                      for task in Path(f"/proc/{self.process.pid}/task").iterdir()}

    def events(self):
        if self.options.way in ("watch", "attach"):
            path = Path(self.directory, "json")
            lines = path.read_text().split("\n")[:-1] if path.exists() else []
            return [json.loads(line) for line in lines]
        return Look(self.options.inspector, self.process.pid).events

    def waits(self):
        """By the name of the thread, once all scenes have come to where they stay; nothing before."""
        self.read_names()
        found = {self.names.get(tid): wait for tid, wait in waits_in(self.events()).items()}
        return None if self.missing(found) else found

    def missing(self, found):
        """The scenes that have not come to where they stay, or whose waits have not been told in full yet."""
        return [name for name, (row, kind, _) in self.scenes.items()
                if found.get(name, {}).get("kind") != kind or (not found[name]["enders"] and self.promised[row] != "unknown")]

    def await_waits(self):
        try:
            return wait_until("all scenes", self.waits)
        except Exception:
            found = {self.names.get(tid): wait for tid, wait in waits_in(self.events()).items()}
            print("\n".join(f"{name}: {found.get(name)}" for name in self.missing(found)))
            raise

    def waits_in_core(self):
        core = core_of(self.process.pid, self.directory)
        found = waits_in(Look(self.options.inspector, "--core", core).events)
        return {self.names[tid]: wait for tid, wait in found.items()}


def check(name, wait, promised, subject):
    _, kind, enders = SCENES[name]
    kind = KINDS_IN_CORE.get(name, kind) if subject.options.way == "core file" else kind
    require(wait["kind"] == kind, f"{name} waits for {wait}, not for {kind}")
    if subject.objects[name] != "(nil)":
        require(wait["object"] == subject.objects[name], f"{name} waits for {wait['object']}, not for {subject.objects[name]}")
    require((wait["timeout_ns"] is not None) == (name in TIMED), f"{name}: timeout {wait['timeout_ns']}")
    require(grade(wait) == promised, f"{name}: who can end it is {grade(wait)}, and {promised} in the table: {wait}")
    if enders == PROCESS:
        require(all("pid" in ender for ender in wait["enders"]), f"{name}: {wait['enders']}")
    elif wait["enders"]:
        names = sorted(subject.names[ender["tid"]] for ender in wait["enders"])
        require(names == enders, f"{name}: {names} can end it, not {enders}")


def main():
    parser = argparse.ArgumentParser()
    for option in ("shim", "control", "inspector", "subject", "table"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--hide-debug-symbols", action="store_true")
    parser.add_argument("way")
    options = parser.parse_args()
    if options.hide_debug_symbols:
        abilities.skip_if(abilities.no_mounts())
        words = [word for word in sys.argv if word != "--hide-debug-symbols"]
        hide = "if [ -d /usr/lib/debug ]; then mount -t tmpfs none /usr/lib/debug || exit; fi; exec \"$@\""
        os.execvp("unshare", ["unshare", "--mount", "sh", "-c", hide, "sh", sys.executable, "-B", *words])
    promised = table(options.table, options.way)
    for name in NOT_THERE.get(options.way, ()):
        require(promised[SCENES[name][0]] == "–", f"{name} cannot be seen this way")
    require(sorted(promised) == sorted({row for row, _, _ in SCENES.values()}), f"the table's rows are {sorted(promised)}")
    if options.way == "attach":
        abilities.skip_if(abilities.no_attaching())
    if options.way == "core file" and shutil.which("gcore") is None:
        abilities.skip("no gcore here; on Debian: apt-get install gdb")
    with tempfile.TemporaryDirectory(prefix="holdwatch-waits-") as directory:
        # Before the core file is made, the process is looked at live.
        subject = Subject(options, table(options.table, "inspect") if options.way == "core file" else promised, directory)
        try:
            found = subject.await_waits()
            if options.way == "core file":
                found = subject.waits_in_core()
            others = {event["event"] for event in subject.events()} - {"hold", "wait"}
            require(not others, f"reported as well: {others}")
            for name in subject.scenes:
                check(name, found[name], promised[SCENES[name][0]], subject)
        finally:
            subject.process.kill()
            subject.process.communicate(timeout=DEADLINE_S)


if __name__ == "__main__":
    main()
