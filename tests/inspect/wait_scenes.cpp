// Scenes in which what a thread waits for is no mutex and no rwlock.
#include <link.h>
#include <linux/futex.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>

#include <csignal>

#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "tests/inspect/stage.h"

namespace stage {
namespace {

std::mutex first, second;

[[gnu::noinline]] void work_forever() {
  stay();
}

[[gnu::noinline]] void join(std::thread& thread) {
  pthread_join(thread.native_handle(), nullptr);
  go_on();
}

}  // namespace

// `closer` holds `first` and joins `relay`, which wants `second`; its holder wants `first`.
void join_cycle() {
  pthread_barrier_init(&g_all_hold, nullptr, 3);
  g_threads.reserve(8);
  start("relay", [] {
    all_hold();
    const std::lock_guard wanted(second);
    go_on();
  });
  start("closer", [] {
    const std::lock_guard mine(first);
    all_hold();
    join(g_threads.front());
  });
  start("handler", [] {
    const std::lock_guard mine(second);
    all_hold();
    const std::lock_guard wanted(first);
    go_on();
  });
}

// `closer` holds `first` and joins a thread that has work to do; two wait for `first`.
void join_chain() {
  pthread_barrier_init(&g_all_hold, nullptr, 3);
  g_threads.reserve(8);
  start("worker", work_forever);
  start("closer", [] {
    const std::lock_guard mine(first);
    all_hold();
    join(g_threads.front());
  });
  for (int i = 0; i < 2; ++i) {
    start("waiter", [] {
      all_hold();
      const std::lock_guard wanted(first);
      go_on();
    });
  }
}

// `logger` keeps a stream to itself.
void stream() {
  static FILE* const file = std::fopen("/dev/null", "w");
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("logger", [] {
    flockfile(file);
    flockfile(file);
    all_hold();
    work_forever();
  });
  start("writer", [] {
    all_hold();
    std::fputs("x", file);
    go_on();
  });
}

// `logger` exits with a stream, and is not joined: its descriptor is still there. Another one wants the stream.
void stream_left() {
  static FILE* const file = std::fopen("/dev/null", "w");
  static std::atomic<pid_t> logger;
  start("logger", [] {
    flockfile(file);
    logger = gettid();
  });
  start("writer", [] {
    while (logger == 0 || tgkill(getpid(), logger, 0) == 0) sched_yield();
    std::fputs("x", file);
    go_on();
  });
}

// `closer` holds `first` and joins a thread that waits for a stream, whose owner wants `first`.
void join_and_stream() {
  static FILE* const file = std::fopen("/dev/null", "w");
  pthread_barrier_init(&g_all_hold, nullptr, 3);
  g_threads.reserve(8);
  start("relay", [] {
    all_hold();
    std::fputs("x", file);
    go_on();
  });
  start("closer", [] {
    const std::lock_guard mine(first);
    all_hold();
    join(g_threads.front());
  });
  start("logger", [] {
    flockfile(file);
    all_hold();
    const std::lock_guard wanted(first);
    go_on();
  });
}

// A lock of the program's own, by the kernel's protocol for priority inheritance. Only its word means anything: what lies behind
// it looks like no mutex, or like one that a thread has which does not exist.
struct OwnLock {
  uint32_t word = 0;
  uint32_t numbers[9] = {7, 7, 7, 7, 7, 7, 7, 7, 7};

  // As the code of another library, which calls no function of libc.
  void call(long operation) {
    long result;
    register long timeout asm("r10") = 0;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(SYS_futex), "D"(&word), "S"(operation), "d"(0L), "r"(timeout)
                 : "rcx", "r11", "memory");
    go_on();
  }
  void lock() { call(FUTEX_LOCK_PI_PRIVATE); }
};

// `keeper` has the lock, `taker` wants it and holds `first`.
void own_lock() {
  static OwnLock own;
  pthread_barrier_init(&g_all_hold, nullptr, 3);
  start("keeper", [] {
    own.lock();
    all_hold();
    stay();
  });
  start("taker", [] {
    const std::lock_guard mine(first);
    all_hold();
    own.lock();
  });
  start("waiter", [] {
    all_hold();
    const std::lock_guard wanted(first);
    go_on();
  });
}

// The loader calls back with its lock held, as it does for a constructor in dlopen; another thread wants to load something.
void loader() {
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("loading", [] {
    dl_iterate_phdr(
        [](dl_phdr_info*, size_t, void*) {
          all_hold();
          work_forever();
          return 0;
        },
        nullptr);
  });
  start("wants_too", [] {
    all_hold();
    dl_iterate_phdr([](dl_phdr_info*, size_t, void*) { return 1; }, nullptr);
    go_on();
  });
}

namespace {

// What its user waits for is a member of it, and ends by its methods. Volatile, so that the compiler cannot know the flag.
struct Resource {
  std::mutex own;
  std::condition_variable is_free, is_closed;
  sem_t freed{}, closed{};
  volatile bool closes = false;

  [[gnu::noinline]] void drop() { is_free.notify_one(); }
  [[gnu::noinline]] void close() { is_closed.notify_one(); }
  [[gnu::noinline]] void drop_if_closing() {
    if (closes) is_free.notify_one();
  }
  [[gnu::noinline]] void take() {
    std::unique_lock guard(own);
    is_free.wait(guard);
  }
  [[gnu::noinline]] void post() { sem_post(&freed); }
  [[gnu::noinline]] void post_closed() { sem_post(&closed); }
  [[gnu::noinline]] void post_if_closing() {
    if (closes) sem_post(&freed);
  }
  [[gnu::noinline]] void acquire() { sem_wait(&freed); }
};

template <void (Resource::*kMethod)()>
[[gnu::noinline]] void call_under_first(Resource& resource) {
  const std::lock_guard wanted(first);
  (resource.*kMethod)();
  go_on();
}

// `callback` holds `first` and waits; of the threads that want it, one goes on to end the wait, and two do not.
template <void (Resource::*kWait)(), void (Resource::*kEnd)(), void (Resource::*kNot)(), void (Resource::*kOther)()>
void ends_ahead() {
  static Resource* const resource = new Resource;
  pthread_barrier_init(&g_all_hold, nullptr, 4);
  start("callback", [] {
    const std::lock_guard mine(first);
    all_hold();
    (resource->*kWait)();
    go_on();
  });
  start("script", [] { all_hold(), call_under_first<kEnd>(*resource); });
  start("turns", [] { all_hold(), call_under_first<kNot>(*resource); });
  start("other", [] { all_hold(), call_under_first<kOther>(*resource); });
}

}  // namespace

void signals_ahead() {
  ends_ahead<&Resource::take, &Resource::drop, &Resource::drop_if_closing, &Resource::close>();
}

void posts_ahead() {
  ends_ahead<&Resource::acquire, &Resource::post, &Resource::post_if_closing, &Resource::post_closed>();
}

namespace {

pthread_once_t once = PTHREAD_ONCE_INIT;

// Each of its own function: their code shows who runs which.
template <int kNumber>
struct Initialized {
  Initialized() { initialize(); }
  static void (*initialize)();
};
template <int kNumber>
void (*Initialized<kNumber>::initialize)() = nullptr;
using First = Initialized<1>;
using Second = Initialized<2>;

[[gnu::noinline]] First& first_static() {
  static First instance;
  return instance;
}

[[gnu::noinline]] Second& second_static() {
  static Second instance;
  return instance;
}

}  // namespace

// `holder` has `first` and waits for the initializer that `runner` runs, which wants `first`.
void once_cycle() {
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  start("runner", [] {
    pthread_once(&once, [] {
      all_hold();
      const std::lock_guard wanted(first);
      go_on();
    });
    go_on();
  });
  start("holder", [] {
    const std::lock_guard mine(first);
    all_hold();
    pthread_once(&once, [] {});
    go_on();
  });
}

// The same with a static variable, and one more thread in between.
void static_cycle() {
  pthread_barrier_init(&g_all_hold, nullptr, 3);
  First::initialize = [] {
    all_hold();
    const std::lock_guard wanted(first);
    go_on();
  };
  start("runner", [] { first_static(), go_on(); });
  start("between", [] {
    const std::lock_guard mine(first);
    all_hold();
    const std::lock_guard wanted(second);
    go_on();
  });
  start("holder", [] {
    const std::lock_guard mine(second);
    all_hold();
    first_static(), go_on();
  });
}

// No lock at all: each of two static variables needs the other.
void two_statics() {
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  First::initialize = [] {
    all_hold();
    second_static(), go_on();
  };
  Second::initialize = [] {
    all_hold();
    first_static(), go_on();
  };
  start("first", [] { first_static(), go_on(); });
  start("second", [] { second_static(), go_on(); });
}

// One thread has work to do in its initializer; another waits for it with a lock.
void initializer_works() {
  pthread_barrier_init(&g_all_hold, nullptr, 2);
  First::initialize = [] {
    all_hold();
    work_forever();
  };
  start("runner", [] { first_static(), go_on(); });
  start("holder", [] {
    const std::lock_guard mine(first);
    all_hold();
    first_static(), go_on();
  });
  start("waiter", [] {
    while (first.try_lock()) first.unlock(), std::this_thread::yield();
    const std::lock_guard wanted(first);
    go_on();
  });
}

// Three threads that hold nothing: each joins the next one.
void joins_only() {
  pthread_barrier_init(&g_all_hold, nullptr, 4);
  g_threads.reserve(8);
  for (size_t i = 0; i < 3; ++i)
    start("circle", [i] {
      all_hold();
      join(g_threads[(i + 1) % 3]);
    });
  all_hold();
}

}  // namespace stage
