#!/usr/bin/env python3
"""By hand: what holdwatch says of programs that have nothing wrong with them, side by side for an hour with its defaults.

    python3 tests/real/quiet_trial.py build/shim/libholdwatch.so                            all programs for an hour
    python3 tests/real/quiet_trial.py build/shim/libholdwatch.so --minutes 5 node redis     fewer, and shorter

Each program first runs bare for some seconds, to see how it ends. Printed are, for each, how long it ran, how it ended, its
clients' answers, the reports by event, phase and function, and every line of the text that is not part of a stack: they are for
people to judge. Each process has files of its own for text and JSON; --keep names a directory that receives them. The exit status
is 1 if a program ended early or otherwise than bare, or gave a wrong answer.
"""

import contextlib
import os
import re
import shutil
import time
from pathlib import Path

import desktop_trial
import servers
from quiet_programs import PROGRAMS

BARE_S = 5
NEWS_S = 300
# A function with its place, or how many were left out; the first of a stack is beside a label.
STACK_ROW = re.compile(r" {2}(\w+)? +(#\d+ |\.\.\. )")


class Trial:
    """One program, bare or watched."""

    def __init__(self, name, shim, seconds, after):
        self.name = name
        self.run = servers.Run(shim)
        after.push(self.run)
        if shim:
            self.run.options.update(HOLDWATCH_JSON=str(self.run.reports_directory / "%e.%p.json"),
                                    HOLDWATCH_LOG=str(self.run.reports_directory / "%e.%p.txt"))
        self.program = PROGRAMS[name](self.run, seconds, after)
        if self.program.load:
            after.callback(self.program.load.end)
        self.began = time.monotonic()
        self.status = self.ended = None

    def note_end(self):
        """Notes the time if the program has ended by itself."""
        if self.ended is None and self.program.server.process.poll() is not None:
            self.ended = time.monotonic()

    def stop(self):
        try:
            self.status = f"status {self.program.stop()}"
        except servers.Failure as failure:
            self.status = str(failure)
        self.ended = self.ended or time.monotonic()

    def minutes(self):
        return (self.ended - self.began) / 60

    def answers(self):
        load = self.program.load
        return f"{load.right.value} right answers, {load.wrong.value} wrong" if load else "no clients of ours"

    def said(self):
        """What holdwatch wrote to the program's own errors, which must be nothing."""
        return [line for line in self.program.server.log().splitlines() if line.startswith("holdwatch[")]

    def lines(self):
        """The text that is not part of a stack, each line after the name of the process's file."""
        for file in sorted(self.run.reports_directory.glob("*.txt")):
            for line in file.read_text().splitlines():
                if not STACK_ROW.match(line):
                    yield f"{file.stem}: {line}"


def start_all(names, shim, seconds, after):
    return [Trial(name, shim, seconds, after) for name in names]


def endings_when_bare(names):
    with contextlib.ExitStack() as after:
        trials = start_all(names, None, BARE_S, after)
        time.sleep(BARE_S)
        for trial in trials:
            trial.stop()
        return {trial.name: trial.status for trial in trials}


def watch(trials, minutes):
    """Until the time is over. From time to time says that it goes on, and how busy the machine is."""
    end = time.monotonic() + 60 * minutes
    news = 0
    while (now := time.monotonic()) < end:
        if now >= news:
            news = now + NEWS_S
            print(f"{(end - now) / 60:.0f} minutes to go, load average {os.getloadavg()[0]:.1f}", flush=True)
        for trial in trials:
            trial.note_end()
        time.sleep(1)


def print_result(trial, bare_ending):
    print(f"\n{trial.name}: ran {trial.minutes():.1f} minutes, ended with {trial.status} (bare: {bare_ending}), "
          f"{trial.answers()}")
    for (process, event, phase, taken), count in desktop_trial.summary(trial.run.reports_directory):
        print(f"  {count} x {process} {event} {phase}: {taken}")
    for line in trial.said():
        print(f"  AMONG ITS OWN ERRORS: {line}")
    for line in trial.lines():
        print(f"  | {line}")


def broken_promises(trial, bare_ending, minutes):
    load = trial.program.load
    if trial.status != bare_ending:
        yield f"{trial.name} ended with {trial.status}, bare with {bare_ending}"
    if trial.minutes() < minutes - 1:
        yield f"{trial.name} ran {trial.minutes():.1f} minutes only"
    if load and (load.wrong.value or not load.right.value):
        yield f"{trial.name}: {trial.answers()}"
    if trial.said():
        yield f"{trial.name}: {len(trial.said())} lines of holdwatch's among its errors"


def quiet_trial(shim, minutes, keep, programs):
    names = programs or list(PROGRAMS)
    servers.require(set(names) <= set(PROGRAMS), f"unknown program; there are {', '.join(PROGRAMS)}")
    bare = endings_when_bare(names)
    with contextlib.ExitStack() as after:
        trials = start_all(names, shim, 60 * minutes, after)
        servers.require_control(trials[0].run.environment())
        watch(trials, minutes)
        for trial in trials:
            trial.stop()
        for trial in trials:
            print_result(trial, bare[trial.name])
            if keep:
                shutil.copytree(trial.run.reports_directory, keep / trial.name)
        broken = [text for trial in trials for text in broken_promises(trial, bare[trial.name], minutes)]
    print()
    servers.require(not broken, "broken promises:\n" + "\n".join(broken))


if __name__ == "__main__":
    servers.main(quiet_trial,
                 lambda parser: parser.add_argument("--minutes", type=float, default=60, help="default: 60"),
                 lambda parser: parser.add_argument("--keep", type=Path, help="a new directory for the reports"),
                 lambda parser: parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS)))
