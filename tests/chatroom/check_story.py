#!/usr/bin/env python3
"""Plays the chat room's story and checks what the watch makes of it, as text and as JSON: who holds the lock since
which line, what it is doing, who waits, and how it ends. The mended room must give no output under the same load."""

import argparse
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import json_schema
import positive_control
import story

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "room.cpp")
README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")
# Lines of the README's sample that depend on libc's debug symbols and on how the C++ library was inlined.
DEPENDS_ON_LIBRARIES = re.compile(r"frames of the C\+\+ library|\.(c|S):\d+$")
# What differs from run to run, and how the comparison names it.
VARYING = (
    (r"fingerprint \w+$", "fingerprint HEX"),
    (r"\S+Z on \S+,", "TIME on HOST,"),
    (r"0x[0-9a-f]+", "ADDRESS"),
    (r"\d+ \w+ unsent", "SIZE unsent"),
    (r"\d+(\.\d+)? (min|ms|us|s|h)( \d+ (min|s))?\b", "DURATION"),
    (r"\d+", "N"),
    (r"\s+", " "),
)


def line_of(text):
    """Number and text of the line of room.cpp that takes the lock in the function whose head has `text`."""
    with open(SOURCE, encoding="utf-8") as file:
        lines = file.read().splitlines()
    head = next(number for number, line in enumerate(lines) if text in line)
    number = next(number for number in range(head, len(lines)) if "lock lock(" in lines[number])
    return number + 1, lines[number].strip()


def frame_of(stack, function):
    found = [frame for frame in stack["frames"] if function in (frame["function"] or "")]
    assert found, f"{function} is not in {[frame['function'] for frame in stack['frames']]}"
    return found[0]


def assert_in_order(text, *expressions):
    position = 0
    for expression in expressions:
        match = re.compile(expression, re.MULTILINE).search(text, position)
        assert match, f"no {expression!r} in what follows:\n{text[position:]}"
        position = match.end()


def check_text(text, bob):
    number, source = line_of("void Room::broadcast")
    assert_in_order(
        text,
        r'^holdwatch\[\d+\]: thread \d+ "alice" has held rwlock (L\d+) for reading \S+ (ms|s|us) \(limit 1 s\)',
        r"taken .*Room::broadcast\(.*room\.cpp:%d\b.*%s" % (number, re.escape(source)),
        r"blocked in sendto\(.*-> %s, \d+\S* \w+ unsent\)" % re.escape(bob.address),
        r"Session::send\(.*session\.cpp:\d+",
        r"Room::broadcast\(.*room\.cpp:\d+.*<- took L\d+",
        r'^holdwatch\[\d+\]: L\d+ still held by \d+ "alice", .*frozen.*; 3 threads wait',
        r'^holdwatch\[\d+\]: L\d+ released by \d+ "alice" after .*3 threads lost')


def form_of(line):
    """The line without what differs from run to run."""
    for expression, name in VARYING:
        line = re.sub(expression, name, line)
    return line


def sample_of_readme():
    """The lines of the sample report that any run of the story prints; shortened ones end in "..."."""
    with open(README, encoding="utf-8") as file:
        sample = re.search(r"<!-- report:begin -->\n```\n(.*?)```\n<!-- report:end -->", file.read(), re.DOTALL)[1]
    return [line for line in sample.splitlines() if not DEPENDS_ON_LIBRARIES.search(line)]


def check_readme(text):
    """The README's sample has the lines that this run printed, in the same order."""
    printed = [form_of(line) for line in text.splitlines()]
    for line in sample_of_readme():
        form = form_of(line)
        is_shortened = form.endswith("...")
        form = form.removesuffix("...").rstrip()
        found = [number for number, other in enumerate(printed)
                 if (other.startswith(form) if is_shortened else other.rstrip() == form)]
        assert found, f"the README's sample has a line that this run did not print in its place: {line}\n(as {form})"
        printed = printed[found[0] + 1:]


def check_holder(holder, bob):
    number, source = line_of("void Room::broadcast")
    taken = frame_of(holder["taken"], "Room::broadcast")
    assert (taken["line"], taken["source"]) == (number, source), taken
    assert taken["file"].endswith("room.cpp"), taken
    assert (holder["thread"], holder["mode"], holder["state"]) == ("alice", "shared", "blocked"), holder
    other_end = r", its other end is open in process %d \".+\"" % os.getpid()
    assert re.fullmatch(r"sendto\(.*-> %s, .* unsent\)%s" % (re.escape(bob.address), other_end), holder["doing"]), holder["doing"]
    frame_of(holder["now"], "Session::send")
    assert frame_of(holder["now"], "Room::broadcast")["line"] != number
    assert holder["taken"]["complete"] and holder["now"]["complete"], holder


def check_json(events, bob):
    json_schema.check_order(events)
    phases = [event["phase"] for event in events]
    assert phases.count("over") == 1 and phases[0] == "over" and phases[-1] == "released", phases
    assert {event["event"] for event in events} == {"hold"}
    assert len({event["episode"] for event in events}) == 1
    for event in events[:-1]:
        check_holder(event["holders"][0], bob)

    last = events[-2]
    assert last["holders"][0]["moved"] is False
    (group,) = last["waiters"]
    assert (group["mode"], group["count"]) == ("exclusive", 3), group
    assert sorted(group["threads"]) == sorted(story.LATE_COMERS), group
    assert frame_of(group["stack"], "Room::add")["line"] == line_of("void Room::add")[0]
    assert group["stack"]["complete"]
    assert events[-1]["lost_ns"] >= last["lost_ns"] > 0


def check_story(options, directory):
    path = os.path.join(directory, "events.json")
    server = story.Server(options.shim, options.server, LIMIT="1s", JSON=path)
    try:
        bob = story.play(server, False, lambda: server.wait_for_text("still held"))
        server.wait_for_text("released by")
    finally:
        status = server.stop()
        print(server.text)
    assert status == -15, status
    check_text(server.text, bob)
    with open(path, "rb") as file:
        events = json_schema.check_file(file.read())
    check_json(events, bob)
    # On a slow machine some of the others come only after the first report.
    if [group["count"] for group in events[0]["waiters"]] == [3]:
        check_readme(server.text)


def check_mended(options, directory):
    path = os.path.join(directory, "events.json")
    server = story.Server(options.shim, options.server, ["--mended"], LIMIT="1s", JSON=path)
    try:
        story.play(server, True, lambda: time.sleep(3))
    finally:
        server.stop()
    assert server.text == "" and not os.path.exists(path), server.text
    positive_control.require_report(server.environment)


def main():
    parser = argparse.ArgumentParser(description="Checks what the watch says about the chat room's story.")
    parser.add_argument("--mended", action="store_true", help="check that the mended room gives no output")
    parser.add_argument("shim", type=os.path.abspath)
    parser.add_argument("server", type=os.path.abspath)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdwatch-chatroom-") as directory:
        (check_mended if options.mended else check_story)(options, directory)


if __name__ == "__main__":
    main()
