#!/usr/bin/env python3
"""Checks that what has a parser of its own is parsed nowhere else, and what has a writer is written nowhere else: two that read the
same bytes, or write the same words, come to differ.

    parsers.py SOURCE_ROOT

Each rule names what only a parser of that kind would write, and where that parser is. Reading values through it is free.
"""

import pathlib
import re
import sys

STATUS_FIELDS = ("State|Tgid|Ngid|Pid|PPid|TracerPid|Uid|Gid|NStgid|NSpid|Vm[A-Z]\\w+|Threads|SigQ|SigPnd|ShdPnd|SigBlk|SigIgn|"
                 "SigCgt|Cap[A-Z]\\w+|NoNewPrivs|Seccomp|Seccomp_filters|voluntary_ctxt_switches|nonvoluntary_ctxt_switches")

# What is parsed, what gives a parser of it away, a line that does, where the one is, and which other files may have it, with the reason.
RULES = (
    ("headers and dynamic sections of ELF objects",
     r"\bELFMAG\b|\be_ident\b|\be_phoff\b|\be_phentsize\b|\be_shoff\b|\be_shentsize\b|\bDT_[A-Z]+",
     "if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)", "shim/common/elf/",
     {"symbolizer/symbols/private_copy.cpp": "writes the header of a copy"}),
    ("hash tables of ELF symbols", r"\b5381\b", "uint32_t hash = 5381;", "shim/common/elf/dynamic_table.h", {}),
    ("ELF notes", r"\bElf64_Nhdr\b|\bn_descsz\b", "Elf64_Nhdr header;", "shim/common/elf/notes.h", {}),
    ("build ids", r"\bNT_GNU_BUILD_ID\b", "if (type == NT_GNU_BUILD_ID)", "shim/common/elf/notes.cpp", {}),
    ("/proc/PID/status", rf'"(?:\\n)?(?:{STATUS_FIELDS}):', 'text.find("\\nTgid:")', "shim/common/proc/thread_files.cpp", {}),
    # The thread's name in it may have any character: the fields begin behind the last bracket.
    ("/proc/PID/stat", r"rfind\('\)'\)", "stat.rfind(')')", "shim/common/proc/thread_files.cpp", {}),
    ("/proc/PID/maps", r"separator\('-'\)|%l?l?x-%l?l?x|\bmaps\w*\.r?find\(", 'sscanf(line, "%lx-%lx %4s", &from, &to, how)',
     "shim/common/proc/maps_line.cpp", {}),
    ("numbers in text", r"\bfrom_chars\b|\bstrto(?:l|u|d|f|imax)\w*\(|\bscanf\b|\bsscanf\b|\bato(?:i|l|ll|f)\(|\bsto(?:i|l|u|d|f)\w*\(|"
     r"\*\s*10\s*\+|\b10\s*\*\s*\w+\s*\+|-\s*'0'", "number = number * 10 + (*at - '0');", "shim/common/text/digits.h", {}),
    ("durations", r'"\s?(?:ns|us|ms|min)"|(?:%[\d.l]*[a-z]|\{[^{}"]*\}) ?(?:ns|us|ms|min)\b', 'text += std::to_string(ns / 1000) + " us";',
     "shim/common/text/text_buffer.h",
     {"shim/common/options/option_values.cpp": "values of options, which are parsed too: 250ms",
      "symbolizer/tools/attach/commands.cpp": "always in milliseconds: scripts compare it",
      "symbolizer/tools/inspect/live_process.cpp": "an upper bound, which is rounded up",
      "symbolizer/tools/top/table_text.cpp": "in six columns of a table: 14m03s"}),
    ("names and other text from outside", r"\bput_escaped\(|(?<!<)<\s*(?:0x20|' ')", "if (byte < 0x20 || byte == 0x7f)",
     "shim/common/text/", {"symbolizer/symbols/unicode.h": "not for printing: an escape in a name that no compiler writes"}),
    ("fields of glibc's locks", r"\b__data\.__|\b__size\[", "mutex.__data.__owner", "shim/common/glibc/", {}),
    ("hexadecimal digits", r'"0123456789abcdef"|%02x|:02x', 'text += "0123456789abcdef"[byte >> 4];', "shim/common/text/digits.h", {}),
    ("instructions", r"\bmodrm\b", "const int mode = modrm >> 6;", "symbolizer/x86/encoding.cpp",
     {"shim/common/glibc/interrupted_call.cpp": "compares the bytes of a few known instructions"}),
    ("command lines", r"\bgetopt|==\s*\"--[a-z]|starts_with\(\"--|\"-h\"", 'if (word == "--help")',
     "symbolizer/tools/command_line/argument_reader.cpp", {}),
)


def faults_of(path, text):
    code = re.sub(r"//[^\n]*", "", text)
    for what, pattern, _, home, exceptions in RULES:
        found = re.search(pattern, code)
        if found and not path.startswith(home) and path not in exceptions:
            line = code.count("\n", 0, found.start()) + 1
            yield f"{path}:{line}: {found[0]!r}: {what} are the business of {home} alone"


def faults_of_rules(texts):
    """A rule that fits nothing checks nothing; an exception that is none any more hides the next one."""
    for what, pattern, example, home, exceptions in RULES:
        if not re.search(pattern, example) or not any(path.startswith(home) for path in texts):
            yield f"{what}: the rule does not fit its example, or there is no {home}"
        yield from (f"{what}: the exception {path} is not needed" for path in exceptions
                    if not re.search(pattern, texts.get(path, "")))


def main():
    root = pathlib.Path(sys.argv[1])
    texts = {file.relative_to(root).as_posix(): file.read_text() for top in ("shim", "symbolizer")
             for file in sorted((root / top).rglob("*")) if file.suffix in {".h", ".cpp"}}
    faults = [fault for path, text in texts.items() for fault in faults_of(path, text)] + list(faults_of_rules(texts))
    print("\n".join(faults) if faults else f"{len(RULES)} kinds of text and bytes have one parser each")
    return 1 if faults or not texts else 0


if __name__ == "__main__":
    sys.exit(main())
