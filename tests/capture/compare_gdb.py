#!/usr/bin/env python3
"""Compares the unwinder's stacks of a process with gdb's, frame for frame by address.

Usage: compare_gdb.py STACKS_PROGRAM PID

The process must be idle: its threads are captured first, and stopped by gdb a moment later. Threads that have moved in
between are named and left out. Exit status 1 if a stack differs.
"""
import json
import subprocess
import sys

# Physical frames only: gdb shows inlined functions as frames of their own, and functions that ended in a jump.
GDB_SCRIPT = """
import gdb, json
out = {}
for thread in gdb.selected_inferior().threads():
    thread.switch()
    pcs, frame = [], gdb.newest_frame()
    while frame is not None:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            pcs.append((hex(frame.pc()), frame.name(), gdb.solib_name(frame.pc())))
        frame = frame.older()
    out[thread.ptid[1]] = pcs
print("STACKS " + json.dumps(out))
"""


def gdb_stacks(pid):
    """The stacks as gdb sees them: {tid: [(pc, function), ...]}, without frames of the preload, which reports leave out."""
    command = ["gdb", "-nx", "-batch", "-p", str(pid), "-iex", "set debuginfod enabled off",
               "-ex", "set backtrace limit 2000", "-ex", "set backtrace past-main on", "-ex", "python exec(%r)" % GDB_SCRIPT]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    for line in output.stdout.splitlines():
        if line.startswith("STACKS "):
            return {int(tid): [(pc, name) for pc, name, module in frames if "libholdwatch" not in (module or "")]
                    for tid, frames in json.loads(line[7:]).items()}
    sys.exit("gdb gave no stacks:\n" + output.stdout[-2000:] + output.stderr[-2000:])


def our_stacks(program, pid):
    output = subprocess.run([program, str(pid)], capture_output=True, text=True, check=True)
    return {stack["tid"]: stack for stack in map(json.loads, output.stdout.splitlines())}


def describe(ours, theirs):
    lines = []
    for index in range(max(len(ours), len(theirs))):
        mine = ours[index] if index < len(ours) else "-"
        pc, name = theirs[index] if index < len(theirs) else ("-", "")
        lines.append("    #%-3d %-18s %-18s %s%s" % (index, mine, pc, name, "" if mine == pc else "   <- differs"))
    return "\n".join(lines)


def compare(program, pid):
    """The number of equal stacks, and a text for each that differs."""
    before, theirs, after = our_stacks(program, pid), gdb_stacks(pid), our_stacks(program, pid)
    equal, problems = 0, []
    for tid, stack in before.items():
        if stack["complete"] and stack["pcs"] == [pc for pc, _ in theirs.get(tid, [])]:
            equal += 1
        elif tid not in theirs or after.get(tid, {}).get("pcs") != stack["pcs"]:
            print("thread %d moved, left out" % tid)
        else:
            problems.append("thread %d, complete=%s, note: %s\n%s" % (
                tid, stack["complete"], stack["note"], describe(stack["pcs"], theirs[tid])))
    return equal, problems


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    equal, problems = compare(sys.argv[1], int(sys.argv[2]))
    print("%d stacks equal gdb's, %d differ" % (equal, len(problems)))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
