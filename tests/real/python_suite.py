#!/usr/bin/env python3
"""Python's own tests of threads, locks, queues and processes give the same results, case by case, with and without the
preload: Debian packages them apart, as libpython3.11-testsuite or another version's.

    python3 tests/real/python_suite.py build/shim/libholdwatch.so          the quick ones, as `meson test` runs them
    python3 tests/real/python_suite.py build/shim/libholdwatch.so --long   by hand: those that take minutes
    python3 tests/real/python_suite.py build/shim/libholdwatch.so --only test_asyncio

Each runs bare twice and watched once, all three at the same time, since they mostly wait. A case that ends in two ways bare
may end in either when watched. The limit is short, so that the watch has something to look at and to report.
"""

import concurrent.futures
import os
import subprocess
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

import servers

PYTHON = "/usr/bin/python3"  # Debian's, whose test suite it is
QUICK = ["test_threading", "test_thread", "test_queue"]
LONG = ["test_asyncio", "test_concurrent_futures", "test_multiprocessing_fork", "test_multiprocessing_spawn",
        "test_multiprocessing_forkserver", "test_multiprocessing_main_handling"]
LONGEST_S = {"quick": 330, "long": 3000}  # the quick ones have 360 s from meson
# A child of this one has no thread left (RLIMIT_NPROC, which does not bind root), and wants standard error empty: holdwatch says there
# that the child runs unwatched.
NOT_ASKED = "*.test_start_new_thread_failed"
BAD_ENDS = ("failure", "error", "skipped")


def outcome(case):
    """How one <testcase> of the results ended."""
    ends = [end.tag for end in case if end.tag in BAD_ENDS]
    return "+".join(ends) if ends else case.get("result")


def bare_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("HOLDWATCH_", "LD_"))}


def watching(shim, directory):
    return {"LD_PRELOAD": str(shim), "HOLDWATCH_LOG": "none", "HOLDWATCH_LIMIT": "50ms",
            "HOLDWATCH_JSON": f"{directory}/reports.json"}


def outcomes(suites, shim, longest_s):
    """Each case's outcome by its name, and the whole run's exit status. A case that ran with several values has several."""
    environment = bare_environment()
    with tempfile.TemporaryDirectory(prefix="holdwatch-python-") as directory:
        results = Path(directory) / "results.xml"
        if shim:
            environment |= watching(shim, directory)
        run = subprocess.run([PYTHON, "-B", "-m", "test", "-v", "--ignore", NOT_ASKED, "--tempdir", directory, "--junit-xml", results, *suites],
                             env=environment, timeout=longest_s, text=True, errors="replace",
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        servers.require(results.exists(), f"no results with status {run.returncode}:\n{run.stdout}")
        found = {"exit status": str(run.returncode)}
        for case in xml.etree.ElementTree.parse(results).iter("testcase"):
            name = case.get("name")
            found[name] = f"{found[name]}, {outcome(case)}" if name in found else outcome(case)
    return found, run.stdout


def compare(suites, shim, longest_s):
    """Prints how many cases ended the same; returns those that did not, with what the watched run printed."""
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(3) as side_by_side:
        runs = [side_by_side.submit(outcomes, suites, preload, longest_s) for preload in (None, None, shim)]
        (first, _), (second, _), (watched, printed) = [run.result() for run in runs]
    names = first.keys() | second.keys() | watched.keys()
    unsteady = sorted(name for name in names if first.get(name) != second.get(name))
    differing = {name: (first.get(name), second.get(name), watched.get(name)) for name in sorted(names)
                 if watched.get(name) not in (first.get(name), second.get(name))}
    print(f"{', '.join(suites)}: {len(names) - 1} cases, {len(differing)} different, unsteady when bare: {unsteady};"
          f" {time.monotonic() - began:.0f} s", flush=True)
    return differing, printed


def require_suites():
    found = subprocess.run([PYTHON, "-c", "import test.test_threading"], capture_output=True, check=False)
    if found.returncode != 0:
        servers.abilities.skip("no tests of Python here; scripts/setup installs them")


def test(shim, long, only):
    require_suites()
    turns = [[suite] for suite in only or LONG] if long or only else [QUICK]
    broken = []
    for suites in turns:
        differing, printed = compare(suites, shim, LONGEST_S["long" if long or only else "quick"])
        if differing:
            broken.append(f"{suites}: {differing}\n{printed}")
    servers.require(not broken, "bare, bare again and watched differ:\n" + "\n".join(broken))
    servers.require_control({**bare_environment(), **watching(shim, "/tmp")})


if __name__ == "__main__":
    servers.main(test,
                 lambda parser: parser.add_argument("--long", action="store_true", help="the suites that take minutes"),
                 lambda parser: parser.add_argument("--only", action="append", help="one suite by its name"))
