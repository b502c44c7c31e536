"""One scenario performed twice, bare and under the preload: the same results, the same logs, and no report."""

import re
import time

import servers


def comparable_log(text):
    """The lines of a log without what differs from run to run: times, numbers, process ids, addresses, order."""
    lines = set()
    for line in text.splitlines():
        line = re.sub(r"\d\d \w{3} \d{4}|\w{3} +\w{3} +\d+|\bholdwatch-real-\w+", "", line)
        line = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{16,}\b|[0-9]+", "N", line)
        lines.add(line.strip())
    return sorted(lines)


def perform(scenario, run):
    """The scenario's results, with the logs it left."""
    results = scenario(run)
    for server in run.servers:
        servers.require(server.process.poll() is not None, "the scenario has left a server behind")
        results[f"log of {server.log_path.name}"] = comparable_log(server.log())
    return results


def differences(bare, watched):
    for key in sorted(bare.keys() | watched.keys()):
        ours, theirs = watched.get(key), bare.get(key)
        if ours == theirs:
            continue
        if isinstance(ours, list) and isinstance(theirs, list):
            missing = [item for item in theirs if item not in ours]
            added = [item for item in ours if item not in theirs]
            yield f"{key}: missing {missing}, added {added}"
        else:
            yield f"{key}: bare {theirs!r}, watched {ours!r}"


def compare_runs(shim, scenario, notices=None):
    """Performs the scenario bare and watched: same results, same logs, no report, and no text but the lines `notices`."""
    with servers.Run(None) as run:
        began = time.monotonic()
        bare = perform(scenario, run)
        print(f"bare: {time.monotonic() - began:.1f} s")
    with servers.Run(shim) as run:
        began = time.monotonic()
        watched = perform(scenario, run)
        print(f"watched: {time.monotonic() - began:.1f} s")
        for key, value in watched.items():
            print(f"  {key}: {value if not isinstance(value, list) else f'{len(value)} distinct lines'}")
        found = list(differences(bare, watched))
        servers.require(not found, "the watched run differs from the bare one:\n" + "\n".join(found))
        reports, text = run.reports(), run.reports_text()
        servers.require(not reports, f"{len(reports)} reports")
        unexpected = [line for line in text.splitlines() if not (notices and re.search(notices, line))]
        servers.require(not unexpected, "holdwatch wrote:\n" + "\n".join(unexpected))
        servers.require_control(run.environment())
        print(text, end="")
