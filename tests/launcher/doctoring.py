"""What the tests of `holdwatch doctor` have in common: programs to ask it about, and what its answer must say."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import launcher
from launcher import abilities

HOLDWATCH, BUILD = map(os.path.realpath, sys.argv[1:3])
SHIM = f"{BUILD}/shim/libholdwatch.so"
HOLDER = f"{BUILD}/tests/launcher/holder"
NOBODY = 65534

LOCKS = "#include <pthread.h>\npthread_mutex_t m;\nint main(void) { return pthread_mutex_lock(&m); }\n"

WORK = Path(tempfile.mkdtemp(prefix="holdwatch-doctor-"))


def compile_c(name, source=LOCKS, *flags):
    path = WORK / name
    subprocess.run(["cc", "-xc", "-", "-O2", "-o", path, *flags], input=source, text=True, check=True)
    return path


def doctor(*argv, **options):
    return launcher.call(HOLDWATCH, "doctor", *argv, **options)


def expect(subject, status, *lines):
    """Each of `lines` (a regular expression) is one line of what the doctor says, and the status is right."""
    answer = doctor(subject)
    assert answer.status == status and answer.err == "", answer
    for line in lines:
        assert re.search(f"^{line}$", answer.out, re.MULTILINE), f"no line {line!r}: {answer}"
    return answer.out


def run(cases):
    """The command line's cases; their programs are deleted afterwards. Where the library cannot be preloaded, doctor finds fault with
    that whatever it is asked about."""
    abilities.skip_if(abilities.no_preloading(SHIM))
    try:
        launcher.run_cases(cases)
    finally:
        shutil.rmtree(WORK)
