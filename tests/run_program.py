#!/usr/bin/env python3
"""Runs one test program under the watch and checks what its source says to expect.

The expectations are comments in the program's source:
    RUN-ENV: NAME=VALUE ...    environment of the watched run ({tmp}, {shim_dir} are filled in)
    RUN-ARGS: ARG ...          arguments of both runs
    RUN-FILE: NAME: LINE       a line of a file in {tmp}, made before the run
    RUNS: N                    run it so often (`runs` in EXPECT-JSON holds the events of each run)
    SHIM: alone                the shim is copied to a place where no symbolizer library is beside it
    EXPECT: REGEX              found in standard error, each after the one before
    FORBID: REGEX              not found in standard error
    EXPECT-NOTHING             not a byte on standard error, not one event
    EXPECT-FILE: GLOB: REGEX   found in some file of {tmp} whose name matches
    EXPECT-JSON: EXPRESSION    true in Python; see names_for_expressions
    EXIT: STATUS               exit status (default 0) or the name of a signal
    NO-BARE: REASON            do not compare with a run without the watch
A comment line that begins with five spaces continues the one above it.
Unless told otherwise the program runs once more without the watch, and must give the same standard output and status.
A program whose expectations no output at all would meet needs a positive control (positive_control.py) beside it: there a hold
must be reported, with the same library and options.
Exit status: 0 passed, 1 failed, 77 skipped (the program says so with its own exit status 77).
"""

import argparse
import fnmatch
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import json_schema
import positive_control

TIMEOUT_S = 150  # longer than a program waits for its reports, so that it can say which did not come
SKIPPED = 77
LONGEST_JSON = 3000  # of a line that is shown when a test fails
DIRECTIVES = ("RUN-ENV", "RUN-ARGS", "RUN-FILE", "RUNS", "SHIM", "EXPECT", "FORBID", "EXPECT-NOTHING", "EXPECT-FILE",
              "EXPECT-JSON", "EXIT", "NO-BARE")


class Failure(Exception):
    """One broken expectation."""


class Plan:
    """The directives of one source file."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.lines = file.read().splitlines()
        self.found = []
        for line in self.lines:
            match = re.match(r"//\s*([A-Z][A-Z-]+)(?::\s*(.*))?$", line)
            if match and match[1] in DIRECTIVES:
                self.found.append((match[1], match[2] or ""))
            elif self.found and line.startswith("//     "):
                self.found[-1] = (self.found[-1][0], self.found[-1][1] + " " + line[2:].strip())
        if not any(name.startswith(("EXPECT", "FORBID")) for name, _ in self.found):
            raise Failure(f"{path} expects nothing")

    def all(self, name):
        return [text for key, text in self.found if key == name]

    def one(self, name, default):
        return (self.all(name) or [default])[-1]

    def line_of(self, marker):
        """The number of the one line that ends with the comment `// marker`."""
        numbers = [number for number, line in enumerate(self.lines, 1) if line.rstrip().endswith("// " + marker)]
        if len(numbers) != 1:
            raise Failure(f"{self.path}: the marker {marker!r} stands on {len(numbers)} lines")
        return numbers[0]

    def ends_by_exit_now(self):
        """Whether the program ends by `_exit`, which waits for nothing."""
        return any(re.search(r"\b_exit\(0\)", line) for line in self.lines)


class Run:
    """One run of the program, with everything that came out of it."""

    def __init__(self, program, plan, options, watched):
        self.directory = tempfile.mkdtemp(prefix="holdwatch-test-")
        self.json_path = os.path.join(self.directory, "events.json")
        self.own_env = {"HARNESS_TMP": self.directory}
        if options.before or options.after:
            self.own_env["LD_PRELOAD"] = ":".join(options.before + options.after)
        if watched:
            self.own_env.update(self._watched_env(plan, options))
        for entry in plan.all("RUN-FILE"):
            name, line = entry.split(": ", 1)
            with open(os.path.join(self.directory, name), "a", encoding="utf-8") as file:
                file.write(self._fill(line, options) + "\n")
        self.command = [program] + shlex.split(self._fill(plan.one("RUN-ARGS", ""), options))
        self.output = {name: open(os.path.join(self.directory, name), "w+b") for name in (".stdout", ".stderr")}
        self.child = subprocess.Popen(self.command, env=self.whole_env(), stdin=subprocess.DEVNULL,
                                      stdout=self.output[".stdout"], stderr=self.output[".stderr"])
        self.started = time.monotonic()
        self.status = None
        self.cuts_last_line = plan.ends_by_exit_now()

    def _watched_env(self, plan, options):
        shim = options.shim
        if plan.one("SHIM", "") == "alone":
            shim = shutil.copy(shim, self.directory)
        env = {"LD_PRELOAD": ":".join([*options.before, shim, *options.after]), "HOLDWATCH_JSON": self.json_path}
        for entry in plan.all("RUN-ENV"):
            env.update(pair.split("=", 1) for pair in shlex.split(self._fill(entry, options)))
        return env

    def _fill(self, text, options):
        return text.replace("{tmp}", self.directory).replace("{shim_dir}", os.path.dirname(options.shim))

    def whole_env(self):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith("HOLDWATCH_") and name != "LD_PRELOAD"}
        return {**env, **self.own_env}

    def finish(self):
        try:
            self.status = self.child.wait(max(1, self.started + TIMEOUT_S - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            self.status = "no end within %d s" % TIMEOUT_S
        for name, file in self.output.items():
            file.seek(0)
            setattr(self, name[1:], file.read().decode("utf-8", "replace"))
            file.close()
        self.json = b""
        if os.path.exists(self.json_path):
            with open(self.json_path, "rb") as file:
                self.json = file.read()
        if self.cuts_last_line:
            # A report that was still being written (docs/limits.md); no test waits for one that it has not read whole.
            self.json = self.json[:self.json.rfind(b"\n") + 1]
        return self

    def cut_short(self):
        if self.status is None:
            self.child.kill()
            self.finish()

    def as_shell(self):
        """The command to type, with a directory of its own in the place of this run's, which is removed."""
        pairs = [f"{name}={shlex.quote(value)}" for name, value in self.own_env.items()]
        return "d=$(mktemp -d); " + " ".join(pairs + [shlex.join(self.command)]).replace(self.directory, "$d")

    def status_text(self):
        if isinstance(self.status, int) and self.status < 0:
            return signal.Signals(-self.status).name
        return str(self.status)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def can_be_preloaded(library):
    """The loader says so on standard error where it cannot."""
    return not subprocess.run(["/bin/true"], env={"LD_PRELOAD": library}, check=False, capture_output=True).stderr


def preloadable(versions):
    """The first of a library's versions, which stand between bars, that is here."""
    for library in versions.split("|"):
        if can_be_preloaded(library):
            return library
    print(f"no {versions} here; scripts/setup installs it")
    sys.exit(SKIPPED)


def names_for_expressions(plan, runs):
    """What an EXPECT-JSON expression can use."""
    events = runs[0]
    holds = [event for event in events if event["event"] in json_schema.ABOUT_HOLDS]

    def count(**wanted):
        return sum(all(event[key] == value for key, value in wanted.items()) for event in events)

    def frame(stack, function):
        """The innermost frame whose function's name contains `function`, or a frame of which nothing is known."""
        nothing = dict.fromkeys(("ip", "module", "offset", "build_id", "function", "file", "line", "source", "inlined"))
        return next((f for f in stack["frames"] if function in (f["function"] or "")), nothing)

    def doing(thread, pattern):
        """Whether this is what the thread was doing when its hold was last reported as lasting."""
        lasting = [event for event in holds if event["phase"] in ("over", "still")]
        found = [h["doing"] or "" for event in lasting for h in event["holders"] if h["thread"] == thread]
        return found != [] and re.fullmatch(pattern, found[-1]) is not None

    def wait_of(thread):
        """What the thread waited for when its hold was first reported."""
        return next(h["wait"] for event in holds if event["phase"] == "over" for h in event["holders"] if h["thread"] == thread)

    def holder_in(thread, phase):
        return next(h for event in holds if event["phase"] == phase for h in event["holders"] if h["thread"] == thread)

    def waited(thread, phase):
        return holder_in(thread, phase)["wait"]["waited_ns"]

    def held_ns(thread, phase):
        return holder_in(thread, phase)["held_ns"]

    def waits_so(thread, kind, words, ender=None):
        """Whether the thread waited for this, in these words; and whether nobody was named who can end it, or only this thread
        (any, for `anyone`)."""
        wait = wait_of(thread)
        names = [one["thread"] for one in wait["enders"]]
        enders_are_right = len(names) == 1 if ender is anyone else names == ([ender] if ender else [])
        return wait["kind"] == kind and doing(thread, words) and enders_are_right

    def ends_of(thread):
        """Of each wait of the holder that was reported: why it is not known who can end it, and who likely can."""
        reported = [h["wait"] for event in holds if event["phase"] == "over" for h in event["holders"] if h["thread"] == thread]
        return [(wait["enders_unknown"], sorted(one["thread"] for one in wait["enders"])) for wait in reported]

    def last_words(thread):
        """Who is said to have ended such a wait last, with N for the thread's id, and without when."""
        said = [h["doing"] for event in holds if event["phase"] == "over" for h in event["holders"] if h["thread"] == thread][-1]
        return re.sub(r"\bby \d+", "by N", re.sub(r", [^,]+ ago\)$", "", said.rpartition("(")[2]))

    def likely_cycle_of(thread):
        """The threads of what is probably a deadlock, beginning with this holder; as of its own process's last report."""
        cycles = [event["likely_cycle"] for event in holds if event["phase"] == "over" for h in event["holders"]
                  if h["thread"] == thread and "pid" not in h]
        return [step["thread"] for step in cycles[-1]]

    anyone = object()
    return {
        "lock_held_by": lambda thread: next(event["lock"]["id"] for event in holds for h in event["holders"] if h["thread"] == thread),
        "wait_of": wait_of, "waited": waited, "held_ns": held_ns, "waits_so": waits_so, "anyone": anyone,
        "likely_cycle_of": likely_cycle_of, "ends_of": ends_of, "last_words": last_words,
        "e": events, "runs": runs, "count": count, "doing": doing, "frame": frame, "line": plan.line_of,
        "waits": [event for event in events if event["event"] == "wait"],
        "deadlocks": [event for event in events if event["event"] in ("deadlock", "self_deadlock")],
        **{phase: [event for event in holds if event["phase"] == phase] for phase in json_schema.PHASES},
        # The first holder of an event, and everybody whom any event names as a holder or as a waiter.
        "holder": lambda event: event["holders"][0],
        "held_by": lambda some: {h["thread"] for event in some for h in event["holders"]},
        "waited_by": lambda some: {name for event in some for w in event["waiters"] for name in w["threads"]},
        "functions": lambda stack: [f["function"] for f in stack["frames"]],
        "has": lambda stack, function: frame(stack, function)["function"] is not None,
        "ms": 1_000_000, "re": re,
        # In the first of all pid namespaces, where /proc shows every process (PROC_PID_INIT_INO, linux/proc_ns.h).
        "sees_all": os.readlink("/proc/self/ns/pid") == "pid:[4026531836]",
    }


def check_text(plan, run):
    position = 0
    for expression in plan.all("EXPECT"):
        match = re.compile(expression, re.MULTILINE).search(run.stderr, position)
        if not match:
            raise Failure(f"standard error lacks {expression!r}" + (" after what was found so far" if position else ""))
        position = match.end()
    for expression in plan.all("FORBID"):
        match = re.compile(expression, re.MULTILINE).search(run.stderr)
        if match:
            raise Failure(f"standard error has {match[0]!r}, which is forbidden: {expression!r}")


def check_files(plan, run):
    for entry in plan.all("EXPECT-FILE"):
        pattern, expression = entry.split(": ", 1)
        texts = []
        for name in sorted(os.listdir(run.directory)):
            if fnmatch.fnmatch(name, pattern):
                with open(os.path.join(run.directory, name), encoding="utf-8") as file:
                    texts.append(file.read())
        if not any(re.search(expression, text, re.MULTILINE) for text in texts):
            raise Failure(f"none of the {len(texts)} files {pattern!r} has {expression!r}: {texts}")


def check_json(plan, runs):
    runs_events = []
    for run in runs:
        try:
            events = json_schema.check_file(run.json)
            json_schema.check_order(events)
        except json_schema.SchemaError as error:
            raise Failure(f"JSON: {error}") from error
        runs_events.append(events)
    names = {"stderr": runs[0].stderr, **names_for_expressions(plan, runs_events)}
    for expression in plan.all("EXPECT-JSON"):
        try:
            true = eval(expression, dict(names))  # the expressions are part of this source tree
        except Exception as error:
            raise Failure(f"EXPECT-JSON: {expression}: {type(error).__name__}: {error}") from error
        if not true:
            raise Failure(f"EXPECT-JSON: {expression}")
    if plan.all("EXPECT-NOTHING") and (runs[0].stderr or runs[0].json):
        raise Failure("there is output, and there should be none")


class Silence:
    """What a library that does nothing leaves of a run."""
    stderr = ""
    json = b""


def expects_silence(plan):
    """Whether no output at all would meet the expectations."""
    if plan.all("EXPECT") or plan.all("EXPECT-FILE"):
        return False
    try:
        check_json(plan, [Silence] * int(plan.one("RUNS", "1")))
    except Failure:
        return False
    return True


def check(plan, runs, bare):
    for run in runs:
        if run.status_text() != plan.one("EXIT", "0"):
            raise Failure(f"exit status {run.status_text()}, expected {plan.one('EXIT', '0')}")
    if bare and (bare.status != runs[0].status or bare.stdout != runs[0].stdout):
        raise Failure(f"without the watch it behaves otherwise: exit status {bare.status_text()}, standard output\n"
                      + bare.stdout)
    check_text(plan, runs[0])
    check_files(plan, runs[0])
    check_json(plan, runs)


def print_failure(failure, options, run):
    print(f"FAILED: {failure}\n")
    print("to run this test again:\n  " + shlex.join([sys.executable] + sys.argv))
    print("to run the program alone:\n  " + run.as_shell() + "\n")
    json_text = "\n".join(line if len(line) < LONGEST_JSON else line[:LONGEST_JSON] + " ..."
                          for line in run.json.decode("utf-8", "replace").splitlines())
    for name, text in (("standard output", run.stdout), ("standard error", run.stderr), ("JSON", json_text)):
        if text:
            print(f"---- {name}\n{text.rstrip()}")


def main():
    parser = argparse.ArgumentParser(description="Runs one test program under the watch.")
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("--shim", required=True, type=os.path.abspath)
    parser.add_argument("--source", required=True, help="the source file that says what to expect")
    parser.add_argument("--bare", action="store_true", help="only run it, without the watch, and show what it does")
    parser.add_argument("--before", action="append", default=[], help="a library that is preloaded too, before the shim")
    parser.add_argument("--after", action="append", default=[], help="the same, after the shim")
    parser.add_argument("--patience", type=float, default=positive_control.DEADLINE_S,
                        help="seconds in which a positive control must be reported")
    options = parser.parse_args()
    options.before = [preloadable(versions) for versions in options.before]
    options.after = [preloadable(versions) for versions in options.after]
    plan = Plan(options.source)
    if options.bare:
        bare = Run(options.program, plan, options, watched=False).finish()
        bare.remove()
        print(f"{bare.stdout}{bare.stderr}exit status {bare.status_text()}")
        return 0

    everything = [Run(options.program, plan, options, watched=True) for _ in range(int(plan.one("RUNS", "1")))]
    runs = list(everything)
    bare = None
    control = positive_control.Control(runs[0].whole_env()) if expects_silence(plan) else None
    if not plan.all("NO-BARE"):
        bare = Run(options.program, plan, options, watched=False)
        everything.append(bare)
    try:
        if control:
            control.require_report(options.patience)
        for run in everything:
            run.finish()
        if runs[0].status == SKIPPED:
            print(runs[0].stdout)
            return SKIPPED
        check(plan, runs, bare)
        # What the program could not show (harness.h) is told on to the summary.
        print("".join(line + "\n" for line in runs[0].stdout.splitlines() if line.startswith("left out: ")), end="")
    except (Failure, positive_control.NotReported) as failure:
        for run in everything:
            run.cut_short()
        print_failure(failure, options, runs[0])
        return 1
    finally:
        if control:
            control.close()
        for run in everything:
            run.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
