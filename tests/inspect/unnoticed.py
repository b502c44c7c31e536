#!/usr/bin/env python3
"""No sleep is cut short, no call ends with EINTR, and every time-out comes when it would have, however often one looks.

    unnoticed.py INSPECTOR UNNOTICED_PROGRAM
"""

import subprocess
import sys

from looking import DEADLINE_S, Look, require


def main():
    inspector, program = sys.argv[1:]
    looks = stops = 0
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as process:
        pid = int(process.stdout.readline().split()[1])
        while process.poll() is None:
            look = Look(inspector, pid)
            require(look.status in (0, 1), look)
            looks += 1
            stops += "stopped for at most" in look.text or "threads were stopped" in look.text
        said = process.stdout.read()
        require(process.wait(timeout=DEADLINE_S) == 0 and said == "unnoticed\n", f"after {looks} looks:\n{said}")
    print(f"{looks} looks, {stops} with a stop")
    require(looks > 1, f"only {looks} looks")


if __name__ == "__main__":
    main()
