"""MariaDB under 16 clients: the tables' checksums after a fixed script, sysbench's count of transactions and the log
are the same with and without the preload, and neither the load nor the idle background threads are reported.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import comparison
import mariadb
import servers

CLIENTS = 16
STATEMENTS = 300
TRANSACTIONS = 1500
TABLES = ["--tables=4", "--table-size=2000"]


def script(number):
    """One client's statements: on a table of its own, and on a row that all clients want."""
    lines = [f"use app; create table t{number} (id int primary key, n int, words varchar(200), key (n));"]
    for turn in range(STATEMENTS):
        lines.append(f"insert into t{number} values ({turn}, {turn * 7919 % 1000}, repeat('{turn}', 30));")
        if turn % 3 == 0:
            lines.append(f"update t{number} set words = reverse(words) where n < {turn};")
        if turn % 7 == 0:
            lines.append(f"select count(*), sum(n) from t{number} where n between {turn} and 900;")
            lines.append("update everybody set n = n + 1;")
        if turn % 11 == 0:
            lines.append(f"delete from t{number} where id = {turn // 2};")
    return "\n".join(lines)


def play_scripts(run):
    """All clients at once; returns what each of them saw, and the checksums of what they left."""
    mariadb.query(run, "create database app; use app; create table everybody (n int); insert into everybody values (0)")
    with ThreadPoolExecutor(CLIENTS) as pool:
        seen = list(pool.map(lambda number: mariadb.query(run, script(number)), range(CLIENTS)))
    tables = ", ".join(f"t{number}" for number in range(CLIENTS))
    left = mariadb.query(run, f"use app; checksum table {tables} extended; select n from everybody;")
    return {"answers": seen, "tables": left.splitlines()}


def sysbench(run, command, *options):
    return servers.run_client([servers.find_program("sysbench", "sysbench"), "oltp_read_write", "--db-driver=mysql",
                               f"--mysql-socket={mariadb.socket_path(run)}", "--mysql-user=root", "--mysql-db=bench",
                               *TABLES, *options, command])


def transactions(run):
    """How many transactions sysbench's clients finished. Deadlocks among rows are not errors: it tries again."""
    mariadb.query(run, "create database bench")
    sysbench(run, "prepare", "--threads=1")
    printed = sysbench(run, "run", f"--threads={CLIENTS}", f"--events={TRANSACTIONS}", "--time=0", "--rand-seed=1")
    done = re.search(r"transactions: +(\d+)", printed)
    servers.require(done, f"sysbench counts no transactions:\n{printed}")
    return int(done.group(1))


def scenario(run):
    server = mariadb.start(run)
    results = play_scripts(run)
    results["transactions"] = transactions(run)
    run.idle_past_limit()
    return {**results, "exit status": server.stop()}


if __name__ == "__main__":
    servers.main(lambda shim: comparison.compare_runs(shim, scenario))
