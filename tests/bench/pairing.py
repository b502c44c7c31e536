"""Bare against watched: measured by turns, A B A B, compared pair by pair, and printed as a row of the table.

A machine is seldom alone with us, and its speed drifts: neighbouring runs share its mood, so the ratio of the two is taken
pair by pair and its median printed. The spread beside it says how much of that is noise.
"""

import dataclasses
import json
import os
import re
import statistics
import subprocess
import sys


class Missing(Exception):
    """What a case needs is not on this machine; the text says what to install."""


def clean_environment():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDWATCH_")}
    environment.pop("LD_PRELOAD", None)
    return environment | {"LC_ALL": "C"}


def watched_environment(shim, options=None):
    """As a user would set it, but that reports, of which there should be none, go nowhere."""
    return clean_environment() | {"LD_PRELOAD": str(shim), "HOLDWATCH_LOG": "none"} | (options or {})


@dataclasses.dataclass
class Row:
    """One line of a table. `goal` is the most that `value` may be; None: no goal was set."""
    name: str
    value: float
    unit: str = ""  # "": a ratio
    goal: float | None = None
    bare: str = ""
    watched: str = ""
    low: float | None = None
    high: float | None = None
    note: str = ""

    def verdict(self):
        if self.goal is None:
            return ""
        return "met" if self.value <= self.goal else "**missed**"


HEAD = ("| case | bare | watched | watched / bare | min..max | goal | |\n"
        "|---|---|---|---|---|---|---|")


def digits(value):
    """Three digits or so of a figure."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"


def with_unit(value, unit):
    return f"{value:.3f}" if unit == "" else f"{digits(value)} {unit}"


def markdown(row):
    spread = f"{digits(row.low) if row.unit else f'{row.low:.2f}'}..{digits(row.high) if row.unit else f'{row.high:.2f}'}" \
        if row.low is not None else ""
    goal = "" if row.goal is None else f"<= {row.goal:g} {row.unit}".rstrip()
    cells = [row.name, row.bare, row.watched, with_unit(row.value, row.unit), spread, goal,
             " ".join(word for word in (row.verdict(), row.note) if word)]
    return "| " + " | ".join(cells) + " |"


def paired(rounds, measure_bare, measure_watched):
    """What the two measured, by turns, as pairs."""
    return [(measure_bare(), measure_watched()) for _ in range(rounds)]


def ratio_row(name, pairs, goal=None, unit="ns", note=""):
    """A row from pairs of costs: less is better."""
    ratios = [watched / bare for bare, watched in pairs]
    return Row(name, statistics.median(ratios), goal=goal, low=min(ratios), high=max(ratios), note=note,
               bare=f"{digits(statistics.median(bare for bare, _ in pairs))} {unit}".rstrip(),
               watched=f"{digits(statistics.median(watched for _, watched in pairs))} {unit}".rstrip())


def google_benchmark(command, case, environment, min_time_s=0.1):
    """Runs the command (a program, or a list of words); returns what Google Benchmark says of the case, in nanoseconds."""
    words = [command] if isinstance(command, str) else command
    done = subprocess.run([*words, f"--benchmark_filter=^{re.escape(case)}(/iterations:1)?(/process_time)?(/real_time)?$",
                           f"--benchmark_min_time={min_time_s}", "--benchmark_format=json"],
                          env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{words} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    found = json.loads(done.stdout)["benchmarks"] if done.stdout else []
    if len(found) != 1:
        sys.exit(f"{words} has {len(found)} cases '{case}'")
    return found[0]
