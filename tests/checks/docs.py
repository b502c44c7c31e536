#!/usr/bin/env python3
"""Checks the documentation: no line is longer than 120 columns, tables and lines with a URL excepted; a relative link leads to a
file, and to a heading in it; a file that a page names is there; every event is described; design.md's tree has every folder, and
nothing else; the README stays short.

    docs.py SOURCE_ROOT
"""

import pathlib
import re
import sys

LONGEST = 120
README_LINES = 140
# `shim/record/view.h`; NAME in capitals stands for a name.
NAMED = re.compile(r"`((?:shim|symbolizer|scripts|tests|docs)/[a-z0-9_./-]+)`")
# What meson and Python put beside what is to be described.
NO_ENTRIES = {"meson.build", "__pycache__"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def pages(root):
    return sorted([*root.glob("*.md"), *(root / "docs").glob("*.md"), *(root / "docs").glob("*.1")])


def long_lines(page):
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if len(line) > LONGEST and not line.startswith("|") and "://" not in line:
            yield f"{page}:{number} has {len(line)} columns, more than {LONGEST}"


def anchors(page):
    """The names by which a page's headings can be linked to, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken_links(page):
    if page.suffix != ".md":
        return
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            yield f"{page}: {link} leads to no file"
        elif anchor and anchor not in anchors(target):
            yield f"{page}: {link} leads to no heading"


def missing_files(page, root):
    for name in NAMED.findall(page.read_text()):
        if not list(root.glob(name + "*")):
            yield f"{page}: there is no {name}"


def paths_of_tree(page):
    """The paths in design.md's tree: two columns of indentation a level, then what a line is about."""
    parents = []
    for line in re.search(r"^## Folders.*?```\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)[1].splitlines():
        name = line.split()[0]
        parents[(len(line) - len(line.lstrip())) // 2:] = [name.rstrip("/")]
        yield "/".join(parents)


def faults_of_tree(root):
    """Each folder of the program and each entry of scripts has a line in the tree, which says what it is for."""
    page = root / "docs" / "design.md"
    described = set(paths_of_tree(page))
    sources = [file.relative_to(root) for top in ("shim", "symbolizer") for file in (root / top).rglob("*")
               if file.suffix in {".h", ".cpp"}]
    present = {folder.as_posix() for file in sources for folder in file.parents if folder.parts}
    present |= {file.relative_to(root).as_posix() for file in (root / "scripts").iterdir() if file.name not in NO_ENTRIES}
    yield from (f"{page}: the tree lacks {path}" for path in sorted(present - described))
    yield from (f"{page}: the tree has {path}, which is not there" for path in sorted(described) if not (root / path).exists())


def undescribed_events(root):
    """Each event of events.def has a place in the table of fields and one, with its MESSAGE_ID, in the journal's table."""
    table = (root / "shim" / "common" / "contract" / "events.def").read_text()
    page = (root / "docs" / "json.md").read_text()
    for name, message_id in re.findall(r'^HOLDWATCH_EVENT\((\w+), \w+, "(\w+)"\)', table, re.MULTILINE):
        if not re.search(rf"^\| `event` \|.*`{name}`", page, re.MULTILINE):
            yield f"docs/json.md: the field `event` does not mention {name}"
        if f"| `{name}` | `{message_id}` |" not in page:
            yield f"docs/json.md: the journal's table has no row `{name}` with {message_id}"


def main():
    root = pathlib.Path(sys.argv[1])
    complaints = [complaint for page in pages(root) for complaint in
                  (*long_lines(page), *broken_links(page), *missing_files(page, root))]
    complaints += [*faults_of_tree(root), *undescribed_events(root)]
    lines = len((root / "README.md").read_text().splitlines())
    if lines > README_LINES:
        complaints.append(f"README.md has {lines} lines, more than {README_LINES}")
    print("\n".join(complaints) or f"{len(pages(root))} pages")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
