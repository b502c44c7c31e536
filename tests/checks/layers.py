#!/usr/bin/env python3
"""Checks every #include of the program against the table of what each folder may know.

    layers.py SOURCE_ROOT

If an include breaks the table, suspect the design first, then the table.
"""

import pathlib
import re
import sys

# The plain structs that both shared objects have in common, and what headers lack.
SHARED = {"shim/common/contract/finding.h", "shim/common/contract/period.h", "shim/common/contract/settings.h", "shim/common/kernel/system_call_numbers.h"}

# Folder or file: the folders and files of ours that it may include. The longest key that fits a path counts.
MAY_INCLUDE = {
    "shim/base": {"shim/base"},
    "shim/interpose": {"shim/interpose", "shim/base", "shim/record"},
    "shim/record": {"shim/record", "shim/base"},
    "shim/capture": {"shim/capture", "shim/base"},
    "shim/watch": {"shim/watch", "shim/base", "shim/record", "shim/capture", "shim/common/contract/symbolizer_api.h"},
    # A process that is attached to: its calls are turned to the hooks, its watch begins and ends.
    "shim/attach": {"shim/attach", "shim/base", "shim/interpose/real_functions.h", "shim/common/glibc/hooked_functions.def",
                    "shim/capture", "shim/watch"},
    # The start order, and the public functions, which reach into several stages by their nature.
    "shim/lifecycle.cpp": {"shim"},
    "shim/public_api.cpp": {"shim/holdwatch.h", "shim/base", "shim/record", "shim/watch"},
    "shim/asan_options.cpp": set(),
    "shim/holdwatch.h": set(),
    "symbolizer/unwind": {"symbolizer/unwind", "shim/common/contract/lock_call_note.h"} | SHARED,
    "symbolizer/symbols": {"symbolizer/symbols", "symbolizer/unwind/modules.h", "symbolizer/unwind/elf_notes.h"} | SHARED,
    "symbolizer/cause": {"symbolizer/cause", "symbolizer/unwind/memory.h"} | SHARED,
    "symbolizer/report": {"symbolizer/report", "symbolizer/symbols/symbols.h"} | SHARED,
    # A program of its own, made of all stages of the symbolizer; what it reads in /proc and in a lock, the shim can parse
    # already.
    "symbolizer/inspect": {"symbolizer", "shim/inspection/task_files.h", "shim/common/glibc/lock_layout.h"} | SHARED,
    # The one place that knows all stages of the symbolizer.
    "symbolizer/api.cpp": {"symbolizer"} | SHARED,
    "shim/common/contract/symbolizer_api.h": SHARED,
    "symbolizer/own_namespace.cpp": {"symbolizer/own_namespace.h"},
    "symbolizer/own_namespace.h": set(),
    # Helpers of scripts/holdwatch.
    "symbolizer/launcher": {"symbolizer/launcher", "shim/base", "symbolizer/symbols/elf_sections.h"},
    "symbolizer/launcher/doctor": {"symbolizer/launcher", "shim/base", "symbolizer/symbols/program_file.h",
                                   "symbolizer/control", "symbolizer/report/program_path.h", "symbolizer/unwind/auxiliary.h",
                                   "symbolizer/unwind/process_memory.h"},
    # What reaches into another process: the block that it finds there, and the unwinder, which serves any process.
    "symbolizer/control": {"symbolizer/control", "symbolizer/tools/missing_libraries.h", "shim/common/contract/control_block.h", "shim/common/options/option_values.h", "symbolizer/unwind"} | SHARED,
}

# A library's headers, and the one folder that may use them.
SOLE_USERS = {
    r"libunwind": "symbolizer/unwind",
    r"elfutils/|dwarf\.h|gelf\.h|libelf\.h|lzma|zlib\.h": "symbolizer/symbols",
    r"spdlog/|fmt/": "symbolizer/report",
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


def own_include_faults(path, included, root):
    allowed = rule_for(path)
    if allowed is None:
        return [f"{path} is in no layer: add it to {pathlib.Path(__file__).name}"]
    if not (root / included).exists():
        return [f'{path} includes "{included}", which is no path from the top of the repository']
    if is_allowed(included, allowed):
        return []
    return [f'{path} includes "{included}", but may know only: {", ".join(sorted(allowed)) or "nothing of ours"}']


def system_include_faults(path, included):
    faults = []
    for pattern, folder in SOLE_USERS.items():
        if re.match(pattern, included) and not path.startswith(folder + "/"):
            faults.append(f"{path} includes <{included}>, which is {folder}'s alone")
    is_of_the_shim = path.startswith("shim/") and path != "shim/holdwatch.h"
    is_cpp_header = "." not in included and "/" not in included
    if is_of_the_shim and (included in SHIM_FORBIDDEN_HEADERS or
                           is_cpp_header and included not in SHIM_STANDARD_HEADERS):
        faults.append(f"{path} includes <{included}>, which the shim cannot do without libstdc++ or stdio")
    return faults


def main():
    root = pathlib.Path(sys.argv[1])
    faults, count = [], 0
    for file in sorted(file for top in ("shim", "symbolizer") for file in (root / top).rglob("*")):
        if file.suffix not in {".h", ".cpp", ".def"}:
            continue
        path = file.relative_to(root).as_posix()
        for quote, included in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', file.read_text(), re.MULTILINE):
            count += 1
            # options.def comes with settings.h, which is made of it.
            faults += own_include_faults(path, included, root) if quote == '"' else system_include_faults(path, included)
    print("\n".join(faults) if faults else f"{count} includes keep to their layers")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
