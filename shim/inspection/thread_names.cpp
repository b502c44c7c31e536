// See thread_names.h.
#include "shim/inspection/thread_names.h"

#include <cstring>

#include "shim/inspection/task_files.h"

namespace holdwatch {

bool ThreadNames::look_up(int tid, char (&out)[kThreadNameSize]) {
  NamedThread& known = known_[static_cast<size_t>(tid) % kMax];
  if (read_thread_name(tid, out) == 0) {
    known.tid = tid;
    std::memcpy(known.name, out, sizeof out);
    return true;
  }
  out[0] = '\0';
  if (known.tid == tid) std::memcpy(out, known.name, sizeof out);
  return false;
}

}  // namespace holdwatch
