#!/usr/bin/env python3
"""Builds a libFuzzer target with clang, ASan and UBSan and runs it a fixed number of times from a fixed seed.

    fuzz.py SOURCE_ROOT SCRATCH_DIRECTORY TARGET RUNS SOURCE...

TARGET is tests/fuzz/TARGET_fuzz.cpp; the sources are what it tests. With RUNS -1 it goes on until it finds something.
Skipped (77) where clang or its run-time library for fuzzing is missing.
"""

import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77
FLAGS = ["-std=c++20", "-g", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]


def can_fuzz(scratch):
    """Whether clang links a fuzzer at all."""
    probe = subprocess.run(["clang++", *FLAGS, "-x", "c++", "-", "-o", scratch / "probe"], text=True, check=False,
                           capture_output=True,
                           input='extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }')
    return probe.returncode == 0


def main():
    root, scratch, target, runs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    sources = [root / "tests" / "fuzz" / f"{target}_fuzz.cpp", *sys.argv[5:]]
    scratch.mkdir(parents=True, exist_ok=True)
    if shutil.which("clang++") is None or not can_fuzz(scratch):
        print("no clang++ with libFuzzer here; on Debian: apt-get install clang libclang-rt-14-dev")
        return SKIPPED
    program = scratch / f"{target}_fuzz"
    subprocess.run(["clang++", *FLAGS, f"-I{root}", *sources, "-o", program], check=True)
    # Without a time limit of its own, which would depend on the machine; the test's timeout is generous.
    run = subprocess.run([program, "-seed=1", f"-runs={runs}", "-max_len=3000", f"-artifact_prefix={scratch}/"],
                         check=False, stderr=subprocess.STDOUT)
    return 1 if run.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
