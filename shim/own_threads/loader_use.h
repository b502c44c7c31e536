// Threads of ours inside the loader, and forks of the program: each waits for the other, for a bounded time.
//
// A child of fork gets the loader's locks as they are in its parent, and glibc (looked at from 2.31 to 2.41,
// sysdeps/nptl/fork.c) resets none of those of dlopen and dl_iterate_phdr. One that a thread of ours holds at that moment
// would stay locked in the child, where dlopen, or a look-up of a user's groups, would never return. A program with one
// thread may call all that in a child, and with our threads it has more than one.
#pragma once

#include <atomic>
#include <cstdint>

namespace holdwatch {

// The threads of ours that call the loader.
enum class LoaderUser : uint8_t { reporter, attachment };
inline constexpr int kLoaderUsers = 2;

// Inside the loader while it exists: dlmopen, dl_iterate_phdr, dlsym, dladdr. The constructor waits until no fork is under
// way, at most a second: a handler of pthread_atfork may take as long as it likes. Not in the other thread's name, and not
// one within the other. Does not wait within a SystemCallScope of its own.
class LoaderUse {
 public:
  explicit LoaderUse(LoaderUser user);
  ~LoaderUse();
  LoaderUse(const LoaderUse&) = delete;
  LoaderUse& operator=(const LoaderUse&) = delete;

 private:
  std::atomic<int>& tid_;
};

// The thread id of a thread of ours that is inside the loader, or 0. Any thread.
int thread_in_loader();

// The forking thread, before and after in the parent: in between no thread of ours enters the loader. In the child: none is
// there.
void loader_use_before_fork();
void loader_use_after_fork();
void loader_use_in_child();

// Returns when a thread of ours leaves the loader, or after `timeout_ns`.
void sleep_until_loader_left(uint64_t timeout_ns);

}  // namespace holdwatch
