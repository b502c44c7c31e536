#!/usr/bin/env python3
"""Checks that the C and C++ files are formatted as .clang-format says. Skipped (77) without clang-format 14: others differ.

    format.py SOURCE_ROOT [--fix]
"""

import pathlib
import re
import shutil
import subprocess
import sys

VERSION = "14"
FOLDERS = ("shim", "symbolizer", "tests")
SKIPPED = 77


def clang_format():
    """The path of clang-format 14, or None."""
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path is None:
            continue
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        if re.search(rf"version {VERSION}\.", version):
            return path
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    program = clang_format()
    if program is None:
        print(f"no clang-format {VERSION} here; on Debian 12: apt-get install clang-format")
        return SKIPPED
    # The .def tables are rows of macros without semicolons, which clang-format takes for one long expression.
    files = sorted(file for folder in FOLDERS for file in (root / folder).rglob("*")
                   if file.suffix in {".h", ".cpp", ".c"})
    action = ["-i"] if "--fix" in sys.argv else ["--dry-run", "-Werror"]
    if subprocess.run([program, *action, *files], check=False).returncode != 0:
        print(f"to fix it: {pathlib.Path(__file__).relative_to(root.resolve())} . --fix")
        return 1
    print(f"{len(files)} files are formatted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
