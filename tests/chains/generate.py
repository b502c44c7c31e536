"""Random programs whose threads block deep in random call chains: what compilers make of frames and calls, mixed.

generate(random, chains) gives a program as its source files and the commands that build it. Each chain has a thread of its
own. It holds a mutex of its own and blocks in a system call, or it waits for a lock that main holds. Before that most
threads run through chains without blocking, at other depths of the stack, so that what they leave there is to be told from
what is alive.
"""
import dataclasses

PRELUDE = """// Seed-made; see generate.py.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#define NI __attribute__((noinline, noclone))
struct Context { int dry; int pipe[2]; int epoll; sem_t semaphore; pthread_mutex_t own; };
typedef int (*Step)(int, Context *);
extern "C" int through_tables(Step step, int n, Context *c);
extern "C" int through_no_tables(Step step, int n, Context *c);
extern "C" int through_library_tail(Step step, int n, Context *c);
static volatile int sink = 1;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwgate = PTHREAD_RWLOCK_INITIALIZER;
static std::mutex stdgate;
static thread_local Context *handler_context;
struct Base { virtual int run(int n, Context *c) = 0; virtual ~Base() = default; };
NI static void touch(void *p, size_t n) { memset(p, sink, n < 16 ? n : 16); __asm__ volatile("" : : "r"(p) : "memory"); }
NI static int throws(int n) { if (sink) throw n; return n; }
"""

SIGNALS = 26  # real-time ones, a handler each; another chain takes the same again when the first one's has long been raised

# What a thread may block in; `dry` runs come back before.
BLOCKING = {
    "nanosleep": "struct timespec ts = {1000, 0}; nanosleep(&ts, nullptr);",
    "syscall_nanosleep": "struct timespec ts = {1000, 0}; syscall(SYS_nanosleep, &ts, nullptr);",
    "poll": "struct pollfd fd = {c->pipe[0], POLLIN, 0}; poll(&fd, 1, -1);",
    "poll_none": "poll(nullptr, 0, -1);",
    "read": "char b[16]; if (read(c->pipe[0], b, sizeof b) > 0) sink = b[0];",
    "syscall_read": "char b[16]; if (syscall(SYS_read, c->pipe[0], b, sizeof b) > 0) sink = b[0];",
    "select": "fd_set set; FD_ZERO(&set); select(0, &set, nullptr, nullptr, nullptr);",
    "epoll": "struct epoll_event e; epoll_wait(c->epoll, &e, 1, -1);",
    "pause": "pause();",
    "sem_wait": "sem_wait(&c->semaphore);",
    "futex": "int word = 0; syscall(SYS_futex, &word, 0, 0, nullptr, nullptr, 0);",
    "sleep_for": "std::this_thread::sleep_for(std::chrono::hours(1));",
    "sleep": "sleep(1000);",
    "condition": "std::mutex m; std::condition_variable v; std::unique_lock<std::mutex> l(m); v.wait(l);",
    "sigwait": "sigset_t set; sigemptyset(&set); sigaddset(&set, SIGUSR2); sigtimedwait(&set, nullptr, nullptr);",
}
WAITING = {
    "mutex": "pthread_mutex_lock(&gate); pthread_mutex_unlock(&gate);",
    "guard": "std::lock_guard<std::mutex> g(stdgate); sink = sink + 1;",
    "rdlock": "pthread_rwlock_rdlock(&rwgate); pthread_rwlock_unlock(&rwgate);",
    "wrlock": "pthread_rwlock_wrlock(&rwgate); pthread_rwlock_unlock(&rwgate);",
    "timedlock": "struct timespec ts; clock_gettime(CLOCK_REALTIME, &ts); ts.tv_sec += 1000; "
                 "if (pthread_mutex_timedlock(&gate, &ts) == 0) pthread_mutex_unlock(&gate);",
}

# How a frame is made: code before the call, code behind it.
FRAMES = {
    "plain": ("", ""),
    "array": ("char a[{size}]; touch(a, sizeof a);", "touch(a, sizeof a);"),
    "large": ("char a[{large}]; touch(a, 64);", "touch(a, 64);"),
    "alloca": ("char *p = (char *)alloca(n * 8 + {size}); touch(p, n);", "sink = sink + p[n / 2];"),
    "vla": ("int count = sink * {size}; char p[count]; touch(p, n);", "sink = sink + p[n / 2];"),
    "vla_scopes": ("{{ char q[sink * {size}]; touch(q, n); }} long p[sink * {small} + 3]; touch(p, n);",
                   "touch(p, 8);"),
    "alloca_sometimes": ("char *p = (char *)c; if (sink) p = (char *)alloca(n * {small} + 40); touch(p == (char *)c ? &n : (void *)p, 4);", "sink = sink + (p == nullptr);"),
    "aligned": ("alignas({align}) char a[{size}]; touch(a, sizeof a);", "touch(a, sizeof a);"),
    "aligned_vla": ("alignas({align}) char a[{align}]; touch(a, sizeof a); char p[sink * {size}]; touch(p, n);",
                    "touch(a, sizeof a); touch(p, 4);"),
    "saved": ("long a1 = n * 3, a2 = n * 5 + sink, a3 = a1 ^ a2, a4 = a2 * 7, a5 = a3 + a4, a6 = a5 * a1;",
              "sink = sink + (int)(a1 + a2 * a3 + a4 - a5 + a6 * 3);"),
    "saved_clobber": ("__asm__ volatile(\"\" : : : \"rbx\", \"r12\", \"r13\", \"r14\", \"r15\");", "sink = sink + 1;"),
    "doubles": ("double d1 = n * 1.5, d2 = d1 * d1, d3 = d2 + sink;", "sink = sink + (int)(d1 + d2 * d3);"),
    "string": ("std::string text(static_cast<size_t>(n & 31), 'x'); std::vector<int> numbers(static_cast<size_t>(n & 7) + 1);",
               "sink = sink + (int)(text.size() + numbers.size());"),
}
FIXED = ["plain", "array", "saved", "saved_clobber", "doubles", "plain"]  # those that a compiler lets end in a jump


@dataclasses.dataclass
class Program:
    sources: dict   # name -> text
    commands: list  # each a list of words
    note: str       # how the main source is compiled
    chains: list    # what each is made of


class Chain:
    """The functions of one chain, written from the innermost to the outermost."""

    def __init__(self, random, number):
        self.random, self.number, self.count = random, number, 0
        self.functions, self.words = [], []

    def name(self):
        self.count += 1
        return "c%d_f%d" % (self.number, self.count)

    def frame(self, kinds=None):
        kind = self.random.choice(kinds or list(FRAMES))
        self.words.append(kind)
        sizes = {"size": self.random.choice([24, 64, 100, 256, 800]), "small": self.random.choice([2, 5, 16]),
                 "large": self.random.choice([4096, 9000, 70000]), "align": self.random.choice([32, 64, 128])}
        return [part.format(**sizes) for part in FRAMES[kind]]

    def attributes(self):
        return self.random.choice(["NI"] * 8 + ["NI __attribute__((cold))", "NI __attribute__((force_align_arg_pointer))",
                                                "NI __attribute__((aligned(64)))"])

    def define(self, body, attributes=None):
        name = self.name()
        self.functions.append("%s static int %s(int n, Context *c) { %s }" % (attributes or self.attributes(), name, body))
        return name

    def leaf(self, table):
        kind = self.random.choice(list(table))
        before, after = self.frame()
        self.words.append(kind)
        return self.define("if (c->dry) return n + sink; %s %s %s return n + sink;" % (before, table[kind], after))

    def direct(self, inner):
        before, after = self.frame()
        return self.define("%s int r = %s(n + 1, c); %s return r + sink;" % (before, inner, after))

    def tail(self, inner):
        before, _ = self.frame(FIXED)
        return self.define("%s sink = sink + 1; return %s(n + 1, c);" % (before, inner))

    def tails(self, inner):
        for _ in range(self.random.randint(2, 4)):
            inner = self.tail(inner)
        return inner

    def branch_tail(self, inner):
        other = self.define("sink = sink + 2; return n;")
        return self.define("if (n == -7) return %s(n, c); sink = sink + 1; return %s(n + 1, c);" % (other, inner))

    def pointer(self, inner, tail=False):
        slot = "p_%s" % self.name()
        self.functions.append("static Step volatile %s = %s;" % (slot, inner))
        if tail:
            return self.define("sink = sink + 1; return %s(n + 1, c);" % slot)
        before, after = self.frame()
        return self.define("%s int r = %s(n + 1, c); %s return r + sink;" % (before, slot, after))

    def pointer_tail(self, inner):
        return self.pointer(inner, tail=True)

    def virtual(self, inner, tail=False):
        kind = "C_%s" % self.name()
        if self.random.random() < 0.6:
            before, after = self.frame()
            run = "%s int r = %s(n, c); %s return r + sink;" % (before, inner, after)
        else:
            run = "sink = sink + 1; return %s(n, c);" % inner
        self.functions.append("struct %s : Base { NI int run(int n, Context *c) override { %s } };\nstatic %s o_%s;\n"
                              "static Base *volatile b_%s = &o_%s;" % (kind, run, kind, kind, kind, kind))
        if tail:
            return self.define("sink = sink + 1; return b_%s->run(n + 1, c);" % kind)
        before, after = self.frame()
        return self.define("%s int r = b_%s->run(n + 1, c); %s return r + sink;" % (before, kind, after))

    def virtual_tail(self, inner):
        return self.virtual(inner, tail=True)

    def std_function(self, inner):
        before, after = self.frame()
        return self.define("%s int k = n + sink; std::function<int(int)> f = [k, c](int m) { return %s(m + k, c) + sink; }; "
                           "int r = f(n); %s return r;" % (before, inner, after))

    def lambda_call(self, inner):
        name = self.name()
        self.functions.append("template <typename F> NI static int %s(F f, int n) { int r = f(n); return r + sink; }" % name)
        before, after = self.frame()
        return self.define("%s int r = %s([&](int m) { return %s(m, c) + sink; }, n); %s return r;" %
                           (before, name, inner, after))

    def variadic(self, inner):
        name = self.name()
        before, after = self.frame()
        self.functions.append("NI static int %s(int n, ...) { va_list l; va_start(l, n); Context *c = va_arg(l, Context *); "
                              "n += va_arg(l, int); va_end(l); %s int r = %s(n, c); %s return r + sink; }" %
                              (name, before, inner, after))
        return self.define("int r = %s(n, c, 5, %d.5); return r + sink;" % (name, self.random.randint(0, 9)))

    def many_arguments(self, inner):
        name = self.name()
        before, after = self.frame()
        self.functions.append("NI static long %s(int n, Context *c, long l1, long l2, long l3, long l4, long l5, long l6, long l7) "
                              "{ %s int r = %s(n, c); %s return r + l1 + l2 * l3 + l4 + l5 + l6 * l7; }" %
                              (name, before, inner, after))
        before, after = self.frame()
        return self.define("%s long r = %s(n, c, 1, sink, 3, 4, sink, n, 7); %s return (int)r + sink;" % (before, name, after))

    def switch(self, inner):
        cases = "".join(" case %d: sink = sink + %d; r = %s; break;" %
                        (k, k * 3 + 1, "%s(n + 1, c)" % inner if k == 3 else "n * %d" % (k + 2)) for k in range(7))
        before, after = self.frame()
        return self.define("int r = 0; %s switch (sink ? 3 : n) {%s default: r = 2; } %s return r + sink;" %
                           (before, cases, after))

    def recursion(self, inner):
        name = self.name()
        before, after = self.frame()
        self.functions.append("static int %s(int n, Context *c, int left);" % name)
        self.functions.append("NI static int %s(int n, Context *c, int left) { %s int r = left ? %s(n + 1, c, left - 1) : "
                              "%s(n, c); %s return r + sink; }" % (name, before, name, inner, after))
        return self.define("int r = %s(n, c, %d); return r + sink;" % (name, self.random.randint(1, 6)))

    def library(self, inner, function=None):
        function = function or self.random.choice(["through_tables", "through_no_tables", "through_library_tail"])
        self.words.append(function)
        before, after = self.frame()
        return self.define("%s int r = %s(%s, n + 1, c); %s return r + sink;" % (before, function, inner, after))

    def library_tail(self, inner):
        return self.define("sink = sink + 1; return through_tables(%s, n + 1, c);" % inner)

    def libc_callback(self, inner):
        name = self.name()
        before, after = self.frame()
        self.functions.append("NI static int %s(const void *one, const void *other) { int n = *(const int *)other; Context *c = handler_context; "
                              "(void)one; %s int r = %s(n & 63, c); %s return r * 0; }" % (name, before, inner, after))
        before, after = self.frame()
        call = self.random.choice(["int list[1] = {3}; bsearch(&n, list, 1, sizeof list[0], %s);",
                                   "int list[2] = {3, 4}; qsort(list, 2, sizeof list[0], %s);"])
        return self.define("%s handler_context = c; %s %s return n + sink;" % (before, call % name, after))

    def signal(self, inner):
        before, after = self.frame()
        name, number = self.name(), "(SIGRTMIN + %d)" % (self.number % SIGNALS + 1)
        realign = self.random.choice(["", "", "__attribute__((force_align_arg_pointer)) "])
        self.functions.append("%sstatic void %s(int s, siginfo_t *, void *) { int n = s & 15; Context *c = handler_context; "
                              "%s int r = %s(n, c); %s sink = sink + r * 0; }" % (realign, name, before, inner, after))
        before, after = self.frame()
        raised = self.random.choice(["raise(%s);", "pthread_kill(pthread_self(), %s);",
                                     "syscall(SYS_tgkill, getpid(), gettid(), %s);"]) % number
        return self.define("%s struct sigaction action; memset(&action, 0, sizeof action); action.sa_sigaction = %s; "
                           "action.sa_flags = SA_SIGINFO | SA_NODEFER; handler_context = c; sigaction(%s, &action, nullptr); "
                           "%s %s return n + sink;" % (before, name, number, raised, after))

    def catch(self, inner):
        before, after = self.frame()
        return self.define("%s int r = 0; try { r = throws(n); } catch (int k) { r = %s(k & 63, c); } %s return r + sink;" %
                           (before, inner, after))

    def switch_catch(self, inner):
        cases = "".join(" case %d: r = n * %d + sink; break;" % (k, k * 3 + 1) for k in range(7))
        before, after = self.frame()
        return self.define("int r = 0; switch (sink ? 3 : n) {%s default: r = 2; } %s try { r = throws(n); } "
                           "catch (int k) { r = %s(k & 63, c); } %s return r + sink;" % (cases, before, inner, after))

    def table(self, inner):
        table = "t_%s" % self.name()
        self.functions.append("NI static int %s_other(int n, Context *) { return n + sink; }" % table)
        self.functions.append("static Step const %s[] = {%s_other, %s, %s_other}; static volatile int i_%s = 1;" %
                              (table, table, inner, table, table))
        before, after = self.frame()
        return self.define("%s int k = i_%s; int r = %s[k](n + 1, c); %s return r + k;" % (before, table, table, after))

    def cleanup(self, inner):
        kind = "G_%s" % self.name()
        self.functions.append("struct %s { int n; Context *c; NI ~%s() { sink = sink + %s(n & 63, c) * 0; } };" % (kind, kind, inner))
        before, after = self.frame()
        return self.define("%s try { %s g{n, c}; throws(n); } catch (int) { sink = sink + 1; } %s return n + sink;" %
                           (before, kind, after))

    def rare(self, inner):
        before, after = self.frame()
        return self.define("%s int r = n; if (__builtin_expect(sink != 0, 0)) { sink = sink + 1; r = %s(n + 1, c); } %s return r + sink;" %
                           (before, inner, after))

    def once(self, inner):
        before, after = self.frame()
        return self.define("%s std::once_flag flag; int r = 0; std::call_once(flag, [&] { r = %s(n, c); }); %s return r + sink;" %
                           (before, inner, after))

    def noreturn(self, inner):
        name = self.name()
        before, after = self.frame()
        self.functions.append("__attribute__((noreturn)) NI static void %s(int n, Context *c) { %s int r = %s(n, c); %s throw r; }" %
                              (name, before, inner, after))
        return self.define("int r = 0; try { %s(n, c); } catch (int k) { r = k; } return r + sink;" % name)

    LINKS = {"direct": 5, "tail": 3, "tails": 2, "branch_tail": 1, "pointer": 2, "pointer_tail": 2, "virtual": 2, "virtual_tail": 2,
             "std_function": 1, "lambda_call": 1, "variadic": 1, "many_arguments": 1, "switch": 1, "recursion": 1,
             "library": 2, "library_tail": 1, "libc_callback": 1, "signal": 1, "catch": 0.7, "cleanup": 0.7, "rare": 1,
             "once": 0.5, "noreturn": 0.5, "switch_catch": 0.7, "table": 1}

    def make(self, table):
        inner = self.leaf(table)
        links, weights = zip(*self.LINKS.items())
        signals = 0
        for _ in range(self.random.randint(2, 9)):
            link = self.random.choices(links, weights)[0]
            if link == "signal":
                signals += 1
                if signals > 1:
                    continue
            self.words.append(link)
            inner = getattr(self, link)(inner)
        return inner


LIBRARY = """#include <string.h>
struct Context;
typedef int (*Step)(int, struct Context *);
static volatile int sink = 1;
__attribute__((noinline)) static int inner_%(name)s(Step step, int n, struct Context *c, int k) { %(before)s int r = step(n, c); %(after)s return r + k + sink; }
__attribute__((noinline)) static int middle_%(name)s(Step step, int n, struct Context *c) { %(middle)s }
int %(name)s(Step step, int n, struct Context *c) { sink = sink + 1; %(outer)s }
"""


def library(random, name):
    frames = [("", ""), ("char a[100]; memset(a, n, sizeof a); __asm__ volatile(\"\" : : \"r\"(a) : \"memory\");", "sink = sink + a[3];"),
              ("long x = n * 3, y = n * 5, z = n * 7 + sink;", "sink = sink + (int)(x * y + z);"),
              ("int count = n * 4 + 8; char a[count]; memset(a, n, 8); __asm__ volatile(\"\" : : \"r\"(a) : \"memory\");", "sink = sink + a[3];")]
    # Without unwind tables a frame whose size varies is found by its frame pointer alone.
    before, after = random.choice(frames)
    middle = random.choice(["return inner_%s(step, n, c, 3);", "int r = inner_%s(step, n, c, 3); return r + sink;",
                            "if (sink) return inner_%s(step, n, c, 4); return n;"]) % name
    outer = random.choice(["return middle_%s(step, n, c);", "int r = middle_%s(step, n, c); sink = sink + r; return r;"]) % name
    return LIBRARY % {"name": name, "before": before, "after": after, "middle": middle, "outer": outer}


TAIL_LIBRARY = """struct Context;
typedef int (*Step)(int, struct Context *);
int through_library_tail(Step step, int n, struct Context *c) { return step(n + 1, c); }
"""

MAIN = """
%(functions)s
static Step const chains[] = {%(chains)s};
static Step const *volatile all_chains = chains;
static const unsigned char shifts[] = {%(shifts)s};
static const unsigned char others[] = {%(others)s};
static Context contexts[sizeof chains / sizeof chains[0]];
NI static void run_dry(int which, int shift, Context *c) {
  char *p = (char *)alloca((size_t)shift * 16 + 16);
  touch(p, 16);
  c->dry = 1;
  try { sink = sink + all_chains[which](20, c) * 0; } catch (int) { sink = sink + 0; }
  c->dry = 0;
  sink = 1;
}
NI static int hold(int which, Context *c) {
  pthread_mutex_lock(&c->own);
  int r = all_chains[which](20, c);
  pthread_mutex_unlock(&c->own);
  return r + sink;
}
static sem_t ready;
static void *serve(void *argument) {
  int which = (int)(long)argument;
  Context *c = &contexts[which];
  if (shifts[which]) { run_dry(others[which], shifts[which], c); run_dry(which, shifts[which] / 2, c); }
  sem_post(&ready);
  sink = 1;
  sink = sink + hold(which, c) * 0;
  return argument;
}
int main() {
  pthread_mutex_lock(&gate); pthread_rwlock_wrlock(&rwgate); stdgate.lock();
  sem_init(&ready, 0, 0);
  for (long i = 0; i < (long)(sizeof chains / sizeof chains[0]); ++i) {
    Context *c = &contexts[i];
    if (pipe(c->pipe) != 0) return 1;
    c->epoll = epoll_create1(0); sem_init(&c->semaphore, 0, 0);
    pthread_mutex_init(&c->own, nullptr);
    pthread_t t;
    if (pthread_create(&t, nullptr, serve, (void *)i) != 0) return 1;
    sem_wait(&ready);
  }
  if (write(1, "ready\\n", 6) != 6) return 1;
  for (;;) pause();
}
"""


def compile_flags(random, compiler):
    flags = [random.choice(["-O2", "-O2", "-O3", "-Os", "-O1"])]
    flags += random.choice([["-fno-omit-frame-pointer"], ["-fno-omit-frame-pointer", "-mno-omit-leaf-frame-pointer"],
                            ["-fomit-frame-pointer"], []])
    flags += random.choice([[], [], ["-fcf-protection=full"]])
    flags += random.choice([[], [], ["-fstack-protector-strong"], ["-fstack-clash-protection"]])
    flags += random.choice([[], [], ["-fno-plt"], ["-mavx2"], ["-mstackrealign"]])
    if compiler == "gcc":
        flags += random.choice([[], [], [], ["-fno-shrink-wrap"], ["-fno-reorder-blocks-and-partition"], ["-mno-red-zone"],
                                ["-maccumulate-outgoing-args"], ["-mpush-args"], ["-fipa-ra"]])
    return flags


def link_flags(random, compiler):
    flags = random.choice([["-fpie", "-pie"], ["-fno-pie", "-no-pie"]])
    flags = flags + random.choice([[], ["-Wl,-z,now"], ["-Wl,-z,lazy"]])
    return flags + (["-fuse-ld=lld"] if random.random() < 0.25 else [])


def generate(random, count):
    """A program of `count` chains."""
    compiler = random.choice(["gcc", "clang"])
    driver = {"gcc": "g++", "clang": "clang++"}[compiler]
    chains, functions = [], []
    for number in range(count):
        chain = Chain(random, number)
        table = WAITING if random.random() < 0.35 else BLOCKING
        chains.append((chain.make(table), chain))
        functions += chain.functions
    text = PRELUDE + MAIN % {
        "functions": "\n".join(functions), "chains": ", ".join(name for name, _ in chains),
        "shifts": ", ".join(str(random.choice([0, 3, 10, 40, 100])) for _ in chains),
        "others": ", ".join(str(random.randrange(count)) for _ in chains)}
    flags, links = compile_flags(random, compiler), link_flags(random, compiler)
    sources = {"chains.cpp": text, "tables.c": library(random, "through_tables"),
               "no_tables.c": library(random, "through_no_tables"), "library_tail.c": TAIL_LIBRARY}
    c_flags = compile_flags(random, "clang")[:1] + random.choice([[], ["-fno-omit-frame-pointer"]])
    c_flags += random.choice([[], ["-fstack-protector-all"]])
    no_tables = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"]
    c_compiler = random.choice(["gcc", "clang"])
    commands = [
        [c_compiler, "-g", "-fPIC", "-shared", *c_flags, "tables.c", "library_tail.c", "-o", "libtables.so"],
        [c_compiler, "-g", "-fPIC", "-shared", *c_flags, *no_tables, "no_tables.c", "-o", "libno_tables.so"],
        [driver, "-std=c++20", "-g1", "-w", "-pthread", *flags, *links, "chains.cpp", "-L.", "-ltables", "-lno_tables",
         "-Wl,-rpath,$ORIGIN", "-o", "chains"]]
    return Program(sources, commands, " ".join([driver, *flags, *links, "| libraries:", c_compiler, *c_flags]),
                   [" ".join(reversed(chain.words)) for _, chain in chains])
