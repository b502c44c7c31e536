"""The command that attaches is killed (SIGKILL) while it borrows a thread, in one way per test; see the functions' first
lines. The process must go on as if nothing had been, and can be attached to afterwards.

    killed.py --shim LIBRARY --control CONTROL --subject PROGRAM [--argument=ARGUMENT...] TEST
"""

import argparse
import contextlib
import errno
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from subject import READ, Failure, HiddenSubject, Waiting, abilities, require, wait_until

EPOLL_WAIT, RESTART_SYSCALL = 232, 219  # the system calls' numbers
# What ends each call, beside its timeout.
CALLS = {
    "read": lambda subject: subject.write("x"),
    "epoll": lambda subject: subject.write("x"),
    "sigsuspend": lambda subject: os.kill(subject.pid, signal.SIGUSR1),
    "recv": None, "nanosleep": None, "futex": None, "poll": None, "sigtimedwait": None,
}


def waiting(options):
    return Waiting(options, *options.argument)


class HiddenWaiting(HiddenSubject, Waiting):
    """The same where our files are not to be seen."""


def held(options):
    """The thread is in the middle of dlopen, or with company of pthread_create, in each kind of system call; the command is
    killed there, or is not."""
    for name, end in CALLS.items():
        for kill in (True, False):
            with contextlib.closing(waiting(options)) as subject:
                try:
                    hold_in(subject, name, end, kill)
                except Failure as failure:
                    raise Failure(f"{name}, {'killed' if kill else 'not killed'}: {failure}") from failure


def resumed(options):
    """The same in a call that was stopped before, and that the kernel has resumed by restart_syscall."""
    for name in ("libc_sleep", "libc_poll", "libc_semaphore"):
        for kill in (True, False):
            with contextlib.closing(waiting(options)) as subject:
                try:
                    hold_in(subject, name, None, kill, is_resumed=True)
                except Failure as failure:
                    raise Failure(f"{name}, {'killed' if kill else 'not killed'}: {failure}") from failure


def stop_and_resume(subject):
    """Whether it waits in a resumed call then; not if the call was over before the stop."""
    os.kill(subject.pid, signal.SIGSTOP)
    wait_until("the stop", lambda: "\nState:\tT" in Path(f"/proc/{subject.pid}/status").read_text())
    os.kill(subject.pid, signal.SIGCONT)
    time.sleep(0.05)
    return subject.blocked_in() == RESTART_SYSCALL


def hold_in(subject, name, end, kill, is_resumed=False):
    subject.write(f"held {name}\n")
    if is_resumed:
        wait_until("a resumed call", lambda: stop_and_resume(subject))
    attaching = subject.begin_attaching()
    require((said := subject.line()) == "held", f"instead of held: {said} {attaching.poll()}")
    if kill:
        attaching.kill()
        attaching.communicate()
    subject.write("g")
    if not kill:
        _, complaint = attaching.communicate()
        require(attaching.returncode == 0, complaint)
    if end is not None:
        end(subject)
    require((said := subject.line()) == "fine", said or f"it has ended: {subject.process.wait()}")
    subject.await_call(READ)
    if not kill:
        subject.detach()
    subject.attach_and_detach()
    subject.write("once nanosleep\n")
    require((said := subject.line()) == "fine", said)
    require(subject.end() == (0, ""), "it does not end as it should")


def signalled(options):
    """Not killed: a signal that comes for the thread meanwhile ends its call afterwards, as it would have done."""
    with contextlib.closing(waiting(options)) as subject:
        subject.write("held epoll\n")
        attaching = subject.begin_attaching()
        require((said := subject.line()) == "held", said)
        os.kill(subject.pid, signal.SIGALRM)
        subject.write("g")
        require((said := subject.line()) == f"changed: the call's result ({-errno.EINTR})", said)
        require(attaching.wait() == 0, "the attachment failed")


def terminated(options):
    """A signal that asks the command to end waits until the thread has been given back."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with contextlib.closing(waiting(options)) as subject:
            subject.write("held read\n")
            attaching = subject.begin_attaching()
            require((said := subject.line()) == "held", said)
            attaching.send_signal(number)
            subject.write("gx")
            require((said := subject.line()) == "fine", said)
            require(attaching.wait() == -number, f"the command ended with {attaching.returncode}")
            subject.attach_and_detach()
            require(subject.end() == (0, ""), "it does not end as it should")


def each_step(options):
    """The command is killed before each of the system calls by which it changes the thread or its memory, one after the
    other: in processes that have the library already, and, more seldom, in fresh ones."""
    sweep(lambda: waiting(options), stride=1, fresh=False)
    sweep(lambda: waiting(options), stride=5, fresh=True)


def each_step_epoll(options):
    """The same in a call that the kernel ends at any stop. That stands only until the command has asked two things and set its registers."""
    step, done, ended = 1, False, []
    while not done:
        with contextlib.closing(waiting(options)) as subject:
            subject.write("once epoll\n")
            subject.await_call(EPOLL_WAIT)
            done = kill_before(subject, step)
            subject.write("x")
            said = subject.line()
            require(said in ("fine", f"changed: the call's result ({-errno.EINTR})"), f"step {step}: {said}")
            if said != "fine":
                ended.append(step)
            step += 1 if step < 30 else 10
    print(f"killed before steps 1 to {step}, it was ended by {ended}")
    require(len(ended) <= 3, f"the call was ended by {ended}")


def each_step_hidden(options):
    """The same where the process gets the library as a file in its memory. No such file is left behind."""
    sweep(lambda: HiddenWaiting(options), stride=5, fresh=True)


def sweep(start, stride, fresh):
    step, done = 1, False
    while not done:
        with contextlib.closing(start()) as subject:
            subject.write("once read\n")
            while not done:
                done = kill_before(subject, step)
                subject.await_call(READ)
                subject.detach() if done else subject.attach_and_detach()
                step += stride
                if fresh:
                    break
            left = [path for path in subject.descriptors().values() if "holdwatch" in path]
            require(not left, f"step {step}: it still has {left}")
            subject.write("x")
            require((said := subject.line()) == "fine", f"step {step}: {said}")
            require(subject.end() == (0, ""), "it does not end as it should")
    print(f"killed before steps 1 to {step}, {'in a fresh process each' if fresh else 'in one process'}")


def kill_before(subject, step):
    """True: there are no so many steps, and the process was attached to."""
    abilities.skip_if(abilities.missing("strace"))
    attaching = subject.begin_attaching("strace", "-o", "/dev/null", "-e", "trace=ptrace,process_vm_writev", "-e",
                                        f"inject=ptrace,process_vm_writev:signal=KILL:when={step}")
    _, complaint = attaching.communicate()
    done = attaching.returncode == 0
    require(done or attaching.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), f"step {step}: {complaint}")
    return done


def any_time(options):
    """Again and again after a random time, with threads in calls of all kinds and threads that lock: nothing dies, and
    nobody notices."""
    seed = int(time.time())
    chance = random.Random(seed)
    print(f"seed {seed}")
    killed = 0
    with contextlib.closing(Waiting(options, "--sit", "--hammer")) as subject:
        end = time.monotonic() + 8
        while time.monotonic() < end:
            attaching = subject.begin_attaching()
            time.sleep(chance.uniform(0, 0.03))
            attaching.kill()
            attaching.communicate()
            killed += attaching.returncode != 0
            if attaching.returncode == 0 or chance.random() < 0.2:
                subject.attach_and_detach()
        subject.attach_and_detach()
        print(f"killed {killed} times")
        require(subject.tell("recall") == "fine", "something was noticed")


def time_left(options):
    """Not killed: a call with a timeout goes on with what was left of it, however often it is interrupted."""
    for name in ("nanosleep", "futex", "poll"):
        rounds = 0
        with contextlib.closing(waiting(options)) as subject:
            subject.write(f"once {name}\n")
            while not select.select([subject.process.stdout], [], [], 0)[0]:
                subject.attach_and_detach()
                rounds += 1
            require(subject.line() == "fine", name)
        print(f"{name} was interrupted up to {rounds} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--shim", "--control", "--subject"):
        parser.add_argument(name, required=True, type=os.path.abspath)
    tests = {test.__name__: test for test in (held, resumed, signalled, terminated, each_step, each_step_epoll, each_step_hidden, any_time, time_left)}
    parser.add_argument("--argument", action="append", default=[], help="of the subject")
    parser.add_argument("test", choices=tests)
    options = parser.parse_args()
    try:
        tests[options.test](options)
    except Failure as failure:
        print(f"FAILED: {failure}\nrerun: {sys.executable} {' '.join(sys.argv)}")
        sys.exit(1)
    print("passed")


if __name__ == "__main__":
    main()
