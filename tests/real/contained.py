"""Runs a program in a file system of its own, as a container does: contained.py ROOT PROGRAM [ARGUMENT...]

To be started in new mount and PID namespaces, as the first process of the latter. Nothing outside of ROOT can be reached then.
"""

import ctypes
import os
import sys

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000  # linux/mount.h
MNT_DETACH = 2
SYS_PIVOT_ROOT = 155

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind, flags):
    check(libc.mount(source, target.encode(), kind, ctypes.c_ulong(flags), None), f"mount {target}")


def main(root, program, *arguments):
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount(root.encode(), root, None, MS_BIND | MS_REC)
    mount(b"proc", f"{root}/proc", b"proc", 0)
    os.chdir(root)
    # The old root comes to lie upon the new one, and goes: pivot_root(2).
    check(libc.syscall(SYS_PIVOT_ROOT, b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount")
    os.chdir("/")
    os.execve(program, [program, *arguments], {})


main(*sys.argv[1:])
