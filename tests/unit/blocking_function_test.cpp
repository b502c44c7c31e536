// The rules of symbolizer/waits/blocking_function.h.
#include "symbolizer/waits/blocking_function.h"

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("libc's functions are known by their names with and without its debug symbols") {
  CHECK(blocking_function({"futex_wait", "__GI___lll_lock_wait", "___pthread_mutex_lock"}) == BlockingFunction::mutex);
  CHECK(blocking_function({"", "pthread_mutex_lock", "main"}) == BlockingFunction::mutex);
  CHECK(blocking_function({"__lll_lock_wait"}) == BlockingFunction::mutex);
  CHECK(blocking_function({"__futex_lock_pi64", "__pthread_mutex_lock_full"}) == BlockingFunction::mutex);
  CHECK(blocking_function({"", "", "pthread_mutex_clocklock"}) == BlockingFunction::mutex);
  CHECK(blocking_function({"__futex_abstimed_wait_common", "__pthread_rwlock_rdlock_full64"}) ==
        BlockingFunction::read_lock);
  CHECK(blocking_function({"", "pthread_rwlock_timedrdlock"}) == BlockingFunction::read_lock);
  CHECK(blocking_function({"", "___pthread_rwlock_wrlock"}) == BlockingFunction::write_lock);
  CHECK(blocking_function({"", "pthread_rwlock_clockwrlock@@GLIBC_2.30"}) == BlockingFunction::write_lock);
}

TEST_CASE("a call that is not a wait for a lock is not taken for one") {
  CHECK(blocking_function({"__futex_abstimed_wait_common", "__pthread_cond_wait_common", "main"}) ==
        BlockingFunction::condition);
  CHECK(blocking_function({"", "pthread_cond_destroy"}) == BlockingFunction::futex);
  CHECK(blocking_function({"", "sem_wait"}) == BlockingFunction::semaphore);
  CHECK(blocking_function({"", "__new_sem_wait_slow64.constprop.0"}) == BlockingFunction::semaphore);
  CHECK(blocking_function({"", "__pthread_clockjoin_ex"}) == BlockingFunction::join);
  CHECK(blocking_function({"", "pthread_barrier_wait"}) == BlockingFunction::barrier);
  CHECK(blocking_function({"", "call_once"}) == BlockingFunction::once);
  CHECK(blocking_function({"syscall", "std::sys::futex"}) == BlockingFunction::futex);
  CHECK(blocking_function({"__lll_lock_wait_private", "malloc"}) == BlockingFunction::libc_lock);
}

TEST_CASE("the innermost function decides: a condition wait that takes its mutex again waits for the mutex") {
  CHECK(blocking_function({"futex_wait", "__pthread_mutex_cond_lock", "__pthread_cond_wait_common"}) ==
        BlockingFunction::mutex);
}

TEST_CASE("libc++abi's condition for all statics is a wait for an initializer") {
  CHECK(blocking_function({"", "pthread_cond_wait", "__cxa_guard_acquire"}) == BlockingFunction::libcxxabi_static);
  CHECK(blocking_function({"", "pthread_mutex_lock", "__cxa_guard_acquire"}) == BlockingFunction::libcxxabi_static);
  CHECK(blocking_function({"", "pthread_cond_wait", "__cxa_guard_release"}) == BlockingFunction::condition);
}

TEST_CASE("a program's own function that begins like one of libc's is none of them") {
  CHECK(blocking_function({"sem_wait_for_worker", "mtx_lock_slow", "pthread_once_mine"}) == BlockingFunction::unknown);
  CHECK(blocking_function({"sem_wait(Worker&)"}) == BlockingFunction::unknown);
  CHECK(blocking_function({"pthread_barrier_destroy"}) == BlockingFunction::futex);
  CHECK(blocking_function({"syscall", "sem_wait_for_worker"}) == BlockingFunction::futex);
}

TEST_CASE("without a known name the call is unknown") {
  CHECK(blocking_function({}) == BlockingFunction::unknown);
  CHECK(blocking_function({"", "", "Room::add(Session&)"}) == BlockingFunction::unknown);
}

TEST_CASE("a function that serves many purposes leaves it to its caller") {
  CHECK(blocking_function({"syscall", "__cxa_guard_acquire"}) == BlockingFunction::local_static);
  CHECK(blocking_function({"__lll_lock_wait_private", "flockfile"}) == BlockingFunction::stream);
  CHECK(blocking_function({"syscall", "void std::__detail::__platform_wait<int>(int const*, int)"}) ==
        BlockingFunction::atomic);
  CHECK(blocking_function({"syscall", "std::__atomic_futex_unsigned_base::_M_futex_wait_until(unsigned int*)"}) ==
        BlockingFunction::atomic);
  // As the symbolizer writes them, without inline namespaces.
  CHECK(blocking_function({"syscall", "std::__libcpp_atomic_wait(void const volatile*, int)"}) ==
        BlockingFunction::libcxx_pool);
  CHECK(blocking_function({"syscall", "std::__libcpp_atomic_wait(std::__cxx_atomic_impl<int> const volatile*, int)"}) ==
        BlockingFunction::libcxx_atomic);
}
