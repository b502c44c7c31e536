#!/usr/bin/env python3
"""The launcher works from a tree that was moved after the build, and says in one line what to do where it cannot.

    moved.py SOURCE_ROOT BUILD_DIRECTORY

The tree is played by a copy of what the launcher uses.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import launcher
from launcher import abilities

SOURCE, BUILD = (Path(os.path.realpath(path)) for path in sys.argv[1:3])
BUILT = ("scripts/holdwatch", "scripts/layout.sh", "shim/libholdwatch.so", "symbolizer/libholdwatch-symbolizer.so",
         "symbolizer/tools/attach/control", "symbolizer/tools/doctor/doctor", "symbolizer/tools/inspect/holdwatch-inspect",
         "symbolizer/tools/inspect/libholdwatch-inspect.so", "symbolizer/tools/launcher/arguments",
         "symbolizer/tools/launcher/program", "symbolizer/tools/launcher/starter")


def copy_build(directory):
    for name in BUILT:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUILD / name, directory / name)


def copy_tree(top):
    """Returns the place of the build directory."""
    shutil.copytree(SOURCE / "scripts", top / "scripts")
    build = top / BUILD.relative_to(SOURCE)
    copy_build(build)
    return build


def everything_works(program, build):
    """from where it is now: the library and the helpers of that place"""
    library = build / "shim/libholdwatch.so"
    launcher.call(program, "--help").expect(0, "Usage: .*  run .*")
    launcher.call(program, "help", "attach").expect(0, "Usage: holdwatch attach.*--limit.*")
    launcher.call(program, "run", "sh", "-c", "echo $LD_PRELOAD").expect(0, f"{re.escape(str(library))}\n")
    launcher.call(program, "doctor").expect(0, f".*ok +library +{re.escape(str(library))} loads.*ok +names .*")
    launcher.call(program, "inspect", "999999999").expect(1, "", "holdwatch: no such process: 999999999\n")
    launcher.call(program, "detach", "999999999").expect(1, "", "holdwatch: no such process: 999999999\n")


def whole_tree_is_moved(scratch):
    """source and build directory together, as by mv"""
    if BUILD.parent != SOURCE or BUILD.name != "build":
        abilities.left_out(f"the build directory {BUILD} is not build/ in the source tree")
        return
    build = copy_tree(scratch / "moved")
    everything_works(build / "scripts/holdwatch", build)
    everything_works(scratch / "moved/scripts/holdwatch", build)
    for place in ("moved/scripts", "moved/build/scripts"):
        link = scratch / "link"
        link.symlink_to(scratch / place)
        everything_works(link / "holdwatch", build)
        link.unlink()


def build_directory_alone_is_moved(scratch):
    """one line that says what is missing and how to mend it, whatever was typed"""
    build = scratch / "alone" / "build"
    copy_build(build)
    layout = build / "scripts/layout.sh"
    layout.write_text(re.sub("^commands=.*$", "commands=/nowhere/scripts/commands", layout.read_text(), flags=re.MULTILINE))
    for words in (("doctor",), ("--help",), ("help", "run"), ("run", "true"), ("nonsense",)):
        launcher.call(build / "scripts/holdwatch", *words).expect(
            1, "", r"holdwatch: the commands are not in /nowhere/scripts/commands: [^\n*]* moved; to fix it, [^\n*]*"
            r"scripts/configure BUILD_DIRECTORY\n")


def not_built(scratch):
    """a source tree without a build: one line that says what to type"""
    top = scratch / "source"
    shutil.copytree(SOURCE / "scripts", top / "scripts")
    for words in (("doctor",), ("--help",)):
        launcher.call(top / "scripts/holdwatch", *words).expect(
            1, "", rf"holdwatch: no layout\.sh in {top}/scripts/../build/scripts: build first \(meson setup build && meson compile -C build\)\n")


if __name__ == "__main__":
    abilities.skip_if(abilities.no_preloading(str(SOURCE)))
    with tempfile.TemporaryDirectory(prefix="holdwatch-moved-") as directory:
        launcher.run_cases([whole_tree_is_moved, build_directory_alone_is_moved, not_built], Path(os.path.realpath(directory)))
