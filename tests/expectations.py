"""What a test requires, and waits for: nothing is concluded from how long it takes."""

import time

DEADLINE_S = 60  # for any one event; far beyond what a slow machine needs


class Failure(Exception):
    """The test has failed; the text says why."""


def require(condition, why):
    if not condition:
        raise Failure(why)


def wait_until(what, happened, deadline_s=DEADLINE_S):
    """Calls `happened` until it returns something true, and returns that."""
    end = time.monotonic() + deadline_s
    while not (value := happened()):
        require(time.monotonic() < end, f"waited {deadline_s} s in vain for: {what}")
        time.sleep(0.02)
    return value
