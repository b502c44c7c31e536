#!/usr/bin/env python3
"""Checks what `holdwatch doctor` says about programs of every kind, and about this machine.

    doctor.py LAUNCHER BUILD_DIRECTORY

Programs are made here by the C compiler, and where a compiler is not at hand (Go, Rust) bent to look like its.
"""

import os
import pty
import re
import shutil
import subprocess

import doctoring
import launcher
from launcher import abilities
from doctoring import BUILD, HOLDWATCH, LOCKS, NOBODY, SHIM, WORK, compile_c, doctor, expect

OWN_LOCKS = "#include <pthread.h>\nint pthread_mutex_lock(pthread_mutex_t* m) { return m == 0; }\nint main(void) { return 0; }\n"
EXPORTS = LOCKS + "".join(f"int exported{number}(void) {{ return {number}; }}\n" for number in range(20))


def bent(name, change, source=None):
    """A copy of a program, changed by a function on its bytes."""
    contents = bytearray((source or compile_c("plain")).read_bytes())
    change(contents)
    path = WORK / name
    path.write_bytes(contents)
    path.chmod(0o755)
    return path


def with_section(program, name):
    contents = WORK / "section"
    contents.write_bytes(b"\x04\x00\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00Go\x00\x00abcd")
    subprocess.run(["objcopy", "--add-section", f"{name}={contents}", program], check=True, stderr=subprocess.DEVNULL)
    return program


def static_programs():
    """static: nothing is watched; of Go, for its own reason too"""
    program = compile_c("static", LOCKS, "-static")
    expect(program, 1, r"no +program +\S*/static: it is statically linked.*; link it dynamically")
    expect(with_section(program, ".note.go.buildid"), 1, r"no +program .*", r"note +language +it is written in Go.*go-deadlock")
    expect(compile_c("pie", LOCKS, "-static-pie"), 1, "no +program .*statically linked.*")


def languages():
    """Go and Rust with a libc: said to have locks of their own"""
    expect(with_section(compile_c("cgo"), ".note.go.buildid"), 0, "ok +program .*", "note +language .*in Go.*C libraries.*")
    rust = compile_c("rust", '__asm__(".ident \\"rustc version 1.75.0\\"");\n' + LOCKS)
    expect(rust, 0, "note +language .*in Rust.*futexes.*")
    by_path = compile_c("by_path", 'const char* volatile p = "/rustc/82e1608/library/std/src/sync/mutex.rs";\n' + LOCKS)
    expect(by_path, 0, "note +language .*in Rust.*")


def languages_for_real():
    """Debian's own programs in Go and Rust, without any comment of their compilers"""
    for name, language in (("fzf", "Go"), ("sd", "Rust")):
        if abilities.left_out(abilities.missing(name)):
            continue
        expect(name, 0, rf"ok +program +\S*/{name}: .*", f"note +language +it is written in {language}.*")


def other_libcs_and_machines():
    """musl, a strange loader, 32 bits, another processor"""
    if shutil.which("musl-gcc") is not None:
        real = WORK / "real_musl"
        subprocess.run(["musl-gcc", "-xc", "-", "-o", real], input=LOCKS, text=True, check=True)
        expect(real, 1, "no +program .*its libc is musl.*; build it for glibc.*")
    musl = compile_c("musl", LOCKS, "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
    expect(musl, 1, "no +program .*its libc is musl.*; build it for glibc.*")
    strange = compile_c("strange", LOCKS, "-Wl,--dynamic-linker=/system/bin/linker64")
    expect(strange, 1, "no +program .*its loader is /system/bin/linker64.*")
    expect(bent("arm", lambda it: it.__setitem__(slice(18, 20), b"\xb7\x00")), 1, "no +program .*another processor.*")
    expect(bent("short", lambda it: it.__setitem__(4, 1)), 1, "no +program .*32 bits.*")


def damaged_files():
    """cut off, garbled, empty: told, never a crash"""
    plain = compile_c("plain")
    for size in (0, 1, 3, 63, 64, 100, 1000, 5000):
        answer = doctor(bent(f"cut{size}", lambda it, size=size: it.__delitem__(slice(size, None)), plain))
        assert answer.status in (0, 1) and answer.err == "" and answer.out, answer
    for offset in range(16, 64, 2):
        garbled = bent("garbled", lambda it, offset=offset: it.__setitem__(slice(offset, offset + 2), b"\xff\xff"), plain)
        answer = doctor(garbled)
        assert answer.status in (0, 1) and answer.err == "" and answer.out, answer


def rights():
    """set-user-ID and capabilities, unless nobody gains any"""
    if abilities.left_out(abilities.no_root()):
        return
    program = compile_c("setuid")
    os.chown(program, NOBODY, -1)
    program.chmod(0o4755)
    expect(program, 1, rf"no +program .*set-user-ID.*user {NOBODY}, or clear the bit: chmod u-s")
    look = f"{BUILD}/symbolizer/tools/launcher/program"
    assert launcher.call(look, program, "nobody-gains").out.endswith("program_obstacle=''\n")
    roots = compile_c("roots")
    roots.chmod(0o4755)
    expect(roots, 0, "note +rights +it is set-user-ID: the loader honours LD_PRELOAD only if root .*")
    capable = compile_c("capable")
    # Version 2, effective; CAP_NET_BIND_SERVICE permitted.
    os.setxattr(capable, "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    expect(capable, 0, "ok +program .*")
    assert "its file has capabilities" in launcher.call(look, capable, "1000").out


def debug_data_and_frame_pointers():
    """with and without debug data, symbols, frame pointers"""
    expect(compile_c("with", LOCKS, "-g"), 0, "ok +debug .*lines")
    expect(compile_c("without", LOCKS), 0, "note +debug +no debug data, only names of functions: reports have no lines; build with -g.*",
           "note +frames .*-fno-omit-frame-pointer.*")
    expect(compile_c("stripped", LOCKS, "-s"), 0, r"note +debug +no debug data and no symbols: .*module\+offset.*")
    expect(compile_c("exporting", EXPORTS, "-s", "-rdynamic"), 0,
           "note +debug +no debug data, only names of exported functions: .*")
    many = LOCKS + "".join(f"__attribute__((noinline)) int f{n}(int* p) {{ return pthread_mutex_lock(&m) + *p; }}\n"
                           for n in range(20))
    expect(compile_c("framed", many, "-O0", "-fno-omit-frame-pointer"), 0, "ok +frames .*")


def whose_locks():
    """which lock functions it calls, or has of its own"""
    expect(compile_c("plain"), 0, "ok +locks +it calls pthread_mutex_lock of the watched functions")
    expect(compile_c("none", "int main(void) { return 0; }\n"), 0, "note +locks +it calls no lock function itself.*")
    expect(compile_c("own", OWN_LOCKS, "-rdynamic"), 0, "note +locks +it defines pthread_mutex_lock itself.*")


def scripts_and_others():
    """a script is looked at through its interpreter; what is no program is said to be none"""
    script = WORK / "script"
    script.write_text("#! /bin/sh -e\n")
    script.chmod(0o755)
    expect(script, 0, r"note +program .*is a script run by /bin/sh.*--exe NAME.*")
    script.write_text(f"#!{compile_c('static', LOCKS, '-static')}\n")
    expect(script, 1, "note +program .*", "no +program .*statically linked.*")
    script.write_text("#!/usr/bin/env python3\n")
    said = expect(script, 0, r"note +program .*is a script run by /usr/bin/env; .*; run doctor on it")
    assert said.count("\n") == 1, said
    expect(SHIM, 1, "no +program .*: it is a library, not a program")
    text = WORK / "text"
    text.write_text("hello\n")
    expect(text, 1, "no +program .*neither a program nor a script")


def the_machine():
    """this machine; and where the library is missing or does not load"""
    answer = doctor()
    assert answer.status == 0 and re.fullmatch(r"((ok  |note|no  )  \S+ +[^\n]+\n)+", answer.out), answer
    for line in (r"ok +machine +x86-64, Linux \S+, glibc 2\.\d+", rf"ok +library +{SHIM} loads", r"ok +names .*"):
        assert re.search(f"^{line}$", answer.out, re.MULTILINE), answer
    look = f"{BUILD}/symbolizer/tools/doctor/doctor"
    launcher.call(look, "/nowhere/libholdwatch.so").expect(1, r".*no    library +/nowhere/libholdwatch\.so does not exist.*")
    broken = WORK / "libholdwatch.so"
    broken.write_text("not a library")
    launcher.call(look, broken).expect(1, r".*no    library +the loader says: ERROR: ld\.so.*note  names .*")


def shown_on_terminal(**variables):
    ours, theirs = pty.openpty()
    subprocess.run([HOLDWATCH, "doctor"], env=launcher.environment(**variables), stdout=theirs, check=True)
    os.close(theirs)
    return os.read(ours, 65536).decode()


def colour():
    """colour on a terminal only, and not where it is not wanted"""
    assert "\033[32mok" in shown_on_terminal(TERM="xterm")
    assert "\033" not in shown_on_terminal(TERM="dumb")
    assert "\033" not in shown_on_terminal(TERM="xterm", NO_COLOR="1")
    assert "\033" not in doctor(env=launcher.environment(TERM="xterm")).out


def bad_use():
    """bad use: status 2, and one line"""
    doctor("a", "b").expect_bad_use(r"usage: holdwatch doctor \[PROGRAM\|PID\]")
    doctor("--limit", "1s").expect_bad_use("usage: holdwatch doctor")
    doctor("no-such-program").expect_bad_use("no such program: no-such-program")
    doctor("99999999").expect_bad_use("no such process: 99999999")
    doctor("--help").expect(0, "Usage: holdwatch doctor .*")


if __name__ == "__main__":
    doctoring.run([static_programs, languages, languages_for_real, other_libcs_and_machines, damaged_files, rights,
                   debug_data_and_frame_pointers, whose_locks, scripts_and_others, the_machine, colour, bad_use])
