#!/usr/bin/env python3
"""Checks which packages scripts/setup names on a release, here one that is made up, and that it names no command which would start
a server. What it asks of the system is answered by small scripts; it runs as an ordinary user would.

    setup_packages.py SOURCE_ROOT
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

INSTALLED = ["g++", "meson", "ninja-build", "pkgconf", "python3"]
# As of Debian 13, but for clang 99.
AVAILABLE = ["clang", "libclang-rt-99-dev", "libunwind-98", "libunwind-99", "libpython3.13-testsuite", "libmimalloc3",
             "libtcmalloc-minimal4t64", "memcached", "nginx"]
FAKES = {
    "id": "echo 1000",
    "sudo": "exit 1",
    "apt-get": "exit 1",
    "find": "echo deb_Packages",  # the lists of packages are there
    "dpkg-query": f"""
        case "$*" in *'${{Depends}} python3') echo 'python3.13 (>= 3.13.5), libpython3-stdlib (= 3.13)'; exit ;;
                     *'${{Depends}}'*) exit 1 ;; esac
        for name; do case " {' '.join(INSTALLED)} " in *" $name "*) echo "ii  $name" ;; esac; done""",
    "apt-cache": f"""
        [ $1 = policy ] || {{ printf 'clang\\n  Depends: clang-99\\n'; exit; }}
        for name; do case " {' '.join(AVAILABLE)} " in *" $name "*) printf '%s:\\n  Candidate: 1\\n' "$name" ;; esac; done""",
}

# Without package lists, as on a new system before its first apt-get update.
NO_LISTS = {"find": "exit 0", "apt-cache": "exit 0", "dpkg-query": "exit 1"}

# Rows for building that README's line need not name: others bring them along.
NOT_IN_README = {"ninja-build", "python3", "binutils"}


def differs_from_readme(setup):
    """The rows for building without README's names for them, and the names that are in none."""
    rows = re.search(r"^for_building='([^']*)'", setup.read_text(), re.MULTILINE)[1].split()
    readme = (setup.parents[1] / "README.md").read_text().replace("\\\n", "")
    named = re.search(r"^    apt-get install (g\+\+ .*)$", readme, re.MULTILINE)[1].split()
    return [row for row in rows if row not in NOT_IN_README and not set(row.split("|")) & set(named)] + [
        name for name in named if not any(name in row.split("|") for row in rows)]


def run_setup(setup, *arguments, fakes=None):
    with tempfile.TemporaryDirectory(prefix="holdwatch-setup-") as directory:
        for name, body in {**FAKES, **(fakes or {})}.items():
            path = pathlib.Path(directory) / name
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)
        environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
        return subprocess.run([setup, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def missing_packages(run):
    return next((line.split() for line in run.stderr.splitlines() if "missing packages:" in line), [])


def main():
    setup = pathlib.Path(sys.argv[1]).resolve() / "scripts" / "setup"
    run, run_for_building = run_setup(setup), run_setup(setup, "build")
    run_without_lists = run_setup(setup, fakes=NO_LISTS)
    run_as_root_without_lists = run_setup(setup, fakes={**NO_LISTS, "id": "echo 0"})
    named, named_for_building = missing_packages(run), missing_packages(run_for_building)
    rules = {
        "ends with status 1, for packages that building needs are missing": run.returncode == 1,
        "names what building needs": "libdw-dev" in named and "libdw-dev" in named_for_building,
        "names what the tests cannot be built without, for the tests alone":
            "catch2" in named and not any("catch2" in name for name in named_for_building),
        "names nothing else that only the tests need, for building": "nginx" in named and "nginx" not in named_for_building,
        "does not miss what is there under another name": not any("pkg-config" in name for name in named),
        "takes the name that the release has": {"libtcmalloc-minimal4t64", "libmimalloc3", "libclang-rt-99-dev"} <= set(named),
        "takes the version of the release's clang and Python": {"libunwind-99", "libpython3.13-testsuite"} <= set(named),
        "says what the release does not have": "this release has no redis-redisearch" in run.stderr,
        "names no command that starts servers": "apt-get" not in run.stderr,
        "name for building what README names": differs_from_readme(setup) == [],
        "says how to install": f"run as root: {shlex.quote(str(setup))}" in run.stderr,
        "names nothing but packages without lists too": all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]*[a-z0-9+]", name)
                                                            for name in missing_packages(run_without_lists)[3:]),
        "names what building needs without lists too": "libdw-dev" in missing_packages(run_without_lists),
        "says that there are no lists": "there are no package lists here" in run_without_lists.stderr,
        "ends with status 1 where root can get no lists, and says so":
            run_as_root_without_lists.returncode == 1 and "brought no package lists" in run_as_root_without_lists.stderr,
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    for rule in broken:
        print(f"setup should, and does not: {rule}")
    if broken:
        print(f"status {run.returncode}, {run.stdout}{run.stderr}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
