#!/usr/bin/env python3
"""Checks with shellcheck what the launcher is made of, as POSIX sh, and its completion, as bash. Skipped (77) without it.

    shell_scripts.py SOURCE_ROOT
"""

import pathlib
import shutil
import subprocess
import sys

# Variables and files that come from the script which sources this one, for shellcheck sees one at a time; `a && b || c`
# where c ends the script; a loop over what `find` prints where that is numbers; completion words without spaces.
EXCLUDED = {"sh": "SC1090,SC1091,SC2015,SC2034,SC2044,SC2154", "bash": "SC2207"}


def main():
    if shutil.which("shellcheck") is None:
        print("no shellcheck here; on Debian: apt-get install shellcheck")
        return 77
    scripts = pathlib.Path(sys.argv[1]) / "scripts"
    files = {"sh": [scripts / "holdwatch", *sorted((scripts.parent / "tests").rglob("*.sh")), *sorted((scripts / "commands").rglob("*.sh"))],
             "bash": [scripts / "completion" / "holdwatch"]}
    failed = False
    for shell, paths in files.items():
        run = subprocess.run(["shellcheck", f"--shell={shell}", f"--exclude={EXCLUDED[shell]}", *paths], check=False)
        failed = failed or run.returncode != 0
    if not failed:
        print(f"{sum(map(len, files.values()))} scripts, no complaint")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
