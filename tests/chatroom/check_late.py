#!/usr/bin/env python3
"""The chat room, stalled before anybody looks, in a release build without debug data: alice, who reads the list of members in
Room::broadcast, is named as the holder for a fact by `inspect`, from a core file and by `attach`.

    check_late.py LAUNCHER SERVER inspect|core|attach
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import abilities
import story
from expectations import DEADLINE_S, wait_until

EXACT = "guard"  # what makes it a fact: the frame's exception table says that leaving the frame unlocks this lock


def run(launcher, *words, **options):
    environment = {**os.environ, **{f"HOLDWATCH_{name}": value for name, value in options.items()}}
    done = subprocess.run([launcher, *words], env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def read_events(path):
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.exists() else []


def inspected(launcher, pid, directory):
    text = run(launcher, "inspect", "--json", directory / "json", str(pid))
    return text, read_events(directory / "json")


def core(launcher, pid, directory):
    abilities.skip_if(abilities.missing("gcore", "gdb"))
    subprocess.run(["gcore", "-o", directory / "core", str(pid)], check=True, capture_output=True, timeout=DEADLINE_S)
    text = run(launcher, "inspect", "--json", directory / "json", "--core", directory / f"core.{pid}")
    return text, read_events(directory / "json")


def attached(launcher, pid, directory):
    """The first report, of what is stuck already."""
    run(launcher, "attach", str(pid), LIMIT="300ms", LOG=str(directory / "text"), JSON=str(directory / "json"))
    events = wait_until("a report of the stall", lambda: read_events(directory / "json"))
    wait_until("its text", lambda: "alice" in (directory / "text").read_text())
    return (directory / "text").read_text(), events[:1]


WAYS = {"inspect": inspected, "core": core, "attach": attached}


def check(text, events, has_thread_names):
    print(text)
    [event] = events
    [holder] = event["holders"]
    assert not has_thread_names or holder["thread"] == "alice", holder
    assert (holder["mode"], holder["evidence"], holder["likely"]) == ("shared", EXACT, False), holder
    assert "Room::broadcast" in (holder["taken"]["frames"][0]["function"] or ""), holder["taken"]
    assert any("Session::send" in (frame["function"] or "") for frame in holder["now"]["frames"]), holder["now"]
    assert sum(group["count"] for group in event["waiters"]) == len(story.LATE_COMERS), event["waiters"]
    assert "Room::broadcast" in text and "likely" not in text, "the text does not say it, or calls it likely"


def main():
    parser = argparse.ArgumentParser(description="Checks what is said of the chat room by one who comes late.")
    parser.add_argument("launcher", type=os.path.abspath)
    parser.add_argument("server", type=os.path.abspath)
    parser.add_argument("way", choices=WAYS)
    options = parser.parse_args()
    abilities.skip_if(abilities.no_attaching())
    server = story.Server(None, options.server)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="holdwatch-late-"))
    try:
        story.play(server, False, lambda: check(*WAYS[options.way](options.launcher, server.child.pid, directory), options.way != "core"))
    finally:
        server.stop()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
