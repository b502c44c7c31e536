// The rules of symbolizer/tools/inspect/lock_call.h.
#include "symbolizer/tools/inspect/lock_call.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

LockCall call_in(const std::vector<std::string>& functions) {
  std::vector<Frame> frames;
  for (const std::string& function : functions) frames.emplace_back().function = function;
  return lock_call(frames);
}

}  // namespace

TEST_CASE("libc's functions are known by their names with and without its debug symbols") {
  CHECK(call_in({"futex_wait", "__GI___lll_lock_wait", "___pthread_mutex_lock"}) == LockCall::mutex);
  CHECK(call_in({"", "pthread_mutex_lock", "main"}) == LockCall::mutex);
  CHECK(call_in({"__lll_lock_wait"}) == LockCall::mutex);
  CHECK(call_in({"__futex_lock_pi64", "__pthread_mutex_lock_full"}) == LockCall::mutex);
  CHECK(call_in({"", "", "pthread_mutex_clocklock"}) == LockCall::mutex);
  CHECK(call_in({"__futex_abstimed_wait_common", "__pthread_rwlock_rdlock_full64"}) == LockCall::read_lock);
  CHECK(call_in({"", "pthread_rwlock_timedrdlock"}) == LockCall::read_lock);
  CHECK(call_in({"", "___pthread_rwlock_wrlock"}) == LockCall::write_lock);
  CHECK(call_in({"", "pthread_rwlock_clockwrlock@@GLIBC_2.30"}) == LockCall::write_lock);
}

TEST_CASE("a call that is not a wait for a lock is not taken for one") {
  CHECK(call_in({"__futex_abstimed_wait_common", "__pthread_cond_wait_common", "main"}) == LockCall::condition);
  CHECK(call_in({"", "sem_wait"}) == LockCall::other);
  CHECK(call_in({"", "__new_sem_wait_slow64.constprop.0"}) == LockCall::other);
  CHECK(call_in({"", "__pthread_clockjoin_ex"}) == LockCall::other);
  CHECK(call_in({"syscall", "std::sys::futex"}) == LockCall::other);
  CHECK(call_in({"__lll_lock_wait_private", "malloc"}) == LockCall::internal);
}

TEST_CASE("the innermost function decides: a condition wait that takes its mutex again waits for the mutex") {
  CHECK(call_in({"futex_wait", "__pthread_mutex_cond_lock", "__pthread_cond_wait_common"}) == LockCall::mutex);
}

TEST_CASE("without a known name the call is unknown") {
  CHECK(call_in({}) == LockCall::unknown);
  CHECK(call_in({"", "", "Room::add(Session&)"}) == LockCall::unknown);
}
