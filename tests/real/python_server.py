"""A web server that attach_hold.py attaches to: Python's own, with a thread for each connection.

    python_server.py FILE

Prints its port, and ends well at SIGTERM. It answers any path with a checksum, but /report has an SQLite database ask a
colleague who answers by way of FILE, a named pipe, in the middle of a query: SQLite keeps the connection's mutex meanwhile.

Nobody else may use that connection then. Python waits for SQLite's mutex with the interpreter's lock in its hands when it
reads the columns of a row, and the function that the query calls needs that lock to return: both would wait for ever.
"""

import http.server
import signal
import sqlite3
import sys
import zlib

database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)


def ask_colleague():
    with open(sys.argv[1]) as answer:
        return answer.read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/report":
            [[answer]] = database.execute("select ask_colleague()").fetchall()
        else:
            answer = zlib.crc32(self.path.encode() * 1000)
        body = f"{answer}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    database.create_function("ask_colleague", 0, ask_colleague)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True  # it does not wait for those whose clients have not gone
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(server.server_port, flush=True)
    server.serve_forever()


main()
