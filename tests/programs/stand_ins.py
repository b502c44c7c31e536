#!/usr/bin/env python3
"""Writes assembly code that stands in for the functions of libc: each stub asks refuse_our_threads, and goes on to libc's.

    stand_ins.py LIBC OUTPUT.S
"""

import re
import subprocess
import sys

# Looked up by the stubs themselves; or found by dlsym in a version that is not the program's; or not to be stood in for by
# a function of another calling convention.
LEFT_OUT = r"dlv?sym|dlerror|pthread_cond_\w+|.*setjmp|.*longjmp|vfork|_.*|getcontext|setcontext|swapcontext|makecontext"

STUB = """
.globl {name}
.type {name}, @function
{name}:
  .cfi_startproc
  mov $.Lname_{name}, %r11
  call ask_and_find
  jmp *%r11
  .cfi_endproc
.pushsection .rodata
.Lname_{name}: .asciz "{name}"
.popsection
"""

# In: the name in r11. Out: the function in r11. All that a call may be passed in is kept.
ASK = """
.text
ask_and_find:
  push %rbp
  mov %rsp, %rbp
  push %rax; push %rdi; push %rsi; push %rdx; push %rcx; push %r8; push %r9; push %r10
  sub $128, %rsp
  and $-16, %rsp
  movups %xmm0, (%rsp); movups %xmm1, 16(%rsp); movups %xmm2, 32(%rsp); movups %xmm3, 48(%rsp)
  movups %xmm4, 64(%rsp); movups %xmm5, 80(%rsp); movups %xmm6, 96(%rsp); movups %xmm7, 112(%rsp)
  mov %r11, %rdi
  mov 16(%rbp), %rsi
  call refuse_our_threads
  mov %rax, %r11
  movups (%rsp), %xmm0; movups 16(%rsp), %xmm1; movups 32(%rsp), %xmm2; movups 48(%rsp), %xmm3
  movups 64(%rsp), %xmm4; movups 80(%rsp), %xmm5; movups 96(%rsp), %xmm6; movups 112(%rsp), %xmm7
  lea -64(%rbp), %rsp
  pop %r10; pop %r9; pop %r8; pop %rcx; pop %rdx; pop %rsi; pop %rdi; pop %rax
  pop %rbp
  ret
"""


def functions_of(libc):
    listing = subprocess.run(["nm", "-D", "--defined-only", libc], check=True, capture_output=True, text=True).stdout
    names = set(re.findall(r"^[0-9a-f]+ [TWi] (\w+)@@", listing, re.MULTILINE))
    return sorted(name for name in names if not re.fullmatch(LEFT_OUT, name))


def main():
    libc, output = sys.argv[1:3]
    names = functions_of(libc)
    with open(output, "w", encoding="ascii") as file:
        file.write(ASK)
        file.writelines(STUB.format(name=name).replace("mov $.L", "lea .L").replace(", %r11\n  call", "(%rip), %r11\n  call")
                        for name in names)
        file.write('.section .note.GNU-stack,"",@progbits\n')
    print(f"{len(names)} functions stood in for")


if __name__ == "__main__":
    sys.exit(main())
