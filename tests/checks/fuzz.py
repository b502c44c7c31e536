#!/usr/bin/env python3
"""Builds a libFuzzer target with clang, ASan and UBSan and runs it a fixed number of times from a fixed seed.

    fuzz.py SOURCE_ROOT SCRATCH_DIRECTORY TARGET RUNS SOURCE... [--plain SOURCE...] [-lLIBRARY...]

TARGET is tests/fuzz/TARGET_fuzz.cpp; the sources are what it tests. With RUNS -1 it goes on until it finds something.
Plain sources are compiled without sanitizers, because they are slow to compile and not what is tested. A source named seed.cpp is no part of the program, but made into seed.so, which stands beside it to be read.
Objects are kept in the scratch directory, and shared by all targets. Skipped (77) where clang or its run-time library for
fuzzing is missing.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
PLAIN = ["-std=c++20", "-O0"]
COMPILE = ["-std=c++20", "-gline-tables-only", "-O1", "-fsanitize=fuzzer-no-link", *SANITIZE]
LINK = ["-fsanitize=fuzzer", *SANITIZE]
# Memory beyond this, and one input that takes this long on a busy machine, are finds.
LIMITS = ["-malloc_limit_mb=1024", "-rss_limit_mb=2048", "-timeout=30"]


def can_fuzz(scratch):
    """Whether clang links a fuzzer at all."""
    probe = subprocess.run(["clang++", *LINK, "-x", "c++", "-", "-o", scratch / "probe"], text=True, check=False,
                           capture_output=True,
                           input='extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }')
    return probe.returncode == 0


def is_current(made):
    """Whether nothing that the object was made of, as the compiler has listed it, is newer."""
    listed = made.with_suffix(".d")
    if not made.exists() or not listed.exists():
        return False
    parts = listed.read_text().replace("\\\n", " ").split()[1:]
    return all(os.path.exists(part) and os.stat(part).st_mtime <= made.stat().st_mtime for part in parts)


def compiled(root, scratch, source, flags):
    """The path of the source's object, made if need be."""
    path = source.resolve()
    name = path.relative_to(root.resolve()).as_posix() if path.is_relative_to(root.resolve()) else path.name
    made = scratch / (name.replace("/", "_") + ".o")
    if not is_current(made):
        subprocess.run(["clang++", *flags, f"-I{root}", "-MMD", "-c", source, "-o", made], check=True)
    return made


def make_seed(source, made):
    """A small shared object with debug data."""
    subprocess.run(["clang++", "-std=c++20", "-g", "-O2", "-shared", "-fPIC", "-nostdlib", "-Wl,--build-id", source,
                    "-o", made], check=True)


def main():
    root, scratch, target, runs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    libraries = [argument for argument in sys.argv[5:] if argument.startswith("-l")]
    sources = [argument for argument in sys.argv[5:] if not argument.startswith("-l")]
    plain_from = sources.index("--plain") if "--plain" in sources else len(sources)
    flags = {pathlib.Path(source): COMPILE for source in sources[:plain_from]}
    flags.update({pathlib.Path(source): PLAIN for source in sources[plain_from + 1:]})
    flags[root / "tests" / "fuzz" / f"{target}_fuzz.cpp"] = COMPILE
    scratch.mkdir(parents=True, exist_ok=True)
    if shutil.which("clang++") is None or not can_fuzz(scratch):
        print("no clang++ with libFuzzer here; on Debian: apt-get install clang libclang-rt-14-dev")
        return SKIPPED
    for seed in [source for source in flags if source.name == "seed.cpp"]:
        del flags[seed]
        make_seed(seed, scratch / "seed.so")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda source: compiled(root, scratch, source, flags[source]), flags))
    program = scratch / f"{target}_fuzz"
    subprocess.run(["clang++", *LINK, *objects, "-o", program, *libraries], check=True)
    run = subprocess.run([program, "-seed=1", f"-runs={runs}", "-max_len=3000", "-len_control=0",
                          f"-artifact_prefix={scratch}/", *LIMITS],
                         check=False, stderr=subprocess.STDOUT)
    return 1 if run.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
