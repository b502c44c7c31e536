"""A real server under the load of its own test while holdwatch is attached to it and detached, over and over: the same
results and logs as bare, and no report.

    attach_load.py SHIM --control CONTROL --server memcached|redis|mariadb|nginx|python [--rounds N]
"""

import re
import statistics
import time

import comparison
import mariadb_load
import memcached_load
import nginx_load
import python_load
import redis_load
import servers
from attached import AttachedAgainAndAgain

SCENARIOS = {"memcached": memcached_load, "redis": redis_load, "mariadb": mariadb_load, "nginx": nginx_load,
             "python": python_load}


def test(shim, control, server, rounds):
    AttachedAgainAndAgain.control = control
    module = SCENARIOS[server]
    with servers.Run(None) as run:
        began = time.monotonic()
        bare = comparison.perform(module.scenario, run)
        print(f"bare: {time.monotonic() - began:.1f} s")
    with AttachedAgainAndAgain(shim) as run:
        began = time.monotonic()
        attached = comparison.perform(module.scenario, run)
        run.end()
        print(f"attached {run.rounds} times: {time.monotonic() - began:.1f} s")
        print("".join(run.refused), end="")
        servers.require(not run.troubles, "".join(run.troubles))
        servers.require(run.rounds >= rounds, f"only {run.rounds} rounds")
        print(f"one thread stood still each time, for {statistics.median(run.stops_ms):.1f} ms as a rule, "
              f"{max(run.stops_ms):.1f} ms at most")
        found = list(comparison.differences(bare, attached))
        servers.require(not found, "the attached run differs from the bare one:\n" + "\n".join(found))
        reports, text = run.reports(), run.reports_text()
        servers.require(not reports, f"{len(reports)} reports:\n{text}")
        run.require_control()
        notices = getattr(module, "NOTICE", None)
        unexpected = [line for line in text.splitlines() if not (notices and re.search(notices, line))]
        servers.require(not unexpected, "holdwatch wrote:\n" + "\n".join(unexpected))


if __name__ == "__main__":
    servers.main(test, lambda parser: parser.add_argument("--control", required=True),
                 lambda parser: parser.add_argument("--server", choices=sorted(SCENARIOS), required=True),
                 lambda parser: parser.add_argument("--rounds", type=int, default=1))
