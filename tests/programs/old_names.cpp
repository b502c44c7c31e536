// The old names that glibc still exports for old binaries are hooked too. A linker gives them only when asked by
// version.
// RUN-ENV: HOLDWATCH_LIMIT=300ms
// EXPECT-JSON: len(over) == 6 and len(released) == 6
// EXPECT-JSON: held_by(over) == {"mutex_lock", "mutex_trylock", "rwlock_rdlock", "rwlock_wrlock", "tryrdlock",
//     "trywrlock"}
#include <deque>

#include "tests/programs/harness.h"
using namespace harness;

#define OLD_NAME(type, name)        \
  extern "C" int old_##name(type*); \
  __asm__(".symver old_" #name ", __pthread_" #name "@GLIBC_2.2.5")

OLD_NAME(pthread_mutex_t, mutex_lock);
OLD_NAME(pthread_mutex_t, mutex_trylock);
OLD_NAME(pthread_mutex_t, mutex_unlock);
OLD_NAME(pthread_rwlock_t, rwlock_rdlock);
OLD_NAME(pthread_rwlock_t, rwlock_tryrdlock);
OLD_NAME(pthread_rwlock_t, rwlock_wrlock);
OLD_NAME(pthread_rwlock_t, rwlock_trywrlock);
OLD_NAME(pthread_rwlock_t, rwlock_unlock);

Event release;

template <typename Lock>
void hold(int (*acquire)(Lock*), int (*give_back)(Lock*)) {
  Lock lock{};  // as both static initializers are: all zero
  CHECK(acquire(&lock) == 0);
  release.wait();
  CHECK(give_back(&lock) == 0);
}

int main() {
  std::deque<Thread> threads;
  threads.emplace_back("mutex_lock", [] { hold(old_mutex_lock, old_mutex_unlock); });
  threads.emplace_back("mutex_trylock", [] { hold(old_mutex_trylock, old_mutex_unlock); });
  threads.emplace_back("rwlock_rdlock", [] { hold(old_rwlock_rdlock, old_rwlock_unlock); });
  threads.emplace_back("rwlock_wrlock", [] { hold(old_rwlock_wrlock, old_rwlock_unlock); });
  threads.emplace_back("tryrdlock", [] { hold(old_rwlock_tryrdlock, old_rwlock_unlock); });
  threads.emplace_back("trywrlock", [] { hold(old_rwlock_trywrlock, old_rwlock_unlock); });
  await_report("over", threads.size());
  release.fire();
  await_report("released", threads.size());
  threads.clear();
}
