"""MariaDB's own tests of locks, threads and kills give the same results, test by test, when its server is watched: Debian
packages them as mariadb-test.
"""

import concurrent.futures
import re
import shutil
import subprocess
from pathlib import Path

import servers

# Where Debian's releases have it, the newer first.
RUNNERS = [Path("/usr/share/mariadb/mariadb-test/mariadb-test-run.pl"), Path("/usr/share/mysql/mysql-test/mysql-test-run.pl")]
RUNNER = next((path for path in RUNNERS if path.is_file()), None)
TESTS = ["main.lock", "main.lock_multi", "main.kill", "main.flush_block_commit", "main.mdl", "main.mdl_sync",
         "main.deadlock_innodb", "main.innodb_mysql_lock", "main.truncate_coverage", "innodb.trx_deadlock",
         "innodb.lock_release", "innodb.skip_locked_nowait"]
LONGEST_S = 240
# "main.lock_multi                          [ pass ]   8211", "innodb.x 'innodb'   [ skipped ]  Need ..."
OUTCOME = re.compile(r"^(\S+(?: '[^']*')?) +\[ (\w+) \]", re.MULTILINE)


def outcomes(directory, *options):
    """Each test's outcome by its name, and the run's exit status; what the servers logged stays in the directory."""
    run = subprocess.run(["perl", RUNNER, f"--vardir={directory}/var", f"--tmpdir={directory}/tmp", "--force", "--retry=0",
                          "--max-test-fail=0", "--nocheck-testcases", *options, *TESTS],
                         cwd=RUNNER.parent, env=servers.bare_environment(), timeout=LONGEST_S, text=True, check=False,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = dict(OUTCOME.findall(run.stdout))
    servers.require(len(found) >= len(TESTS) / 2, f"only {len(found)} tests have run:\n{run.stdout}")
    return {**found, "exit status": run.returncode}


def require_watched(directory):
    """HELP has made each server list its options, into its error log."""
    logs = list(Path(directory, "var", "log").rglob("mysqld*.err"))
    servers.require(any("holdwatch[" in log.read_text(errors="replace") for log in logs), f"no server was watched: {logs}")


def test(shim):
    if RUNNER is None or shutil.which("perl") is None:
        servers.abilities.skip("no tests of MariaDB here; on Debian: apt-get install mariadb-test")
    servers.abilities.skip_if(servers.abilities.no_localhost())
    # Side by side: they wait more than they work, and the runner finds ports of its own for each.
    with servers.Run(None) as run, servers.Run(None) as other, concurrent.futures.ThreadPoolExecutor() as side_by_side:
        running = side_by_side.submit(outcomes, other.directory)
        variables = {"LD_PRELOAD": str(shim), "HOLDWATCH_LOG": f"{run.directory}/reports", "HOLDWATCH_HELP": "1"}
        watched = outcomes(run.directory, *[f"--mysqld-env={name}={value}" for name, value in variables.items()])
        bare = running.result()
        require_watched(run.directory)
    differing = {name: (bare.get(name), watched.get(name)) for name in bare.keys() | watched.keys()
                 if bare.get(name) != watched.get(name)}
    servers.require(not differing, f"bare and watched differ: {differing}")
    servers.require_control(servers.bare_environment() | variables)
    print(f"{len(bare) - 1} tests with the same outcome:", sorted(set(bare.values()), key=str))


if __name__ == "__main__":
    servers.main(test)
