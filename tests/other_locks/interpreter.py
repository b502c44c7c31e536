"""As stage.h has it, with CPython's interpreter lock: one thread stays in a function with that lock held, the others want it
back, each with a mutex of libc's held.
"""

import ctypes
import os
import sys
import threading
import time
from pathlib import Path

BLOCKED = 4
READ, FUTEX = 0, 202  # numbers of system calls
release_first = ctypes.CDLL(None)  # a call gives the interpreter's lock back meanwhile
keep = ctypes.PyDLL(None)          # a call keeps it

own = [ctypes.create_string_buffer(40) for _ in range(BLOCKED)]
all_hold = threading.Barrier(BLOCKED + 1)
receive, send = os.pipe()


def name_this_thread(name):
    release_first.pthread_setname_np(ctypes.c_ulong(threading.get_ident()), name.encode())


def blocked(number):
    name_this_thread(f"blocked{number}")
    release_first.pthread_mutex_lock(own[number])
    all_hold.wait()
    release_first.read(receive, ctypes.create_string_buffer(1), 1)


def waiter(number):
    release_first.pthread_mutex_lock(own[number])


def start(body):
    threads = [threading.Thread(target=body, args=(number,)) for number in range(BLOCKED)]
    for thread in threads:
        thread.start()
    return threads


def await_call(threads, number):
    for thread in threads:
        call = Path(f"/proc/self/task/{thread.native_id}/syscall")
        while call.read_text().split()[0] != str(number):
            time.sleep(0.001)


holders = start(blocked)
all_hold.wait()
await_call(holders, READ)
await_call(start(waiter), FUTEX)
name_this_thread("inside")
sys.setswitchinterval(3600)
for descriptor, data in (send, b"x" * BLOCKED), (1, b"ready (nil)\n"):
    keep.write(descriptor, data, len(data))
keep.pause()
