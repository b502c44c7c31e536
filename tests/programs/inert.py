#!/usr/bin/env python3
"""Each test of this folder that expects silence fails with a library that does nothing, by its positive control.

    inert.py BUILD_DIRECTORY INERT_LIBRARY

Which tests there are, and how they are called, is what meson knows of them.
"""

import concurrent.futures
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import run_program  # pylint: disable=wrong-import-position

PATIENCE_S = 1  # in vain, as it must be
AT_LEAST = 20  # so many are there: fewer mean that they were not found
SIDE_BY_SIDE = 8
MEANT = "FAILED: positive control"


def tests_of_silence(build):
    """The name of each, and the words that run it."""
    for test in json.loads((build / "meson-info" / "intro-tests.json").read_text()):
        words = test["cmd"]
        if any(word.endswith("/run_program.py") for word in words):
            if run_program.expects_silence(run_program.Plan(words[words.index("--source") + 1])):
                yield test["name"], words


def outcome(words, library):
    """What the runner ends with, and says, if the library stands in for ours."""
    # Of a flag that is given twice the last one counts.
    done = subprocess.run([*words, "--shim", library, "--patience", str(PATIENCE_S)], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout


def main():
    build, inert = pathlib.Path(sys.argv[1]), sys.argv[2]
    silent = dict(tests_of_silence(build))
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        outcomes = dict(zip(silent, pool.map(lambda words: outcome(words, inert), silent.values())))
    fooled = [f"{name}: status {status}\n{said}" for name, (status, said) in outcomes.items()
              if status != 1 or not said.startswith(MEANT)]
    if fooled:
        sys.exit(f"FAILED: with a library that does nothing {len(fooled)} do not fail as they must:\n" + "\n".join(fooled))
    if len(silent) < AT_LEAST:
        sys.exit(f"FAILED: only {len(silent)} tests that expect silence: {sorted(silent)}")
    print(f"{len(silent)} tests that expect silence fail with a library that does nothing")


if __name__ == "__main__":
    main()
