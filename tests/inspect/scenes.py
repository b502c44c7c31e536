#!/usr/bin/env python3
"""One scene of scenes.cpp, looked at while it lives and in a core file: the right event, threads, locks and stacks, and
the same from both.

    scenes.py INSPECTOR SCENES_PROGRAM SCENE
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from looking import Look, abilities, as_json, core_of, functions, look_until, require, scene, waiting_threads

FOREVER, NO_DEADLOCK = 3, 0


def circle(*names, kind="mutex", likely=False):
    """A deadlock of these threads, each of which waits for what the next one holds."""
    def check(look):
        require(look.kinds() == ["deadlock"], look)
        event = look.events[0]
        require(sorted(holder["thread"] for holder in event["holders"]) == sorted(names), as_json(event))
        require(event["lock"]["kind"] in kind, as_json(event))
        require(any(holder["likely"] for holder in event["holders"]) == likely, as_json(event))
        steps = event["cycle"]
        require([step["tid"] for step in steps] == [holder["tid"] for holder in event["holders"]], as_json(event))
        for step, after in zip(steps, steps[1:] + steps[:1]):
            require(step["waits_for"] == after["holds"] and step["holds"] != step["waits_for"], as_json(event))
        for holder in event["holders"]:
            require(holder["now"]["complete"], as_json(holder))
            taken_in_its_own_frame(holder)
    return check


def taken_in_its_own_frame(holder):
    """Nobody saw it take the lock: at most, one of its frames is seen to have it."""
    frames = holder["taken"]["frames"]
    require(("from its code" in holder["taken"]["note"]) == bool(frames), as_json(holder))
    outer = holder["now"]["frames"][-len(frames):] if frames else []
    require([frame["ip"] for frame in outer] == [frame["ip"] for frame in frames], as_json(holder))


def one(kind, waiting, waiter=None, in_function=None, text=""):
    """One event of that kind with so many waiting threads."""
    def check(look):
        require(look.kinds() == [kind], look)
        event = look.events[0]
        require(waiting_threads(event) == waiting, as_json(event))
        group = event["waiters"][0]
        require(waiter is None or group["threads"][0] == waiter, as_json(event))
        require(in_function is None or any(in_function in name for name in functions(group["stack"])), as_json(event))
        require(text in look.text, look)
    return check


def ends_ahead(kind, verb, method):
    """The holder waits for what one of its waiters, which calls this method, will end by its code: probably a deadlock, and no
    proof."""
    def check(look):
        require(look.kinds() == ["wait"], look)
        event = look.events[0]
        [holder] = event["holders"]
        require(holder["wait"]["kind"] == kind, as_json(event))
        [ender] = holder["wait"]["enders"]
        require((ender["evidence"], ender["likely"]) == ("code", True), as_json(event))
        [calls] = [functions(group["stack"]) for group in event["waiters"] if ender["tid"] in group["tids"]]
        require(any(f"call_under_first<&stage::Resource::{method}>" in name for name in calls), as_json(event))
        steps = [(step["tid"], bool(step["holds"]), bool(step["waits_for"])) for step in event["likely_cycle"]]
        require(steps == [(holder["tid"], True, False), (ender["tid"], False, True)], as_json(event))
        require(event["chain"] == [] and event["root"] is None, as_json(event))
        require(f"can likely end that: its code goes on to {verb} it" in look.text, look)
        require("probably a deadlock: " in look.text, look)
    return check


def itself(kind):
    """One thread that waits for what it holds."""
    def check(look):
        require(look.kinds() == [kind], look)
        event = look.events[0]
        require([holder["thread"] for holder in event["holders"]] == ["first"] and not event["waiters"], as_json(event))
        require(event["cycle"][0]["holds"] == event["cycle"][0]["waits_for"] == event["lock"]["id"], as_json(event))
        require(any("self" in name for name in functions(event["holders"][0]["now"])), as_json(event))
        wait = event["holders"][0]["wait"]
        require(wait["object"] == event["lock"]["address"] and "does not say who has it" not in look.text, as_json(event))
    return check


def chain(look):
    """One report, about the lock that everything hangs on, which counts those who wait behind it."""
    require(look.kinds() == ["wait"], look)
    event, = look.events
    holder, = event["holders"]
    require(holder["thread"] == "root" and holder["waits_for"] is None and holder["doing"] == "pause()", as_json(event))
    require(waiting_threads(event) == 1 and event["tree"]["threads"] == 3 and event["note"] is None, as_json(event))
    middle, = (thread for group in event["waiters"] for thread in group["tids"])
    require([(step["tid"], step["holds"]) for step in event["chain"]] == [(holder["tid"], "L1"), (middle, "L2")], as_json(event))
    require(event["chain"][1]["wait"]["enders"][0]["tid"] == holder["tid"] == event["root"]["tid"], as_json(event))
    require(re.search(r"; 2 more threads wait$", look.text, re.MULTILINE), look)
    require(re.search(rf"^  chain +{middle} .*holds L2 and waits for L1$", look.text, re.MULTILINE), look)
    require("3 threads wait for 2 locks" in look.text and "3 waits explained exactly" in look.text, look)


def chain_behind_deadlock(look):
    """Who waits behind a deadlock is counted with it, and has no report."""
    require(look.kinds() == ["deadlock"], look)
    event, = look.events
    require(len(event["cycle"]) == 2 and waiting_threads(event) == 1 and event["tree"]["threads"] == 4, as_json(event))
    require(event["root"] is None and event["chain"] == [], as_json(event))
    require(re.search(r"; 2 other threads wait$", look.text, re.MULTILINE), look)
    require("4 waits explained exactly" in look.text, look)


def ender(holder):
    """The kind of wait of a holder, and the thread that it says can end it."""
    wait = holder["wait"]
    return wait["kind"], [one["tid"] for one in wait["enders"]]


def join_cycle(*names, kinds=("mutex",)):
    """One deadlock of these threads in their order, the first of which joins the second."""
    def check(look):
        require(look.kinds() == ["deadlock"], look)
        event = look.events[0]
        holders, steps = event["holders"], event["cycle"]
        require(holders[0]["thread"] in (names[0], names[2]), as_json(event))
        turn = [holder["thread"] for holder in holders].index(names[0])
        holders, steps = holders[turn:] + holders[:turn], steps[turn:] + steps[:turn]
        require([holder["thread"] for holder in holders] == list(names), as_json(event))
        require(steps[0]["joins"] == holders[1]["tid"] and steps[0]["waits_for"] is None, as_json(event))
        require(steps[1]["holds"] is None and steps[1]["waits_for"] == steps[2]["holds"], as_json(event))
        require(steps[2]["waits_for"] == steps[0]["holds"] and [step["joins"] for step in steps[1:]] == [None, None], as_json(event))
        require(ender(holders[0]) == ("join", [holders[1]["tid"]]), as_json(holders[0]))
        require(ender(holders[1]) == (kinds[-1], [holders[2]["tid"]]), as_json(holders[1]))
        require("to exit" in look.text and f"joined  {holders[1]['tid']}" in look.text, look)
    return check


def initializer_cycle(kind, *names):
    """Who runs an initializer is likely only: so these threads, each of which waits for the next one, are no event `deadlock`.
    It is told with what the first one has: a lock, or an initializer where no thread has a lock."""
    def check(look):
        event, *others = look.events
        require(set(look.kinds()) == {"wait"} and not any(other["likely_cycle"] for other in others), look)
        steps, (holder,) = event["likely_cycle"], event["holders"]
        turn = names.index(steps[0]["thread"])
        require([step["thread"] for step in steps] == [*names[turn:], *names[:turn]], as_json(event))
        require(holder["tid"] == steps[0]["tid"] and holder["now"]["complete"], as_json(event))
        require(steps[0]["holds"] == event["lock"]["id"] == steps[-1]["waits_for"], as_json(event))
        runs = kind == "static"
        require(event["lock"]["kind"] == kind and holder["likely"] == runs, as_json(event))
        require(holder["evidence"] == ("stack" if runs else "stated"), as_json(event))
        require((holder["taken"]["note"] == "it runs the initializer") == runs, as_json(event))
        require(look.text.count("probably a deadlock: ") == 1 and event["chain"] == [], look)
        waiting = {tid for group in event["waiters"] for tid in group["tids"]}
        require(waiting == {steps[-1]["tid"]}, as_json(event))
    return check


def initializer_works(look):
    """Who waits for an initializer that goes on is in no cycle, and behind it is not the root: it is known as likely only."""
    one("wait", 1, "waiter")(look)
    holder = look.events[0]["holders"][0]
    require(ender(holder)[0] == "static" and holder["wait"]["enders"][0]["thread"] == "runner", as_json(holder))
    require(re.search(r"^  now +waits for the initializer of .*first_static\(\)::instance, likely run by", look.text, re.MULTILINE), look)


def joins_only(look):
    require(look.kinds() == ["deadlock"] and look.events[0]["lock"] is None, look)
    event = look.events[0]
    tids = [holder["tid"] for holder in event["holders"]]
    require([step["joins"] for step in event["cycle"]] == tids[1:] + tids[:1], as_json(event))
    require({step["holds"] for step in event["cycle"]} == {None} and not re.search(r"\bL\d", look.text), look)


def circle_of_processes(look):
    require(look.kinds() == ["deadlock"], look)
    event = look.events[0]
    ours, theirs = event["holders"]
    require([step.get("pid") for step in event["cycle"]] == [None, theirs["pid"]], as_json(event))
    require(theirs["pid"] == theirs["tid"] != event["pid"] == ours["tid"], as_json(event))
    require(not ours["likely"] and not theirs["likely"] and theirs["evidence"] == "stated", as_json(event))
    require(ender(theirs) == ("mutex", [ours["tid"]]), as_json(theirs))
    require(f'{theirs["tid"]} "scenes" of process {theirs["pid"]} "scenes" holds L2 and waits for L1' in look.text, look)


def held_elsewhere(thread, likely):
    """By the main thread of another process, which exists and is named."""
    def check(look):
        require(look.kinds() == ["wait"], look)
        event = look.events[0]
        holder = event["holders"][0]
        require(holder["thread"] == thread and holder["likely"] == likely, as_json(event))
        require(holder["pid"] == holder["tid"] not in (event["pid"], 200) and holder["state"] == "blocked", as_json(event))
        require(f'held by {holder["tid"]} "{thread}" of process {holder["pid"]} "{thread}"' in look.text, look)
        require("may have exited" not in look.text, look)
    return check


def join_chain(look):
    """Who holds everybody up is no holder of a lock."""
    require(look.kinds() == ["wait"], look)
    event = look.events[0]
    holder = event["holders"][0]
    root = event["root"]
    require(holder["thread"] == "closer" and root["thread"] == "worker" and root["doing"] == "pause()", as_json(event))
    require(holder["doing"] == f'waits for thread {root["tid"]} "worker" to exit', as_json(holder))
    require([(step["thread"], step["holds"], (step["wait"] or {}).get("kind")) for step in event["chain"]] ==
            [("worker", None, "other"), ("closer", event["lock"]["id"], "join")], as_json(event["chain"]))
    require(event["tree"]["threads"] == 3, as_json(event["tree"]))
    require(re.search(r'^  root +\d+ "worker", pause\(\); at least 3 threads wait for it', look.text, re.MULTILINE), look)


def stream(look):
    require(look.kinds() == ["wait"], look)
    event = look.events[0]
    require(re.fullmatch(r"the stream of descriptor \d+", event["lock"]["name"]), as_json(event["lock"]))
    require(event["lock"]["kind"] == "stream" and event["waiters"][0]["threads"] == ["writer"], as_json(event))
    holder = event["holders"][0]
    require(holder["thread"] == "logger" and holder["depth"] == 2 and not holder["likely"], as_json(holder))
    require(event["waiters"][0]["wait"]["kind"] == "stream", as_json(event["waiters"]))
    require(re.search(r'thread \d+ "writer" .*for stream L1.* held by \d+ "logger"', look.text), look)


def stream_left(look):
    """The stream names a thread's descriptor, in which there is no id any more."""
    one("wait", 1, "writer" if look.events[0]["waiters"][0]["threads"][0] else None, "fput", "holder unknown")(look)
    event, = look.events
    require(event["lock"]["kind"] == "stream" and event["holders"] == [], as_json(event))
    require("the thread that has locked it has exited" in event["note"], as_json(event))
    require(event["waiters"][0]["wait"]["enders"] == [], as_json(event))


def younger_owner(look):
    """The thread that has the id cannot be the one that had it when the waiter fell asleep, and nobody is named."""
    one("wait", 1, "waiter", "younger_owner", "holder unknown")(look)
    event, = look.events
    require(event["holders"] == [] and "which began after a thread had begun to wait" in event["note"], as_json(event))
    require(event["waiters"][0]["wait"]["enders"] == [], as_json(event))


def loader(look):
    require(look.kinds() == ["wait"], look)
    event = look.events[0]
    require(event["lock"]["kind"] == "loader" and event["waiters"][0]["threads"] == ["wants_too"], as_json(event))
    require(event["holders"][0]["thread"] == "loading", as_json(event))


def holder_runs(look):
    """A holder that runs is sampled, or where that is not allowed, stopped for a moment: its stack is had too."""
    require(look.kinds() == ["wait"], look)
    holder = look.events[0]["holders"][0]
    require(holder["state"] == "running" and holder["thread"] == "runner", as_json(holder))
    require(any("spin" in name for name in functions(holder["now"])) and holder["now"]["complete"], as_json(holder))
    require("1 sampled while running" in look.text or "one thread was stopped for at most" in look.text, look)


def holder_sends(look):
    require(look.kinds() == ["wait"], look)
    holder = look.events[0]["holders"][0]
    require(re.fullmatch(r"sendto\(fd \d+ -> 127\.0\.0\.1:\d+, [0-9.]+ [KM]iB unsent\)", holder["doing"]), as_json(holder))
    require("fill_connection" in functions(holder["now"]), as_json(holder))


def timed_circle(look):
    require(look.kinds() == ["wait", "wait"], look)
    impatient = next(holder["tid"] for event in look.events for holder in event["holders"]
                     if holder["thread"] == "impatient")
    for event in look.events:
        require(event["cycle"] == [] and event["holders"][0]["waits_for"], as_json(event))
        require(f"a cycle of waits that ends by itself: {impatient} waits with a timeout" in event["note"],
                as_json(event))


def before_fork(look):
    """Its number at the lock is another one since the fork, but the main thread can give the lock back."""
    one("wait", 1, "waiter")(look)
    holder, = look.events[0]["holders"]
    require(holder["likely"] and holder["tid"] == look.events[0]["pid"] and holder["doing"] == "pause()", as_json(holder))
    require("it was taken before a fork, as thread " in look.events[0]["note"], look)


def read_by_reader(event):
    """The reader's code goes on to unlock the rwlock. A thread that has only made it, or has its address, is not named."""
    holder, = event["holders"]
    require(holder["thread"] == "reader" and holder["evidence"] == "code" and holder["likely"], as_json(event))
    require(holder["taken"]["frames"], as_json(event))
    taken_in_its_own_frame(holder)


def made_by_main(look):
    require(look.kinds() == ["wait"], look)
    event, = look.events
    require(event["waiters"][0]["threads"] in (["writer"], [""]), as_json(event))
    read_by_reader(event)


def half_known(look):
    """The report and the summary agree that some readers are known, and others are not."""
    event, = look.events
    read_by_reader(event)
    require(event["note"] == "one more reader has it: glibc does not record which thread", as_json(event))
    require(": 1 wait explained in part; " in look.text, look)


def no_bystander(look):
    require(look.kinds() == ["wait", "wait"], look)
    event, = [event for event in look.events if event["lock"]["kind"] == "rwlock"]
    read_by_reader(event)


def behind_reader(look):
    """The mutex's holder waits for the reader, and with it who wants the mutex: one report, about the rwlock."""
    require(look.kinds() == ["wait"], look)
    event, = look.events
    read_by_reader(event)
    require(event["lock"]["kind"] == "rwlock" and event["tree"]["threads"] == 2, as_json(event))
    reader, relay = event["chain"]
    require(reader["tid"] == event["holders"][0]["tid"] == event["root"]["tid"] and relay["holds"] == "L2", as_json(event))
    enders = [(ender["thread"], ender["evidence"]) for ender in relay["wait"]["enders"]]
    require(enders in ([("reader", "code")], [("", "code")]) and relay["wait"]["enders_unknown"] is None, as_json(event))
    require("is not known" not in look.text, look)


def free_for_now(look):
    """Somebody may be about to wake the waiter."""
    require(look.kinds() == ["wait"], look)
    event, = look.events
    require(event["holders"] == [] and "it is free: its waiters are about to get it" in event["note"], as_json(event))


def files(kinds, names, own=None):
    """One deadlock of two processes, or threads of which the second is of another process: who has what, by name."""
    def check(look):
        require(look.kinds() == ["deadlock"], look)
        event = look.events[0]
        steps, holders = event["cycle"], event["holders"]
        require([step["kind"] for step in steps] == kinds, as_json(event))
        require([(step["name"] or "").removeprefix("/memfd:").removesuffix(" (deleted)") for step in steps] == names, as_json(event))
        require(not any(holder["likely"] for holder in holders), as_json(event))
        require([step.get("pid") for step in steps] in ([None, holders[1]["pid"]], [holders[0].get("pid"), None]), as_json(event))
        require(all(holder["state"] == "blocked" for holder in holders), as_json(event))
        for step, holder in zip(steps, holders):
            require(step["waits_for"] or step["joins"], as_json(step))
            require(holder["mode"] == "exclusive" or own == "reader", as_json(holder))
    return check


def two_readers(look):
    """The one that waits is in the cycle; both are in the way."""
    files(["file_lock", "file_lock"], ["second", "first"], "reader")(look)
    event = look.events[0]
    main, reader = event["holders"]
    require(main["mode"] == "exclusive" and reader["mode"] == "shared", as_json(event))
    require(len(main["wait"]["enders"]) == 2 and reader["tid"] in ender(main)[1], as_json(main))
    require(re.search(r'held by process \d+ "scenes", process \d+ "scenes"', look.text), look)


def child_wants_file(look):
    require(look.kinds() == ["deadlock"], look)
    event = look.events[0]
    parent, child = event["holders"]
    require([step["kind"] for step in event["cycle"]] == ["file_lock", None], as_json(event))
    require(event["cycle"][0]["joins"] == child["tid"] == child["pid"] and parent["tid"] == event["pid"], as_json(event))
    require(ender(parent) == ("child", [child["tid"]]) and ender(child)[0] == "file_lock", as_json(event))


def file_locked_twice(look):
    require(look.kinds() == ["self_deadlock"], look)
    event = look.events[0]
    step, = event["cycle"]
    require(step["holds"] == step["waits_for"] == event["lock"]["id"] and step["tid"] == event["pid"], as_json(event))
    require(event["lock"]["kind"] == "file_lock" and event["lock"]["name"].startswith("/memfd:first"), as_json(event))
    require("for file lock L1, which it holds itself" in look.text, look)


def file_of_a_thread(look):
    """Which thread took it is likely only."""
    event = look.events[0]
    require(look.kinds() == ["wait"] and event["lock"]["kind"] == "mutex", look)
    keeper, = event["holders"]
    require([step["thread"] for step in event["likely_cycle"]] == ["keeper", "taker"], as_json(event))
    require([one["evidence"] for one in keeper["wait"]["enders"]] == ["stated", "stack"], as_json(keeper))
    require(re.search(r'held by this process, likely by its thread \d+ "taker"', look.text), look)
    require(f"probably a deadlock: {event['likely_cycle'][1]['tid']} waits for L1" in look.text, look)


def no_cycle(look):
    require(look.kinds() == ["wait"] and not look.events[0]["likely_cycle"] and "deadlock" not in look.text, look)


def own_lock(look):
    """It is no mutex, and the kernel's protocol says who has it."""
    require(look.kinds() == ["wait"], look)
    taker, = look.events[0]["holders"]
    require(taker["thread"] in ("taker", "") and ender(taker)[0] == "futex", as_json(taker))
    enders = taker["wait"]["enders"]
    require([one["evidence"] for one in enders] == ["stated"] and enders[0]["thread"] in ("keeper", ""), as_json(taker))
    require(taker["wait"]["enders_unknown"] is None, as_json(taker))


def no_report(look):
    require(look.events == [] and "no thread waits for a lock of libc" in look.text, look)


def idle(look):
    """Condition waits are no report. They are listed, with what they wait for."""
    no_report(look)
    require([event["waiters"][0]["count"] for event in look.idle] == [1, 1], look)
    require({event["lock"]["kind"] for event in look.idle} == {"condition"}, look)
    names = {event["lock"]["name"].rpartition("::")[2] for event in look.idle}
    require(names == {"condition", "timed"} and len({event["lock"]["id"] for event in look.idle}) == 2, look)
    require(look.text.count("snapshot: 1 thread in a condition wait on L") == 2, look)
    require(all(re.search(f" condition {event['lock']['address']} ", look.text) for event in look.idle), look)


def pool(look):
    """Threads at the same place are listed once, after the report, and not with those who wait elsewhere."""
    one("wait", 1, "waiter")(look)
    places = [(functions(event["waiters"][0]["stack"]), event["waiters"][0]["count"]) for event in look.idle]
    require([count for _, count in places] == [3, 1], look)
    require(any("waits_for_work" in name for name in places[0][0]) and any("waits_for_a_line" in name for name in places[1][0]), look)


# What each scene must show: the exit status, how many threads wait for locks, and more of the reports.
SCENES = {
    "two": (FOREVER, 2, circle("first", "second")),
    "three": (FOREVER, 3, circle("first", "second", "third")),
    "robust": (FOREVER, 2, circle("first", "second")),
    "inheriting": (FOREVER, 2, circle("first", "second")),
    "two_shared": (FOREVER, 2, circle("first", "second")),
    "self": (FOREVER, 1, itself("self_deadlock")),
    "self_inheriting": (FOREVER, 1, itself("self_deadlock")),
    "writer_waits_for_reader": (FOREVER, 2, circle("reader", "writer", kind=["mutex", "rwlock"])),
    "made_by_main": (NO_DEADLOCK, 1, made_by_main),
    "holder_waits_for_reader": (NO_DEADLOCK, 2, behind_reader),
    "joined_by_main": (NO_DEADLOCK, 1, made_by_main),
    "reader_beside_hidden": (NO_DEADLOCK, 1, half_known),
    "waited_by_another": (NO_DEADLOCK, 2, no_bystander),
    "writers": (FOREVER, 2, circle("first", "second", kind=["rwlock"])),
    "abandoned": (FOREVER, 1, one("abandoned", 1, "waiter", "abandoned")),
    "abandoned_inheriting": (FOREVER, 1, one("abandoned", 1, "waiter", "abandoned")),
    "younger_owner": (NO_DEADLOCK, 1, younger_owner),
    "miscounted": (FOREVER, 1, one("corrupt", 1, None, "miscounted", "unlocked more often than locked")),
    "miscounted_read": (FOREVER, 1, one("corrupt", 1, None, "miscounted", "unlocked more often than locked")),
    "lost_wakeup": (FOREVER, 1, one("lost_wakeup", 1, "waiter", "freed_by_a_store", "which is free; nobody wakes it")),
    "overwritten": (FOREVER, 1, one("corrupt", 1, None, "freed_by_a_store", "whose memory was overwritten")),
    "overwritten_whole": (FOREVER, 1, one("corrupt", 1, None, "overwritten_whole", "whose memory was overwritten")),
    "freed_while_running": (NO_DEADLOCK, 1, free_for_now),
    "freed_in_handler": (NO_DEADLOCK, 1, free_for_now),
    "orphan": (FOREVER, 1, one("fork_orphan", 1, None, "orphan")),
    "before_fork": (NO_DEADLOCK, 1, before_fork),
    "before_daemon": (NO_DEADLOCK, 1, before_fork),
    "shared": (NO_DEADLOCK, 1, held_elsewhere("scenes", False)),
    "equal_ids": (NO_DEADLOCK, 1, one("wait", 1, "waiter", None, "; holder unknown")),
    "other_namespace": (NO_DEADLOCK, 1, held_elsewhere("keeper", True)),
    "left_by_other_process": (FOREVER, 1, one("abandoned", 1, "waiter", "left_by_other_process")),
    "processes": (FOREVER, 2, circle_of_processes),
    "chain": (NO_DEADLOCK, 3, chain),
    "chain_behind_deadlock": (FOREVER, 4, chain_behind_deadlock),
    "holder_runs": (NO_DEADLOCK, 1, holder_runs),
    "holder_sends": (NO_DEADLOCK, 1, holder_sends),
    "timed": (NO_DEADLOCK, 1, one("wait", 1, "waiter", "timed")),
    "timed_circle": (NO_DEADLOCK, 2, timed_circle),
    "main_leaves": (FOREVER, 2, circle("first", "second")),
    "crowd": (NO_DEADLOCK, 1000, one("wait", 1000, None, "crowd")),
    "great_crowd": (NO_DEADLOCK, 10000, one("wait", 10000, None, "crowd")),
    "idle": (NO_DEADLOCK, 0, idle),
    "pool": (NO_DEADLOCK, 1, pool),
    "join_cycle": (FOREVER, 2, join_cycle("closer", "relay", "handler")),
    "join_chain": (NO_DEADLOCK, 2, join_chain),
    "stream": (NO_DEADLOCK, 1, stream),
    "stream_left": (NO_DEADLOCK, 1, stream_left),
    "join_and_stream": (FOREVER, 2, join_cycle("closer", "relay", "logger", kinds=("stream",))),
    "loader": (NO_DEADLOCK, 1, loader),
    "signals_ahead": (NO_DEADLOCK, 3, ends_ahead("condition", "signal", "drop")),
    "posts_ahead": (NO_DEADLOCK, 3, ends_ahead("semaphore", "post", "post")),
    "once_cycle": (NO_DEADLOCK, 1, initializer_cycle("mutex", "holder", "runner")),
    "static_cycle": (NO_DEADLOCK, 2, initializer_cycle("mutex", "between", "holder", "runner")),
    "two_statics": (NO_DEADLOCK, 0, initializer_cycle("static", "first", "second")),
    "initializer_works": (NO_DEADLOCK, 1, initializer_works),
    "joins_only": (FOREVER, 0, joins_only),
    "own_lock": (NO_DEADLOCK, 1, own_lock),
    "two_files": (FOREVER, 0, files(["file_lock", "file_lock"], ["second", "first"])),
    "two_kinds_of_file_locks": (FOREVER, 0, files(["file_lock", "file_lock"], ["second", "first"])),
    "two_files_and_alarm": (NO_DEADLOCK, 0, no_report),
    "file_and_mutex": (FOREVER, 1, files(["mutex", "file_lock"], ["", "first"])),
    "file_of_two_readers": (FOREVER, 0, two_readers),
    "child_wants_file": (FOREVER, 0, child_wants_file),
    "file_locked_twice": (FOREVER, 0, file_locked_twice),
    "file_of_a_thread": (NO_DEADLOCK, 1, file_of_a_thread),
    "file_of_some_thread": (NO_DEADLOCK, 1, no_cycle),
    "file_of_a_thread_timed": (NO_DEADLOCK, 1, no_cycle),
}
# Elsewhere another process may have the open file as well, for all that is known.
EXACT_WHERE_ALL_IS_SEEN = {"two_files", "two_kinds_of_file_locks", "file_and_mutex", "file_of_two_readers", "child_wants_file", "file_locked_twice"}
# What a core file cannot tell: who the parent was, or another process; and of 10,000 threads gdb takes its time. gcore
# finds no threads where the main one has left.
LIVE_ONLY = {"two_files", "two_kinds_of_file_locks", "two_files_and_alarm", "file_and_mutex", "file_of_two_readers", "child_wants_file", "file_locked_twice",
             "file_of_a_thread", "file_of_some_thread", "file_of_a_thread_timed",
             "younger_owner", "orphan", "before_fork", "shared", "equal_ids", "other_namespace", "processes", "left_by_other_process", "holder_runs", "main_leaves", "crowd", "great_crowd"}
# Whose threads may not have been stopped at the same moment; or of whose waiters the first one is not known, which counts for
# the fingerprint.
OF_CORE = {"lost_wakeup": (NO_DEADLOCK, free_for_now), **{name: SCENES[name][::2] for name in ("signals_ahead", "posts_ahead")}}
# What the text says once the holder has come to where it stays.
SETTLED = {"younger_owner": "began after", "idle": ('"condition"', '"timed"'), "pool": ("3 threads in a condition wait", '"logger"'), "file_of_a_thread": "probably", "signals_ahead": "probably a deadlock", "posts_ahead": "probably a deadlock", "chain": "blocked in pause()", "join_chain": "3 threads wait for it", "orphan": "held it in the parent", "before_fork": "blocked in pause()",
           "before_daemon": "blocked in pause()",
           "once_cycle": "probably", "static_cycle": "probably", "two_statics": "probably",
           "holder_runs": "spin", "holder_sends": "blocked in sendto("}


def has_settled(name, look):
    words = SETTLED.get(name, ())
    return all(word in look.text for word in ((words,) if isinstance(words, str) else words))


def essence(look):
    """What does not depend on the way of looking. Core files have no threads' names, and no time that they slept."""
    return [(event["event"], event["fingerprint"], event["lock"],
             [(step["tid"], step["holds"], step["waits_for"], step["address"]) for step in event["cycle"]],
             [(step["tid"], step["holds"], step["waits_for"]) for step in event["likely_cycle"]],
             [(step["tid"], step["holds"]) for step in event["chain"]], event["tree"]["threads"],
             [(holder["tid"], holder["waits_for"], functions(holder["now"])) for holder in event["holders"]],
             sorted((group["mode"], sorted(group["tids"]), tuple(functions(group["stack"]))) for group in event["waiters"]))
            for event in look.events + look.idle]


def main():
    inspector, program, name = sys.argv[1:]
    if name in EXACT_WHERE_ALL_IS_SEEN:
        abilities.skip_if(abilities.no_root() or abilities.no_view_of_all_processes())
    if name in {"equal_ids", "other_namespace"}:
        abilities.skip_if(abilities.no_root() or abilities.no_namespaces("--pid", "--fork"))
    if name == "younger_owner":
        abilities.skip_if("" if Path("/proc/self/sched").exists() else "the kernel does not show since when a thread sleeps")
    status, waiting, check = SCENES[name]
    with scene(program, name) as pid:
        says = f"{waiting} thread{'s wait' if waiting != 1 else ' waits'} for" if waiting else "no thread waits"
        live = look_until(inspector, pid, lambda look: says in look.text and look.status == status and
                          has_settled(name, look))
        check(live)
        if name in LIVE_ONLY:
            return
        if shutil.which("gcore") is None:
            print("no gcore here (on Debian: apt-get install gdb): not compared with a core file")
            return
        with tempfile.TemporaryDirectory(prefix="holdwatch-core-") as directory:
            core = Look(inspector, "--core", core_of(pid, directory))
        if name in OF_CORE:
            status, check = OF_CORE[name]
            require(core.status == status, core)
            return check(core)
        require(core.status == status, core)
        require(essence(core) == essence(live), f"the core file says\n{core}\nwhile the process said\n{live}")


if __name__ == "__main__":
    main()
