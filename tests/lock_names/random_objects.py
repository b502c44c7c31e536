#!/usr/bin/env python3
"""Makes programs of random classes, whose locks are held in random ways, and compares what the locks are called with what they are.

    random_objects.py SHIM WORK_DIRECTORY --programs 4 --seed 1

Each program has classes of random members, bases, arrays, unions and pointers, with locks among them, and holds a number of these
locks at once. Right is the way from any object that contains the lock to it, with that object's class or variable; a name by the
function that took the lock, or with a distance in bytes, is missing; anything else is wrong, and so is none at all.
Exit status: 0 if no name is wrong, and no more are missing than --missing allows, in per cent; else 1.
"""

import argparse
import collections
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

LOCKS = {"std::mutex": "mutex", "std::recursive_mutex": "mutex", "std::timed_mutex": "mutex", "pthread_mutex_t": "mutex",
         "std::shared_mutex": "rwlock", "pthread_rwlock_t": "rwlock"}
PLAIN = ("char", "int", "double", "void*", "std::string", "std::vector<int>", "short")
BUILDS = ("-O0", "-O1", "-O2", "-O3", "-O2 -gdwarf-4", "-O2 -fno-omit-frame-pointer", "-Os", "-O2 -fdebug-types-section")
TIMEOUT_S = 120

HEAD = """#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>
int released[2];
[[gnu::noipa]] void wait_for_end() {
  asm volatile("" : : : "rbx", "r12", "r13", "r14", "r15", "memory");
  char byte;
  while (read(released[0], &byte, 1) < 0) {}
}
inline void take(pthread_mutex_t& lock) { pthread_mutex_lock(&lock); }
inline void take(pthread_rwlock_t& lock) { pthread_rwlock_rdlock(&lock); }
inline void drop(pthread_mutex_t& lock) { pthread_mutex_unlock(&lock); }
inline void drop(pthread_rwlock_t& lock) { pthread_rwlock_unlock(&lock); }
inline void take(std::shared_mutex& lock) { lock.lock_shared(); }
inline void drop(std::shared_mutex& lock) { lock.unlock_shared(); }
template <typename Lock> void take(Lock& lock) { lock.lock(); }
template <typename Lock> void drop(Lock& lock) { lock.unlock(); }
template <typename T> void keep(T& object) { asm volatile("" : : "r"(&object) : "memory"); }
template <typename T> T* make() { return new (std::calloc(1, sizeof(T) + 64)) T; }
"""


class Class:
    """A class, and the ways to its locks: for each, the expression and the names by which it may go."""

    def __init__(self, number, others, choose):
        self.name = f"{choose.choice(['Room', 'outer::Pool', 'Session', 'deep::inner::Table'])}{number}"
        self.ways = []  # (expression, kind, names within the class, names by other classes)
        lines = []
        self.base = choose.choice(others) if others and choose.random() < 0.4 else None
        if self.base:
            self.ways += [(way, kind, names, more | {f"{self.base.name}::{name}" for name in names})
                          for way, kind, names, more in self.base.ways]
        if choose.random() < 0.3:
            lines.append(f"virtual ~{self.name.split('::')[-1]}() = default;")
        for index in range(choose.randint(1, 5)):
            lines.append(self.member(f"m{number}_{index}", others, choose))
        if not self.ways:
            lines.append("std::mutex last;")
            self.ways.append(("last", "std::mutex", {"last"}, set()))
        base = f" : {self.base.name}" if self.base else ""
        scopes = self.name.split("::")[:-1]
        self.text = ("".join(f"namespace {scope} {{ " for scope in scopes) +
                     f"struct {self.name.split('::')[-1]}{base} {{\n  " + "\n  ".join(lines) + "\n};" + " }" * len(scopes))

    def member(self, name, others, choose):
        chance = choose.random()
        if chance < 0.35:
            kind = choose.choice(list(LOCKS))
            if choose.random() < 0.25:
                self.ways += [(f"{name}[{i}]", kind, {f"{name}[{i}]"}, set()) for i in range(3)]
                return f"{kind} {name}[3];"
            self.ways.append((name, kind, {name}, set()))
            return f"{kind} {name};"
        if chance < 0.45:
            self.ways.append((f"{name}_lock", "pthread_mutex_t", {f"{name}_lock"}, set()))
            return f"union {{ long {name}; struct {{ int {name}_n; pthread_mutex_t {name}_lock; }}; }};"
        if others and chance < 0.7:
            other = choose.choice(others)
            count = choose.choice([None, 2, 4])
            for i in range(count or 1):
                at = name if count is None else f"{name}[{i}]"
                self.ways += [(f"{at}.{way}", kind, {f"{at}.{inner}" for inner in names},
                               more | {f"{other.name}::{inner}" for inner in names}) for way, kind, names, more in other.ways]
            return f"{other.name} {name};" if count is None else f"{other.name} {name}[{count}];"
        if others and chance < 0.8:
            return f"{choose.choice(others).name}* {name} = nullptr;"
        return f"{choose.choice(PLAIN)} {name}{{}};"


HOLDERS = ("reference", "pointer", "lambda", "shared", "local", "global", "array", "member")


def holder(number, owner, choose):
    """A function that holds one lock: its text, what it is called with, and the lock's names."""
    way, kind, names, more = choose.choice(owner.ways)
    right = {f"{owner.name}::{name}" for name in names} | more
    how = choose.choice(HOLDERS)
    hold = f"take({{0}}{way}); wait_for_end(); drop({{0}}{way}); keep({{1}});"
    function = f"hold{number}"
    if how in ("reference", "pointer", "member"):
        sign, parameter = ("object.", "&") if how != "pointer" else ("object->", "*")
        body = hold.format(sign, "*object" if how == "pointer" else "object")
        text = f"[[gnu::noipa]] void {function}({owner.name}{parameter} object) {{ {body} }}"
        call = f"{function}({'*' if parameter == '&' else ''}make<{owner.name}>())"
    elif how == "lambda":
        text = (f"[[gnu::noipa]] void {function}() {{ auto* object = make<{owner.name}>(); const int extra = {number};"
                f" auto work = [object, extra] {{ {hold.format('object->', 'extra')} keep(*object); }}; work(); }}")
        call = f"{function}()"
    elif how == "shared":
        text = (f"[[gnu::noipa]] void {function}(std::shared_ptr<{owner.name}> object)"
                f" {{ {hold.format('object->', 'object')} }}")
        call = f"{function}(std::shared_ptr<{owner.name}>(make<{owner.name}>()))"
    elif how == "local":
        text = f"[[gnu::noipa]] void {function}() {{ {owner.name} object{{}}; {hold.format('object.', 'object')} }}"
        call = f"{function}()"
    else:
        count, at = ("", "") if how == "global" else ("[3]", f"[{choose.randrange(3)}]")
        variable = f"global{number}"
        right |= {f"{variable}{at}.{name}" for name in names}
        text = (f"{owner.name} {variable}{count};\n"
                f"[[gnu::noipa]] void {function}() {{ {hold.format(variable + at + '.', variable)} }}")
        call = f"{function}()"
    return text, call, right, how


def program(choose):
    classes = []
    for number in range(choose.randint(4, 9)):
        classes.append(Class(number, list(classes), choose))
    holders = [holder(number, choose.choice(classes), choose) for number in range(24)]
    threads = "\n".join(f'  threads.emplace_back([] {{ prctl(PR_SET_NAME, "t{number}"); {call}; }});'
                        for number, (_, call, _, _) in enumerate(holders))
    text = "\n".join([HEAD, *(one.text for one in classes), *(one[0] for one in holders)])
    text += f"""
int main() {{
  if (pipe(released) != 0) return 1;
  std::vector<std::thread> threads;
{threads}
  getchar();
  close(released[1]);
  for (std::thread& thread : threads) thread.join();
}}
"""
    return text, {f"t{n}": one[2:] for n, one in enumerate(holders)}


def names_given(shim, binary, count, directory):
    reports = directory / "reports.json"
    reports.unlink(missing_ok=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "HOLDWATCH_LIMIT": "200ms", "HOLDWATCH_RATE": "1000",
                   "HOLDWATCH_LOG": "none", "HOLDWATCH_JSON": str(reports)}
    names = {}
    with subprocess.Popen([binary], env=environment, stdin=subprocess.PIPE) as child:
        try:
            # The reports come by themselves; a lock's name is in the first one of its episode.
            end = time.monotonic() + TIMEOUT_S
            while len(names) < count and time.monotonic() < end and child.poll() is None:
                time.sleep(0.1)
                lines = reports.read_text().split("\n")[:-1] if reports.exists() else []
                for event in map(json.loads, lines):
                    if event["event"] == "hold":
                        names.setdefault(event["holders"][0]["thread"], event["lock"]["name"])
        finally:
            child.stdin.close()
    return names


def is_missing(name):
    return name.startswith("taken in ") or "+" in name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shim", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--programs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compiler", default=os.environ.get("CXX", "c++"))
    parser.add_argument("--missing", type=float, default=100)
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    right, missing, total, wrong = collections.Counter(), collections.Counter(), collections.Counter(), 0
    for number in range(options.programs):
        choose = random.Random(f"{options.seed}.{number}")
        text, truth = program(choose)
        build = choose.choice(BUILDS)
        source, binary = options.directory / "program.cpp", options.directory / "program"
        source.write_text(text)
        subprocess.run([options.compiler, "-std=c++20", "-g", *build.split(), "-pthread", "-o", binary, source], check=True)
        names = names_given(options.shim.resolve(), binary, len(truth), options.directory)
        for thread, (accepted, how) in truth.items():
            name = names.get(thread)
            total[how] += 1
            if name in accepted:
                right[how] += 1
            elif name is not None and is_missing(name):
                missing[how] += 1
            else:
                wrong += 1
                print(f"program {number} ({build}), {thread}, {how}: {name}, but it is one of {sorted(accepted)}")
    for how in sorted(total):
        print(f"{how}: {right[how]} of {total[how]} right, {missing[how]} missing")
    share = 100 * sum(missing.values()) / sum(total.values())
    print(f"{sum(total.values())} locks of {options.programs} programs: {sum(right.values())} right, "
          f"{sum(missing.values())} missing ({share:.1f} %), {wrong} wrong")
    return 1 if wrong or share > options.missing else 0


if __name__ == "__main__":
    sys.exit(main())
