"""The stories of a stuck memcached and a stuck MariaDB, told by a holdwatch that was attached to the running server.

    attach_stuck.py SHIM --control CONTROL --server memcached|mariadb
"""

import mariadb_stuck_log
import memcached_stuck_dump
import servers
from attached import AttachedRun

STORIES = {"memcached": memcached_stuck_dump.test, "mariadb": lambda shim: mariadb_stuck_log.story(shim)}


def test(shim, control, server):
    AttachedRun.control = control
    servers.Run = AttachedRun
    STORIES[server](shim)


if __name__ == "__main__":
    servers.main(test, lambda parser: parser.add_argument("--control", required=True),
                 lambda parser: parser.add_argument("--server", choices=sorted(STORIES), required=True))
