"""Checks one line of holdwatch's JSON output against the promised form, key by key.

Strict on purpose: a missing key, a wrong type, or a key that nobody has described fails. Own code rather than a schema
library, since the tests must run on a machine that has nothing but Python.
"""

import json
import pathlib
import re

EVENTS_DEF = pathlib.Path(__file__).resolve().parents[1] / "shim/common/contract/events.def"
WAIT_KINDS_DEF = EVENTS_DEF.parent / "wait_kinds.def"
WAIT_KINDS = set(re.findall(r'^HOLDWATCH_WAIT_KIND\(\w+, "(\w+)"\)', WAIT_KINDS_DEF.read_text(), re.MULTILINE))
LOCK_KINDS = {"mutex", "rwlock", "stream", "loader", "once", "static", "file_lock", "condition"}
EVIDENCE = {"recorded", "stated", "guard", "code", "learnt", "stack"}
EVENTS = set(re.findall(r"^HOLDWATCH_EVENT\((\w+)", EVENTS_DEF.read_text(), re.MULTILINE))
ABOUT_HOLDS = {"hold", "abandoned", "fork_orphan"}  # a hold becomes abandoned when its thread exits
PHASES = {"over", "still", "released", "late", "snapshot"}
MODES = {"exclusive", "shared"}
STATES = {"running", "blocked", "stopped", "gone"}


class SchemaError(Exception):
    """What is wrong, and where in the object: "holders[0].taken.frames[2].line: ..."."""


def check_line(line):
    """Returns the object that one line holds. Raises SchemaError if the line breaks the promise in any way."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SchemaError(f"not UTF-8: {error}") from error
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object_without_doubles)
    except ValueError as error:
        raise SchemaError(f"not JSON: {error}: {text[:200]!r}") from error
    _event(value, "")
    return value


def check_file(data):
    """Returns the objects of a whole file's bytes."""
    if data and not data.endswith(b"\n"):
        raise SchemaError(f"the last line has no end: {data[-120:]!r}")
    return [check_line(line) for line in data.splitlines()]


def check_order(events):
    """What must hold between the lines of one process: phases in order, durations that only grow, true groups."""
    episodes = {}
    for number, event in enumerate(events, 1):
        where = f"line {number}"
        _groups_differ(event, where)
        if event["event"] not in ABOUT_HOLDS:
            continue
        seen = episodes.setdefault((event["pid"], event["episode"]), [])
        _phase_follows(seen, event, where)
        seen.append(event)


def _phase_follows(seen, event, where):
    phase, before = event["phase"], [old["phase"] for old in seen]
    if phase in ("over", "late") and seen:
        raise SchemaError(f"{where}: episode {event['episode']} is reported as {phase} again, after {before}")
    if phase in ("still", "released") and (not seen or before[-1] in ("released", "late")):
        raise SchemaError(f"{where}: {phase} for episode {event['episode']} after {before}")
    longest = max((holder["held_ns"] or 0 for holder in event["holders"]), default=None)
    if longest is None:
        raise SchemaError(f"{where}: a hold without a holder")
    if event["event"] == "hold" and longest < event["limit_ns"]:
        raise SchemaError(f"{where}: held {longest} ns, which is under the limit of {event['limit_ns']} ns")
    for old in seen:
        if event["lost_ns"] < old["lost_ns"]:
            raise SchemaError(f"{where}: lost_ns went down from {old['lost_ns']} to {event['lost_ns']}")
        if event["fingerprint"] != old["fingerprint"] and phase == "released":
            raise SchemaError(f"{where}: the fingerprint changed within episode {event['episode']}")


def _groups_differ(event, where):
    groups = [(w.get("lock"), w["mode"], w.get("polling"), tuple(frame["ip"] for frame in w["stack"]["frames"])) for w in event["waiters"]]
    named = [group for group in groups if group[3]]
    if len(named) != len(set(named)):
        raise SchemaError(f"{where}: two groups of waiters have the same lock, stack and mode")


def _event(value, at):
    _keys(value, at, {
        "event": _one_of(EVENTS), "phase": _one_of(PHASES), "time": _time, "host": _text, "pid": _positive,
        "exe": _path, "episode": _count, "fingerprint": _hex, "times": _or_null(_count), "limit_ns": _count, "lock": _or_null(_lock),
        "holders": _list(_holder), "waiters": _list(_waiters), "lost_ns": _count,
    }, {
        "cycle": _list(_cycle_edge), "edges": _list(_order_edge), "waiters_left_out": _count,
        "root": _or_null(_root), "chain": _list(_chain_step), "tree": _tree, "likely_cycle": _list(_likely_cycle_step),
        "passed_by": _or_null(_passed), "threads_delayed": _count, "unrecorded_holds": _count, "unreported_holds": _count, "note": _or_null(_text),
    })


def _passed(value, at):
    _keys(value, at, {"tid": _positive, "thread": _or_null(_text), "holds": _positive, "reads": _count, "prefers_readers": _or_null(_bool),
                      "sites": _list(_passed_site), "not_noted": _count})
    if sum(site["holds"] for site in value["sites"]) + value["not_noted"] != value["holds"]:
        raise SchemaError(f"{at}: the sites and those not noted do not add up to {value['holds']} holds")


def _passed_site(value, at):
    _keys(value, at, {"holds": _positive, "threads": _positive, "mode": _one_of(MODES), "at": _or_null(_frame)})


def _root(value, at):
    _keys(value, at, {"pid": _positive, "tid": _positive, "thread": _string, "doing": _or_null(_text)})


def _chain_step(value, at):
    _keys(value, at, {"tid": _positive, "thread": _string, "holds": _or_null(_lock_id), "wait": _or_null(_wait)}, {"pid": _positive})


def _tree(value, at):
    _keys(value, at, {"threads": _count, "lost_ns": _count})


def _lock(value, at):
    _keys(value, at, {"id": _lock_id, "kind": _one_of(LOCK_KINDS), "address": _address,
                      "name": _or_null(_text)})


def _holder(value, at):
    _keys(value, at, {
        "tid": _positive, "thread": _string, "mode": _one_of(MODES), "held_ns": _or_null(_count), "depth": _positive,
        "taken": _stack, "now": _stack, "state": _or_null(_one_of(STATES)), "doing": _or_null(_text), "moved": _or_null(_bool),
        "waits_for": _or_null(_lock_id), "wait": _or_null(_wait),
    }, {"samples": _or_null(_samples), "likely": _bool, "now_took": _or_null(_count), "pid": _positive, "evidence": _one_of(EVIDENCE)})


def _samples(value, at):
    _keys(value, at, {"captured": _count, "missed": _count, "running": _count, "frozen": _bool, "span_ns": _count,
                      "places": _list(_sampled_place), "elsewhere": _count, "functions": _list(_sampled_function)})
    if value["captured"] + value["missed"] > 64:
        raise SchemaError(f"{at}: more than 64 samples")
    if value["captured"] and sum(place["samples"] for place in value["places"]) + value["elsewhere"] != value["captured"]:
        raise SchemaError(f"{at}: the places do not add up to {value['captured']} samples")
    if any(function["samples"] > value["captured"] for function in value["functions"]):
        raise SchemaError(f"{at}: a function has more samples than there are")


def _place_fields():
    return {"module": _or_null(_text), "offset": _or_null(_address), "function": _or_null(_text), "file": _or_null(_text),
            "line": _or_null(_positive)}


def _sampled_place(value, at):
    _keys(value, at, {"samples": _positive, "at": _place, "within": _or_null(_place)})


def _place(value, at):
    _keys(value, at, _place_fields())


def _sampled_function(value, at):
    _keys(value, at, {"samples": _positive, "innermost": _count, **_place_fields()})


def _wait(value, at):
    _keys(value, at, {"kind": _one_of(WAIT_KINDS), "object": _or_null(_address), "name": _or_null(_text),
                      "waited_ns": _count, "timeout_ns": _or_null(_count), "enders": _list(_ender)}, {
        "enders_unknown": _or_null(_text), "last_ended_by": _or_null(_last_ender), "timeouts": _count})


def _ender(value, at):
    _keys(value, at, {"tid": _positive, "thread": _or_null(_text), "evidence": _one_of(EVIDENCE)}, {"pid": _positive, "likely": _bool})


def _last_ender(value, at):
    _keys(value, at, {"tid": _positive, "thread": _or_null(_text), "at": _frame}, {"ago_ns": _count})


def _likely_cycle_step(value, at):
    _keys(value, at, {"tid": _positive, "thread": _or_null(_text), "holds": _or_null(_lock_id), "waits_for": _or_null(_lock_id)},
          {"pid": _positive})


def _waiters(value, at):
    _keys(value, at, {"mode": _one_of(MODES), "count": _positive, "longest_ns": _count, "tids": _list(_positive),
                      "threads": _list(_string), "stack": _stack}, {"lock": _or_null(_lock_id), "wait": _wait, "polling": _bool, "tries": _or_null(_positive)})
    if len(set(value["tids"])) != len(value["tids"]):
        raise SchemaError(f"{at}.tids: a thread is listed twice")
    if len(value["tids"]) > value["count"] or len(value["threads"]) > value["count"]:
        raise SchemaError(f"{at}: more threads listed than counted")


def _stack(value, at):
    _keys(value, at, {"frames": _list(_frame), "complete": _bool, "note": _or_null(_text)})
    if not value["complete"] and not value["frames"] and value["note"] is None:
        raise SchemaError(f"{at}: an empty stack does not say why")


def _frame(value, at):
    # A frame in memory that belongs to no file has no module, and then no offset in it either.
    _keys(value, at, {
        "ip": _address, "module": _or_null(_text), "offset": _or_null(_address), "build_id": _or_null(_hex),
        "function": _or_null(_text), "file": _or_null(_text), "line": _or_null(_positive),
        "source": _or_null(_text), "inlined": _bool,
    })
    if value["line"] is not None and value["file"] is None:
        raise SchemaError(f"{at}: a line without a file")


def _cycle_edge(value, at):
    _keys(value, at, {"tid": _positive, "holds": _or_null(_lock_id), "waits_for": _or_null(_lock_id), "joins": _or_null(_positive)}, {
        "waited_ns": _count, "kind": _or_null(_one_of(LOCK_KINDS)), "address": _or_null(_address), "name": _or_null(_text),
        "pid": _positive})
    if (value["waits_for"] is None) == (value["joins"] is None):
        raise SchemaError(f"{at}: it waits for a lock or for a thread")


def _order_edge(value, at):
    _keys(value, at, {"first": _lock_id, "then": _lock_id, "tid": _positive, "stack": _stack})


def _keys(value, at, required, optional=None):
    if not isinstance(value, dict):
        raise SchemaError(f"{at or 'line'}: not an object: {value!r}")
    optional = optional or {}
    for key in required.keys() - value.keys():
        raise SchemaError(f"{at or 'line'}: no key {key!r}")
    for key, item in value.items():
        check = required.get(key) or optional.get(key)
        if check is None:
            raise SchemaError(f"{at or 'line'}: unknown key {key!r}")
        check(item, f"{at}.{key}" if at else key)


def _list(check):
    def check_list(value, at):
        _fail_unless(isinstance(value, list), at, "not a list", value)
        for index, item in enumerate(value):
            check(item, f"{at}[{index}]")
    return check_list


def _or_null(check):
    return lambda value, at: value is None or check(value, at)


def _one_of(names):
    return lambda value, at: _fail_unless(isinstance(value, str) and value in names, at, f"none of {sorted(names)}",
                                          value)


def _matching(pattern, what):
    expression = re.compile(pattern)
    return lambda value, at: _fail_unless(isinstance(value, str) and expression.fullmatch(value), at, f"not {what}",
                                          value)


def _bool(value, at):
    _fail_unless(isinstance(value, bool), at, "not true or false", value)


def _count(value, at):
    _fail_unless(type(value) is int and value >= 0, at, "not a whole number", value)


def _positive(value, at):
    _fail_unless(type(value) is int and value > 0, at, "not a number above 0", value)


def _string(value, at):
    _fail_unless(isinstance(value, str), at, "not a string", value)


_text = _matching(r"(?s).+", "a text, or it is empty where null is meant")
_path = _matching(r"/.+", "an absolute path")
_hex = _matching(r"[0-9a-f]+", "lower-case hexadecimal")
_address = _matching(r"0x[0-9a-f]+", "an address such as \"0x1f\"")
_lock_id = _matching(r"L[1-9][0-9]*", "a lock id such as \"L3\"")
# RFC 3339 with at least milliseconds.
_time = _matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}(Z|[+-]\d\d:\d\d)", "an RFC 3339 time with milliseconds")


def _fail_unless(good, at, what, value):
    if not good:
        raise SchemaError(f"{at}: {what}: {value!r}")


def _refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def _object_without_doubles(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key stands twice in {keys}")
    return dict(pairs)
