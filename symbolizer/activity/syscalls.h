// The x86_64 system calls: names, and for those in which a thread may spend time, what their arguments are.
// Cold context; a constant table.
#pragma once

#include <cstddef>
#include <string_view>

namespace holdwatch {

// One letter per argument in `arguments`, from the first on; further arguments are not shown.
//   d descriptor                      f path                     m timeout in milliseconds, int
//   s descriptor that is written to   @ directory of the path    t timeout, pointer to a timespec
//   r descriptor that is read from    p process id to wait for   a its end by the wall clock, pointer to a timespec
//   c descriptor that may be another  i process id               l fcntl's command   k flock's operation
//     file's by now, or soon          o address to send to, whose length is the next argument
//   n number   x number in hex        h message to send, with its address
//   w descriptor that is written to, where the call may wait for another one too
//   . not shown                       0 (alone) the call has no arguments
// An upper case letter stands for all arguments of a call in which they belong together:
//   A connect   U futex        P poll          Q ppoll       S select   R pselect6   C clock_nanosleep   N nanosleep
//   W waitid    F futex_wait   V futex_waitv   I io_uring_enter
struct SystemCallRow {
  int number;
  std::string_view name;
  std::string_view arguments;  // empty: none are worth showing
};

// Generated: the names in the system's header, in the order of their numbers, without arguments.
extern const SystemCallRow kHeaderRows[];
extern const size_t kHeaderRowCount;

// Null for a number in neither table: the running kernel is newer than both.
const SystemCallRow* find_system_call(long number);

}  // namespace holdwatch
