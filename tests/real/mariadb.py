"""A MariaDB server of the test's own: made in the run's directory, reached through a socket there, no network."""

import os
import subprocess

import servers


def make_data(run):
    """An empty data directory whose root may log in without a password."""
    install = servers.find_program("mariadb-install-db", "mariadb-server")
    servers.run_client([install, "--no-defaults", f"--datadir={run.directory}/data", "--skip-test-db",
                        "--auth-root-authentication-method=normal", "--force", *as_root()])


def as_root():
    """The server refuses to run as root unless it is told to."""
    return ["--user=root"] if os.geteuid() == 0 else []


def socket_path(run):
    return f"{run.directory}/socket"


def start(run, *options, **how):
    """A server on the run's data that accepts connections."""
    make_data(run)
    server = run.start([servers.find_program("mariadbd", "mariadb-server"), "--no-defaults", *as_root(),
                        f"--datadir={run.directory}/data", f"--socket={socket_path(run)}", "--skip-networking",
                        f"--pid-file={run.directory}/pid", "--innodb-buffer-pool-size=64M",
                        "--innodb-buffer-pool-dump-at-shutdown=0", "--innodb-buffer-pool-load-at-startup=0",
                        *options], **how)
    server.wait_until("MariaDB answers", lambda: answers(run))
    run.check_is_watched(server.pid, threaded=True)
    return server


def client_command(run, user="root"):
    return [servers.find_program("mariadb", "mariadb-client"), "--no-defaults", "-u", user, "-S", socket_path(run),
            "--batch", "--skip-column-names"]


def answers(run):
    probe = subprocess.run([*client_command(run), "-e", "select 1"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, env=servers.bare_environment(), timeout=servers.DEADLINE_S,
                           check=False)
    return probe.returncode == 0


def query(run, statements):
    """What the statements print, run by one client."""
    return servers.run_client(client_command(run), input=statements)
