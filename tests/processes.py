"""What /proc tells of a process that a test watches."""

import contextlib
from pathlib import Path


def thread_names(pid):
    """tid -> name of the threads that it has now; one that ends between two looks is none."""
    names = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            names[int(task.name)] = (task / "comm").read_text().strip()
    return names


def own_threads(pid):
    """The names of those that are holdwatch's."""
    return [name for name in thread_names(pid).values() if name.startswith("holdwatch")]
