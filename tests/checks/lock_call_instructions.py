#!/usr/bin/env python3
"""Checks that no kind of lock call takes more instructions than its budget, nor fewer, which would leave room for later ones.

    lock_call_instructions.py SHIM COUNTED_PAIRS BUDGET COMPILER [--rewrite]

Valgrind's callgrind counts the instructions that one lock and unlock take, watched and bare; the difference is ours. It is
the same in every run, on every machine: nothing is timed. What the compiler makes of the code may differ, so the budget
names the one that it holds for (COMPILER, such as "gcc 12"). Skipped (77) without valgrind, or with another compiler.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
COUNT = 300  # well beyond the 64 holds after which a call site is known
FUNCTION = "counted_pairs"
# Name, options: what is counted in all kinds of calls, or in one kind only.
WATCHES = {"": {}, "tsc": {"HOLDWATCH_CLOCK": "tsc"}}
ONLY_KIND = {"tsc": "mutex"}
HEAD = """\
# Instructions that holdwatch adds to one uncontended lock and unlock, or to one call that would wake a waiter, by kind: see
# lock_call_instructions.py, which rewrites this file with --rewrite. Kinds are those of tests/bench/counted_pairs.cpp.
"""


def environment(preload, options):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDWATCH_")}
    clean.pop("LD_PRELOAD", None)
    # No hold may be handed over as a late one, however slow valgrind makes the machine.
    return clean | ({"LD_PRELOAD": preload, "HOLDWATCH_LIMIT": "1h", "HOLDWATCH_LOG": "none", **options} if preload else {})


def parts(directory, program, arguments, environment_):
    """The instructions of each call of the counted function, in their order."""
    out = pathlib.Path(directory) / "callgrind"
    command = ["valgrind", "--quiet", "--tool=callgrind", f"--toggle-collect={FUNCTION}", f"--dump-after={FUNCTION}",
               f"--callgrind-out-file={out}", program, *arguments]
    done = subprocess.run(command, env=environment_, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    files = sorted(out.parent.glob("callgrind.*"), key=lambda path: int(path.suffix[1:]))
    counts = [int(re.search(r"^summary: (\d+)", path.read_text(), re.MULTILINE)[1]) for path in files]
    for path in files:
        path.unlink()
    return counts


def count(program, kinds, preload, options):
    """Instructions a pair, by kind. Of the three calls the first learns, and the others differ by COUNT pairs."""
    only = kinds if len(kinds) == 1 else []
    with tempfile.TemporaryDirectory(prefix="holdwatch-instructions-") as directory:
        counts = parts(directory, program, [str(COUNT), *only], environment(preload, options))
    if len(counts) != 3 * len(kinds):
        sys.exit(f"{len(counts)} counts for {len(kinds)} kinds: does valgrind know the function {FUNCTION}?")
    per_pair = {}
    for kind, once, twice in zip(kinds, counts[1::3], counts[2::3]):
        if (twice - once) % COUNT != 0:
            sys.exit(f"{kind}: {COUNT} pairs more took {twice - once} instructions: not each pair takes the same")
        per_pair[kind] = (twice - once) // COUNT
    return per_pair


def added(shim, program):
    """What we add to a pair, and what the bare pair takes: by kind, with the watch's name before it."""
    kinds = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    bare = count(program, kinds, None, {})
    found = {}
    for watch, options in WATCHES.items():
        counted = [ONLY_KIND[watch]] if watch in ONLY_KIND else kinds
        watched = count(program, counted, shim, options)
        found |= {f"{watch}_{kind}".lstrip("_"): (watched[kind] - bare[kind], bare[kind]) for kind in counted}
    return found


def read_budget(path):
    """The compiler that it holds for, and the budget by kind."""
    rows = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    named = {row[0]: " ".join(row[1:]) for row in rows if row}
    return named.pop("compiler"), {kind: int(value) for kind, value in named.items()}


def write_budget(path, compiler, found):
    width = max(len(kind) for kind in found)
    rows = [f"{kind:{width}} {ours:4}    # a bare pair: {bare}" for kind, (ours, bare) in found.items()]
    path.write_text(HEAD + f"compiler {compiler}\n" + "\n".join(rows) + "\n")


def faults(budget, found):
    for kind in sorted(budget.keys() ^ found.keys()):
        yield f"{kind} is {'not counted any more' if kind in budget else 'new'}"
    for kind in (kind for kind in found if kind in budget):
        ours, allowed = found[kind][0], budget[kind]
        if ours > allowed:
            yield f"{kind}: {ours} instructions are ours, {ours - allowed} more than its budget"
        elif ours < allowed:
            yield f"{kind}: {ours} instructions are ours, {allowed - ours} fewer than its budget: let it shrink too"


def main():
    rewrite = "--rewrite" in sys.argv
    shim, program, budget_path, compiler = [argument for argument in sys.argv[1:] if argument != "--rewrite"]
    shim, budget_path = os.path.abspath(shim), pathlib.Path(budget_path)
    if shutil.which("valgrind") is None:
        print("no valgrind here; on Debian: apt-get install valgrind")
        return SKIPPED
    if rewrite:
        write_budget(budget_path, compiler, added(shim, program))
        print(f"wrote {budget_path}:\n{budget_path.read_text()}")
        return 0
    budget_compiler, budget = read_budget(budget_path)
    if compiler != budget_compiler:
        print(f"the budget is for {budget_compiler}, and this was built by {compiler}")
        return SKIPPED
    found = added(shim, program)
    wrong = list(faults(budget, found))
    for kind, (ours, bare) in found.items():
        print(f"{kind}: {ours} instructions beside a bare pair's {bare}")
    if wrong:
        print("\n".join(wrong))
        words = [os.path.realpath(word) if os.path.exists(word) else word for word in [sys.executable, *sys.argv]]
        print(f"if that is meant, this writes the budget anew, and the commit says why:\n  {shlex.join(words)} --rewrite")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
