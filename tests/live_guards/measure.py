#!/usr/bin/env python3
"""How many holders of locks that were taken before anybody looked are named? Of random programs with known answers.

    measure.py BUILD_DIRECTORY [--count 1000] [--seed 1] [--first 0] [--views inspect,attach,core] [--least 99,95] [--keep DIRECTORY]

A program is a scenario of generate.py; ten of them share a process. Prints a line with the command that makes it again for each
holder that is missing and each name or function that is wrong, and a table. Ends with 1 if one is wrong, or if fewer than 99 % of
the C++ guards or 95 % of the holders in C are named (--least). The view "watch" sees the locks being taken: it checks the answers.
"""
import argparse
import collections
import pathlib
import sys
import tempfile

import asking
import generate
from asking import Failure

WORDS = {"guard": "C++ guards", "code": "C holders"}


def lock_of(line):
    """That a wrong line is about, by the program's name for it: the line begins with it."""
    return line.split()[1].rstrip(":")


class Results:
    def __init__(self, options):
        self.options, self.table, self.failed = options, asking.Table(), 0
        self.of_style = collections.Counter()

    def remake(self, program):
        return f"measure.py BUILD --seed {self.options.seed} --first {program.name.rsplit('-', 1)[1]} --count {generate.EACH}" + \
            (f" --decoys {','.join(self.options.decoys)}" if self.options.decoys else "") + " --keep DIRECTORY"

    def add(self, program, view, verdicts, wrong):
        how_of = {verdict.known.lock: verdict.known.how for verdict in verdicts}
        for how, words in WORDS.items():
            some = [verdict for verdict in verdicts if verdict.known.how == how]
            lines = [line for line in wrong if how_of.get(lock_of(line), "guard") == how]
            if some or lines:
                self.table.add(f"{view}: {words}", some, lines)
        for line in wrong:
            print(f"WRONG {view} {line}\n  {program.scenarios[int(lock_of(line))]}\n  {program.note}\n  {self.remake(program)}", flush=True)
        for verdict in verdicts:
            if verdict.named == "missing" or verdict.function == "missing":
                what = "MISSING" if verdict.named == "missing" else "NO FUNCTION"
                print(f"{what} {view} lock {verdict.known.lock}: {verdict.known.thread}, {verdict.known.mode}, {verdict.known.functions[0]}"
                      f" [{program.scenarios[int(verdict.known.lock)]}]; {program.note}; {self.remake(program)}", flush=True)

    def is_good(self):
        """Also false if nothing has been measured."""
        counts = {how: [row for name, row in self.table.rows.items() if name.endswith(words)] for how, words in WORDS.items()}
        named = {how: (sum(row["holders"] - row["missing"] for row in rows), sum(row["holders"] for row in rows)) for how, rows in counts.items()}
        enough = all(100 * named[how][0] >= least * named[how][1] for how, least in zip(WORDS, self.options.least))
        return not self.table.wrong and not self.failed and bool(self.table.rows) and enough


def measure(program, options, results):
    with tempfile.TemporaryDirectory(prefix="holdwatch-guards-") as temporary:
        directory = options.keep.resolve() / program.name if options.keep else pathlib.Path(temporary)
        generate.write(program, directory)
        asking.build(program.commands, directory)
        for view in options.views:
            process, events = asking.ask(options.build, directory, view)
            results.add(program, view, *asking.judge(process, events, view))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).absolute())
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--views", type=lambda text: text.split(","), default=["inspect"])
    parser.add_argument("--least", type=lambda text: [int(part) for part in text.split(",")], default=[99, 95])
    parser.add_argument("--decoys", type=lambda text: text.split(","), default=[], help="of the threads that do not hold the lock, these only")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    results = Results(options)
    for program in generate.programs(options.seed, options.count, options.first, options.decoys):
        try:
            measure(program, options, results)
        except Failure as failure:
            results.failed += 1
            print(f"FAILED: {failure}\n  {results.remake(program)}", flush=True)
    print(results.table)
    print(f"{options.count} programs of seed {options.seed}; {len(results.table.wrong)} wrong, {results.failed} could not be measured")
    sys.exit(0 if results.is_good() else 1)


if __name__ == "__main__":
    main()
