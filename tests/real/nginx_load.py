"""nginx whose worker reads files in a thread pool: the files' checksums and a fixed number of requests by ab are the
same with and without the preload, across a reload, and the pool's idle threads are not reported.
"""

import hashlib
import http.client
import random
import re
import signal
from pathlib import Path

import comparison
import servers

POOL_THREADS = 4
FILES = 40
REQUESTS = 30000
CONCURRENCY = 32

# Reads go to the pool only if sendfile does not do them.
CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr notice;
thread_pool readers threads={threads} max_queue=65536;
events {{ worker_connections 512; }}
http {{
  access_log {directory}/access.log;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  sendfile off;
  aio threads=readers;
  output_buffers 2 64k;
  server {{
    listen 127.0.0.1:{port};
    root {directory}/files;
  }}
}}
"""


def write_files(directory):
    """Files of known content, from empty to larger than all output buffers."""
    dice = random.Random(1)
    (directory / "files").mkdir()
    for number in range(FILES):
        (directory / "files" / f"f{number}").write_bytes(dice.randbytes(number * 12345))


def checksums(port):
    """What the server answers for every file, and for one that is not there."""
    sums = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=servers.DEADLINE_S)
    for number in range(FILES + 1):
        connection.request("GET", f"/f{number}")
        answer = connection.getresponse()
        sums.append((answer.status, hashlib.sha256(answer.read()).hexdigest()))
    connection.close()
    return sums


def load(port):
    """ab's counts: how many requests, how many of them failed, how many bytes came."""
    printed = servers.run_client([servers.find_program("ab", "apache2-utils"), "-q", "-k", "-n", str(REQUESTS),
                                  "-c", str(CONCURRENCY), f"http://127.0.0.1:{port}/f7"])
    return dict(re.findall(r"^(Complete requests|Failed requests|HTML transferred|Non-2xx responses): +(\d+)",
                           printed, re.MULTILINE))


def switches(pid, tid):
    """How often a thread has gone to sleep of itself: it grows with every task that a pool thread does."""
    status = Path(f"/proc/{pid}/task/{tid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE).group(1))


def the_worker(server):
    """The worker process, once its pool is there."""
    def pool_is_there():
        return [pid for pid in servers.children(server.pid) if len(servers.program_threads(pid)) == 1 + POOL_THREADS]
    return server.wait_until("a worker with its pool", pool_is_there)[0]


def reload(server, old_worker):
    """Has the master replace its worker, and waits until the old one is gone."""
    server.process.send_signal(signal.SIGHUP)
    server.wait_until("the old worker is gone", lambda: old_worker not in servers.children(server.pid))
    return the_worker(server)


def start(run):
    """Gives the server, its worker's process id and its port."""
    port = servers.free_port()
    user = servers.unprivileged_user()
    write_files(run.directory)
    configuration = run.directory / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(directory=run.directory, port=port, threads=POOL_THREADS,
                                                  user=f"user {user} nogroup;" if user else ""))
    server = run.start([servers.find_program("nginx", "nginx"), "-p", run.directory, "-e", "stderr",
                        "-c", configuration])
    server.wait_until("nginx listens", lambda: servers.accepts(port))
    return server, the_worker(server), port


def scenario(run):
    server, worker, port = start(run)
    run.check_is_watched(server.pid, threaded=False)
    run.check_is_watched(worker, threaded=True)

    results = {"files": checksums(port), "load": load(port)}
    tasks = sum(switches(worker, tid) for tid in servers.program_threads(worker) if tid != worker)
    servers.require(tasks > REQUESTS / 100, f"the pool has slept only {tasks} times: it has hardly read anything")
    run.idle_past_limit()
    worker = reload(server, worker)
    run.check_is_watched(worker, threaded=True)
    results["files after the reload"] = checksums(port)
    results["exit status"] = server.stop(signal.SIGQUIT)
    # Only now: a request is logged after its answer has gone out.
    results["requests logged"] = len((run.directory / "access.log").read_text().splitlines())
    return results


if __name__ == "__main__":
    servers.main(lambda shim: comparison.compare_runs(shim, scenario))
