// See cause.h. One call in words: its name, and between parentheses what each letter of its row in the table says.
#include "symbolizer/cause/cause.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "symbolizer/cause/arguments.h"
#include "symbolizer/cause/descriptors.h"
#include "symbolizer/cause/syscalls.h"
#include "symbolizer/cause/words.h"

namespace holdwatch {
namespace {

constexpr size_t kArguments = 6;

int as_int(uint64_t argument) {
  return static_cast<int>(static_cast<uint32_t>(argument));
}

// wait4's pid: several values are not one.
std::string describe_process(int pid) {
  if (pid == -1) return "any child";
  if (pid == 0) return "any child of the same group";
  if (pid < -1) return "any child of group " + std::to_string(-static_cast<int64_t>(pid));
  return "pid " + std::to_string(pid);
}

std::string describe_lock_command(int command) {
  switch (command) {
    case F_SETLKW:
      return "F_SETLKW";
    case F_OFD_SETLKW:
      return "F_OFD_SETLKW";
    case F_SETLK:
      return "F_SETLK";
    default:
      return "command " + std::to_string(command);
  }
}

// One argument in words; empty if it is left out.
std::string describe_argument(char letter, size_t index, const SystemCall& call, MemoryReader& memory, pid_t process) {
  const uint64_t argument = call.arguments[index];
  switch (letter) {
    case 'd':
      return "fd " + describe_descriptor(as_int(argument), Direction::any, process);
    case 's':
      return "fd " + describe_descriptor(as_int(argument), Direction::sending, process);
    case '@':  // left out for the working directory; the path that follows says enough
      return as_int(argument) == AT_FDCWD ? "" : "fd " + describe_descriptor(as_int(argument), Direction::any, process);
    case 'f':
      return read_path(argument, memory);
    case 'm':
      return describe_timeout_ms(argument);
    case 't':
      return describe_timeout_at(argument, memory);
    case 'p':
      return describe_process(as_int(argument));
    case 'l':
      return describe_lock_command(as_int(argument));
    case 'n':
      return std::to_string(as_int(argument));
    default:
      return "";
  }
}

std::string describe_arguments(const SystemCallRow& row, const SystemCall& call, MemoryReader& memory, pid_t process) {
  std::string text;
  for (size_t i = 0; i < row.arguments.size() && i < kArguments; ++i) {
    if (const auto whole = describe_whole_call(row.arguments[i], call, memory, process)) return *whole;
    const std::string words = describe_argument(row.arguments[i], i, call, memory, process);
    if (words.empty()) continue;
    if (!text.empty()) text += ", ";
    text += words;
  }
  return text.empty() && row.arguments != "0" ? "..." : text;
}

std::string describe_call(const SystemCall& call, std::string_view lock_name, MemoryReader& memory, pid_t process) {
  if (call.number == SYS_futex && !lock_name.empty())
    return "waiting for " + std::string(lock_name) + " (futex " + hex_in_words(call.arguments[0]) + ")";
  const SystemCallRow* row = find_system_call(call.number);
  if (row == nullptr) return "system call " + std::to_string(call.number);
  return std::string(row->name) + "(" + describe_arguments(*row, call, memory, process) + ")";
}

}  // namespace

std::string describe_activity(ThreadState state, const SystemCall& call, std::string_view lock_name,
                              MemoryReader& memory, pid_t process) {
  switch (state) {
    case ThreadState::running:
      return "running";
    case ThreadState::stopped:
      return "stopped";
    case ThreadState::gone:
      return "exited";
    case ThreadState::blocked:
      break;
  }
  return call.known ? describe_call(call, lock_name, memory, process) : "blocked (system call not known)";
}

}  // namespace holdwatch
