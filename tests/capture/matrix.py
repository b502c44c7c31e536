#!/usr/bin/env python3
"""Runs blockers.cpp's program under the preload, once for every call it can block in, and checks what is reported.

Usage: matrix.py [--gdb] --shim SHIM PROGRAM [NAME...]

For each name, the report of the held mutex must show the holder's whole stack with level3, level2, level1 and
thread_main in this order, and level2's line as the place where the mutex was taken. With --gdb the stacks of blocked
threads are compared with gdb's as well, frame for frame.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

import compare_gdb

CHAIN = ["level3", "level2", "level1", "thread_main"]
RUNNING = ["loop", "memcpy", "recursion200", "stripped_lib"]
SOURCE = pathlib.Path(__file__).resolve().parent / "blockers.cpp"
PATIENCE = 30  # seconds until a report is given up; nothing is concluded from how long one takes


def taken_line():
    lines = SOURCE.read_text().splitlines()
    return 1 + next(number for number, line in enumerate(lines) if "// taken here" in line)


def function(frame):
    """The function's plain name: no parameters, no namespace, no clone suffix."""
    return (frame["function"] or "?").replace("(anonymous namespace)::", "").split("(")[0].split(".")[0].split("::")[-1]


def wait_for_report(path, process):
    """The first report of the hold with the holder's stack in it, else the last; None if there is none.

    A running thread on a busy machine may not have had a CPU when it was asked: the next report asks again.
    """
    report = None
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists():
            for line in path.read_text().splitlines(keepends=True):
                if not line.endswith("\n") or json.loads(line)["event"] != "hold":
                    continue
                report = json.loads(line)
                if report["holders"][0]["now"]["frames"]:
                    return report
        time.sleep(0.05)
    return report


def check_now(name, now):
    names = [function(frame) for frame in now["frames"]]
    problems = [] if now["complete"] else ["the stack is not complete: %s" % now["note"]]
    rest = iter(names)
    if not all(wanted in rest for wanted in CHAIN):
        problems.append("%s are not on the stack in this order" % ", ".join(CHAIN))
    if name == "recursion200" and names.count("recurse") < 200:
        problems.append("%d frames of the recursion instead of 200" % names.count("recurse"))
    if name == "stripped_lib" and not any("libstripped" in (frame["module"] or "") for frame in now["frames"]):
        problems.append("no frame is in the stripped library")
    if name not in RUNNING and names[0] in CHAIN:
        problems.append("the blocking call itself is not on the stack")
    return problems


def check_taken(taken):
    places = [(function(frame), frame["line"]) for frame in taken["frames"]]
    wanted = ("level2", taken_line())
    return [] if wanted in places else ["%s:%d is not on the taken stack" % wanted]


def check_gdb(report, pid):
    holder = report["holders"][0]
    ours = [frame["ip"] for frame in holder["now"]["frames"] if not frame["inlined"]]
    theirs = compare_gdb.gdb_stacks(pid).get(holder["tid"], [])
    if ours == [pc for pc, _ in theirs]:
        return []
    return ["gdb sees another stack\n" + compare_gdb.describe(ours, theirs)]


def show(stack):
    return "\n".join("      #%-2d %s%s %s:%s" % (index, frame["ip"], " inlined" if frame["inlined"] else "",
                                               frame["function"], frame["line"])
                     for index, frame in enumerate(stack["frames"]))


def check(program, name, shim, with_gdb):
    """What is wrong with the report about a thread in this call: a list of texts."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "report.json"
        environment = dict(os.environ, LD_PRELOAD=shim, HOLDWATCH_LIMIT="300ms", HOLDWATCH_JSON=str(path),
                           HOLDWATCH_LOG="none")
        with subprocess.Popen([program, name], env=environment, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL) as process:
            report = wait_for_report(path, process)
            if report is None:
                problems = ["no report" if process.poll() is None else "ended with status %d" % process.returncode]
            else:
                holder = report["holders"][0]
                problems = check_now(name, holder["now"]) + check_taken(holder["taken"])
                if with_gdb and name not in RUNNING:
                    problems += check_gdb(report, process.pid)
                if problems:
                    problems.append("now:\n%s\n    taken:\n%s" % (show(holder["now"]), show(holder["taken"])))
            process.stdin.close()  # at which the program ends
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gdb", action="store_true", help="compare with gdb's stacks too")
    parser.add_argument("--shim", required=True)
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    known = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    names = options.names or known

    def run(name):
        return name, check(program, name, options.shim, options.gdb)

    # Those that are blocked need no CPU, but gdb does; those that run get one for themselves.
    with concurrent.futures.ThreadPoolExecutor(max_workers=1 if options.gdb else 4) as pool:
        results = list(pool.map(run, [name for name in names if name not in RUNNING]))
    results += [run(name) for name in names if name in RUNNING]
    failed = 0
    for name, problems in results:
        print("%-4s %s" % ("FAIL" if problems else "ok", name))
        if problems:
            failed += 1
            print("    " + "\n    ".join(problems))
            arguments = ["--gdb"] * options.gdb + ["--shim", options.shim, program, name]
            print("    again: " + shlex.join([sys.executable, sys.argv[0]] + arguments))
    print("%d of %d as expected" % (len(names) - failed, len(names)))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
