#!/usr/bin/env python3
"""Checks that every source file begins by saying, in a few lines, what it is for.

    file_heads.py SOURCE_ROOT
"""

import pathlib
import re
import sys

FOLDERS = ("shim", "symbolizer", "tests", "scripts", "docs", ".ci")
# Named after the file that they test, and each case says the rule that it proves.
SPEAK_FOR_THEMSELVES = "tests/unit"
# What a file's text begins with, after a possible #! line, by its suffix.
HEADS = {
    ".h": r"//|/\*", ".cpp": r"//|/\*", ".c": r"//|/\*", ".def": r"//|/\*",
    ".py": r'"""|#', ".sh": r"#", ".build": r"#",
}


def head_pattern(file):
    """What the file must begin with; None for files that carry no comments."""
    if file.suffix in HEADS:
        return HEADS[file.suffix]
    if file.suffix == "" and file.read_bytes().startswith(b"#!"):
        return HEADS[".py"]
    return None


def says_what_it_is_for(file):
    pattern = head_pattern(file)
    if pattern is None:
        return True
    text = re.sub(r"\A#!.*\n", "", file.read_text()).lstrip("\n")
    return re.match(pattern, text) is not None


def main():
    root = pathlib.Path(sys.argv[1])
    files = sorted(file for folder in FOLDERS for file in (root / folder).rglob("*")
                   if file.is_file() and "__pycache__" not in file.parts)
    silent = [path for file in files if not (path := file.relative_to(root).as_posix()).startswith(SPEAK_FOR_THEMSELVES)
              and not says_what_it_is_for(file)]
    for path in silent:
        print(f"{path} does not begin with a comment that says what it is for")
    if not silent:
        print(f"looked at {len(files)} files")
    return 1 if silent or not files else 0


if __name__ == "__main__":
    sys.exit(main())
