// The x86_64 system calls: names, and for those in which a thread may spend time, what their arguments are.
// Cold context; a constant table.
#pragma once

#include <string_view>

namespace holdwatch {

// One letter an argument in `arguments`, from the first on; what is not said stays out of the text.
//   d descriptor                      f path                     m time-out in milliseconds, int
//   s descriptor that is written to   @ directory of the path    t time-out, pointer to a timespec
//   p process id to wait for          l fcntl's command
//   n number                          . says nothing to a reader    0 (alone) the call has no arguments
// An upper case letter is the whole of a call whose arguments belong together:
//   A connect   U futex   P poll   Q ppoll   S select   R pselect6   C clock_nanosleep   N nanosleep
struct SystemCallRow {
  int number;
  std::string_view name;
  std::string_view arguments;  // empty: none are worth a word
};

// Null for a number that the table does not have: the kernel is newer than it.
const SystemCallRow* find_system_call(long number);

}  // namespace holdwatch
