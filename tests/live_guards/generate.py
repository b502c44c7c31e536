#!/usr/bin/env python3
"""Random programs whose threads hold locks in every way that compilers make of guards and of lock calls, with known answers.

    generate.py --seed S --count N DIRECTORY      writes the programs and the commands that build them

A *scenario* is one contended lock or a few of one object: the threads that hold it, each in a function of its own in a style of
chance; decoys that do not hold it (they released it, will take it later, have a guard that is not locked, hold its neighbour, have
merely its address); and threads that wait for it. Scenarios share nothing with one another; up to ten of one language share a
process and the compiler's options, so a thread of another scenario is one more that must not be named. The program says who holds
what as soon as all have come to rest, see stage.h.
"""
import argparse
import dataclasses
import pathlib
import random
import shlex

HERE = pathlib.Path(__file__).resolve().parent
EACH = 10  # scenarios in one process, at most
BLOCKING = (
    "{ int fd = stage_pipe(); char c; if (read(fd, &c, 1) < 0) sink = 2; close(fd); }",
    "{ int fd = stage_full_socket(); char c[999] = {0}; if (send(fd, c, sizeof c, MSG_NOSIGNAL) < 0) sink = 2; close(fd); }",
    "{ struct pollfd fd = {stage_pipe(), POLLIN, 0}; poll(&fd, 1, -1); close(fd.fd); }",
    "{ struct timespec ts = {100000, 0}; nanosleep(&ts, NULL); }",
    "{ pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_cond_t v = PTHREAD_COND_INITIALIZER; pthread_mutex_lock(&m); "
    "while (!zero) pthread_cond_wait(&v, &m); pthread_mutex_unlock(&m); }",
    "{ pthread_t t; if (pthread_create(&t, NULL, stage_pause, NULL) == 0) pthread_join(t, NULL); }",
    "{ sem_t s; sem_init(&s, 0, 0); sem_wait(&s); sem_destroy(&s); }",
    "{ int word = 0; syscall(SYS_futex, &word, 128, 0, NULL, NULL, 0); }",
    "sleep(100000);",
)
BLOCKING_CPP = (
    "{ std::mutex m; std::condition_variable v; std::unique_lock<std::mutex> own(m); v.wait(own, [] { return zero != 0; }); }",
    "{ std::thread t([] { stage_pause(nullptr); }); t.join(); }",
    "std::this_thread::sleep_for(std::chrono::hours(30));",
    "{ std::promise<int> promise; sink = promise.get_future().get(); }",
)
PRELUDE_CPP = """#include <alloca.h>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

#ifdef __cpp_exceptions
NOINLINE static int throws(int n) { if (one) throw std::runtime_error("n"); return n; }
#else
NOINLINE static int throws(int n) { if (one) abort(); return n; }
#endif
// A coroutine that the caller resumes.
struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { sink = 5; }
  };
  std::coroutine_handle<promise_type> handle;
};
inline void lock_read(pthread_rwlock_t& l) { pthread_rwlock_rdlock(&l); }
// Guards as other libraries have them: one that knows whether it is locked, and one with a bit of its pointer for that.
template <int mode> struct Own {
  using Lock = std::conditional_t<mode == 2, pthread_mutex_t, pthread_rwlock_t>;
  Lock* lock_; bool locked_ = false;
  explicit Own(Lock& l) : lock_(&l) { lock(); }
  Own(Lock& l, std::defer_lock_t) : lock_(&l) {}
  Own(Lock& l, std::adopt_lock_t) : lock_(&l), locked_(true) {}
  Own(Lock& l, std::try_to_lock_t) : lock_(&l) {
    if constexpr (mode == 0) locked_ = pthread_rwlock_tryrdlock(&l) == 0;
    else if constexpr (mode == 1) locked_ = pthread_rwlock_trywrlock(&l) == 0;
    else locked_ = pthread_mutex_trylock(&l) == 0;
  }
  Own(Own&& o) noexcept : lock_(o.lock_), locked_(o.locked_) { o.lock_ = nullptr; o.locked_ = false; }
  Own& operator=(Own&&) = delete;
  ~Own() { if (locked_) unlock(); }
  bool owns_lock() const { return locked_; }
  void lock() {
    if constexpr (mode == 0) pthread_rwlock_rdlock(lock_);
    else if constexpr (mode == 1) pthread_rwlock_wrlock(lock_);
    else pthread_mutex_lock(lock_);
    locked_ = true;
  }
  void unlock() {
    locked_ = false;
    if constexpr (mode == 2) pthread_mutex_unlock(lock_); else pthread_rwlock_unlock(lock_);
  }
};
template <int mode> struct Tagged {
  using Lock = typename Own<mode>::Lock;
  unsigned long word_;
  explicit Tagged(Lock& l) : word_((unsigned long)&l) { lock(); }
  ~Tagged() { unlock(); }
  Tagged(const Tagged&) = delete;
  Lock* get() const { return (Lock*)(word_ & ~1ul); }
  void lock() {
    if (word_ & 1) return;
    if constexpr (mode == 0) pthread_rwlock_rdlock(get());
    else if constexpr (mode == 1) pthread_rwlock_wrlock(get());
    else pthread_mutex_lock(get());
    word_ |= 1;
  }
  void unlock() {
    if (!(word_ & 1)) return;
    word_ &= ~1ul;
    if constexpr (mode == 2) pthread_mutex_unlock(get()); else pthread_rwlock_unlock(get());
  }
};
struct Unlocker { void operator()(pthread_rwlock_t* l) const { pthread_rwlock_unlock(l); } void operator()(pthread_mutex_t* l) const { pthread_mutex_unlock(l); } };
template <int mode> struct Pointer {
  std::unique_ptr<typename Own<mode>::Lock, Unlocker> held_;
  explicit Pointer(typename Own<mode>::Lock& l) {
    if constexpr (mode == 0) pthread_rwlock_rdlock(&l);
    else if constexpr (mode == 1) pthread_rwlock_wrlock(&l);
    else pthread_mutex_lock(&l);
    held_.reset(&l);
  }
};
template <class F> struct Finally { F f; ~Finally() { f(); } };
template <class F> Finally(F) -> Finally<F>;
"""
# What a guard is able to do: m(ove), a(ssign another to an empty one), d(efer, try, adopt), t(ime out), u(nlock and lock again), wait for a
# c(ondition), be locked with others by s(td::lock); x: it has the lock alone, and std::lock can take that. The kinds are stage_kinds.
READ, WRITE, MUTEX = "STAGE_READ", "STAGE_WRITE", "STAGE_MUTEX"
GUARDS = {  # the type of the lock: (guard, what it can, kind)
    "std::shared_mutex": [("std::shared_lock<{0}>", "madus", READ), ("std::shared_lock<{0}>", "madus", READ), ("std::unique_lock<{0}>", "madusx", WRITE),
                          ("std::lock_guard<{0}>", "x", WRITE), ("std::scoped_lock<{0}>", "x", WRITE)],
    "std::shared_timed_mutex": [("std::shared_lock<{0}>", "madtus", READ), ("std::unique_lock<{0}>", "madtusx", WRITE)],
    "std::mutex": [("std::unique_lock<{0}>", "maducsx", MUTEX), ("std::lock_guard<{0}>", "x", MUTEX), ("std::scoped_lock<{0}>", "x", MUTEX)],
    "std::recursive_mutex": [("std::unique_lock<{0}>", "madusx", MUTEX), ("std::lock_guard<{0}>", "x", MUTEX)],
    "std::timed_mutex": [("std::unique_lock<{0}>", "madtusx", MUTEX), ("std::scoped_lock<{0}>", "x", MUTEX)],
    "std::recursive_timed_mutex": [("std::unique_lock<{0}>", "madtusx", MUTEX), ("std::lock_guard<{0}>", "x", MUTEX)],
    "pthread_rwlock_t": [("Own<0>", "mdu", READ), ("Own<1>", "mdu", WRITE), ("Tagged<0>", "u", READ), ("Tagged<1>", "u", WRITE),
                         ("Pointer<0>", "m", READ), ("Pointer<1>", "m", WRITE)],
    "pthread_mutex_t": [("Own<2>", "mdu", MUTEX), ("Tagged<2>", "u", MUTEX), ("Pointer<2>", "m", MUTEX)],
}
RECURSIVE_LOCKS = ("std::recursive_mutex", "std::recursive_timed_mutex")
INITIALIZERS = {"pthread_rwlock_t": "pthread_rwlock_init(&{0}, NULL);", "pthread_mutex_t": "pthread_mutex_init(&{0}, NULL);"}

# Bodies of holders: {G} the guard's type, {l} the lock, {b} its neighbour, {block} what blocks, {f} the function's name. What the guard
# must be able to do, names of other right functions, code in front of the function.
CPP_STYLES = {
    "local": ("", "{G} guard({l}); {block}"),
    "braces": ("", "sink = n; {{ {G} guard{{{l}}}; {block} }} sink = sink + n;"),
    "deferred": ("d", "{G} guard({l}, std::defer_lock); sink = n; guard.lock(); {block}"),
    "tried": ("d", "{G} guard({l}, std::try_to_lock); if (!guard.owns_lock()) {{ sink = 9; return; }} {block}"),
    "by_data": ("d", "{G} guard({l}, std::defer_lock); if (p->data & one) guard.lock(); {block}"),
    "optional": ("", "std::optional<{G}> guard; if (p->data == 1) guard.emplace({l}); {block}"),
    "handed_out": ("m", "auto guard = take_{f}(p, n); {block}",
                   "{linkage} {G} take_{f}({S}* p, int n) {{ {G} guard({l}); sink = n; return guard; }}"),
    "moved": ("m", "{G} first({l}); sink = n; {G} guard(std::move(first)); {block}"),
    "by_value": ("m", "{G} guard({l}); use_{f}(p, n, go, std::move(guard)); sink = n;",
                 "NOINLINE static void use_{f}({S}* p, int n, int go, {G} guard) {{ sink = n + (p != nullptr); {block} sink = (int)sizeof guard; }}"),
    "by_reference": ("", "{G} guard({l}); use_{f}(p, n, go, guard); sink = n;",
                     "NOINLINE static void use_{f}({S}* p, int n, int go, {G}& guard) {{ sink = n + (p != nullptr); {block} sink = (int)(long)&guard; }}"),
    "relocked": ("u", "{G} guard({l}); sink = n; guard.unlock(); sink = n; guard.lock(); {block}"),
    "unlocked_later": ("u", "{G} guard({l}); {block} guard.unlock(); sink = n; if (sink == 77) throws(n);"),
    "loop": ("", "for (int i = 0; i < n + 3; ++i) {{ {G} guard({l}); sink = i; if (i == n + 2) {{ {block} }} }}"),
    "member": ("", "Session_{f} session({l}); session.work(p, n, go);",
               "struct Session_{f} {{ int before = 1; {G} guard; explicit Session_{f}({L}& l) : guard(l) {{}} ~Session_{f}() {{ sink = before; }}\n"
               "  NOINLINE void work({S}* p, int n, int go) {{ sink = n + (p != nullptr); {block} sink = before; }} }};"),
    "heap_member": ("", "auto session = std::make_unique<Session_{f}>({l}); session->work(p, n, go);",
                    "struct Session_{f} {{ int before = 1; {G} guard; explicit Session_{f}({L}& l) : guard(l) {{}} virtual ~Session_{f}() {{ sink = before; }}\n"
                    "  NOINLINE void work({S}* p, int n, int go) {{ sink = n + (p != nullptr); {block} sink = before; }} }};"),
    "shared_pointer": ("", "auto guard = std::make_shared<{G}>({l}); {block}"),
    "vector_of_guards": ("m", "std::vector<{G}> guards; guards.emplace_back({l}); {block}"),
    "lambda": ("", "auto body = [&] {{ {G} guard({l}); {block} sink = n; }}; body();"),
    "std_function": ("", "std::function<void()> body = [p, n, go] {{ {G} guard({l}); (void)p; {block} sink = n; }}; if (body) body();"),
    "captured": ("m", "auto body = [guard = {G}({l}), n, go] {{ sink = n; {block} sink = (int)(long)&guard; }}; body();"),
    "in_catch": ("", "try {{ throws(n); }} catch (const std::exception&) {{ {G} guard({l}); {block} }}"),
    "after_catch": ("", "{G} guard({l}); try {{ throws(n); }} catch (const std::exception&) {{ sink = 3; }} {block}"),
    "in_try": ("", "{G} guard({l}); try {{ {block} }} catch (const std::exception&) {{ sink = 4; }} sink = n;"),
    "in_try_all": ("", "{G} guard({l}); try {{ {block} }} catch (...) {{ sink = 4; throw; }} sink = n;"),
    "catches_all": ("", "try {{ {G} guard({l}); {block} }} catch (...) {{ sink = 4; }} sink = n;"),
    "virtual": ("", "worker_{f}->work(p, n, go); sink = n;",
                "struct Base_{f} {{ virtual void work({S}* p, int n, int go) = 0; virtual ~Base_{f}() = default; }};\n"
                "struct Worker_{f} final : Base_{f} {{ void work({S}* p, int n, int go) override {{ {G} guard({l}); sink = n + (p != nullptr); {block} sink = n; }} }};\n"
                "static Base_{f}* volatile worker_{f} = new Worker_{f};", "Worker_{f}"),
    "template": ("", "with_{f}<{L}>({l}, [&] {{ {block} sink = n; }});",
                 "template <class T, class F> {inlining} static void with_{f}(T& lock, F body) {{ {G} guard(lock); sink = 2; body(); sink = 3; }}", "with_{f}"),
    "finally": ("u", "{G} guard({l}); Finally last{{[&] {{ sink = n; }}}}; {block}"),
    "several_objects": ("", "std::vector<int> numbers(n + 2, 1); {G} guard({l}); std::unique_ptr<int> more(new int(n)); {block} sink = *more + numbers[0];"),
    "noexcept": ("", "{G} guard({l}); {block} sink = n;"),
    "neighbour_released": ("u", "{G} other({b}); sink = n; other.unlock(); {G} guard({l}); {block}"),
    "in_destructor": ("", "{G} guard({l}); Slow_{f} slow{{p, n, go}}; sink = n;",
                      "struct Slow_{f} {{ {S}* p; int n, go; NOINLINE ~Slow_{f}() {{ sink = n + (p != nullptr); {block} sink = n; }} }};"),
    "adopted": ("d", "{take}; {G} guard({l}, std::adopt_lock); {block}"),
    "timed": ("t", "{G} guard({l}, std::chrono::hours(n + 1)); if (!guard.owns_lock()) return; {block}"),
    "assigned": ("a", "{G} guard; sink = n; if (p->data == 1) guard = {G}({l}); {block}"),
    "swapped": ("a", "{G} guard, first({l}); sink = n; std::swap(guard, first); {block}"),
    "assigned_member": ("a", "Session_{f} session; session.guard = {G}({l}); session.work(p, n, go);",
                        "struct Session_{f} {{ int before = 1; {G} guard; ~Session_{f}() {{ sink = before; }}\n"
                        "  NOINLINE void work({S}* p, int n, int go) {{ sink = n + (p != nullptr); {block} sink = before; }} }};"),
    "moved_into_member": ("m", "Session_{f} session({G}({l}), n); session.work(p, n, go);",
                          "struct Session_{f} {{ int before; {G} guard; Session_{f}({G}&& given, int n) : before(n), guard(std::move(given)) {{}}\n"
                          "  ~Session_{f}() {{ sink = before; }} NOINLINE void work({S}* p, int n, int go) {{ sink = n + (p != nullptr); {block} sink = before; }} }};"),
    "returned_in_struct": ("m", "Held_{f} held = take_{f}(p, n); {block} sink = held.number;",
                           "struct Held_{f} {{ {G} guard; int number; }};\n"
                           "{linkage} Held_{f} take_{f}({S}* p, int n) {{ {G} guard({l}); sink = n + (p != nullptr); return Held_{f}{{std::move(guard), n}}; }}"),
    "returned_on_heap": ("", "std::unique_ptr<{G}> guard = take_{f}(p, n); {block}",
                         "{linkage} std::unique_ptr<{G}> take_{f}({S}* p, int n) {{ sink = n + (p != nullptr); return std::make_unique<{G}>({l}); }}"),
    "derived": ("", "Locked_{f} guard({l}); {block} sink = guard.more;",
                "struct Locked_{f} : {G} {{ int more = 3; explicit Locked_{f}({L}& lock) : {G}(lock) {{}} }};"),
    "nested_member": ("", "Outer_{f} outer({l}); {block} sink = outer.number;",
                      "struct Outer_{f} {{ struct Inner {{ std::vector<int> numbers; {G} guard; explicit Inner({L}& lock) : numbers(3), guard(lock) {{}} }} inner;\n"
                      "  int number = 1; explicit Outer_{f}({L}& lock) : inner(lock) {{}} ~Outer_{f}() {{ sink = number; }} }};"),
    "tuple": ("m", "std::tuple<int, {G}, std::unique_ptr<int>> held(n, {G}({l}), std::make_unique<int>(n)); {block} sink = std::get<0>(held);"),
    "variant": ("", "std::variant<std::monostate, int, {G}> guard; if (p->data == 1) guard.template emplace<2>({l}); {block}"),
    "conditional": ("m", "{G} guard = p->data == 1 ? {G}({l}) : {G}({b}); {block}"),
    "coroutine": ("", "Task task = run_{f}(p, n, go); task.handle.resume(); sink = n; task.handle.destroy();",
                  "static Task run_{f}({S}* p, int n, int go) {{ {G} guard({l}); sink = n + (p != nullptr); {block} sink = n; co_return; }}", "run_{f}"),
    "coroutine_resumed": ("", "Task task = run_{f}(p, n, go); task.handle.resume(); sink = n; task.handle.resume(); task.handle.destroy();",
                          "static Task run_{f}({S}* p, int n, int go) {{ {G} guard({l}); sink = n + (p != nullptr); co_await std::suspend_always{{}}; {block} sink = n; }}", "run_{f}"),
    "relocked_in_catch": ("u", "{G} guard({l}); guard.unlock(); try {{ throws(n); }} catch (const std::exception&) {{ guard.lock(); {block} }}"),
    "relocks_in_catch": ("u", "{G} guard({l}); try {{ {block} }} catch (const std::exception&) {{ guard.unlock(); sink = n; guard.lock(); }} sink = n;"),
    "again_in_catch": ("", "try {{ {G} guard({l}); throws(n); }} catch (const std::exception&) {{ {G} guard({l}); {block} sink = n; }}"),
    "nested_tries": ("", "{G} guard({l}); try {{ std::vector<int> v(n + 2); try {{ {block} }} catch (const std::bad_alloc&) {{ sink = v[0]; throw; }} }} "
                         "catch (const std::runtime_error&) {{ sink = 5; }} sink = n;"),
    "array_on_stack": ("", "int numbers[n + 9]; numbers[n] = 1; {G} guard({l}); sink = numbers[n]; {block} sink = numbers[n];"),
    "alloca": ("", "char* bytes = (char*)alloca(n + 300); memset(bytes, n, 100); {G} guard({l}); {block} sink = bytes[n];"),
    "large_frame": ("", "volatile char bytes[70000]; bytes[n] = 1; {G} guard({l}); {block} sink = bytes[n];"),
    "recursion": ("", "inner_{f}(p, n, go, 3); sink = n;",
                  "NOINLINE static void inner_{f}({S}* p, int n, int go, int left) {{ sink = n + left; if (left == 1) {{ {G} guard({l}); inner_{f}(p, n, go, 0); }}\n"
                  "  else if (left) inner_{f}(p, n, go, left - 1); else {{ {block} }} sink = left + (p != nullptr); }}", "inner_{f}"),
    "across_virtual": ("", "{G} guard({l}); worker_{f}->work(p, n, go); sink = n;",
                       "struct Base_{f} {{ virtual void work({S}* p, int n, int go) = 0; virtual ~Base_{f}() = default; }};\n"
                       "struct Worker_{f} final : Base_{f} {{ void work({S}* p, int n, int go) override {{ sink = n + (p != nullptr); {block} sink = n; }} }};\n"
                       "static Base_{f}* volatile worker_{f} = new Worker_{f};"),
    "across_sort": ("", "{G} guard({l}); int numbers[3] = {{3, 1, 2}}; Key_{f} key{{p, n, go}}; qsort_r(numbers, 3, sizeof(int), order_{f}, &key); sink = numbers[0];",
                    "struct Key_{f} {{ {S}* p; int n, go; }};\n"
                    "static int order_{f}(const void*, const void*, void* q) {{ auto* key = (Key_{f}*)q; int n = key->n, go = key->go; key->go = 0;\n"
                    "  {block} sink = n; return 0; }}"),
    "across_loop": ("", "{G} guard({l}); inner_{f}(p, n, go); sink = n;",
                    "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ for (int i = 0; i < n + 3; ++i) {{ std::mutex m; std::lock_guard<std::mutex> own(m);\n"
                    "  sink = i + (p != nullptr); {block} }} sink = n; }}"),
    "across_condition_any": ("", "{G} guard({l}); inner_{f}(p, n); sink = n;",
                             "NOINLINE static void inner_{f}({S}* p, int n) {{ std::mutex m; std::unique_lock<std::mutex> own(m); std::condition_variable_any v;\n"
                             "  while (!zero) v.wait(own); sink = n + (p != nullptr); }}"),
    "across_long_loop": ("", "{G} guard({l}); inner_{f}(p, n, go); sink = n;",
                         "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ {block} for (int i = 0; i < n + 9999; ++i) sink = i + (p != nullptr); }}"),
    "across_once": ("", "{G} guard({l}); std::once_flag once; std::call_once(once, [&] {{ {block} sink = n; }}); sink = n;"),
    "across_future": ("", "{G} guard({l}); auto later = std::async(std::launch::deferred, [&] {{ {block} return n; }}); sink = later.get();"),
    # Before it releases the lock, it takes another one, or calls something, that is known by a register or on the heap alone.
    "takes_other_later": ("", "{G} guard({l}); {S}* q = same_{f}(p); {block} {{ {S}* p = q; sink = p->data; {G} other({b}); sink = n; }} sink = n;",
                          "static {S}* it_{f}({S}* p) {{ return p; }}\nstatic {S}* (*volatile same_{f})({S}*) = it_{f};"),
    "takes_other_on_heap": ("", "auto own = std::make_unique<{L}>(); auto& other = *own; {G} guard({l}); {block} {{ {G} more(other); sink = n; }} sink = n;"),
    "calls_later": ("", "auto worker = worker_{f}; {G} guard({l}); {block} worker->work(p, n); sink = n;",
                    "struct Base_{f} {{ virtual void work({S}* p, int n) = 0; virtual ~Base_{f}() = default; }};\n"
                    "struct Worker_{f} final : Base_{f} {{ void work({S}* p, int n) override {{ sink = n + (p != nullptr); }} }};\n"
                    "static Base_{f}* volatile worker_{f} = new Worker_{f};"),
    "three_frames": ("", "std::mutex first; std::lock_guard<std::mutex> one_more(first); middle_{f}(p, n, go);",
                     "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ std::mutex last; std::lock_guard<std::mutex> held(last); sink = n + (p != nullptr); {block} sink = n; }}\n"
                     "NOINLINE static void middle_{f}({S}* p, int n, int go) {{ {G} guard({l}); inner_{f}(p, n, go); sink = n; }}", "middle_{f}"),
    "in_assignment": ("", "Store_{f} store; store = p; sink = n;",
                      "struct Store_{f} {{ int n = zero, go = one; NOINLINE Store_{f}& operator=({S}* p) {{ {G} guard({l}); {block} sink = n + (p != nullptr); return *this; }} }};", "Store_{f}"),
    "in_constructor": ("", "Made_{f} made(p, n, go); sink = made.n;",
                       "struct Made_{f} {{ int n; std::vector<int> v; NOINLINE Made_{f}({S}* p, int n, int go) : n(n), v(3) {{ {G} guard({l}); {block} sink = n + (p != nullptr); }} }};", "Made_{f}"),
    "switch": ("", "switch (p->data) {{ case 1: {{ {G} guard({l}); {block} break; }} case 2: {{ {G} guard({b}); sink = 3; break; }} default: sink = 1; }}"),
}
# A handler that releases the lock, and a lock in the form of an object, which locks and unlocks anew.
GIVES = "NOINLINE static void give_{f}(void* q) {{ {S}* p = ({S}*)q; int n = zero; sink = n + p->data; {give}; sink = p->data; }}"
BARE_LOCK = "struct Bare_{f} {{ {S}* p; int n; void lock() {{ {take}; }} void unlock() {{ {give}; }} }};\n"
WITHOUT = "struct Without_{f} {{ {S}* p; int n; Without_{f}({S}* p, int n) : p(p), n(n) {{ {give}; }} ~Without_{f}() {{ {take}; }} }};\n"
BY_FUNCTION = ("static void give_{f}({S}* p, int n) {{ sink = n; {give}; }}\nstatic void take_{f}({S}* p, int n) {{ sink = n; {take}; }}\n"
               "static void (*volatile giver_{f})({S}*, int) = give_{f};\nstatic void (*volatile taker_{f})({S}*, int) = take_{f};\n")
# Locked and unlocked without a guard: the code ahead shows it, or a handler.
CPP_BARE = {
    "bare": "{take}; {block} {give}; sink = n;",
    "bare_early_return": "{take}; if (p->data == 5) {{ {give}; return; }} {block} {give};",
    "bare_rethrows": "{take}; try {{ {block} }} catch (...) {{ {give}; throw; }} {give};",
    "bare_catches": "{take}; try {{ {block} }} catch (const std::exception&) {{ sink = 3; }} {give};",
    "bare_with_objects": "std::vector<int> numbers(n + 2, 1); {take}; {block} sink = numbers[n]; {give};",
    "bare_finally": "{take}; Finally last{{[&] {{ {give}; }}}}; {block} sink = n;",
    "bare_cleanup": ("{take}; pthread_cleanup_push(give_{f}, p); {block} sink = n; pthread_cleanup_pop(1);", GIVES),
}
CPP_RECURSIVE = {  # body, front, how often it has the lock
    "twice": ("{G} guard({l}); sink = n; {{ {G} again({l}); {block} sink = n; }}", "", 2),
    "inner": ("{G} guard({l}); inner_{f}(p, n, go); sink = n;",
              "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ {G} again({l}); sink = n + (p != nullptr); {block} sink = n; }}", 2),
    "thrice": ("inner_{f}(p, n, go, 2); sink = n;",
               "NOINLINE static void inner_{f}({S}* p, int n, int go, int left) {{ {G} guard({l}); sink = n + (p != nullptr);\n"
               "  if (left) inner_{f}(p, n, go, left - 1); else {{ {block} }} sink = left; }}", 3),
}
CPP_BOTH = {  # what the guard must be able to do, body, front
    "both": ("", "{G} guard({l}); {G} other({b}); {block} sink = n;", ""),
    "both_in_two": ("", "{G} guard({l}); inner_{f}(p, n, go); sink = n;",
                    "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ {G} other({b}); sink = n + (p != nullptr); {block} sink = n; }}"),
    "both_by_recursion": ("", "inner_{f}(p, n, go, 1); sink = n;",
                          "NOINLINE static void inner_{f}({S}* p, int n, int go, int left) {{ {G} guard(left ? {l} : {b}); sink = n + (p != nullptr);\n"
                          "  if (left) inner_{f}(p, n, go, left - 1); else {{ {block} }} sink = left; }}"),
    "both_as_members": ("m", "struct Both {{ {G} first, second; }} both{{{G}({l}), {G}({b})}}; {block} sink = (int)sizeof both;", ""),
    "both_scoped": ("x", "std::scoped_lock<{L}, {L}> guard({l}, {b}); {block} sink = n;", ""),
    "both_scoped_guards": ("ds", "{G} first({l}, std::defer_lock), second({b}, std::defer_lock); std::scoped_lock<{G}, {G}> guard(first, second); {block} sink = n;", ""),
    "both_locked_at_once": ("dx", "std::lock({l}, {b}); {G} first({l}, std::adopt_lock); {G} second({b}, std::adopt_lock); {block} sink = n;", ""),
    "both_in_vector": ("m", "std::vector<{G}> guards; guards.reserve(2); guards.emplace_back({l}); guards.emplace_back({b}); {block} sink = n;", ""),
}
# Threads that do not hold the lock, and block. "early": takes the lock, and so must have come to rest before the holders begin.
CPP_DECOYS = {
    "released": ("early", "", "{{ {G} guard({l}); sink = n; }} {block}"),
    "later": ("early", "", "{block} {G} guard({l}); sink = n;"),
    "later_in_try": ("early", "", "try {{ {block} }} catch (...) {{ sink = 1; }} {{ {G} guard({l}); sink = n; }}"),
    "deferred": ("early", "d", "{G} guard({l}, std::defer_lock); {block}"),
    "by_data": ("early", "d", "{G} guard({l}, std::defer_lock); if (p->data & zero) guard.lock(); {block}"),
    "unlocked": ("early", "u", "{G} guard({l}); sink = n; guard.unlock(); {block}"),
    "unlocked_relocks": ("early", "u", "{G} guard({l}); sink = n; guard.unlock(); {block} guard.lock(); sink = n;"),
    "failed_try": ("late", "d", "{G} guard({l}, std::try_to_lock); {block} if (guard.owns_lock()) sink = n;"),
    "loop": ("early", "", "for (int i = 0; i < n + 5; ++i) {{ {{ {G} guard({l}); sink = i; }} if (i == n + 1) {{ {block} }} }}"),
    "moved_away": ("early", "m", "{G} guard({l}); drop_{f}(std::move(guard)); {block} sink = (int)(long)&guard;",
                   "NOINLINE static void drop_{f}({G} guard) {{ sink = (int)sizeof guard; }}"),
    "empty_optional": ("early", "", "std::optional<{G}> guard; if (p->data != 1) guard.emplace({l}); {block}"),
    "neighbour": ("early", "", "{G} guard({b}); {block}"),
    "has_address": ("early", "", "auto* lock = &{l}; {block} sink = (int)(long)lock;"),
    "condition": ("early", "c", "std::unique_lock<{L}> guard({l}); std::condition_variable v; while (!zero) v.wait(guard); sink = n;"),
    "condition_any": ("early", "d", "{G} guard({l}); std::condition_variable_any v; while (!zero) v.wait(guard); sink = n;"),
    "unwound": ("early", "", "try {{ {G} guard({l}); throws(n); }} catch (const std::exception&) {{ {block} }}"),
    "before_destructor": ("early", "", "Slow_{f} slow{{p, n, go}}; {G} guard({l}); sink = n;",
                          "struct Slow_{f} {{ {S}* p; int n, go; NOINLINE ~Slow_{f}() {{ sink = n + (p != nullptr); {block} sink = n; }} }};"),
    "catch_locks": ("early", "", "try {{ {block} }} catch (...) {{ {G} guard({l}); sink = n; throw; }}"),
    "relocks_in_catch": ("early", "u", "{G} guard({l}); guard.unlock(); try {{ {block} }} catch (...) {{ guard.lock(); sink = n; throw; }} guard.lock();"),
    "unlock_guard": ("early", "u", "{G} guard({l}); Without_{f} without{{guard}}; {block} sink = n;",
                     "struct Without_{f} {{ {G}& guard; explicit Without_{f}({G}& g) : guard(g) {{ guard.unlock(); }} ~Without_{f}() {{ guard.lock(); }} }};"),
    "unlocked_by_data": ("early", "u", "{G} guard({l}); if (p->data == 1) guard.unlock(); {block} sink = n;"),
    "optional_reset": ("early", "", "std::optional<{G}> guard; guard.emplace({l}); guard.reset(); {block} sink = n;"),
    "vector_cleared": ("early", "m", "std::vector<{G}> guards; guards.emplace_back({l}); guards.clear(); {block} sink = n;"),
    "assigned_away": ("early", "a", "{G} guard({l}); guard = {G}(); {block} sink = n;"),
    "bare_later": ("early", "", "{block} {take}; sink = n; {give};"),
    "bare_released": ("early", "", "{take}; sink = n; {give}; {block} sink = n;"),
    "bare_in_catch": ("early", "", "try {{ {block} }} catch (...) {{ {take}; sink = n; {give}; throw; }} sink = n;"),
    "coroutine": ("early", "", "Task task = run_{f}(p, n, go); task.handle.resume(); sink = n; task.handle.resume(); task.handle.destroy();",
                  "static Task run_{f}({S}* p, int n, int go) {{ {{ {G} guard({l}); sink = n; }} co_await std::suspend_always{{}}; {block} {{ {G} guard({l}); sink = n; }} }}"),
    "session_gone": ("early", "", "{{ auto held = std::make_unique<{G}>({l}); sink = n; }} {block}"),
    # Given back inside the scope of a guard that knows nothing of it.
    "condition_any_bare": ("early", "", "{G} guard({l}); Bare_{f} bare{{p, n}}; std::condition_variable_any v; while (!zero) v.wait(bare); sink = n;", BARE_LOCK),
    "condition_any_bare_inner": ("early", "", "{G} guard({l}); wait_{f}(p, n); sink = n;", BARE_LOCK +
                                 "NOINLINE static void wait_{f}({S}* p, int n) {{ Bare_{f} bare{{p, n}}; std::condition_variable_any v; while (!zero) v.wait(bare); sink = n; }}"),
    "condition_any_mutex": ("early", "x", "{G} guard({l}); std::condition_variable_any v; v.wait({l}, [] {{ return zero != 0; }}); sink = n;"),
    "condition_any_mutex_inner": ("early", "x", "{G} guard({l}); wait_{f}({l}, n); sink = n;",
                                  "NOINLINE static void wait_{f}({L}& lock, int n) {{ std::condition_variable_any v; while (!zero) v.wait(lock); sink = n; }}"),
    "condition_any_timed": ("early", "x", "{G} guard({l}); std::condition_variable_any v; while (!zero) v.wait_for({l}, std::chrono::hours(n + 1)); sink = n;"),
    "unlock_around": ("early", "", "{G} guard({l}); {{ Without_{f} without(p, n); {block} }} sink = n;", WITHOUT),
    "unlock_around_inner": ("early", "", "{G} guard({l}); around_{f}(p, n, go); sink = n;", WITHOUT +
                            "NOINLINE static void around_{f}({S}* p, int n, int go) {{ Without_{f} without(p, n); {block} sink = n; }}"),
    "bare_around": ("early", "", "{G} guard({l}); {give}; {block} {take}; sink = n;"),
    "bare_around_inner": ("early", "", "{G} guard({l}); around_{f}(p, n, go); sink = n;",
                          "NOINLINE static void around_{f}({S}* p, int n, int go) {{ {give}; {block} {take}; sink = n; }}"),
    "condition_any_predicate": ("early", "", "{G} guard({l}); wait_{f}(p, n); sink = n;", BARE_LOCK +
                                "NOINLINE static void wait_{f}({S}* p, int n) {{ Bare_{f} bare{{p, n}}; std::condition_variable_any v; v.wait(bare, [&] {{ sink = p->data; return zero != 0; }}); }}"),
    "condition_any_counted": ("early", "", "{G} guard({l}); wait_{f}(p, n); sink = n;", BARE_LOCK +
                              "NOINLINE static void wait_{f}({S}* p, int n) {{ Bare_{f} bare{{p, n}}; std::condition_variable_any v;\n"
                              "  for (int i = 0; i < n + 3; ++i) if (v.wait_for(bare, std::chrono::hours(n + 1)) == std::cv_status::timeout) sink = i; }}"),
    "around_condition_any": ("early", "", "{G} guard({l}); around_{f}(p, n); sink = n;",
                             "NOINLINE static void around_{f}({S}* p, int n) {{ {give}; {{ std::mutex m; std::unique_lock<std::mutex> own(m); std::condition_variable_any v;\n"
                             "  while (!zero) v.wait(own); }} {take}; sink = n; }}"),
    "around_loop_inner": ("early", "", "{G} guard({l}); around_{f}(p, n, go); sink = n;",
                          "NOINLINE static void around_{f}({S}* p, int n, int go) {{ {give}; for (int i = 0; i < n + 3; ++i) {{ std::mutex m; std::lock_guard<std::mutex> own(m); {block} }}\n"
                          "  {take}; sink = n; }}"),
    "around_loop": ("early", "", "{G} guard({l}); {give}; for (int i = 0; i < n + 3; ++i) {{ {block} }} {take}; sink = n;"),
    "around_long_loop": ("early", "", "{G} guard({l}); {give}; {block} for (int i = 0; i < n + 9999; ++i) sink = i; {take}; sink = n;"),
    "around_long_loop_inner": ("early", "", "{G} guard({l}); around_{f}(p, n, go); sink = n;",
                               "NOINLINE static void around_{f}({S}* p, int n, int go) {{ {give}; {block} for (int i = 0; i < n + 9999; ++i) sink = i; {take}; sink = n; }}"),
    "relocked_in_loop": ("early", "", "{G} guard({l}); around_{f}(p, n, go); sink = n;",
                         "NOINLINE static void around_{f}({S}* p, int n, int go) {{ for (int i = 0; i < n + 1; ++i) {{ {give}; }} {block} for (int i = 0; i < n + 1; ++i) {{ {take}; sink = i; }} }}"),
    "around_in_two": ("early", "", "{G} guard({l}); outer_{f}(p, n, go); sink = n;", WITHOUT +
                      "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ std::mutex m; std::unique_lock<std::mutex> own(m); own.unlock(); sink = p->data; {block} own.lock(); }}\n"
                      "NOINLINE static void outer_{f}({S}* p, int n, int go) {{ Without_{f} without(p, n); inner_{f}(p, n, go); sink = n; }}"),
    "around_by_function": ("early", "", "{G} guard({l}); around_{f}(p, n, go); sink = n;", BY_FUNCTION +
                           "NOINLINE static void around_{f}({S}* p, int n, int go) {{ giver_{f}(p, n); {block} taker_{f}(p, n); }}"),
    "around_optional": ("early", "", "std::optional<{G}> guard; if (p->data == 1) guard.emplace({l}); around_{f}(p, n, go); sink = n;", WITHOUT +
                        "NOINLINE static void around_{f}({S}* p, int n, int go) {{ std::optional<Without_{f}> without; if (p->data == 1) without.emplace(p, n); {block} sink = n; }}"),
    "around_vector": ("early", "m", "std::vector<{G}> guards; guards.reserve(2); guards.emplace_back({l}); around_{f}(p, n, go); sink = (int)guards.size();",
                      "NOINLINE static void around_{f}({S}* p, int n, int go) {{ {give}; {block} {take}; sink = n; }}"),
    "around_array": ("early", "md", "{L} other{{}}; {G} guards[2] = {{{G}({l}), {G}(other, std::defer_lock)}}; around_{f}(p, n, go); sink = (int)(long)guards;",
                     "NOINLINE static void around_{f}({S}* p, int n, int go) {{ {give}; {block} {take}; sink = n; }}"),
    "around_tuple": ("early", "m", "std::tuple<int, {G}> held(n, {G}({l})); around_{f}(p, n, go); sink = std::get<0>(held);", WITHOUT +
                     "NOINLINE static void around_{f}({S}* p, int n, int go) {{ Without_{f} without(p, n); {block} sink = n; }}"),
    "around_scoped": ("early", "x", "{L} other; std::scoped_lock<{L}, {L}> guard({l}, other); {{ Without_{f} without(p, n); {block} }} sink = n;",
                      "struct Without_{f} {{ {S}* p; int n; Without_{f}({S}* p, int n) : p(p), n(n) {{ {l}.unlock(); }} ~Without_{f}() {{ {l}.lock(); }} }};\n"),
    "condition_any_scoped": ("early", "x", "{L} other; std::scoped_lock<{L}, {L}> guard({l}, other); wait_{f}({l}, other, n); sink = n;",
                             "struct Both_{f} {{ {L}& a; {L}& b; void lock() {{ std::lock(a, b); }} void unlock() {{ a.unlock(); b.unlock(); }} }};\n"
                             "NOINLINE static void wait_{f}({L}& a, {L}& b, int n) {{ Both_{f} both{{a, b}}; std::condition_variable_any v; while (!zero) v.wait(both); sink = n; }}"),
    # Given back and acquired again by the guard's own function, which has where the lock is in a register or on the heap alone.
    "own_by_pointer": ("early", "", "{G} guard({l}); {S}* q = same_{f}(p); {{ {S}* p = q; sink = p->data; {give}; }} {block} {{ {S}* p = q; sink = p->data; {take}; }} sink = n;",
                       "static {S}* it_{f}({S}* p) {{ return p; }}\nstatic {S}* (*volatile same_{f})({S}*) = it_{f};"),
    "own_on_heap": ("early", "", "auto box = std::make_unique<{S}*>(p); {G} guard({l}); {{ {S}* p = *box; sink = p->data; {give}; }} {block} {{ {S}* p = *box; sink = p->data; {take}; }} sink = n;"),
    "own_unlocker_on_heap": ("early", "", "{G} guard({l}); auto without = std::make_unique<Without_{f}>(p, n); {block} without.reset(); sink = n;", WITHOUT),
    "own_in_loop": ("early", "", "{G} guard({l}); for (int i = 0; i < n + 1; ++i) {{ {give}; }} {block} for (int i = 0; i < n + 1; ++i) {{ {take}; sink = i; }} sink = n;"),
    "own_list": ("early", "", "std::vector<{S}*> list(n + 2, p); {G} guard({l}); for ({S}* p : list) {{ if (n == sink) sink = 1; sink = p->data; }} {{ {S}* p = list[n]; sink = p->data; {give}; }} {block}\n"
                              "  {{ {S}* p = list[n + 1]; sink = p->data; {take}; }} sink = n;"),
    "own_by_function": ("early", "", "{G} guard({l}); giver_{f}(p, n); {block} taker_{f}(p, n); sink = n;", BY_FUNCTION),
    "own_by_known_function": ("early", "", "auto taker = taker_{f}; {G} guard({l}); giver_{f}(p, n); {block} taker(p, n); sink = n;", BY_FUNCTION),
    # Told to release a lock that it has not got yet.
    "finally_first": ("early", "", "Finally last{{[&] {{ {give}; }}}}; {block} {take}; sink = n;"),
    "cleanup_first": ("early", "", "pthread_cleanup_push(give_{f}, p); {block} {take}; sink = n; pthread_cleanup_pop(1);", GIVES),
    "vector_popped": ("early", "m", "std::vector<{G}> guards; guards.reserve(2); guards.emplace_back({l}); guards.pop_back(); {block} sink = (int)guards.size();"),
    "vector_popped_inner": ("early", "m", "std::vector<{G}> guards; guards.reserve(2); guards.emplace_back({l}); inner_{f}(p, n, go, guards); sink = (int)guards.size();",
                            "NOINLINE static void inner_{f}({S}* p, int n, int go, std::vector<{G}>& guards) {{ sink = n + (p != nullptr); guards.pop_back(); {block} sink = (int)guards.size(); }}"),
}
# How the lock is reached: the fields of the object, the lock, its neighbour, and what prepares them.
PLACES = {
    "field": ("{L} a; {L} b;", "p->a", "p->b", ""),
    "global": ("{L} a; {L} b;", "g_{K}.a", "g_{K}.b", ""),
    "array": ("{L} locks[5];", "p->locks[n + 2]", "p->locks[n + 1]", ""),
    "pointer": ("{L} a; {L} b; {L}* where; {L}** whose;", "(**p->whose)", "p->b", "p->where = &p->a; p->whose = &p->where;"),
    "behind": ("{L} a; {L} b; {S}* next;", "p->next->a", "p->next->b", "p->next = p;"),
    "by_function": ("{L} a; {L} b;", "(*lock_{K}(p))", "p->b", ""),
}
PLACES_CPP = {
    "vector": ("std::vector<std::unique_ptr<{L}>> locks;", "(*p->locks[n + 1])", "(*p->locks[n])", "for (int i = 0; i < 4; ++i) p->locks.push_back(std::make_unique<{L}>());"),
    "map": ("std::map<int, {L}> locks;", "p->locks[n + 7]", "p->locks[n + 3]", "p->locks[7]; p->locks[3];"),
    "virtual": ("{L} a; {L} b; virtual {L}& lock() {{ return a; }}", "p->lock()", "p->b", ""),
}

# C: {lock} takes the lock, {unlock} releases it, {try} is 0 if it got it; {lock_b}, {unlock_b} the neighbour's.
GIVES_C = "NOINLINE static void give_{f}(void* q) {{ {S}* p = ({S}*)q; int n = zero; sink = n + p->data; {unlock}; sink = p->data; }}"
GIVES_BY_ATTRIBUTE = "static inline void give_{f}({S}** q) {{ {S}* p = *q; int n = zero; sink = n + p->data; {unlock}; }}"
C_STYLES = {
    "plain": "{lock}; {block} {unlock};",
    "busy": "int before = n * 3; {lock}; for (int i = 0; i < n + 2; ++i) before += p->data; {block} sink = before; {unlock}; sink = before + 1;",
    "goto": "int result = -1; if (!one) goto out; {lock}; if (p->data == 77) goto unlock; {block} result = 0;\nunlock: {unlock};\nout: sink = result;",
    "early_return": "{lock}; if (p->data == 5) {{ {unlock}; return; }} {block} if (sink == 99) {{ {unlock}; return; }} sink = n; {unlock};",
    "flag": "int locked = 0; if (one) {{ {lock}; locked = 1; }} {block} if (locked) {unlock};",
    "loop": "for (int i = 0; i < n + 3; ++i) {{ {lock}; sink = i; if (i == n + 1) {{ {block} }} {unlock}; }}",
    "tried": "if ({try} != 0) {{ sink = 4; return; }} {block} {unlock};",
    "last_call": "{lock}; {block} sink = 2; {unlock};",
    "switch": "switch (p->data) {{ case 1: {lock}; {block} {unlock}; break; case 2: {lock_b}; sink = 3; {unlock_b}; break; default: sink = 1; }}",
    "other_work_later": "{lock}; {block} for (int i = 0; i < p->data; ++i) sink = i; {unlock}; {lock_b}; sink = 2; {unlock_b};",
    "error_path": "{lock}; {block} if (p->data != 1) {{ sink = 9; {unlock}; return; }} p->data = 1; {unlock};",
    "on_failure": "{lock}; {block} int result = noisy_{K}(n); if (result < 0) {{ {unlock}; sink = -1; return; }} p->data = 1; {unlock};",
    "local_pointer": "{S}* q = p; {block_nothing} {lock}; {block} q->data = 1; {unlock};",
    "helpers": ("take_{f}(p, n); {block} give_{f}(p, n);",
                "{linkage} void take_{f}({S}* p, int n) {{ sink = n; {lock}; sink = p->data; }}\n"
                "{linkage} void give_{f}({S}* p, int n) {{ sink = n; {unlock}; sink = p->data; }}"),
    "callback": ("with_{f}(p, n, body_{f}, go); sink = n;",
                 "NOINLINE static void body_{f}({S}* p, int n, int go) {{ sink = n + p->data; {block} sink = n; }}\n"
                 "NOINLINE static void with_{f}({S}* p, int n, void (*body)({S}*, int, int), int go) {{ {lock}; body(p, n, go); {unlock}; }}", "with_{f}"),
    "table": ("{lock}; {block} (*table_{f})(p, n); sink = n;",
              "NOINLINE static void give_{f}({S}* p, int n) {{ sink = n; {unlock}; sink = p->data; }}\n"
              "static void (*volatile table_{f})({S}*, int) = give_{f};"),
    "inner_takes_other": ("{lock}; inner_{f}(p, n, go); {unlock};",
                          "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ sink = n; {block} {lock_b}; p->data = 1; {unlock_b}; }}"),
    "inner_took_other": ("{lock}; inner_{f}(p, n, go); {unlock};",
                         "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ {lock_b}; p->data = 1; {unlock_b}; sink = n; {block} sink = 2; }}"),
    "checked": "if ({lock} != 0) abort(); {block} if ({unlock} != 0) abort();",
    "checked_by_function": ("check_{f}({lock}, 12); {block} check_{f}({unlock}, 13);",
                            "{linkage} void check_{f}(int error, int line) {{ if (error == 0) return; fprintf(stderr, \"%d %d\", error, line); abort(); }}"),
    "tried_until": "while ({try} != 0) sink = n; {block} {unlock};",
    "operations": ("ops_{f}->take(p, n); {block} ops_{f}->give(p, n); sink = n;",
                   "static void take_{f}({S}* p, int n) {{ sink = n; {lock}; sink = p->data; }}\nstatic void give_{f}({S}* p, int n) {{ sink = n; {unlock}; sink = p->data; }}\n"
                   "static const struct ops_{f} {{ void (*take)({S}*, int); void (*give)({S}*, int); }} table_{f} = {{take_{f}, give_{f}}}, *volatile ops_{f} = &table_{f};"),
    "states": "for (int state = p->data; state != 4;) switch (state) {{ case 1: {lock}; state = 2; break; case 2: {block} state = 3; break; default: {unlock}; state = 4; }}",
    "array_on_stack": "int numbers[n + 9]; numbers[n] = 1; {lock}; sink = numbers[n]; {block} sink = numbers[n]; {unlock};",
    "alloca": "char* bytes = (char*)__builtin_alloca(n + 300); memset(bytes, n, 100); {lock}; {block} sink = bytes[n]; {unlock};",
    "large_frame": "volatile char bytes[70000]; bytes[n] = 1; {lock}; {block} sink = bytes[n]; {unlock};",
    "across_sort": ("{lock}; int numbers[3] = {{3, 1, 2}}; struct key_{f} key = {{n, go}}; qsort_r(numbers, 3, sizeof(int), order_{f}, &key); sink = numbers[0]; {unlock};",
                    "struct key_{f} {{ int n, go; }};\nstatic int order_{f}(const void* a, const void* b, void* q) {{ struct key_{f}* key = (struct key_{f}*)q; int n = key->n, go = key->go;\n"
                    "  key->go = 0; {block} sink = n; return 0; }}"),
    "across_search": ("{lock}; int numbers[3] = {{1, 2, 3}}; struct key_{f} key = {{n, go}}; sink = bsearch(&key, numbers, 3, sizeof(int), order_{f}) != NULL; {unlock};",
                      "struct key_{f} {{ int n, go; }};\nstatic int order_{f}(const void* q, const void* b) {{ struct key_{f}* key = (struct key_{f}*)q; int n = key->n, go = key->go;\n"
                      "  key->go = 0; {block} sink = n; return *(const int*)b - 2; }}"),
    "recursion": ("inner_{f}(p, n, go, 3); sink = n;",
                  "NOINLINE static void inner_{f}({S}* p, int n, int go, int left) {{ sink = n + left; if (left == 1) {{ {lock}; inner_{f}(p, n, go, 0); {unlock}; }}\n"
                  "  else if (left) inner_{f}(p, n, go, left - 1); else {{ {block} }} sink = left + p->data; }}", "inner_{f}"),
    "helpers_in_two": ("take_{f}(p, n); inner_{f}(p, n, go);",
                       "NOINLINE static void take_{f}({S}* p, int n) {{ sink = n; {lock}; sink = p->data; }}\n"
                       "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ sink = n; {block} sink = p->data; {unlock}; }}", "{f} inner_{f}"),
    "unlocks_in_branches": "{lock}; {block} if (sink > n) {{ p->data = 1; {unlock}; }} else {{ p->data = 1; sink = n; {unlock}; }} sink = n;",
    "cleanup_handler": ("{lock}; pthread_cleanup_push(give_{f}, p); {block} sink = n; pthread_cleanup_pop(1);", GIVES_C),
    "cleanup_pushed_first": ("pthread_cleanup_push(give_{f}, p); {lock}; {block} sink = n; pthread_cleanup_pop(1);", GIVES_C),
    "cleanup_attribute": ("{S}* guard __attribute__((cleanup(give_{f}))) = p; {lock}; {block} sink = n; (void)guard;", GIVES_BY_ATTRIBUTE),
}
C_BOTH = {
    "both": "{lock}; {lock_b}; {block} {unlock_b}; {unlock};",
    "both_in_two": ("{lock}; inner_{f}(p, n, go); sink = n; {unlock};",
                    "NOINLINE static void inner_{f}({S}* p, int n, int go) {{ sink = n; {lock_b}; {block} sink = n; {unlock_b}; }}"),
    "both_in_order": "{lock}; sink = n; {lock_b}; {block} {unlock}; sink = n; {unlock_b};",
    "both_in_loop": "for (int i = 0; i < n + 2; ++i) {{ if (i == 0) {lock}; else {lock_b}; sink = i; }} {block} for (int i = n + 1; i >= 0; --i) {{ if (i == 0) {unlock}; else {unlock_b}; }}",
}
# Whose holder takes the neighbour before it blocks: no other thread may hold that.
USE_NEIGHBOUR = {"neighbour_released", "inner_took_other", *CPP_BOTH, *C_BOTH}
C_RECURSIVE = {"twice": "{lock}; sink = n; {lock}; {block} {unlock}; sink = n; {unlock};"}
C_DECOYS = {
    "released": ("early", "{lock}; sink = n; {unlock}; {block} sink = p->data;"),
    "released_helper": ("early", "short_{K}(p, n); {block} sink = p->data;"),
    "later": ("early", "{block} {lock}; p->data = 1; {unlock};"),
    "later_helper": ("early", "{block} short_{K}(p, n);"),
    "flag": ("early", "int locked = 0; if (zero) {{ {lock}; locked = 1; }} {block} if (locked) {unlock};"),
    "dropped": ("early", "{lock}; sink = n; {unlock}; {block} {lock}; p->data = 1; {unlock};"),
    "loop": ("early", "for (int i = 0; i < n + 5; ++i) {{ {lock}; sink = i; {unlock}; if (i == n + 1) {{ {block} }} }}"),
    "neighbour": ("early", "{lock_b}; {block} {unlock_b};"),
    "failed_try": ("late", "int got = {try_w} == 0; {block} if (got) {unlock};"),
    "condition": ("mutex", "{lock}; pthread_cond_t v = PTHREAD_COND_INITIALIZER; while (!zero) pthread_cond_wait(&v, {address}); p->data = 1; {unlock};"),
    "checked_later": ("early", "{block} if ({lock} != 0) abort(); p->data = 1; if ({unlock} != 0) abort();"),
    "states": ("early", "for (int state = p->data; state != 4;) switch (state) {{ case 1: {lock}; state = 2; break; case 2: {unlock}; state = 3; break; "
                        "case 3: {block} state = 4; break; default: {unlock}; state = 4; }}"),
    "flag_of_data": ("early", "{block} if (p->data & 2) {unlock};"),
    "handed_back": ("early", "{lock}; int held = 1; if (p->data == 1) {{ {unlock}; held = 0; }} {block} if (held) {unlock};"),
    "unlocks_in_branch": ("early", "{lock}; sink = n; {unlock}; {block} if (sink == 99) {{ {lock}; p->data = 1; }} else return; {unlock};"),
    "tried_later": ("early", "{block} if ({try} == 0) {{ p->data = 1; {unlock}; }}"),
    "loop_with_unlock_first": ("early", "for (int i = 0; i < n + 3; ++i) {{ if (i > 0) {unlock}; if (i == 0) {{ {block} }} {lock}; }} {unlock};"),
    "asks_first": ("early", "{block} if (is_mine_{K}(p)) {unlock};"),
    "has_address": ("early", "void* lock = {address}; {block} sink = (int)(long)lock;"),
    "error_path": ("early", "if (p->data == 9) {{ {lock}; goto unlock; }} {block} return;\nunlock: {unlock};"),
    "unlock_around": ("early", "{lock}; sink = n; around_{f}(p, n, go); sink = n; {unlock};",
                      "NOINLINE static void around_{f}({S}* p, int n, int go) {{ {unlock}; {block} {lock}; sink = n + p->data; }}"),
    "around_loop": ("early", "{lock}; sink = n; around_{f}(p, n, go); sink = n; {unlock};",
                    "NOINLINE static void around_{f}({S}* p, int n, int go) {{ {unlock}; for (int i = 0; i < n + 3; ++i) {{ pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;\n"
                    "  pthread_mutex_lock(&m); {block} pthread_mutex_unlock(&m); }} {lock}; sink = n + p->data; }}"),
    "around_long_loop": ("early", "{lock}; sink = n; around_{f}(p, n, go); sink = n; {unlock};",
                         "NOINLINE static void around_{f}({S}* p, int n, int go) {{ {unlock}; {block} for (int i = 0; i < n + 9999; ++i) sink = i; {lock}; sink = n + p->data; }}"),
    "cleanup_first": ("early", "pthread_cleanup_push(give_{f}, p); {block} {lock}; sink = n; pthread_cleanup_pop(1);", GIVES_C),
    "cleanup_attribute_first": ("early", "{S}* guard __attribute__((cleanup(give_{f}))) = p; {block} {lock}; sink = n; (void)guard;", GIVES_BY_ATTRIBUTE),
    "cleanup_not_locked": ("early", "pthread_cleanup_push(give_{f}, p); {block} sink = n; pthread_cleanup_pop(0);", GIVES_C),
    "asks_library": ("early", "{block} if (getppid() == n) {unlock};"),
    "flag_of_call": ("early", "int locked = 0; if (getppid() == n) {{ {lock}; locked = 1; }} {block} if (locked) {unlock};"),
    "flag_of_thread": ("early", "static __thread int locked; if (zero) {{ {lock}; locked = 1; }} {block} if (locked) {unlock};"),
    "flag_in_object": ("early", "struct {{ int data, locked; }} own = {{n, zero}}; if (own.locked) {{ {lock}; }} sink = (int)(long)&own; {block} if (own.locked) {unlock};"),
}
MIDDLES = (
    "NOINLINE static int {m}(int go, int n) {{ int r = {inner}; return r + n; }}",
    "NOINLINE static int {m}(int go, int n) {{ char a[100]; memset(a, n, sizeof a); int r = {inner}; return r + a[n]; }}",
    "static int {m}(int go, int n) {{ int r = {inner}; sink = r; return r * n; }}",
    "NOINLINE static int {m}(int go, int n) {{ int s = n * 5, t = n * sink, r = 0; for (int i = 0; i <= n; ++i) r += {inner}; return r + s + t; }}",
)
MIDDLES_MORE = (
    "NOINLINE static int {m}(int go, int n) {{ int a[n + 5]; a[n] = n; int r = {inner}; return r + a[n]; }}",
    "NOINLINE static int {m}(int go, int n) {{ volatile char a[20000]; a[n] = 1; int r = {inner}; return r + a[n]; }}",
    "NOINLINE static int {m}(int go, int n) {{ __attribute__((aligned(64))) volatile char a[64]; a[n] = 1; int r = {inner}; return r + a[n]; }}",
    "static int (*volatile p_{m})(int, int) = {name};\nNOINLINE static int {m}(int go, int n) {{ return p_{m}(go, n) + n; }}",
    "NOINLINE static int {m}(int go, int n) {{ return {inner}; }}",
)
MIDDLES_CPP = (
    "NOINLINE static int {m}(int go, int n) {{ std::function<int()> f = [=] {{ return {inner} + n; }}; return f() + 1; }}",
    "struct Middle_{m} {{ virtual int run(int go, int n) {{ return {inner} + n; }} virtual ~Middle_{m}() = default; }};\n"
    "static Middle_{m}* volatile middle_{m} = new Middle_{m};\nNOINLINE static int {m}(int go, int n) {{ return middle_{m}->run(go, n) + 1; }}",
    "static std::mutex mutex_{m};\nNOINLINE static int {m}(int go, int n) {{ std::lock_guard<std::mutex> own(mutex_{m}); return {inner} + n; }}",
    "NOINLINE static int {m}(int go, int n) {{ try {{ return {inner} + n; }} catch (const std::exception&) {{ return 0; }} }}",
    "template <int k> static int t_{m}(int go, int n) {{ std::unique_ptr<int> p(new int(k)); return {inner} + *p + n; }}\n"
    "NOINLINE static int {m}(int go, int n) {{ return t_{m}<3>(go, n) + 1; }}",
)
COMPILERS = {"cpp": ("g++", "clang++"), "c": ("gcc", "clang")}
FLAGS = (["-O0"], ["-O1"], ["-Og"], ["-O3", "-march=x86-64-v3"], ["-O2", "-fno-inline"], ["-O2"], ["-O2"], ["-O3"], ["-Os"], ["-O2", "-fno-omit-frame-pointer"], ["-O2", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong"])
MORE_FLAGS = ([], [], [], ["-fuse-ld=lld"], ["-fno-plt"], ["-fcf-protection=none"], ["-no-pie", "-fno-pie"], ["-fPIC"], ["-Wl,-z,now"], ["-fcf-protection=full"], ["-mno-red-zone"],
              ["-fstack-clash-protection"], ["-fuse-ld=gold"], ["-ffunction-sections", "-Wl,--gc-sections"], ["-fno-optimize-sibling-calls"], ["-mstackrealign"])


# Of a program whose code is in a library. As C or C++.
STARTER = """#ifdef __cplusplus
extern "C"
#endif
int run_program(void);
int main(void) { return run_program(); }
"""


@dataclasses.dataclass
class Program:
    name: str
    language: str
    text: str
    commands: list     # build `program` as it is asked about, and `program.debug` with debug data
    note: str
    scenarios: list    # of what each is made, by number


class Scenario:
    def __init__(self, rng, number, language, has_exceptions, wanted):
        self.rng, self.number, self.language, self.has_exceptions, self.wanted = rng, number, language, has_exceptions, wanted
        self.code, self.prepare, self.early, self.holds, self.late, self.waits, self.made_of = [], [], [], [], [], [], []
        self.answers = []
        self.count = 0

    def name(self, what):
        self.count += 1
        return f"{what}_{self.number}_{self.count}_"

    def pick(self, choices):
        return self.rng.choice(list(choices))

    def some_of(self, decoys):
        names = [name for name in decoys if not self.wanted or name in self.wanted]
        return self.rng.sample(names, min(self.pick((1, 2, 3)), len(names)))

    def compiles(self, *texts):
        return self.has_exceptions or not any("try {" in text for text in texts)

    def block(self):
        """A statement that blocks if `go`, with `n` that is 0."""
        cpp = self.language == "cpp"
        leaf = f"if (go) {self.pick(BLOCKING + (BLOCKING_CPP if cpp else ()))}"
        depth = self.pick((0, 1, 1, 2, 3))
        if depth == 0:
            return leaf
        inner = self.name("leaf")
        self.code.append(f"NOINLINE static int {inner}(int go, int n) {{ {leaf} return n; }}")
        for _ in range(depth - 1):
            middle = self.name("middle")
            kind = self.pick(kind for kind in MIDDLES + MIDDLES_MORE + (MIDDLES_CPP if cpp else ()) if self.compiles(kind))
            self.code.append(kind.format(m=middle, inner=f"{inner}(go, n)", name=inner))
            inner = middle
        return f"sink = {inner}(go, n);"

    def body(self, function):
        """What a thread runs: a function with the object."""
        thread = f"thread_{function}"
        self.code.append(f"static void* {thread}(void* q) {{ {function}(({self.object}*)q, zero, one); return q; }}")
        return thread

    def thread(self, phase, role, function):
        # At most 15 characters, and no two alike in a program.
        name = f"{self.number}{role}{self.count}"
        phase.append(f'stage_start("{name}", {self.body(function)}, &{self.place});')
        return name

    def set_up(self, lock):
        places = PLACES | (PLACES_CPP if self.language == "cpp" else {})
        chosen = self.pick(places)
        self.object, self.lock_type = f"S_{self.number}", lock
        names = {"L": lock, "S": self.object if self.language == "cpp" else f"struct {self.object}", "K": self.number}
        fields, self.lock, self.neighbour, prepare = (text.format(**names) for text in places[chosen])
        if self.language == "cpp":
            self.code.append(f"struct {self.object} {{ int data = 1; {fields} }};")
        else:
            self.code.append(f"struct {self.object} {{ int data; {fields} }}; typedef struct {self.object} {self.object};")
        self.code.append(f"static {self.object} g_{self.number};")
        if chosen == "by_function":
            self.code.append(f"NOINLINE static {lock}* lock_{self.number}({self.object}* p) {{ return p->data == 1 ? &p->a : NULL; }}")
        self.on_heap = chosen != "global" and self.pick((False, True))
        self.place = f"(*made_{self.number})" if self.on_heap else f"g_{self.number}"
        made = (f"new {self.object}" if self.language == "cpp" else f"({self.object}*)calloc(1, sizeof({self.object}))") if self.on_heap else f"&g_{self.number}"
        self.prepare.append(f"{self.object}* made_{self.number} = {made}; {{ {self.object}* p = made_{self.number}; int n = zero; (void)n; p->data = 1; {prepare}")
        if lock in INITIALIZERS:
            self.prepare.append(" ".join(INITIALIZERS[lock].format(where) for where in (self.lock, self.neighbour)))
        self.prepare.append("}")
        self.made_of += [lock, chosen]

    def hold(self, kind, both):
        """The holders, and with this probability one that holds the neighbour too, which is waited for as well."""
        holders = [self.holder(kind) for _ in range(self.pick((1, 1, 2, 3)) if kind == READ else 1)] if self.rng.random() >= both else []
        if not holders:
            holders = [self.holds_both(kind)]
            thread, functions, how, times = holders[0]
            self.answer(self.neighbour, kind, [(thread, functions.replace("hold_", "inner_hold_") + " " + functions, how, times)])
            self.waiter(kind, self.neighbour)
        self.answer(self.lock, kind, holders)

    def answer(self, lock, kind, holders):
        listed = ", ".join(f'{{"{thread}", "{functions}", "{how}", {times}}}' for thread, functions, how, times in holders)
        self.answers.append(f"{{ {self.object}* p = made_{self.number}; int n = zero; (void)p; (void)n; const struct stage_holder holders[] = {{{listed}}}; "
                            f'stage_answer("{self.number}", &{lock}, {kind}, holders, {len(holders)}); }}')

    def text(self):
        return "\n".join(self.code)

    def main(self):
        return "\n".join("  " + line for line in [*self.prepare, *self.early, *self.holds, *self.late, *self.answers, *self.waits])


class CppScenario(Scenario):
    def __init__(self, rng, number, has_exceptions, wanted):
        super().__init__(rng, number, "cpp", has_exceptions, wanted)
        self.set_up(self.pick(("std::shared_mutex",) * 4 + ("pthread_rwlock_t",) * 2 + tuple(GUARDS)))
        guards = [(guard.format(self.lock_type), able, kind) for guard, able, kind in GUARDS[self.lock_type]]
        kind = self.pick(guards)[2]
        self.guards = [one for one in guards if one[2] == kind]
        self.decoy_guards = guards
        self.hold(kind, 0.1)
        decoys = dict(CPP_DECOYS)
        if kind == READ:
            del decoys["failed_try"]
        if USE_NEIGHBOUR & set(self.made_of):
            del decoys["neighbour"]
        decoys = {name: decoy for name, decoy in decoys.items() if self.compiles(decoy[2])}
        for name in self.some_of(decoys):
            self.decoy(name, decoys[name], kind)
        for _ in range(self.pick((1, 1, 2))):
            self.waiter(kind)

    def bare(self, kind):
        """How to lock and to unlock without a guard."""
        if self.lock_type in INITIALIZERS:
            lock, unlock, _ = CScenario.CALLS[kind]
            return {"take": f"{lock}(&{self.lock})", "give": f"{unlock}(&{self.lock})"}
        shared = "_shared" if kind == READ else ""
        return {"take": f"{self.lock}.lock{shared}()", "give": f"{self.lock}.unlock{shared}()"}

    def function(self, style, body, front, guard, prefix):
        f = self.name(prefix)
        kind = next(kind for one, _, kind in self.decoy_guards if one == guard)
        names = {**self.bare(kind), "G": guard, "L": self.lock_type, "S": self.object, "l": self.lock, "b": self.neighbour, "block": self.block(), "f": f, "K": self.number,
                 "linkage": self.pick(("NOINLINE static", "static inline", "NOINLINE static")), "inlining": self.pick(("NOINLINE", "inline"))}
        if front:
            self.code.append(front.format(**names))
        linkage = self.pick(("NOINLINE static", "NOINLINE static", "static", "__attribute__((always_inline)) static inline"))
        if "cleanup_push" in body:
            linkage = "NOINLINE static"
        ends = " noexcept" if style == "noexcept" else ""
        self.code.append(f"{linkage} void {f}({self.object}* p, int n, int go){ends} {{ sink = n + go + (p != nullptr); {body.format(**names)} sink = n; }}")
        self.made_of.append(style)
        return f

    def holder(self, kind):
        guard, able, _ = self.pick(self.guards)
        how = "guard" if self.has_exceptions else "code"
        recursive = kind == READ or self.lock_type in RECURSIVE_LOCKS
        if recursive and self.rng.random() < 0.08:
            style = self.pick(CPP_RECURSIVE)
            body, front, times = CPP_RECURSIVE[style]
            f = self.function(style, body, front, guard, "hold")
            return self.thread(self.holds, "h", f), f"{f} inner_{f}", how, times
        if self.rng.random() < 0.08:
            bodies = {name: one if isinstance(one, tuple) else (one, "") for name, one in CPP_BARE.items()}
            style = self.pick(name for name, one in bodies.items() if self.compiles(*one))
            f = self.function(style, *bodies[style], guard, "hold")
            return self.thread(self.holds, "h", f), f, "code", 1
        style = self.pick(name for name, one in CPP_STYLES.items() if set(one[0]) <= set(able) and self.compiles(*one))
        _, body, *more = CPP_STYLES[style]
        f = self.function(style, body, more[0] if more else "", guard, "hold")
        functions = more[1].format(f=f) if len(more) > 1 else f
        if style == "by_value":
            functions += f" use_{f}"
        return self.thread(self.holds, "h", f), functions, how, 1

    def holds_both(self, kind):
        guard, able, _ = self.pick(self.guards)
        style = self.pick(name for name, one in CPP_BOTH.items() if set(one[0]) <= set(able))
        _, body, front = CPP_BOTH[style]
        f = self.function(style, body, front, guard, "hold")
        return self.thread(self.holds, "h", f), f, "guard" if self.has_exceptions else "code", 1

    def decoy(self, name, decoy, kind):
        when, needs, body, *front = decoy
        guards = [guard for guard, able, one_kind in self.decoy_guards if set(needs) <= set(able) and (when == "early" or one_kind == kind)]
        if guards:
            f = self.function("decoy:" + name, body, front[0] if front else "", self.pick(guards), "decoy")
            self.thread(self.early if when == "early" else self.late, "d", f)

    def waiter(self, kind, lock=None):
        guard = self.pick(guard for guard, _, one_kind in self.decoy_guards if one_kind != READ or kind == WRITE)
        f = self.name("wait")
        free = not {"decoy:neighbour", *USE_NEIGHBOUR} & set(self.made_of) and not self.waits
        other = f"{guard} other({self.neighbour}); " if free and self.rng.random() < 0.3 else ""
        waits = f"{other}{guard} guard({lock or self.lock}); sink = n;"
        if lock is None and self.rng.random() < 0.15:
            give = self.bare(next(one_kind for one, _, one_kind in self.decoy_guards if one == guard))
            waits = f"Finally last{{[&] {{ {give['give']}; }}}}; {give['take']}; sink = n;"
            self.made_of.append("waiter:finally_first")
        self.code.append(f"NOINLINE static void {f}({self.object}* p, int n, int go) {{ sink = n + go + (p != nullptr); {waits} }}")
        self.thread(self.waits, "w", f)


class CScenario(Scenario):
    CALLS = {READ: ("pthread_rwlock_rdlock", "pthread_rwlock_unlock", "pthread_rwlock_tryrdlock"),
             WRITE: ("pthread_rwlock_wrlock", "pthread_rwlock_unlock", "pthread_rwlock_trywrlock"),
             MUTEX: ("pthread_mutex_lock", "pthread_mutex_unlock", "pthread_mutex_trylock")}

    def __init__(self, rng, number, wanted):
        super().__init__(rng, number, "c", True, wanted)
        self.set_up(self.pick(("pthread_rwlock_t", "pthread_rwlock_t", "pthread_mutex_t")))
        kind = MUTEX if self.lock_type == "pthread_mutex_t" else self.pick((READ, READ, WRITE))
        self.any_kind = (MUTEX,) if kind == MUTEX else (READ, WRITE)
        self.code.append(f"NOINLINE static int noisy_{number}(int n) {{ return n + zero; }}")
        self.code.append(f"NOINLINE static int is_mine_{number}({self.object}* p) {{ return p->data == 1 ? zero : one; }}")
        self.code.append(f"NOINLINE static void short_{number}({self.object}* p, int n) {{ {self.calls(self.pick(self.any_kind))['lock']}; sink = n + p->data; "
                         f"{self.calls(kind)['unlock']}; }}")
        self.hold(kind, 0.15)
        decoys = dict(C_DECOYS)
        if USE_NEIGHBOUR & set(self.made_of):
            del decoys["neighbour"]
        if kind != MUTEX:
            del decoys["condition"]
        for name in self.some_of(decoys):
            when, body, *front = decoys[name]
            f = self.function("decoy:" + name, body, front[0] if front else "", self.pick(self.any_kind), "decoy")
            self.thread(self.late if when == "late" else self.early, "d", f)
        for _ in range(self.pick((1, 1, 2))):
            self.waiter(kind)

    def calls(self, kind, which=None):
        lock, unlock, attempt = self.CALLS[kind]
        which = which or self.lock
        write = self.CALLS[MUTEX if kind == MUTEX else WRITE]
        return {"lock": f"{lock}(&{which})", "unlock": f"{unlock}(&{which})", "try": f"{attempt}(&{self.lock})", "try_w": f"{write[2]}(&{self.lock})",
                "lock_b": f"{lock}(&{self.neighbour})", "unlock_b": f"{unlock}(&{self.neighbour})", "address": f"&{self.lock}"}

    def function(self, style, body, front, kind, prefix):
        f = self.name(prefix)
        names = {**self.calls(kind), "S": self.object, "block": self.block(), "block_nothing": "sink = n;", "f": f, "K": self.number,
                 "linkage": self.pick(("NOINLINE static", "static inline"))}
        if front:
            self.code.append(front.format(**names))
        linkage = self.pick(("NOINLINE static", "NOINLINE static", "static", "__attribute__((always_inline)) static inline"))
        if "cleanup_push" in body:
            linkage = "NOINLINE static"  # gcc makes setjmp of it, and does not inline that
        last = "" if style == "last_call" else " sink = n;"
        self.code.append(f"{linkage} void {f}({self.object}* p, int n, int go) {{ sink = n + go + (p != NULL); {body.format(**names)}{last} }}")
        self.made_of.append(style)
        return f

    def holder(self, kind):
        if kind == READ and self.rng.random() < 0.08:
            style = self.pick(C_RECURSIVE)
            f = self.function(style, C_RECURSIVE[style], "", kind, "hold")
            return self.thread(self.holds, "h", f), f, "code", 2
        style = self.pick(C_STYLES)
        body, front, *right = C_STYLES[style] if isinstance(C_STYLES[style], tuple) else (C_STYLES[style], "")
        f = self.function(style, body, front, kind, "hold")
        return self.thread(self.holds, "h", f), right[0].format(f=f) if right else f, "code", 1

    def holds_both(self, kind):
        style = self.pick(C_BOTH)
        body, front = C_BOTH[style] if isinstance(C_BOTH[style], tuple) else (C_BOTH[style], "")
        f = self.function(style, body, front, kind, "hold")
        return self.thread(self.holds, "h", f), f, "code", 1

    def waiter(self, kind, lock=None):
        f, calls = self.name("wait"), self.calls(MUTEX if kind == MUTEX else self.pick((WRITE, READ)) if kind == WRITE else WRITE, lock)
        waits = f"{calls['lock']}; p->data = 1; {calls['unlock']};"
        if self.rng.random() < 0.15:
            self.code.append(f"NOINLINE static void give_{f}(void* q) {{ {self.object}* p = ({self.object}*)q; int n = zero; sink = n + p->data; {calls['unlock']}; }}")
            waits = f"pthread_cleanup_push(give_{f}, p); {calls['lock']}; sink = noisy_{self.number}(n); pthread_cleanup_pop(1);"
            self.made_of.append("waiter:cleanup_first")
        self.code.append(f"NOINLINE static void {f}({self.object}* p, int n, int go) {{ sink = n + go + (p != NULL); {waits} }}")
        self.thread(self.waits, "w", f)


def commands(rng, language):
    compiler = rng.choice(COMPILERS[language])
    flags = [*rng.choice(FLAGS), *rng.choice(MORE_FLAGS)]
    if rng.random() < 0.15:
        flags = [flag for flag in flags if not flag.startswith("-fuse-ld=")] + ["-flto", "-O3"]  # lld does not read what gcc puts into objects for it
        flags += ["-fuse-ld=lld"] if compiler.startswith("clang") else []
    if language == "c" and rng.random() < 0.3:
        flags += ["-fexceptions"]
    if language == "cpp" and rng.random() < 0.08:
        flags += ["-fno-exceptions"]
    standard = "-std=c++20" if language == "cpp" else "-std=gnu17"
    source, made = f"program.{language}", "program"
    compile_it = [compiler, standard, "-g", *flags, "-w", "-pthread", f"-I{HERE}"]
    in_library = rng.random() < 0.15
    if in_library:  # where calls of its own functions go through its linkage table, and are bound late
        made = "program.so"
        compile_it = [flag for flag in compile_it if flag not in ("-no-pie", "-fno-pie", "-Wl,-z,now")] + ["-fPIC", "-shared", "-Dmain=run_program"]
    commands_of_it = [[*compile_it, source, "-o", made], ["cp", made, "program.debug"], ["true"] if (strip := rng.choice(("", "-g", None))) is None else ["strip", *filter(None, [strip]), made]]
    if in_library:
        commands_of_it.append([compiler, "starter.c", "-o", "program", "./program.so", "-pthread", "-Wl,-rpath,$ORIGIN"])
    return commands_of_it


def program(seed, first, count, decoys=()):
    """The scenarios from `first` on of this seed, in one process; every other process is C."""
    language = "c" if first // EACH % 2 else "cpp"
    rng = random.Random(f"{seed}/{first}")
    made_by = commands(rng, language)
    scenarios = []
    for number in range(first, first + count):
        own = random.Random(f"{seed}/{number}/scenario")
        scenarios.append(CScenario(own, number, decoys) if language == "c" else CppScenario(own, number, "-fno-exceptions" not in made_by[0], decoys))
    prelude = '#include "stage.h"\n' + (PRELUDE_CPP if language == "cpp" else "")
    text = "\n".join([f"// Seed {seed}, scenarios {first} to {first + count - 1}; see generate.py.", prelude, *(one.text() for one in scenarios),
                      *(['#ifdef main', 'extern "C"', '#endif'] if language == "cpp" else []), "int main(void) {", *(one.main() for one in scenarios), "  stage_ready();", "}"]) + "\n"
    return Program(f"{seed}-{first}", language, text, made_by, "; ".join(map(shlex.join, [made_by[0][:-3], *made_by[2:]])),
                   {one.number: " ".join(one.made_of) for one in scenarios})


def programs(seed, count, first=0, decoys=()):
    """With decoys of these names only, if there are any."""
    for number in range(first, first + count, EACH):
        yield program(seed, number, min(EACH, first + count - number), decoys)


def write(one, directory):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"program.{one.language}").write_text(one.text)
    (directory / "starter.c").write_text(STARTER)
    (directory / "build.sh").write_text("set -e\n" + "\n".join(map(shlex.join, one.commands)) + "\n")
    (directory / "scenarios.txt").write_text("".join(f"{number}: {made_of}\n" for number, made_of in one.scenarios.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=EACH)
    parser.add_argument("directory", type=pathlib.Path)
    options = parser.parse_args()
    for one in programs(options.seed, options.count):
        write(one, options.directory / one.name)


if __name__ == "__main__":
    main()
