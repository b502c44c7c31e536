"""A program that attach_deadlocked.py finds hanging: deadlocked_program.py databases NUMBER | rwlock

Threads of Python's that ask SQLite databases in a circle, each in the middle of a query of its own: SQLite keeps a connection's
mutex while the function runs that the query calls. Or two with a mutex and an rwlock of libc, called as C code would. Prints
"closing" when every thread has what it takes first, and what each may expect of the other is known.
"""

import ctypes
import sqlite3
import sys
import threading


def ask_in_circle(number):
    """Thread i asks database i, which asks database i + 1 meanwhile."""
    databases = [sqlite3.connect(":memory:", check_same_thread=False) for _ in range(number)]
    all_ask = threading.Barrier(number)

    def ask_next(at):
        all_ask.wait()
        return databases[(at + 1) % number].execute("select 1").fetchone()[0]

    for at, database in enumerate(databases):
        database.create_function("ask_next", 1, ask_next)
    return [lambda at=at: databases[at].execute("select ask_next(?)", [at]) for at in range(number)]


def lock_both_ways():
    """One has the rwlock for writing and wants the mutex; the other has the mutex and wants to read."""
    libc = ctypes.CDLL(None)
    mutex, rwlock = (ctypes.create_string_buffer(64) for _ in range(2))  # zeros are what their initialisers are
    both_have = threading.Barrier(2)

    def in_order(first, first_lock, second, second_lock):
        first(first_lock)
        both_have.wait()
        second(second_lock)

    return [lambda: in_order(libc.pthread_rwlock_wrlock, rwlock, libc.pthread_mutex_lock, mutex),
            lambda: in_order(libc.pthread_mutex_lock, mutex, libc.pthread_rwlock_rdlock, rwlock)]


def main(scene, number="2"):
    works = ask_in_circle(int(number)) if scene == "databases" else lock_both_ways()
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    print(*(thread.native_id for thread in threads), flush=True)
    threads[0].join()


main(*sys.argv[1:])
