#!/usr/bin/env python3
"""`holdwatch top` in a terminal and in a pipe: what it shows, what keys do, and that the terminal is as before, however it ends.

    top.py HOLDWATCH LIBRARY SUBJECT CASE
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "launcher"))
import abilities  # pylint: disable=wrong-import-position
import launcher  # pylint: disable=wrong-import-position
from expectations import DEADLINE_S, wait_until  # pylint: disable=wrong-import-position
from screen import Terminal  # pylint: disable=wrong-import-position

HOLDWATCH, LIBRARY, SUBJECT = sys.argv[1:4]
ROOTS = ["accounts", "sessions", "rooms"]  # the locks of the subject, in the order of the roots


LIMIT_S = 0.2


@contextlib.contextmanager
def subject(*arguments, watched=True):
    """The program, once all of its threads are where they stay."""
    variables = {"LD_PRELOAD": LIBRARY, "HOLDWATCH_LIMIT": f"{round(1000 * LIMIT_S)}ms", "HOLDWATCH_LOG": "none"} if watched else {}
    process = subprocess.Popen([SUBJECT, *arguments], env=launcher.environment(**variables), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(2 * LIMIT_S)  # whatever is held has been held for longer by then
        yield process
    finally:
        process.kill()
        process.communicate()


class Top:
    """The command on a terminal of its own."""

    def __init__(self, pid, *options, columns=100, rows=30, **variables):
        self.terminal = Terminal(columns, rows)
        self.before = self.terminal.modes()
        environment = launcher.environment(**{"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **variables})
        self.errors = subprocess.PIPE
        self.process = subprocess.Popen([HOLDWATCH, "top", str(pid), *options], env=environment, stdin=self.terminal.theirs,
                                        stdout=self.terminal.theirs, stderr=subprocess.PIPE, preexec_fn=self.own_terminal)

    def own_terminal(self):
        os.setsid()
        os.close(os.open(os.ttyname(self.terminal.theirs), os.O_RDWR))  # it becomes the controlling one

    @property
    def screen(self):
        self.terminal.read()
        return self.terminal.screen

    def wait_for(self, what, happened=None):
        return self.terminal.wait_for(what, happened)

    def press(self, *keys):
        self.terminal.press(*keys)

    def locks(self):
        """The names of the locks in the table, from top to bottom."""
        return [found[1] for line in self.screen.lines() if (found := re.match(r"^[+-] .* L\d+ (\w+)", line))]

    def wait_for_locks(self, *names):
        self.wait_for(f"the locks in the order {names}", lambda _: self.locks() == list(names))

    def end(self, status, error=""):
        """It ends so, says this on standard error, and has left the terminal as it was."""
        errors = self.process.communicate(timeout=DEADLINE_S)[1].decode()
        screen = self.screen
        assert self.process.returncode == status, f"status {self.process.returncode}, not {status}: {errors}"
        assert re.fullmatch(error, errors), f"standard error is {errors!r}, not {error!r}"
        assert self.terminal.modes() == self.before, f"modes {self.terminal.modes()} instead of {self.before}"
        assert not screen.is_alternate and screen.is_cursor_shown, "the screen is not left, or the cursor is hidden"
        assert not screen.style, f"text goes on as {screen.style}"
        left = screen.text()
        self.terminal.close()
        return left


@contextlib.contextmanager
def on_terminal(pid, *options, **how):
    top = Top(pid, *options, **how)
    try:
        yield top
    finally:
        if top.process.poll() is None:
            top.process.kill()
            top.process.communicate()


def shows_the_worst_first():
    """the table: roots first, below them what they hold up, with who, where and what"""
    with subject() as process, on_terminal(process.pid) as top:
        top.wait_for_locks(*ROOTS)
        text = top.screen.text()
        assert f"holdwatch top  {process.pid} subject" in text or f"holdwatch top  {process.pid} top_subject" in text, text
        assert re.search(r"3 locks held over LIMIT 200ms, 4 threads wait, \S+ lost", text), text
        assert re.search(r"HELD +WAITERS +WAITED +LOST +LOCK +HOLDER +TAKEN IN +DOING", text) or "TAKEN IN" in text, text
        assert re.search(r"1\+3 .* L\d+ accounts +\d+ payer +pay .*read\(fd 0", text), text
        assert re.search(r" 3 .* └ L\d+ sessions +\d+ keeper +keep_sessions.* waits for L\d+", text), text
        assert re.search(r" L\d+ rooms +\d+ reader +read_rooms.* pause\(\)", text), text
        top.press("q")
        top.end(0)


def sorts_by_keys():
    """h, n, w, l and r, each shown in the heading"""
    with subject() as process, on_terminal(process.pid) as top:
        top.wait_for_locks(*ROOTS)
        for key, heading, order in (("h", "HELD", ["rooms", "accounts", "sessions"]), ("n", "WAITERS", ["accounts", "sessions", "rooms"]),
                                    ("l", "LOST", None), ("w", "WAITED", None), ("r", "LOCK", ROOTS)):
            top.press(key)
            top.wait_for(f"{heading} underlined", lambda screen: [part.strip() for part in screen.styled("underline")] == [heading])
            assert order is None or top.locks() == order, f"{key}: {top.locks()}"
        top.press("q")
        top.end(0)


def unfolds_stacks():
    """Enter shows the stacks and waiters of the selected row, and hides them again"""
    with subject() as process, on_terminal(process.pid, rows=60, columns=120) as top:
        top.wait_for_locks(*ROOTS)
        top.press("down", "enter")
        top.wait_for(r"- .* sessions")
        text = top.wait_for(r"waits +3 threads, longest [^\n]*\n") and top.screen.text()
        assert re.search(r"taken +#0 +keep_sessions +subject\.cpp:\d+", text), text
        assert re.search(r"now +waits for L\d+", text) and re.search(r"#\d+ +enter ", text) and "<- took L" in text, text
        assert top.screen.styled("reverse")[-1].startswith("- "), "the selected row is not marked"
        top.press("down", "down", "enter")  # also from within it
        top.wait_for("it to be folded again", lambda screen: not any(line.startswith("- ") for line in screen.lines()))
        top.press("q")
        top.end(0)


def follows_the_size():
    """whatever size the terminal gets, nothing is wider, and the keys are in the last line"""
    with subject() as process, on_terminal(process.pid) as top:
        top.wait_for_locks(*ROOTS)
        for columns, rows in ((80, 24), (40, 10), (20, 5), (12, 3), (1, 1), (200, 50), (80, 24)):
            top.terminal.resize(columns, rows)
            if columns >= 20:
                top.wait_for("the keys below", lambda screen, rows=rows: "q quit" in screen.lines()[rows - 1])
                top.wait_for("a lock", lambda screen: "L" in screen.text())
            assert top.process.poll() is None
        top.wait_for_locks(*ROOTS)
        top.press("q")
        top.end(0)


def helps_and_pauses():
    """? explains the columns and keys, any key returns; p stops asking, and says so"""
    with subject() as process, on_terminal(process.pid) as top:
        top.wait_for_locks(*ROOTS)
        top.press("?")
        top.wait_for("Any key returns")
        top.press("x")
        top.wait_for_locks(*ROOTS)
        top.press("p")
        top.wait_for("paused, at|paused")
        top.press("p")
        top.wait_for("going on", lambda screen: "paused" not in screen.text())
        top.press("q")
        top.end(0)


def says_when_nothing_is_held():
    with subject("free") as process, on_terminal(process.pid) as top:
        top.wait_for("no lock is held for long, no thread waits")
        top.press("enter", "down", "q")
        top.end(0)


def shows_a_deadlock():
    """proven by the watcher: both rows first, marked"""
    with subject("deadlock") as process, on_terminal(process.pid, columns=140) as top:
        top.wait_for(r"DEADLOCK of 2 locks")
        text = top.wait_for("two rows", lambda screen: screen.text().count("DEADLOCK: waits for L") >= 2) and top.screen.text()
        assert sorted(top.locks()[:2]) == ["accounts", "sessions"], text
        top.press("q")
        top.end(0)


def restores_the_terminal():
    """signals, a crash, the end of the process and a closed terminal"""
    with subject() as process:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGSEGV):
            with on_terminal(process.pid) as top:
                top.wait_for_locks(*ROOTS)
                top.process.send_signal(number)
                top.end(-number)
        for key, number in (("\003", signal.SIGINT), ("\034", signal.SIGQUIT)):
            with on_terminal(process.pid) as top:
                top.wait_for_locks(*ROOTS)
                top.press(key)
                top.end(-number)
        with on_terminal(process.pid) as top:
            top.wait_for_locks(*ROOTS)
            os.close(top.terminal.theirs)
            os.close(top.terminal.ours)
            top.process.wait(DEADLINE_S)
        with on_terminal(process.pid, "--count", "2") as top:
            assert "sessions" not in top.end(0)
        with on_terminal(process.pid) as top:
            top.wait_for_locks(*ROOTS)
            process.kill()
            process.wait()
            left = top.end(1, rf"holdwatch: {process.pid} \(\S+\) has exited\n")
            assert "accounts" in left and "DOING" in left, f"the last list is not left behind: {left}"


def stops_and_goes_on():
    """Ctrl-Z gives the terminal back to the shell, fg takes it again"""
    abilities.skip_if(abilities.missing("bash"))
    with subject() as process:
        terminal = Terminal(100, 30)
        environment = launcher.environment(TERM="xterm-256color", LC_ALL="C.UTF-8", PS1="shell> ", HISTFILE="", INPUTRC="/dev/null")

        def own_terminal():
            os.setsid()
            os.close(os.open(os.ttyname(terminal.theirs), os.O_RDWR))

        shell = subprocess.Popen(["bash", "--norc", "--noediting", "-i"], env=environment, stdin=terminal.theirs, stdout=terminal.theirs,
                                 stderr=terminal.theirs, preexec_fn=own_terminal)
        try:
            terminal.wait_for("shell>$")
            terminal.press("stty -g; echo before\r")
            before = terminal.wait_for(r"^([0-9a-f:]{20,})$")[1]
            terminal.wait_for(r"before\nshell>$")
            for way in ("\032", "STOP"):
                terminal.press("clear; fg 2>/dev/null || " if way == "STOP" else "", f"'{HOLDWATCH}' top {process.pid}\r")
                terminal.wait_for(r"accounts")
                if way == "STOP":
                    [top] = [int(found) for found in subprocess.check_output(["pgrep", "-P", str(shell.pid)], text=True).split()]
                    os.kill(top, signal.SIGSTOP)
                else:
                    terminal.press(way)
                terminal.wait_for("Stopped")
                terminal.press("clear; stty -g; echo after\r")
                terminal.wait_for(r"after\n")
                if way != "STOP":  # whose modes the shell itself restores
                    assert terminal.wait_for(r"^([0-9a-f:]{20,})$")[1] == before, "other modes while it is stopped"
                    assert not terminal.screen.is_alternate, "the screen was not given back"
                terminal.press("fg\r")
                terminal.wait_for(r"WAITERS[^$]*accounts")
                terminal.press("q")
                terminal.wait_for(r"shell>$")
                terminal.press("clear; stty -g; echo quit\r")
                assert terminal.wait_for(r"^([0-9a-f:]{20,})$")[1] == before, "other modes at the end"
                terminal.wait_for(r"quit\nshell>$")
        finally:
            shell.kill()
            shell.wait()
            terminal.close()


def waits_for_a_stopped_process():
    """which does not answer: that is said, and goes on"""
    with subject() as process, on_terminal(process.pid) as top:
        top.wait_for_locks(*ROOTS)
        process.send_signal(signal.SIGSTOP)
        top.wait_for(r"no answer for \d+ s: the process is stopped")
        process.send_signal(signal.SIGCONT)
        top.wait_for("an answer", lambda screen: "no answer" not in screen.text())
        top.press("q")
        top.end(0)


def prints_lines_into_a_pipe():
    """a block for each list; the end of the reader is the end"""
    with subject() as process:
        done = launcher.call(HOLDWATCH, "top", process.pid, "--count", 2, "--interval", "100ms", env=launcher.environment(LC_ALL="C.UTF-8"))
        row = r" *\S+ +(?:1\+3|3)? +(?:\S+ +\S+ +)? *(?:└ )?L\d+ \w+ +\d+ \w+ +\w+(?: subject\.cpp:\d+)? +[^\n]*\n"
        block = rf"holdwatch top  \d+ \S+  [\d:]+Z\n3 locks held over LIMIT 200ms, 4 threads wait, \S+ lost\n *HELD [^\n]*DOING\n(?:{row}){{3}}\n"
        done.expect(0, f"(?:{block}){{2}}")
        assert "\033" not in done.out
        colored = launcher.call(HOLDWATCH, "top", process.pid, "--count", 1, "--color", "always")
        assert "\033[1;33m" in colored.out and not colored.err, colored
        with subprocess.Popen([HOLDWATCH, "top", str(process.pid), "--interval", "100ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=launcher.environment()) as piped:
            piped.stdout.readline()
            piped.stdout.close()
            assert piped.stderr.read() == b""
            assert piped.wait(DEADLINE_S) in (-signal.SIGPIPE, 0)


def respects_no_color():
    """no colors with NO_COLOR or --color never; a simple terminal gets lines of text"""
    with subject() as process:
        for options, variables, colored in (((), {}, True), ((), {"NO_COLOR": "1"}, False), (("--color", "never"), {}, False),
                                            (("--color=always",), {"NO_COLOR": "1"}, True)):
            with on_terminal(process.pid, *options, **variables) as top:
                top.wait_for_locks(*ROOTS)
                seen = top.screen.colors_seen
                assert bool(seen) == colored, f"{options} {variables}: colors {seen}"
                top.press("q")
                top.end(0)
        for name in ("dumb", "no-such-terminal"):
            with on_terminal(process.pid, "--count", "1", TERM=name, NO_COLOR="1") as top:
                text = top.end(0)
                assert "accounts" in text and "\033" not in top.terminal.raw, repr(top.terminal.raw)
        with on_terminal(process.pid, LC_ALL="C") as top:
            top.wait_for("` L")
            assert top.screen.text().isascii(), top.screen.text()
            top.press("q")
            top.end(0)


def refuses_in_one_line():
    """what cannot be asked; the status is that of snapshot"""
    def refused(pid, pattern):
        done = launcher.call(HOLDWATCH, "top", pid)
        done.expect(1, "", f"holdwatch: {pattern}\n")
        assert done.err == launcher.call(HOLDWATCH, "snapshot", pid).err, "snapshot says something else"

    refused(4194305, "no such process: 4194305")
    with subject(watched=False) as process:
        refused(process.pid, rf"{process.pid} \(\S+\) is not watched: to watch it: holdwatch attach {process.pid}")
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        refused(process.pid, rf"{process.pid} \(\S+\) has exited")
    launcher.call(HOLDWATCH, "top").expect_bad_use("usage: holdwatch top PID")
    for words, text in ((["x"], "invalid process id 'x'"), (["1", "2"], "too many arguments"), (["--foo", "1"], "unknown option --foo"),
                        (["1", "--interval", "1ms"], "at least 100ms"), (["1", "--interval"], "--interval requires a value"),
                        (["1", "--count", "0"], "a number above 0"), (["1", "--color", "red"], "auto, always, never")):
        launcher.call(HOLDWATCH, "top", *words).expect_bad_use(text)
    if abilities.left_out(abilities.no_root()):
        return
    with subject() as process:
        done = subprocess.run([HOLDWATCH, "top", str(process.pid)], user=65534, group=65534, extra_groups=[], env=launcher.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and re.fullmatch(rf"holdwatch: {process.pid} \(\S+\) belongs to root: run this as root \(sudo\)\n",
                                                     done.stderr), done


def ends_with_the_watch():
    """a process that is detached from"""
    abilities.skip_if(abilities.no_attaching())
    with subject(watched=False) as process:
        attached = launcher.call(HOLDWATCH, "attach", process.pid, "--limit", "200ms", "--log", "none")
        assert attached.status == 0, attached
        with on_terminal(process.pid) as top:
            top.wait_for("accounts")
            detached = launcher.call(HOLDWATCH, "detach", process.pid)
            assert detached.status == 0, detached
            top.end(1, rf"holdwatch: {process.pid} \(\S+\) is not watched any more: [^\n]*\n")


CASES = {case.__name__: case for case in (
    shows_the_worst_first, sorts_by_keys, unfolds_stacks, follows_the_size, helps_and_pauses, says_when_nothing_is_held, shows_a_deadlock,
    restores_the_terminal, stops_and_goes_on, waits_for_a_stopped_process, prints_lines_into_a_pipe, respects_no_color, refuses_in_one_line,
    ends_with_the_watch)}


if __name__ == "__main__":
    abilities.skip_if(abilities.no_tracing())
    launcher.run_cases([CASES[name] for name in sys.argv[4:]] or CASES.values())
