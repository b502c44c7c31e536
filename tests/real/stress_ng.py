"""stress-ng's stressors of threads, locks and processes give the same results with and without the preload: Debian packages
it. Each does a fixed number of operations and verifies them.
"""

import re
import subprocess

import servers

# What each stressor does how often: about a second of each.
OPERATIONS = {"mutex": 500, "pthread": 300, "futex": 500, "sem-sysv": 5000, "mq": 2000, "lockf": 1000,
              "fork": 100, "vfork": 100, "clone": 30}
WORKERS = 2
LONGEST_S = 60
# "stress-ng: metrc: [8100] mutex              2002      1.01 ...": the operations that were done
DONE = re.compile(r"metrc: \[\d+\] ([a-z-]+) +(\d+) +[\d.]+ +[\d.]+ +[\d.]+ ")


def outcome(program, name, environment):
    """The exit status, whether it did its operations, and what it complained of. At times stress-ng 0.18 counts one worker's only."""
    run = subprocess.run([program, f"--{name}", str(WORKERS), f"--{name}-ops", str(OPERATIONS[name]), "--verify",
                          "--metrics-brief", "--timeout", str(LONGEST_S)], env=environment, timeout=2 * LONGEST_S, text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    done = dict(DONE.findall(run.stdout))
    complaints = sorted({re.sub(r"\d+", "N", line) for line in run.stdout.splitlines()
                         if re.search("fail:|error:|warn:", line)})
    return {"exit status": run.returncode, "all done": int(done.get(name, 0)) >= OPERATIONS[name] // WORKERS, "complaints": complaints}


def test(shim):
    program = servers.find_program("stress-ng", "stress-ng")
    bare_environment = servers.bare_environment()
    watched_environment = {**bare_environment, "LD_PRELOAD": str(shim), "HOLDWATCH_LOG": "none"}
    differing = []
    for name in OPERATIONS:
        bare, watched = outcome(program, name, bare_environment), outcome(program, name, watched_environment)
        print(f"{name}: {watched}")
        if bare != watched:
            differing.append(f"{name}: bare {bare}, watched {watched}")
    servers.require(not differing, "\n".join(differing))
    servers.require_control(watched_environment)
    print(f"{len(OPERATIONS)} stressors with the same outcome")


if __name__ == "__main__":
    servers.main(test)
