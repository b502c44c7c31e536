#!/usr/bin/env python3
"""Checks the machine code of the lock functions' hooks: no locked instruction, no call but of the real function and of what
is named ..._slow, no thread-local variable that is found by a call.

    hot_code.py LIBRARY FUNCTIONS_DEF

hot_objects.py sees what an object wants from outside; this sees what becomes of it once all is inlined and linked. What a
hook calls directly, and is not slow by its name, is looked at as if it were the hook's own code.
"""

import pathlib
import re
import subprocess
import sys

# Hooks that are no lock call, or the beginning or end of a lock's life, or that sleep as a rule.
COLD_HOOKS = r"prctl|syscall|[fp]close|pthread_create|thrd_create|.*_(init|destroy)|(pthread_cond|cnd)_.*|.*join(_np)?"
SLOW = r"\w+_slow(_by)?\b"
# What may stand out of line in a hook's path, and why.
OUT_OF_LINE = {
    r"holdwatch::paused_record\(": "only where a thread has no record, or is paused",
}
REAL_FUNCTIONS = "holdwatch::g_real"


def disassemble(library):
    """Function -> its instructions, as (mnemonic, operands). A part that the compiler split off belongs to its function."""
    listing = subprocess.run(["objdump", "-d", "-C", "-w", "--no-show-raw-insn", library], check=True,
                             capture_output=True, text=True).stdout
    functions, own = {}, None
    for line in listing.splitlines():
        if match := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            own = functions.setdefault(whole(match[1]), [])
        elif match := re.match(r"\s+[0-9a-f]+:\s+((?:lock |rep |repz |bnd |notrack |cs |data16 )*\S+)\s*(.*)$", line):
            own.append((match[1], match[2]))
    return functions


def whole(name):
    """Without what the compiler added to the name of a function that it has split or specialised."""
    return re.sub(r" \[clone [^\]]*\]|\.(cold|part|isra|constprop)\.?\d*", "", name)


def target(operands):
    match = re.search(r"<(.*?)(\+0x[0-9a-f]+)?>$", operands)
    return whole(match[1]) if match else None


def jumps_away(mnemonic, operands, function):
    """A call, or a jump that leaves the function."""
    if "call" in mnemonic:
        return True
    return mnemonic.startswith(("jmp", "notrack jmp", "bnd jmp")) and target(operands) not in (function, None)


def goes_to_real_function(operands, before):
    """Of an indirect call or jump: through the table of real functions, or a register last loaded from there."""
    if register := re.fullmatch(r"\*(%r\w+)", operands):
        loads = [source for _, source in before if source.split("#")[0].strip().endswith(f",{register[1]}")]
        return bool(loads) and REAL_FUNCTIONS in loads[-1]
    return REAL_FUNCTIONS in operands


def check(function, instructions):
    """Yields ('fault', text) and ('also', function that is to be looked at too)."""
    for index, (mnemonic, operands) in enumerate(instructions):
        if "lock " in mnemonic or (mnemonic.startswith("xchg") and "(" in operands):
            yield "fault", f"{function}: a locked instruction: {mnemonic} {operands}"
        if "__tls_get_addr" in operands:
            yield "fault", f"{function}: a thread-local variable that is found by a call"
        elif mnemonic.split()[-1].startswith(("call", "jmp")) and operands.startswith("*"):
            # A jump table would do no harm, but none is needed.
            if not goes_to_real_function(operands, instructions[:index]):
                yield "fault", f"{function}: goes where its code does not tell: {mnemonic} {operands}"
        elif jumps_away(mnemonic, operands, function):
            callee = target(operands) or operands
            if re.search(SLOW, callee):
                continue
            if any(re.match(allowed, callee) for allowed in OUT_OF_LINE):
                yield "also", callee
            else:
                yield "fault", f"{function}: calls {callee}"


def hot_functions(functions, functions_def):
    """The hooks and what they call that is not slow, and the faults in all that."""
    hooks = re.findall(r"^HOLDWATCH_FUNCTION\((\w+)", pathlib.Path(functions_def).read_text(), re.MULTILINE)
    todo = [name for name in hooks if not re.fullmatch(COLD_HOOKS, name)]
    faults = [f"{name} is not in the library" for name in todo if name not in functions]
    hot = set()
    while todo:
        function = todo.pop()
        if function in hot or function not in functions or function.endswith("@plt"):
            continue
        hot.add(function)
        for kind, text in check(function, functions[function]):
            (faults if kind == "fault" else todo).append(text)
    return hot, faults


def main():
    library, functions_def = sys.argv[1:]
    hot, faults = hot_functions(disassemble(library), functions_def)
    if len(hot) < 10:
        faults.append(f"found only {len(hot)} functions: does {functions_def} still name them so?")
    print("\n".join(sorted(set(faults))) if faults else f"{len(hot)} functions do nothing that a lock call may not do")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
