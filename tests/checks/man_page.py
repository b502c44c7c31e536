#!/usr/bin/env python3
"""Checks that a man page is formatted without a complaint. Skipped (77) where groff is not installed.

    man_page.py PAGE
"""

import shutil
import subprocess
import sys


def main():
    if shutil.which("groff") is None:
        print("no groff here; on Debian: apt-get install groff-base")
        return 77
    run = subprocess.run(["groff", "-man", "-Tutf8", "-K", "utf8", "-ww", "-z", sys.argv[1]], capture_output=True,
                         text=True, check=False)
    print(run.stderr or "no complaint", end="")
    return 1 if run.returncode != 0 or run.stderr else 0


if __name__ == "__main__":
    sys.exit(main())
