#!/usr/bin/env python3
"""Checks that the target `product`, which is all that scripts/demo builds of holdwatch, has everything that is installed.

    product.py BUILD_DIRECTORY
"""

import json
import pathlib
import subprocess
import sys


def installed_files(build):
    targets = json.loads((build / "meson-info" / "intro-targets.json").read_text())
    return {str(pathlib.Path(name).relative_to(build)) for target in targets if target["installed"]
            for name in target["filename"]}


def files_of_product(build):
    asked = subprocess.run(["ninja", "-C", build, "-t", "query", "product"], check=True, capture_output=True, text=True)
    inputs = asked.stdout.partition("input:")[2].partition("outputs:")[0]
    return {line.strip().removeprefix("| ") for line in inputs.splitlines()[1:]}


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    installed = installed_files(build)
    missing = sorted(installed - files_of_product(build))
    print("\n".join(f"{name} is installed, but no part of the target product" for name in missing)
          or f"{len(installed)} files are installed, and all are parts of the product")
    return 1 if missing or not installed else 0


if __name__ == "__main__":
    sys.exit(main())
