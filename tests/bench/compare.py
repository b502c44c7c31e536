#!/usr/bin/env python3
"""Compares lock pairs bare and watched: compare.py SHIM LOCK_PAIRS [RUNS].

Runs the two by turns (A B A B ...), pairs neighbouring runs, and prints the median of each and of their ratios: machines
are shared, and their speed drifts.
"""

import os
import statistics
import subprocess
import sys


def run(program, arguments, preload):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDWATCH_")}
    environment.pop("LD_PRELOAD", None)
    if preload:
        environment["LD_PRELOAD"] = preload
    output = subprocess.run([program, *arguments], env=environment, check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in output.splitlines())}


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    shim, program = os.path.abspath(sys.argv[1]), sys.argv[2]
    runs = int(sys.argv[3]) if len(sys.argv) == 4 else 9
    pairs = []
    for _ in range(runs):
        bare, watched = {}, {}
        for arguments in ([], ["alone"]):
            bare.update(run(program, arguments, None))
            watched.update(run(program, arguments, shim))
        pairs.append((bare, watched))
    print("| lock + unlock | bare ns | watched ns | ratio |\n|---|---|---|---|")
    for name in pairs[0][0]:
        bare = statistics.median(pair[0][name] for pair in pairs)
        watched = statistics.median(pair[1][name] for pair in pairs)
        ratio = statistics.median(pair[1][name] / pair[0][name] for pair in pairs)
        print(f"| {name} | {bare:.1f} | {watched:.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
