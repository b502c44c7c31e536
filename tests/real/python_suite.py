"""Python's own tests of threads, locks, queues and forks give the same results, test by test, with and without the
preload: Debian packages them as libpython3.11-testsuite.
"""

import os
import re
import subprocess
import sys

import servers

PYTHON = "/usr/bin/python3"  # Debian's, whose test suite it is
SUITES = ["test_threading", "test_thread", "test_queue"]
LONGEST_S = 150
# "test_acquire (test.test_thread.LockTests.test_acquire) ... ok"; what a test prints itself may come in between.
OUTCOME = re.compile(r"^(\w+ \([\w.]+\)).*? \.\.\. (?:.*?)(ok|FAIL|ERROR|skipped .*|expected failure)$", re.MULTILINE)


def outcomes(environment):
    """Each test's outcome by its name, and the whole run's exit status."""
    run = subprocess.run([PYTHON, "-B", "-m", "test", "-v", *SUITES], env=environment, timeout=LONGEST_S, text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    found = dict(OUTCOME.findall(run.stdout))
    servers.require(len(found) > 200, f"only {len(found)} tests have run: is libpython3.11-testsuite there?\n{run.stdout}")
    return {**found, "exit status": run.returncode}


def require_suites():
    found = subprocess.run([PYTHON, "-c", "import test.test_threading"], capture_output=True, check=False)
    if found.returncode != 0:
        print("skipped: no tests of Python here; on Debian: apt-get install libpython3.11-testsuite")
        sys.exit(servers.EXIT_SKIPPED)


def test(shim):
    require_suites()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDWATCH_", "LD_"))}
    bare = outcomes(environment)
    watched = outcomes({**environment, "LD_PRELOAD": str(shim), "HOLDWATCH_LOG": "none"})
    differing = {name: (bare.get(name), watched.get(name)) for name in bare.keys() | watched.keys()
                 if bare.get(name) != watched.get(name)}
    servers.require(not differing, f"bare and watched differ: {differing}")
    print(f"{len(bare) - 1} tests with the same outcome")


if __name__ == "__main__":
    servers.main(test)
