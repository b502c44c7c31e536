#!/usr/bin/env python3
"""Checks that each test is either of the suite `fast` or of `real`: `--suite fast` runs everything but the real servers.

    suites.py BUILD_DIRECTORY
"""

import json
import pathlib
import sys


def main():
    tests = json.loads(pathlib.Path(sys.argv[1], "meson-info", "intro-tests.json").read_text())
    # meson puts the project's name before each: "holdwatch:fast".
    suites = {test["name"]: {suite.rsplit(":", 1)[-1] for suite in test["suite"]} for test in tests}
    wrong = sorted(name for name, its in suites.items() if len(its & {"fast", "real"}) != 1)
    if wrong or not suites:
        sys.exit(f"FAILED: of {len(suites)} tests these are in none of the suites fast and real, or in both: {wrong}")
    print(f"{len(suites)} tests, each either fast or real")


if __name__ == "__main__":
    main()
