// See pid_namespace.h.
#include "shim/inspection/pid_namespace.h"

#include <sys/syscall.h>

#include <string_view>

#include "shim/common/kernel/system_call.h"
#include "shim/inspection/task_files.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

constexpr std::string_view kInitial = "pid:[4026531836]";  // PROC_PID_INIT_INO, linux/proc_ns.h

// The text that names a pid namespace; empty if /proc does not tell.
struct NamespaceName {
  char text[32] = "";

  std::string_view view() const { return text; }
};

constinit NamespaceName g_at_start;

NamespaceName read_name(const char* link = "/proc/self/ns/pid") {
  NamespaceName name;
  if (calls_filtered()) return name;
  const long length = system_call(SYS_readlink, link, name.text, sizeof name.text - 1);
  name.text[length > 0 ? length : 0] = '\0';
  return name;
}

// /proc may hide other users' processes (proc(5), hidepid).
bool shows_all_of_namespace() {
  StatusFile init;
  return proc_shows_us() && read_status_file(1, 1, &init) == 0;
}

}  // namespace

void note_pid_namespace() {
  g_at_start = read_name();
}

bool are_all_sharers_visible(const SharedPage& memory) {
  const NamespaceName now = read_name();
  if (now.view().empty() || !shows_all_of_namespace()) return false;
  return now.view() == kInitial || (memory.is_anonymous && now.view() == g_at_start.view());
}

// Linux has that link since 4.12.
bool are_threads_refused() {
  const NamespaceName of_children = read_name("/proc/self/ns/pid_for_children");
  return !of_children.view().empty() && of_children.view() != read_name().view();
}

}  // namespace holdwatch
