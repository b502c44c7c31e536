#!/usr/bin/env python3
"""Locks taken before anybody looked: kinds of holders, ways to build a program, ways to look at it.

    matrix.py BUILD_DIRECTORY [--kinds guard,...] [--builds gcc-O0,...] [--views inspect,attach,core] [--table]

The programs are in matrix/, each with its known answer (stage.h). Prints what is missing or wrong, with --table the numbers of each
cell. Ends with 1 unless all holders are named, each with the function that has taken the lock, and nothing is wrong. A build whose
compiler or linker is not here is left out, and said.
"""
import argparse
import pathlib
import shutil
import sys
import tempfile

import asking
from asking import Failure

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent)]
import abilities  # pylint: disable=wrong-import-position,wrong-import-order

HERE = pathlib.Path(__file__).resolve().parent
KINDS = sorted(path.stem for path in (HERE / "matrix").iterdir())
GCC, CLANG = {".cpp": "g++", ".c": "gcc"}, {".cpp": "clang++", ".c": "clang"}
BUILDS = {  # compilers, options, how it is stripped
    "gcc-O0": (GCC, ["-O0"], None),
    "gcc-O2": (GCC, ["-O2"], None),
    "gcc-O2-stripped": (GCC, ["-O2"], "strip"),
    "gcc-O3-flto": (GCC, ["-O3", "-flto"], None),
    "gcc-frame-pointers": (GCC, ["-O2", "-fno-omit-frame-pointer", "-mno-omit-leaf-frame-pointer"], "strip"),
    "clang-O2-stripped": (CLANG, ["-O2"], "strip"),
    "gcc-lld": (GCC, ["-O2", "-fuse-ld=lld"], "strip"),
}
STANDARD = {".cpp": "-std=c++20", ".c": "-std=gnu17"}


def missing_for(build):
    compilers, options, strip = BUILDS[build]
    wanted = [*compilers.values(), strip or "cp", "addr2line", *(["ld.lld"] if "-fuse-ld=lld" in options else [])]
    return next((program for program in wanted if shutil.which(program) is None), None)


def commands(source, build):
    compilers, options, strip = BUILDS[build]
    # Debug data is on the side only, for the judge: the answers have to come from what a release has.
    return [[compilers[source.suffix], STANDARD[source.suffix], "-g", *options, "-pthread", f"-I{HERE}", str(source), "-o", "program"],
            ["cp", "program", "program.debug"], [*([strip] if strip else ["strip", "-g"]), "program"]]


def fill(build_directory, kind, build, views, table):
    """The cells of one program; returns lines on what is not as it should be."""
    [source] = (HERE / "matrix").glob(kind + ".*")
    lines = []
    with tempfile.TemporaryDirectory(prefix="holdwatch-guards-") as directory:
        asking.build(commands(source, build), directory)
        for view in views:
            process, events = asking.ask(build_directory, directory, view)
            verdicts, wrong = asking.judge(process, events, view)
            table.add(f"{kind}, {build}, {view}", verdicts, wrong)
            cell = f"{kind}, {build}, {view}"
            lines += [f"{cell}: {line}" for line in wrong]
            lines += [f"{cell}: {one.known.thread} is not named" for one in verdicts if one.named == "missing"]
            # Without stopping the thread some registers are known from the code only: by attach that is as much as can be said.
            lines += [f"{cell}: {one.known.thread} is likely only" for one in verdicts
                      if one.named == "likely" and one.known.how == "guard" and view != "attach"]
            lines += [f"{cell}: no function of {one.known.thread}" for one in verdicts if one.named != "missing" and one.function == "missing"]
    return lines


def names(text):
    return text.split(",")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).absolute())
    parser.add_argument("--kinds", type=names, default=KINDS)
    parser.add_argument("--builds", type=names, default=list(BUILDS))
    parser.add_argument("--views", type=names, default=["inspect", "attach", "core"])
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    abilities.skip_if(abilities.no_attaching())
    table, bad = asking.Table(), False
    views = [view for view in options.views if view != "core" or not abilities.left_out(asking.no_core_files())]
    for build in options.builds:
        if missing_for(build):
            print(f"left out: {build}, no {missing_for(build)} here")
            continue
        for kind in options.kinds:
            try:
                lines = fill(options.build, kind, build, views, table)
            except Failure as failure:
                lines = [f"{kind}, {build}: {failure}"]
            bad = bad or bool(lines)
            print(*lines, sep="\n", end="\n" if lines else "", flush=True)
    if options.table:
        print(table)
    total = {column: sum(row[column] for row in table.rows.values()) for column in table.COLUMNS}
    print(f"{len(table.rows)} cells: " + ", ".join(f"{count} {column}" for column, count in total.items()))
    sys.exit(1 if bad or not table.rows else 0)


if __name__ == "__main__":
    main()
