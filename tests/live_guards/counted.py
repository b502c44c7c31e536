#!/usr/bin/env python3
"""Does measure.py count each verdict and each wrong line once, in the row of its lock's holders? On verdicts that are made up."""
import argparse
import contextlib
import io
import pathlib
import sys
import types

import measure
from asking import Failure, Known, Verdict

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent)]
from expectations import require  # pylint: disable=wrong-import-position,wrong-import-order


def verdict(lock, how, named="exactly"):
    return Verdict(Known(lock, f"0x{lock}", "thread", 1, "shared", ["take"], how), named, "right", "guard")


def counted(verdicts, wrong):
    results = measure.Results(argparse.Namespace(seed=1, least=[0, 0], decoys=[]))
    program = types.SimpleNamespace(name="1-0", scenarios=["first", "second", "third"], note="")
    with contextlib.redirect_stdout(io.StringIO()):
        results.add(program, "attach", verdicts, wrong)
    return results


def main():
    wrong = ["lock 0: thread holds it shared, not exclusive", "lock 1: other (2) does not hold it (code)",
             "lock 1: thread has it in take, not in give (code)"]
    results = counted([verdict("0", "guard"), verdict("1", "code"), verdict("2", "code", "missing")], wrong)
    rows = {row: (counts["holders"], counts["missing"], counts["wrong"]) for row, counts in results.table.rows.items()}
    require(rows == {"attach: C++ guards": (1, 0, 1), "attach: C holders": (2, 1, 2)}, f"{rows}")
    require(results.table.wrong == wrong, f"{results.table.wrong}")
    require(not results.is_good(), "what is wrong is taken for good")
    require(counted([verdict("0", "guard")], []).is_good(), "what is right is not taken for good")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")
    print("passed")
