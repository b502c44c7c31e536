"""What a lock call costs: the cases of lock_calls.cpp and contention.cpp, with their goals.

Where nobody waits, processor time is compared, which other processes on the machine disturb least; where threads wait for
each other, what they get done in a time.
"""

import dataclasses
import statistics

from pairing import Row, clean_environment, digits, google_benchmark, paired, ratio_row, watched_environment

MIN_TIME_S = 0.1


@dataclasses.dataclass
class LockCase:
    name: str  # what one types
    says: str
    benchmark: str
    goal: float | None = None
    program: str = "lock_calls"
    figure: str = "cpu_time"
    options: dict = dataclasses.field(default_factory=dict)
    scale: float = 1  # to nanoseconds a pair


def contended(name, says, benchmark, goal=None):
    return LockCase(name, says, benchmark, goal, program="contention", figure="pair_s", scale=1e9)


CASES = [
    LockCase("mutex", "mutex, a second thread alive", "mutex/1", 1.35),
    LockCase("own-mutex-2", "2 threads, each its own mutex", "own_mutex/threads:2", 1.35),
    LockCase("alone", "mutex in a process that never made a thread", "alone", 2.0),
    LockCase("read-lock", "read-lock", "read_lock/threads:1", 1.20),
    LockCase("readers-2", "2 readers on one rwlock", "read_lock/threads:2", 1.06),
    LockCase("write-lock", "write-lock", "write_lock", 1.20),
    LockCase("nested-4", "4 nested mutexes", "nested_4", 1.40),
    LockCase("recursive", "recursive mutex", "recursive", 1.40),
    LockCase("recursive-again", "recursive mutex, taken again by who has it", "recursive_again"),
    LockCase("thousand", "1,000 mutexes in turn", "thousand_in_turn", 1.40),
    LockCase("trylock", "trylock", "trylock"),
    LockCase("guarded-O0", "caller built with -O0", "guarded_O0", 1.40),
    LockCase("guarded-O2", "caller built with -O2", "guarded_O2", 1.40),
    LockCase("guarded-O2-fp", "caller built with -O2 and frame pointers", "guarded_O2_frame_pointers", 1.40),
    LockCase("deep-O0", "12 frames deep, -O0", "deep_O0", 1.40),
    LockCase("deep-O2", "12 frames deep, -O2", "deep_O2", 1.40),
    LockCase("deep-O2-fp", "12 frames deep, -O2 and frame pointers", "deep_O2_frame_pointers", 1.40),
    contended("contended-2", "contended mutex, 2 threads, tiny section", "contended_mutex/2", 1.10),
    contended("contended-16", "contended mutex, 16 threads", "contended_mutex/16", 1.10),
    contended("contended-rwlock-2", "contended rwlock, 2 threads, 1 of 8 writes", "contended_rwlock/2"),
    contended("contended-rwlock-16", "contended rwlock, 16 threads", "contended_rwlock/16"),
    LockCase("ping-pong", "condition-variable ping-pong", "ping_pong", 1.02, program="contention", figure="real_time"),
    LockCase("stacks-full", "mutex, `STACKS=full`", "mutex/1", 5, options={"HOLDWATCH_STACKS": "full"}),
    LockCase("clock-tsc", "mutex, `CLOCK=tsc`", "mutex/1", 2.2, options={"HOLDWATCH_CLOCK": "tsc"}),
]

# The same cost whatever the number: the first is what the others are compared with.
GROWTH = [
    ("growth-threads", "mutex, {} threads alive", ["mutex/1", "mutex/100", "mutex/10000"]),
    ("growth-held", "mutex, {} other locks held", ["held/1", "held/4", "held/16", "held/64"]),
]


def measure(bench, case, environment):
    """The case's cost, and all else that was measured with it."""
    result = google_benchmark(bench.program(case.program), case.benchmark, environment, MIN_TIME_S)
    return result[case.figure] * case.scale, result


def lock_row(bench, case):
    pairs = paired(bench.rounds, lambda: measure(bench, case, clean_environment()),
                   lambda: measure(bench, case, watched_environment(bench.shim, case.options)))
    return ratio_row(case.says, [(bare[0], watched[0]) for bare, watched in pairs], case.goal,
                     note=contention_note([(bare[1], watched[1]) for bare, watched in pairs])
                     if case.program == "contention" else "")


def contention_note(pairs):
    """What time does not tell: how evenly the lock was shared out, and the processor time that it took, which says more
    than the time on a machine that is not ours alone."""
    processor = statistics.median((watched["cpu_time"] / watched.get("pairs", 1)) / (bare["cpu_time"] / bare.get("pairs", 1))
                                  for bare, watched in pairs)
    words = [f"processor time x {processor:.2f}"]
    if "fairness" in pairs[0][0]:
        bare, watched = (statistics.median(pair[index]["fairness"] for pair in pairs) for index in (0, 1))
        words.append(f"fairness {bare:.2f} bare, {watched:.2f} watched")
    return "; ".join(words)


def growth_rows(bench, says, benchmarks):
    """What we add to a pair, in nanoseconds, beside what we add in the first case of the row; all cases by turns."""
    turns = []
    for _ in range(bench.rounds):
        turns.append([[google_benchmark(bench.program("lock_calls"), benchmark, environment, MIN_TIME_S)["cpu_time"]
                       for environment in (clean_environment(), watched_environment(bench.shim))]
                      for benchmark in benchmarks])
    for index, benchmark in enumerate(benchmarks):
        pairs = [turn[index] for turn in turns]
        added = [watched - bare for bare, watched in pairs]
        more = statistics.median((turn[index][1] - turn[index][0]) - (turn[0][1] - turn[0][0]) for turn in turns)
        row = ratio_row(says.format(f"{int(benchmark.split('/')[1]):,}"), pairs)
        row.note = f"adds {digits(statistics.median(added))} ns" + (f", {more:+.1f} against the first" if index else "")
        yield row


def scaling_row(bench):
    """False sharing would show here: a second thread on a lock of its own costs the first one nothing."""
    one, two = (LockCase("", "", f"own_mutex/threads:{count}") for count in (1, 2))
    losses = {True: [], False: []}
    for _ in range(bench.rounds):
        for watched in (False, True):
            environment = watched_environment(bench.shim) if watched else clean_environment()
            losses[watched].append(measure(bench, two, environment)[0] / measure(bench, one, environment)[0])
    ratios = [watched / bare for bare, watched in zip(losses[False], losses[True])]
    return Row("cost of a pair with 2 threads / with 1, each its own mutex", statistics.median(ratios),
               goal=1.05, low=min(ratios), high=max(ratios), bare=f"{statistics.median(losses[False]):.3f}",
               watched=f"{statistics.median(losses[True]):.3f}")


# The least that a preload can cost on this machine: see floor.cpp.
FLOORS = [("floor-forwards", "only forwards"), ("floor-notes", "notes lock, caller and stack pointer")]
FLOOR_CASES = ("mutex", "alone", "read-lock", "readers-2", "write-lock")
# What watching costs beside that: case -> the preload it is compared with, goal.
ABOVE_FLOOR = {"alone": ("floor-notes", 1.10), "mutex": ("floor-notes", None), "read-lock": ("floor-notes", None),
               "write-lock": ("floor-notes", None), "clock-tsc": ("floor-tsc", 1.10)}


def case_named(name):
    return next(case for case in CASES if case.name == name)


def floor_environment(bench, floor):
    return clean_environment() | {"LD_PRELOAD": bench.program(f"{floor}.so")}


def floor_rows(bench, floor, says):
    environment = floor_environment(bench, floor)
    for case in map(case_named, FLOOR_CASES):
        pairs = paired(bench.rounds, lambda case=case: measure(bench, case, clean_environment())[0],
                       lambda case=case: measure(bench, case, environment)[0])
        yield ratio_row(f"a preload that {says}: {case.says}", pairs)


def above_floor_row(bench, name, floor, goal):
    """The preload that only takes notes stands in the place of the bare program."""
    case = case_named(name)
    pairs = paired(bench.rounds, lambda: measure(bench, case, floor_environment(bench, floor))[0],
                   lambda: measure(bench, case, watched_environment(bench.shim, case.options))[0])
    beside = "notes and reads the counter" if floor == "floor-tsc" else "only notes"
    return ratio_row(f"against a preload that {beside}: {case.says}", pairs, goal)


def cases():
    """Name -> what makes its rows."""
    made = {case.name: (lambda bench, case=case: [lock_row(bench, case)]) for case in CASES}
    for name, says, benchmarks in GROWTH:
        made[name] = lambda bench, says=says, benchmarks=benchmarks: growth_rows(bench, says, benchmarks)
    for name, says in FLOORS:
        made[name] = lambda bench, name=name, says=says: floor_rows(bench, name, says)
    for name, (floor, goal) in ABOVE_FLOOR.items():
        made[f"above-{floor}-{name}"] = lambda bench, name=name, floor=floor, goal=goal: [
            above_floor_row(bench, name, floor, goal)]
    made["false-sharing"] = lambda bench: [scaling_row(bench)]
    return made
