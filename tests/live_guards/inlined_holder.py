#!/usr/bin/env python3
"""Of a lock that is held in an inlined function, inspect shows that function, if there is debug data.

    inlined_holder.py BUILD_DIRECTORY
"""
import argparse
import pathlib
import shutil
import sys
import tempfile

import asking
from asking import require

HERE = pathlib.Path(__file__).resolve().parent


def check(build, compiler):
    with tempfile.TemporaryDirectory(prefix="holdwatch-guards-") as directory:
        asking.build([[compiler, "-std=c++20", "-g", "-O2", "-pthread", f"-I{HERE}", str(HERE / "inlined_holder.cpp"), "-o", "program"]], directory)
        process, events = asking.ask(build, directory, "inspect")
        shown = {holder["thread"]: holder["taken"]["frames"][0]["function"] for event in events if event["event"] == "wait" for holder in event["holders"]}
        for known in process.known:
            function = shown.get(known.thread, "nothing")
            require(any(wanted in function for wanted in known.functions), f"{compiler}: {known.thread} is shown in {function}, not {known.functions}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).absolute())
    options = parser.parse_args()
    compilers = [compiler for compiler in ("g++", "clang++") if shutil.which(compiler)]
    require(bool(compilers), "no compiler")
    for compiler in compilers:
        check(options.build, compiler)


if __name__ == "__main__":
    try:
        main()
    except asking.Failure as failure:
        sys.exit(str(failure))
