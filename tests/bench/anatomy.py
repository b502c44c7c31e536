#!/usr/bin/env python3
"""Prints each instruction of ours that one uncontended lock and unlock executes, under the source line that it comes from.

    anatomy.py [KIND] [--build DIRECTORY] [--lines]

KIND is one of counted_pairs.cpp (default mutex); with --lines, source lines and their counts only. Counted by valgrind's
callgrind; what call sites learn at first is taken out by the difference of two runs, as are starting and stopping.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COUNT = 500
# Of COUNT, COUNT and 2 COUNT pairs, as counted_pairs does them; the second run does twice as many.
PAIRS = 4 * COUNT
OURS = "libholdwatch.so"


class Profile:
    """A callgrind file: instructions by object and address, with the source line of each address."""

    def __init__(self, text):
        self.counts = defaultdict(int)  # (object, address) -> instructions
        self.places = {}  # (object, address) -> (file, line)
        self.names = {"ob": {}, "fl": {}, "fn": {}}
        self.now = {"ob": "", "fl": "", "fn": ""}
        self.address = self.line = 0
        after_call = False
        for row in text.splitlines():
            if match := re.match(r"(c?)(ob|fl|fi|fe|fn)=(.*)", row):
                self.name(match[1] == "c", match[2], match[3])
            elif row.startswith("calls="):
                after_call = True
            elif re.match(r"(0x|[+*-])", row):
                self.cost(row.split(), counts=not after_call)
                after_call = False

    def name(self, of_callee, kind, text):
        """`(7) name` says what 7 stands for from now on. A callee's place is not that of what follows."""
        table = self.names["fl" if kind in ("fi", "fe") else kind]
        number, name = re.match(r"(\(\d+\))?\s*(.*)", text).groups()
        if name:
            table[number] = name
        if not of_callee:
            self.now["fl" if kind in ("fi", "fe") else kind] = table[number]

    def cost(self, words, counts):
        self.address = self.moved(self.address, words[0])
        self.line = self.moved(self.line, words[1])
        if counts:
            where = (Path(self.now["ob"]).name, self.address)
            self.counts[where] += int(words[2])
            self.places[where] = (self.now["fl"], self.line)

    @staticmethod
    def moved(before, word):
        if word == "*":
            return before
        return before + int(word, 0) if word[0] in "+-" else int(word, 0)


def profile(build, kind, count):
    with tempfile.TemporaryDirectory(prefix="holdwatch-anatomy-") as directory:
        out = f"{directory}/callgrind"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDWATCH_")}
        environment |= {"LD_PRELOAD": str(build / "shim" / OURS), "HOLDWATCH_LIMIT": "1h", "HOLDWATCH_LOG": "none"}
        subprocess.run(["valgrind", "--quiet", "--tool=callgrind", "--toggle-collect=counted_pairs", "--dump-instr=yes",
                        f"--callgrind-out-file={out}", build / "tests/bench/counted_pairs", str(count), kind],
                       env=environment, check=True)
        return Profile(Path(out).read_text())


def disassembly(library):
    """address -> (function, instruction's text). Callgrind's own idea of functions mixes them up with their cold parts."""
    listing = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", library], check=True, capture_output=True,
                             text=True).stdout
    found, function = {}, ""
    for row in listing.splitlines():
        if match := re.match(r"[0-9a-f]+ <(.*)>:$", row):
            function = match[1]
        elif match := re.match(r"\s+([0-9a-f]+):\t(.*)$", row):
            found[int(match[1], 16)] = (function, re.sub(r"\s+", " ", match[2]).strip())
    return found


def source_text(file, line, cache={}):
    """The line, if the file is one of ours."""
    path = ROOT / re.sub(r"^(\./)?(build/)?(\.\./)*", "", file)
    if path not in cache:
        cache[path] = path.read_text().splitlines() if path.is_file() else []
    return cache[path][line - 1].strip() if 0 < line <= len(cache[path]) else ""


def per_pair(once, twice):
    found = {where: (count - once.counts.get(where, 0)) / PAIRS for where, count in twice.counts.items()}
    return {where: count for where, count in found.items() if count != 0}


def print_ours(ours, code, lines_only):
    """`ours`: (function, file, line, address) -> count. By address, which within a function is nearly the order in which
    they are executed."""
    of_function, of_line = defaultdict(float), defaultdict(float)
    for (function, file, line, _), count in ours.items():
        of_function[function] += count
        of_line[function, file, line] += count
    last, told = (None, None, None), set()
    for (function, file, line, address), count in sorted(ours.items(), key=lambda entry: entry[0][-1]):
        place = function, file, line
        if function != last[0]:
            print(f"\n{function}: {of_function[function]:g}")
        if place != last and not (lines_only and place in told):
            total = f"{of_line[place]:4g} " if lines_only else ""
            print(f"  {total}{Path(file).name}:{line:<5} {source_text(file, line)}"[:120])  # fits a page of docs/
        if not lines_only:
            print(f"      {count:4g}  {address:6x}  {code[address][1]}")
        last = place
        told.add(place)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", default="mutex")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--lines", action="store_true")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    once, twice = (profile(build, arguments.kind, count) for count in (COUNT, 2 * COUNT))
    found = per_pair(once, twice)
    by_object = defaultdict(float)
    for (where, _), count in found.items():
        by_object[where] += count
    print(f"instructions of one lock and unlock, kind {arguments.kind}:")
    for name, count in sorted(by_object.items(), key=lambda entry: -entry[1]):
        print(f"  {count:6.1f}  {name}")
    code = disassembly(build / "shim" / OURS)
    ours = {(code[where[1]][0], *twice.places[where], where[1]): count for where, count in found.items()
            if where[0] == OURS}
    print_ours(ours, code, arguments.lines)


if __name__ == "__main__":
    sys.exit(main())
