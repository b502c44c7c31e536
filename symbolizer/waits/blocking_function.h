// Which blocking function a thread is in, by the names of its innermost functions.
// Pure. libc's internal functions have names only if its debug symbols are installed; the exported ones always do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdwatch {

enum class BlockingFunction : uint8_t {
  unknown,  // not shown by any name
  mutex,
  read_lock,
  write_lock,
  condition,  // with its mutex released
  join,
  semaphore,
  barrier,
  once,
  local_static,
  libcxxabi_static,  // of libc++abi, whose __cxa_guard_acquire waits by one condition for all statics
  stream,            // flockfile; the other functions of stdio lock their stream by libc_lock
  atomic,            // std::atomic's wait and what is built on it, of libstdc++
  libcxx_atomic,     // the same of libc++, on the variable itself
  libcxx_pool,       // the same for what is no int, by a counter in libc++
  libc_lock,         // a lock of libc's own: stdio's, malloc's
  futex              // the system call by libc's function syscall, for a purpose that no name shows
};

// Whether that is the function which waits until another thread has initialized a static variable.
bool is_guard_function(std::string_view name);

// `names`: of the innermost functions, innermost first, as symbol tables or debug data have them.
BlockingFunction blocking_function(const std::vector<std::string>& names);

}  // namespace holdwatch
