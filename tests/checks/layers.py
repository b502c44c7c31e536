#!/usr/bin/env python3
"""Checks every #include of the program against the table of what each folder may know, and that none leads upwards, nor back: no
two folders include each other, directly or through others, and no two files.

    layers.py SOURCE_ROOT

If an include breaks the table, suspect the design first, then the table.
"""

import itertools
import pathlib
import re
import sys

COMMON = {"shim/common"}
BASE = {"shim/base"} | COMMON
OWN_THREADS = {"shim/own_threads"} | BASE
# A thread's record has two audiences: its thread, in lock calls, and whoever reads the records of others.
IN_LOCK_CALLS = {f"shim/record/{name}.h" for name in (
    "acquire_slow", "current_record", "hand_over", "hold_levels", "hold_notes", "learnt_enders", "lock_registry", "lock_word", "owner_record",
    "repeated_waits", "stamp")} | OWN_THREADS
RECORD = {f"shim/record/{name}.h" for name in (
    "call_sites", "current_record", "ended_holds", "held_slot", "learnt_enders", "lock_registry", "lock_word", "repeated_waits", "spare_memory", "stamp",
    "thread_record", "thread_table", "view", "view_walk")} | OWN_THREADS
INSPECTION = {"shim/inspection", "shim/timing"} | RECORD
HANDOFF = {"shim/handoff"} | INSPECTION
FALLBACK = {"shim/fallback"} | HANDOFF
PROC_TEXT = {"symbolizer/proc"} | COMMON

# Folder or file: the folders and files of ours that it may include. The longest key that fits a path counts. The rows go from the
# lowest layer up: none may include what a later row is about.
MAY_INCLUDE = {
    # What crosses boundaries, and pure parsers: no state, libc alone.
    "shim/common/kernel": {"shim/common/kernel"},
    "shim/common/contract": {"shim/common/contract"},
    "shim/common/text": {"shim/common/text", "shim/common/contract"},
    "shim/common/options": {"shim/common/options", "shim/common/contract", "shim/common/text", "shim/common/kernel"},
    "shim/common/proc": {"shim/common/proc", "shim/common/contract", "shim/common/text/digits.h"},
    "shim/common/elf": {"shim/common/elf", "shim/common/kernel"},
    "shim/common/waits": {"shim/common/waits"},
    "shim/common/glibc": {"shim/common/glibc", "shim/common/contract", "shim/common/kernel",
                          "shim/common/proc/memory_range.h", "shim/common/text/digits.h"},
    "shim/base": BASE,
    "shim/own_threads": OWN_THREADS,
    "shim/record": {"shim/record"} | OWN_THREADS,
    "shim/interpose": {"shim/interpose"} | IN_LOCK_CALLS,
    # A thread's first lock call, and its making of another: both need memory for a record.
    "shim/interpose/begin_watch.cpp": {"shim/interpose", "shim/record/thread_table.h"} | IN_LOCK_CALLS,
    "shim/timing": {"shim/timing"} | RECORD,
    "shim/inspection": INSPECTION,
    # The owner of the records that it keeps for threads which have none of their own.
    "shim/inspection/inference.cpp": {"shim/record/owner_record.h", "shim/record/acquire_slow.h"} | INSPECTION,
    "shim/handoff": HANDOFF,
    "shim/fallback": FALLBACK,
    # The two threads, which know each other by handoff alone.
    "shim/watch": {"shim/watch"} | FALLBACK,
    "shim/reporter": {"shim/reporter"} | FALLBACK,
    # A process that is attached to: its calls are turned to the hooks, its watch begins and ends.
    "shim/attach": {"shim/attach", "shim/interpose/real_functions.h", "shim/inspection"} | OWN_THREADS,
    # The start order, what lower layers may call in higher ones, and the public functions, which reach into several layers by
    # their nature.
    "shim/lifecycle": {"shim"},
    "shim/holdwatch.h": set(),
    "shim/public_api.cpp": {"shim/holdwatch.h", "shim/watch/watcher.h", "shim/reporter/report_callback.h"} | RECORD,
    "shim/asan_options.cpp": set(),
    # The reader of /proc for the symbolizer and the tools. The shim has its own (inspection/task_files), which counts with filters.
    "symbolizer/proc": {"symbolizer/proc", "shim/common/text/digits.h"},
    # The instructions of the processor: pure.
    "symbolizer/x86": {"symbolizer/x86"},
    "symbolizer/unwind": {"symbolizer/unwind", "symbolizer/x86"} | PROC_TEXT,
    "symbolizer/symbols": {"symbolizer/symbols", "symbolizer/unwind/modules.h", "symbolizer/unwind/elf_notes.h"} | COMMON,
    "symbolizer/activity": {"symbolizer/activity", "symbolizer/unwind/memory.h", "symbolizer/unwind/known_registers.h",
                            "symbolizer/x86"} | PROC_TEXT,
    "symbolizer/waits": {"symbolizer/waits", "symbolizer/activity", "symbolizer/symbols/symbols.h", "symbolizer/unwind"} | PROC_TEXT,
    # What the frames of a stack will release. Which function a thread blocks in is asked of waits.
    "symbolizer/guards": {"symbolizer/guards", "symbolizer/unwind", "symbolizer/x86", "symbolizer/waits/innermost_functions.h"} | COMMON,
    "symbolizer/report": {"symbolizer/report", "symbolizer/symbols/symbols.h"} | PROC_TEXT,
    # Where a report goes.
    "symbolizer/outputs": {"symbolizer/outputs", "symbolizer/report"} | PROC_TEXT,
    "symbolizer/own_namespace.h": set(),
    "symbolizer/own_namespace.cpp": {"symbolizer/own_namespace.h"},
    # Joins activity and waits with the stacks and names that they need.
    "symbolizer/thread_activity.h": {"symbolizer/unwind", "symbolizer/activity", "symbolizer/waits"} | COMMON,
    "symbolizer/thread_activity.cpp": {"symbolizer/thread_activity.h", "symbolizer/unwind", "symbolizer/activity", "symbolizer/waits"} | PROC_TEXT,
    # The same of guards.
    "symbolizer/holders_by_code.h": {"symbolizer/unwind", "symbolizer/guards", "symbolizer/waits"} | COMMON,
    "symbolizer/holders_by_code.cpp": {"symbolizer/holders_by_code.h", "symbolizer/guards", "symbolizer/waits"} | PROC_TEXT,
    # The one place that knows all stages of the symbolizer.
    "symbolizer/api.cpp": {"symbolizer/proc/monotonic_clock.h", "symbolizer/thread_activity.h", "symbolizer/holders_by_code.h", "symbolizer/guards/capstone.h", "symbolizer/unwind", "symbolizer/symbols", "symbolizer/activity", "symbolizer/waits",
                           "symbolizer/report", "symbolizer/outputs", "symbolizer/own_namespace.h"} | COMMON,
    # Capstone alone, for the symbolizer of a process that is attached to.
    "symbolizer/decoder": {"symbolizer/guards/capstone.h"},
    # What a user types. Programs of their own.
    "symbolizer/tools": {"symbolizer/tools", "symbolizer/unwind/libunwind.h", "symbolizer/symbols/elf_sections.h"} | PROC_TEXT,
    # The parser of command lines, for each of them.
    "symbolizer/tools/command_line": {"symbolizer/tools/command_line", "shim/common/text"},
    "symbolizer/tools/launcher": {"symbolizer/tools/launcher", "symbolizer/tools/command_line"} | COMMON,
    # What the scheduler says of threads of other processes.
    "symbolizer/tools/scheduler": {"symbolizer/tools/scheduler"} | PROC_TEXT,
    # What reaches into another process: the block that it finds there, and the unwinder, which serves any process.
    "symbolizer/tools/attach": {"symbolizer/tools/attach", "symbolizer/tools/command_line", "symbolizer/tools/process_state.h",
                                "symbolizer/tools/missing_libraries.h", "symbolizer/tools/scheduler", "symbolizer/unwind"} | PROC_TEXT,
    "symbolizer/tools/doctor": {"symbolizer/tools", "symbolizer/symbols/program_file.h", "symbolizer/report/program_path.h", "symbolizer/report/color.h",
                                "symbolizer/unwind"} | PROC_TEXT,
    # Made of all stages of the symbolizer.
    "symbolizer/tools/inspect": {"symbolizer/tools/inspect", "symbolizer/tools/command_line", "symbolizer/tools/process_state.h",
                                 "symbolizer/tools/missing_libraries.h", "symbolizer/tools/program_module.h", "symbolizer/tools/scheduler", "symbolizer/unwind",
                                 "symbolizer/symbols", "symbolizer/activity", "symbolizer/waits", "symbolizer/guards",
                                 "symbolizer/report"} | PROC_TEXT,
    # The list of a watched process, as the commands ask for it, and the looks at its threads of an inspection.
    "symbolizer/tools/top": {"symbolizer/tools/top", "symbolizer/tools/attach", "symbolizer/tools/inspect",
                             "symbolizer/tools/command_line", "symbolizer/tools/process_state.h",
                             "symbolizer/tools/program_module.h", "symbolizer/unwind", "symbolizer/symbols",
                             "symbolizer/activity", "symbolizer/waits", "symbolizer/report"} | PROC_TEXT,
}

# A library's headers, and the folders that may use them.
SOLE_USERS = {
    r"libunwind": {"symbolizer/unwind"},
    r"elfutils/|dwarf\.h|gelf\.h|libelf\.h|lzma|zlib\.h": {"symbolizer/symbols"},
    r"capstone/": {"symbolizer/guards"},
    r"curses\.h|term\.h": {"symbolizer/tools/top"},
    r"spdlog/": {"symbolizer/outputs"},
    r"fmt/": {"symbolizer/report", "symbolizer/outputs", "symbolizer/tools/top"},
}

# What of the C++ library is header-only as far as the shim needs it; the rest would need libstdc++ at run time.
SHIM_STANDARD_HEADERS = {
    "algorithm", "array", "atomic", "bit", "cerrno", "climits", "concepts", "csignal", "cstddef", "cstdint", "cstdlib", "cstring",
    "ctime", "initializer_list", "limits", "new", "optional", "string_view", "type_traits", "utility",
}
SHIM_FORBIDDEN_HEADERS = {"stdio.h", "iostream"}


def rule_for(path):
    fitting = [key for key in MAY_INCLUDE if path == key or path.startswith(key + "/")]
    return MAY_INCLUDE[max(fitting, key=len)] if fitting else None


def is_allowed(included, allowed):
    return any(included == one or included.startswith(one + "/") for one in allowed)


def layer(path):
    """The row of a path: the lower the layer, the smaller. -1 without one."""
    fitting = [key for key in MAY_INCLUDE if path == key or path.startswith(key + "/")]
    return list(MAY_INCLUDE).index(max(fitting, key=len)) if fitting else -1


def own_include_faults(path, included, root):
    allowed = rule_for(path)
    if allowed is None:
        return [f"{path} is in no layer: add it to {pathlib.Path(__file__).name}"]
    if not (root / included).exists():
        return [f'{path} includes "{included}", which is no path from the top of the repository']
    if layer(included) > layer(path):
        return [f'{path} includes "{included}", which is in a higher layer: see the order of the rows']
    if is_allowed(included, allowed):
        return []
    return [f'{path} includes "{included}", but may know only: {", ".join(sorted(allowed)) or "nothing of ours"}']


def system_include_faults(path, included):
    faults = []
    for pattern, folders in SOLE_USERS.items():
        if re.match(pattern, included) and not any(path.startswith(folder + "/") for folder in folders):
            faults.append(f"{path} includes <{included}>, which only {' and '.join(sorted(folders))} may use")
    is_of_the_shim = path.startswith("shim/") and path != "shim/holdwatch.h"
    is_cpp_header = "." not in included and "/" not in included
    if is_of_the_shim and (included in SHIM_FORBIDDEN_HEADERS or
                           is_cpp_header and included not in SHIM_STANDARD_HEADERS):
        faults.append(f"{path} includes <{included}>, which the shim cannot do without libstdc++ or stdio")
    return faults


def cycle(includes):
    """A way that leads back to where it began, in a graph given as what each node includes; empty if there is none."""
    finished = set()

    def way_back(node, way):
        if node in way:
            return [*way[way.index(node):], node]
        if node in finished:
            return []
        found = next(filter(None, (way_back(other, [*way, node]) for other in sorted(includes.get(node, ())))), [])
        finished.add(node)
        return found

    return next(filter(None, map(way_back, sorted(includes), itertools.repeat([]))), [])


def cycle_faults(includes):
    """`includes`: pairs of a file and a file that it includes."""
    files, folders = {}, {}
    for path, included in includes:
        files.setdefault(path, set()).add(included)
        folder, other = (str(pathlib.PurePath(name).parent) for name in (path, included))
        if folder != other:
            folders.setdefault(folder, set()).add(other)
    for kind, graph in (("files", files), ("folders", folders)):
        found = cycle(graph)
        if found:
            yield f"{kind} include each other: {' -> '.join(found)}"


def main():
    root = pathlib.Path(sys.argv[1])
    faults, includes, count = [], [], 0
    for file in sorted(file for top in ("shim", "symbolizer") for file in (root / top).rglob("*")):
        if file.suffix not in {".h", ".cpp", ".def"}:
            continue
        path = file.relative_to(root).as_posix()
        for quote, included in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', file.read_text(), re.MULTILINE):
            count += 1
            if quote == '"':
                includes.append((path, included))
                faults += own_include_faults(path, included, root)
            else:
                faults += system_include_faults(path, included)
    faults += cycle_faults(includes)
    print("\n".join(faults) if faults else f"{count} includes keep to their layers")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
