// See activity.h. Describes a call: its name, and between parentheses its arguments according to the letters of its row
// in the table.
#include "symbolizer/activity/activity.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "symbolizer/activity/arguments.h"
#include "symbolizer/activity/descriptors.h"
#include "symbolizer/activity/page_fault.h"
#include "symbolizer/activity/present_memory.h"
#include "symbolizer/activity/restarted.h"
#include "symbolizer/activity/syscalls.h"
#include "symbolizer/activity/times.h"
#include "symbolizer/activity/words.h"

namespace holdwatch {
namespace {

constexpr size_t kArguments = 6;

int as_int(uint64_t argument) {
  return static_cast<int>(static_cast<uint32_t>(argument));
}

// wait4's pid: several values have a special meaning.
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

std::string describe_lock_operation(int operation) {
  switch (operation & ~LOCK_NB) {
    case LOCK_SH:
      return "shared";
    case LOCK_EX:
      return "exclusive";
    default:
      return "";
  }
}

std::string describe_fd(uint64_t argument, Direction direction, const CallContext& context) {
  return "fd " + describe_descriptor(as_int(argument), direction, context.files);
}

// Describes the one file that the call waits for.
std::string describe_stream(uint64_t argument, Direction direction, const CallContext& context) {
  const bool is_reused = is_of_other_file(as_int(argument), context.wait_channel, context.files);
  return is_reused ? "fd " + std::to_string(as_int(argument)) : describe_fd(argument, direction, context);
}

// The directory to which the path in the next argument is relative. Left out for an absolute path, and for the working
// directory: the path is enough.
std::string describe_folder(const uint64_t* argument, const CallContext& context) {
  if (as_int(argument[0]) == AT_FDCWD || read_path(argument[1], context).starts_with('/')) return "";
  return describe_fd(argument[0], Direction::any, context);
}

// One argument in words; empty if it is left out.
std::string describe_argument(char letter, size_t index, const SystemCall& call, const CallContext& context) {
  const uint64_t argument = call.arguments[index];
  switch (letter) {
    case 'd':
      return describe_fd(argument, Direction::any, context);
    case 's':
      return describe_stream(argument, Direction::sending, context);
    case 'r':
      return describe_stream(argument, Direction::receiving, context);
    case 'w':
      return describe_fd(argument, Direction::sending, context);
    case 'c':
      return "fd " + std::to_string(as_int(argument));
    case '@':
      return describe_folder(&call.arguments[index], context);
    case 'f':
      return read_path(argument, context);
    case 'o':
      return describe_receiver(argument, call.arguments[index + 1], context);
    case 'h':
      return describe_message_receiver(argument, context);
    case 'm':
      return describe_timeout_ms(argument);
    case 't':
      return describe_timeout_at(argument, context);
    case 'a':
      return describe_deadline_at(argument, CLOCK_REALTIME, context);
    case 'p':
      return describe_process(as_int(argument));
    case 'i':
      return "pid " + std::to_string(as_int(argument));
    case 'l':
      return describe_lock_command(as_int(argument));
    case 'k':
      return describe_lock_operation(as_int(argument));
    case 'n':
      return std::to_string(as_int(argument));
    case 'x':
      return hex_in_words(static_cast<uint32_t>(argument));
    default:
      return "";
  }
}

std::string describe_arguments(const SystemCallRow& row, const SystemCall& call, const CallContext& context) {
  std::string text;
  for (size_t i = 0; i < row.arguments.size() && i < kArguments; ++i) {
    if (const auto whole = describe_whole_call(row.arguments[i], call, context)) return *whole;
    const std::string words = describe_argument(row.arguments[i], i, call, context);
    if (words.empty()) continue;
    if (!text.empty()) text += ", ";
    text += words;
  }
  return text.empty() && row.arguments != "0" ? "..." : text;
}

std::string describe_call(const SystemCall& call, std::string_view lock_name, const CallContext& context) {
  if (call.number == SYS_futex && !lock_name.empty())
    return "waiting for " + std::string(lock_name) + " (futex " + hex_in_words(call.arguments[0]) +
           describe_futex_timeout(call, context) + ")";
  const SystemCallRow* row = find_system_call(call.number);
  if (row == nullptr) return "system call " + std::to_string(call.number);
  return std::string(row->name) + "(" + describe_arguments(*row, call, context) + ")";
}

// From a call alone; of a page fault only that it is one.
std::string describe_by_registers(const Snapshot& snapshot, std::string_view lock_name, const CallContext& context) {
  if (snapshot.in_page_fault) return "page fault";
  return snapshot.call.known ? describe_call(snapshot.call, lock_name, context) : "blocked (unknown system call)";
}

std::string describe_blocked(const Snapshot& snapshot, std::string_view lock_name, const CallContext& context) {
  if (context.memory == nullptr || !context.files.known()) return describe_by_registers(snapshot, lock_name, context);
  PresentMemory memory(*context.memory, context.files);
  const std::string wait_channel = context.files.text("wchan");  // read once, so that all of it is of one moment
  const auto site = [&] { return context.fault_site ? context.fault_site() : FaultSite{}; };
  if (snapshot.in_page_fault) return describe_page_fault(site(), wait_channel, memory);
  Snapshot resumed = snapshot;
  resumed.call = resumed_call(snapshot.call, wait_channel);
  const std::string call = describe_by_registers(resumed, lock_name, {context.files, &memory, wait_channel, {}});
  if (!snapshot.call.known || !waits_for_userfaultfd(wait_channel)) return call;
  return call + ", in a " + describe_fault_in_call(snapshot.call, site(), memory);
}

}  // namespace

std::string describe_activity(const Snapshot& snapshot, std::string_view lock_name, const CallContext& context) {
  switch (snapshot.state) {
    case ThreadState::running:
      return "running";
    case ThreadState::stopped:
      return "stopped";
    case ThreadState::gone:
      return "exited";
    case ThreadState::unknown:
      return snapshot.call.known ? describe_blocked(snapshot, lock_name, context) : "";
    case ThreadState::blocked:
      break;
  }
  return describe_blocked(snapshot, lock_name, context);
}

}  // namespace holdwatch
