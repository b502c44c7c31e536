"""What a server's requests cost before holdwatch is attached to it, while it is, and after it was given back.

One server that nobody has prepared, one load; in each turn all three, one after the other, and the two later ones are compared
with the first. What attaching and detaching cost by themselves is not in it.
"""

import contextlib
import statistics
import time

import server_cases
from attached import AttachableRun
from pairing import Missing, ratio_row

TURNS_A_ROUND = 2
GIVEN_BACK_GOAL = 1.01
SETTLE_S = 0.3  # our threads begin and end after the command has said so, in the server's own processor time


# The same pause before each: a server that has just been idle is slower.
def settled_turn(server):
    time.sleep(SETTLE_S)
    return server_cases.turn(server)


def one_turn(run, server):
    before = settled_turn(server)
    run.attach(server.pid)
    attached = settled_turn(server)
    run.detach(server.pid)
    return before, attached, settled_turn(server)


def row(kind, state, goal, pairs):
    throughput = statistics.median(later[1] / before[1] for before, later in pairs)
    return ratio_row(f"{kind.says}, {state}", [(before[0], later[0]) for before, later in pairs], goal, unit="us",
                     note=f"throughput x {throughput:.2f}")


def server_rows(bench, kind):
    AttachableRun.control = bench.control
    if not bench.control.exists():
        raise Missing(f"no {bench.control}: meson compile -C {bench.build}")
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(AttachableRun(bench.shim))
        try:
            server = kind(run)
        except SystemExit as skipped:  # how the tests of servers say that one is not here
            raise Missing(f"a program of {kind.name} ({skipped})") from None
        one_turn(run, server)
        turns = [one_turn(run, server) for _ in range(TURNS_A_ROUND * bench.rounds)]
        server.stop()
    return [row(kind, "attached", kind.goal, [(before, attached) for before, attached, _ in turns]),
            row(kind, "given back", GIVEN_BACK_GOAL, [(before, after) for before, _, after in turns])]


def cases():
    return {f"attached-{kind.name}": (lambda bench, kind=kind: server_rows(bench, kind)) for kind in server_cases.KINDS}
