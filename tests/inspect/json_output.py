#!/usr/bin/env python3
"""`inspect --json -`: standard output has the JSON lines alone, the summary goes to standard error, and no file is made.

    json_output.py INSPECTOR SCENES_PROGRAM
"""

import os
import subprocess
import sys
import tempfile

from looking import DEADLINE_S, json_schema, look_until, require, scene


def main():
    inspector, program = map(os.path.realpath, sys.argv[1:])
    with scene(program, "two") as pid, tempfile.TemporaryDirectory(prefix="holdwatch-inspect-") as directory:
        look_until(inspector, pid, lambda look: look.kinds() == ["deadlock"])
        for words in ([pid, "--json", "-"], ["--json=-", pid]):
            done = subprocess.run([inspector, *map(str, words)], capture_output=True, text=True, timeout=DEADLINE_S, check=False,
                                  cwd=directory)
            events = json_schema.check_file(done.stdout.encode())
            require([event["event"] for event in events] == ["deadlock"] and done.returncode == 3, done)
            require(done.stderr.count("\n") == 1 and "2 threads wait for 2 locks" in done.stderr, done)
        require(os.listdir(directory) == [], os.listdir(directory))


if __name__ == "__main__":
    main()
