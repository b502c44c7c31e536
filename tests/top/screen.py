"""A terminal: a pseudo-terminal with a program on it, and the screen that its output makes."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from expectations import wait_until  # pylint: disable=wrong-import-position

KEYS = {"up": "\033OA", "down": "\033OB", "right": "\033OC", "left": "\033OD", "enter": "\r", "home": "\033OH", "end": "\033OF",
        "page_up": "\033[5~", "page_down": "\033[6~"}
# Control sequences, other escapes, and everything else one by one.
TOKEN = re.compile(r"\033\[(?P<private>[?>]?)(?P<numbers>[\d;]*)(?P<final>[@-~])|\033\](?:[^\007\033]*)(?:\007|\033\\)"
                   r"|\033[()](?P<set>.)|\033(?P<escape>[^\[\]()])|(?P<character>[^\033])", re.DOTALL)
DRAWN = str.maketrans("qxmtj", "─│└├┘")


class Screen:
    """What a terminal like xterm shows after that output."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.x = self.y = 0
        self.style = frozenset()
        self.is_alternate = False
        self.is_cursor_shown = True
        self.draws_lines = False
        self.last = " "
        self.rest = ""
        self.margins = (0, rows - 1)
        self.colors_seen = set()
        self.clear()

    def clear(self):
        self.cells = [[(" ", frozenset())] * self.columns for _ in range(self.rows)]

    def resize(self, columns, rows):
        self.columns, self.rows, self.margins = columns, rows, (0, rows - 1)
        self.cells = [(row + [(" ", frozenset())] * columns)[:columns] for row in self.cells]
        self.cells = (self.cells + [[(" ", frozenset())] * columns for _ in range(rows)])[:rows]
        self.x, self.y = min(self.x, columns - 1), min(self.y, rows - 1)

    def lines(self):
        return ["".join(character for character, _ in row).rstrip() for row in self.cells]

    def text(self):
        return "\n".join(self.lines())

    def styled(self, style):
        """The texts that are shown so, line by line."""
        rows = ("".join(character if style in styles else "\0" for character, styles in row) for row in self.cells)
        return [part for row in rows for part in row.split("\0") if part]

    def feed(self, text):
        text = self.rest + text
        end = 0
        while found := TOKEN.match(text, end):
            end = found.end()
            self.take(found)
        self.rest = text[end:]

    def take(self, found):
        if found["character"]:
            self.put(found["character"])
        elif found["set"]:
            self.draws_lines = found["set"] == "0"
        elif found["final"]:
            numbers = [int(number) if number else 0 for number in found["numbers"].split(";")]
            if found["private"]:
                self.set_mode(numbers, found["final"] == "h")
            else:
                self.control(found["final"], numbers)
        elif found["escape"] == "M":
            self.scroll_back()

    def set_mode(self, numbers, on):
        if 1049 in numbers:
            self.is_alternate = on
            self.clear()
        if 25 in numbers:
            self.is_cursor_shown = on

    def put(self, character):
        if character == "\r":
            self.x = 0
        elif character == "\n":
            self.line_feed()
        elif character == "\b":
            self.x = max(self.x - 1, 0)
        elif character >= " ":
            if self.x >= self.columns:
                self.x = 0
                self.line_feed()
            self.last = character.translate(DRAWN) if self.draws_lines else character
            self.cells[self.y][self.x] = (self.last, self.style)
            self.x += 1

    def line_feed(self):
        first, last = self.margins
        if self.y < last:
            self.y += 1
        else:
            self.cells[first:last + 1] = self.cells[first + 1:last + 1] + [[(" ", frozenset())] * self.columns]

    def scroll_back(self):
        first, last = self.margins
        if self.y > first:
            self.y -= 1
        else:
            self.cells[first:last + 1] = [[(" ", frozenset())] * self.columns] + self.cells[first:last]

    def control(self, final, numbers):
        count = max(numbers[0], 1)
        row = self.cells[self.y]
        blank = (" ", self.style & {"reverse"})
        if final in "Hf":
            self.y = min(count, self.rows) - 1
            self.x = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif final in "AB":
            self.y = min(max(self.y + (count if final == "B" else -count), 0), self.rows - 1)
        elif final in "CD":
            self.x = min(max(self.x + (count if final == "C" else -count), 0), self.columns - 1)
        elif final == "G":
            self.x = min(count, self.columns) - 1
        elif final == "d":
            self.y = min(count, self.rows) - 1
        elif final == "J":
            self.erase_screen(numbers[0])
        elif final == "K":
            begin, end = {0: (self.x, self.columns), 1: (0, self.x + 1), 2: (0, self.columns)}[numbers[0]]
            row[begin:end] = [(" ", frozenset())] * (end - begin)
        elif final == "X":
            row[self.x:self.x + count] = [blank] * len(row[self.x:self.x + count])
        elif final == "P":
            self.cells[self.y] = (row[:self.x] + row[self.x + count:] + [blank] * count)[:self.columns]
        elif final == "@":
            self.cells[self.y] = (row[:self.x] + [blank] * count + row[self.x:])[:self.columns]
        elif final in "LM":
            self.move_lines(final == "L", count)
        elif final == "S":
            self.y, kept = self.margins[1], self.y
            for _ in range(count):
                self.line_feed()
            self.y = kept
        elif final == "T":
            self.y, kept = self.margins[0], self.y
            for _ in range(count):
                self.scroll_back()
            self.y = kept
        elif final == "b":
            for _ in range(count):
                self.put(self.last)
        elif final == "r":
            self.margins = (count - 1, (numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1)
            self.x = self.y = 0
        elif final == "m":
            self.set_style(numbers)

    def erase_screen(self, which):
        blank = [(" ", frozenset())]
        if which == 2:
            self.clear()
        elif which == 0:
            self.cells[self.y][self.x:] = blank * (self.columns - self.x)
            self.cells[self.y + 1:] = [blank * self.columns for _ in self.cells[self.y + 1:]]
        else:
            self.cells[self.y][:self.x + 1] = blank * (self.x + 1)
            self.cells[:self.y] = [blank * self.columns for _ in self.cells[:self.y]]

    def move_lines(self, inserts, count):
        last = self.margins[1]
        blank = [[(" ", frozenset())] * self.columns for _ in range(count)]
        part = self.cells[self.y:last + 1]
        part = blank + part[:len(part) - count] if inserts else part[count:] + blank[:len(part)]
        self.cells[self.y:last + 1] = part[:last + 1 - self.y]

    def set_style(self, numbers):
        names = {1: "bold", 4: "underline", 7: "reverse"}
        offs = {22: "bold", 24: "underline", 27: "reverse"}
        style = set(self.style)
        for number in numbers:
            if number == 0:
                style = set()
            elif number in names:
                style.add(names[number])
            elif number in offs:
                style.discard(offs[number])
            elif 30 <= number <= 47 or 90 <= number <= 107:
                style = {one for one in style if not one.startswith("color" if number not in range(40, 48) else "back")}
                if number not in (39, 49):
                    self.colors_seen.add(number)
                    style.add(("color" if number not in range(40, 48) else "back") + str(number))
        self.style = frozenset(style)


class Terminal:
    """A pseudo-terminal whose output is shown on a screen."""

    def __init__(self, columns=100, rows=30):
        self.ours, self.theirs = pty.openpty()
        self.screen = Screen(columns, rows)
        self.set_size(columns, rows)
        self.raw = ""

    def set_size(self, columns, rows):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        """The kernel sends SIGWINCH to the foreground process group."""
        self.read()
        self.screen.resize(columns, rows)
        self.set_size(columns, rows)

    def modes(self):
        return termios.tcgetattr(self.theirs)

    def press(self, *keys):
        for key in keys:
            os.write(self.ours, KEYS.get(key, key).encode())

    def read(self):
        while select.select([self.ours], [], [], 0)[0]:
            try:
                text = os.read(self.ours, 65536).decode(errors="replace")
            except OSError:
                return
            if not text:
                return
            self.raw += text
            self.screen.feed(text)

    def wait_for(self, what, happened=None):
        """Until the text is on the screen, or until the function says so of the screen."""
        def is_there():
            self.read()
            return happened(self.screen) if happened else re.search(what, self.screen.text(), re.MULTILINE)
        try:
            return wait_until(what, is_there)
        except BaseException as failure:
            raise AssertionError(f"{failure}; the screen:\n{self.screen.text()}") from failure

    def close(self):
        for descriptor in (self.ours, self.theirs):
            try:
                os.close(descriptor)
            except OSError:
                pass
