"""A program that python_load.py watches: Python's own threads, locks, conditions and queues, with a fixed amount of
work. Prints its results, then waits with all its workers idle until its standard input ends.
"""

import queue
import sys
import threading
import zlib

WORKERS = 8
TASKS = 60000
TURNS = 3000


class Account:
    """A balance under a re-entrant lock."""

    def __init__(self):
        self.lock = threading.RLock()
        self.balance = 0

    def add(self, amount):
        with self.lock:
            self.balance += amount

    def add_twice(self, amount):
        with self.lock:
            self.add(amount)
            self.add(amount)


class Relay:
    """Hands a turn round the workers through one condition."""

    def __init__(self):
        self.changed = threading.Condition()
        self.turn = 0

    def run(self, number):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.turn >= TURNS or self.turn % WORKERS == number)
                if self.turn >= TURNS:
                    return
                self.turn += 1
                self.changed.notify_all()


def main():
    tasks, done = queue.Queue(maxsize=64), queue.Queue()
    account, relay, once = Account(), Relay(), threading.Lock()
    seen = set()

    def work(number):
        relay.run(number)
        while (task := tasks.get()) is not None:
            # zlib lets go of the interpreter's lock: threads truly run side by side.
            done.put(zlib.crc32(bytes(8192) + task.to_bytes(4, "big")))
            account.add_twice(task)
            with once:
                seen.add(task)

    threads = [threading.Thread(target=work, args=(number,), name=f"worker-{number}") for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for task in range(TASKS):
        tasks.put(task)
    total = sum(done.get() for _ in range(TASKS))
    print(f"checksum {total}", f"turns {relay.turn}", flush=True)
    sys.stdin.read()
    for _ in threads:
        tasks.put(None)
    for thread in threads:
        thread.join()
    print(f"balance {account.balance}", f"seen {len(seen)}", flush=True)


main()
