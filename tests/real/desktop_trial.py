#!/usr/bin/env python3
"""Starts Firefox, LibreOffice and node over and over, bare and under the preload, and compares how each start ended.

    python3 tests/real/desktop_trial.py build/shim/libholdwatch.so                   20 starts of each, by turns
    python3 tests/real/desktop_trial.py build/shim/libholdwatch.so --starts 3 node   fewer starts, one program

A trial by hand, not a test of `meson test`: the programs are large, and what they report is for people to read. A start is
right if it exits with the bare start's status and its result says the same (a screenshot's pixels, a PDF's pages, the text
that was printed). All options are holdwatch's defaults, except that reports go to a file of their own for each process.
"""

import argparse
import collections
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LONGEST_S = 120  # a start that takes longer hangs: bare ones take one to ten seconds

PAGE = """<!doctype html><title>trial</title><body><h1>Trial</h1><canvas id="c" width="200" height="100"></canvas><script>
document.getElementById("c").getContext("2d").fillRect(10, 10, 50, 50);
const worker = new Worker(URL.createObjectURL(new Blob(["postMessage(6 * 7)"])));
worker.onmessage = event => { document.querySelector("h1").textContent = "answer " + event.data; };
</script>"""

SCRIPT = """
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { pbkdf2 } = require('crypto');
const { readFile } = require('fs');
if (!isMainThread) {
  pbkdf2('secret', 'salt', 20000, 32, 'sha256', (error, key) => parentPort.postMessage(key.toString('hex')));
} else {
  let left = 4;
  const done = text => { console.log(text); if (--left === 0) setTimeout(() => console.log('end'), 1500); };
  for (let i = 0; i < 3; ++i) new Worker(__filename).on('message', done);
  readFile(__filename, (error, text) => done(text.length));
}
"""


def firefox(folder):
    (folder / "page.html").write_text(PAGE)
    shot = folder / "shot.png"
    command = ["firefox-esr", "--headless", "--no-remote", "--profile", str(folder / "profile"), "--screenshot", str(shot),
               (folder / "page.html").as_uri()]
    (folder / "profile").mkdir()
    return command, lambda output: shot.read_bytes()[:8] + shot.read_bytes()[16:24] if shot.exists() else b"no screenshot"


def libreoffice(folder):
    (folder / "document.txt").write_text("".join(f"line {number} of a document\n" for number in range(2000)))
    pdf = folder / "document.pdf"
    command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to", "pdf",
               "--outdir", str(folder), str(folder / "document.txt")]
    return command, lambda output: b"%d pages" % pdf.read_bytes().count(b"/Type/Page/") if pdf.exists() else b"no PDF"


def node(folder):
    (folder / "script.js").write_text(SCRIPT)
    return ["node", str(folder / "script.js")], lambda output: b"\n".join(sorted(output.splitlines()))


PROGRAMS = {"firefox": firefox, "libreoffice": libreoffice, "node": node}


def start(program, shim, reports):
    """One start: how it ended and what it made, in short, with the seconds it took."""
    with tempfile.TemporaryDirectory(prefix="holdwatch-trial-") as name:
        folder = Path(name)
        command, result = PROGRAMS[program](folder)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("HOLDWATCH_", "LD_"))}
        environment["HOME"] = name
        if shim is not None:
            environment.update(LD_PRELOAD=str(shim), HOLDWATCH_JSON=str(reports / "%e.%p.json"),
                               HOLDWATCH_LOG=str(reports / "%e.%p.txt"))
        begun = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=LONGEST_S)
            ending = f"status {process.returncode}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # our own session: nobody else's processes are in it
            output, _ = process.communicate()
            ending = "hangs"
        return (ending, hashlib.sha256(result(output)).hexdigest()[:12]), time.monotonic() - begun


def summary(reports):
    """The reports by event, phase and the function that took the lock, most frequent first."""
    counts = collections.Counter()
    for file in reports.glob("*.json"):
        for line in file.read_text().splitlines():
            report = json.loads(line)
            frames = report["holders"][0]["taken"]["frames"] if report.get("holders") else []
            names = [frame["function"] or Path(frame["module"] or "?").name for frame in frames]
            counts[file.name.split(".")[0], report["event"], report["phase"], " < ".join(names[:3])[:110]] += 1
    return counts.most_common()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shim", type=Path)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS))
    parser.add_argument("--starts", type=int, default=20)
    arguments = parser.parse_intermixed_args()
    if unknown := set(arguments.programs) - set(PROGRAMS):
        parser.error(f"unknown program {unknown.pop()}; there are {', '.join(PROGRAMS)}")
    bad = 0
    for program in arguments.programs or PROGRAMS:
        reports = Path(tempfile.mkdtemp(prefix=f"holdwatch-{program}-"))
        endings = {"bare": collections.Counter(), "watched": collections.Counter()}
        seconds = {"bare": [], "watched": []}
        for _ in range(arguments.starts):
            for kind, shim in (("bare", None), ("watched", arguments.shim.resolve())):
                ending, took = start(program, shim, reports)
                endings[kind][ending] += 1
                seconds[kind].append(took)
        same = sum(count for ending, count in endings["watched"].items() if ending in endings["bare"])
        bad += arguments.starts - same
        medians = {kind: sorted(taken)[len(taken) // 2] for kind, taken in seconds.items()}
        print(f"{program}: {same} of {arguments.starts} starts as bare; "
              f"median {medians['bare']:.1f} s bare, {medians['watched']:.1f} s watched; endings {dict(endings['watched'])}")
        for (process, event, phase, taken), count in summary(reports):
            print(f"  {count} x {process} {event} {phase}: {taken}")
        if not bad:
            shutil.rmtree(reports)
        else:
            print(f"  reports are in {reports}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
