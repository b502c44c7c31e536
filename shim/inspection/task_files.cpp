// See task_files.h.
#include "shim/inspection/task_files.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "shim/common/kernel/system_call.h"
#include "shim/common/text/digits.h"
#include "shim/common/text/text_buffer.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

// "status" has some 60 lines; its longest are the cpu and memory node lists. What we read ends the file, so room for
// a machine with 8,192 processors is made too.
constexpr size_t kStatusSize = 16384;
constexpr size_t kSyscallSize = 256;
constexpr size_t kStatSize = 1024;

using TaskPath = Line<64>;

constexpr int kCurrentProcess = 0;

long read_task_file(int pid, int tid, const char* name, char* out, size_t size) {
  TaskPath path;
  path << "/proc/";
  if (pid == kCurrentProcess)
    path << "self";
  else
    path << pid;
  path << "/task/" << tid << '/' << name;
  return read_proc_file(path.c_str(), out, size);
}

}  // namespace

long read_proc_file(const char* path, char* out, size_t size) {
  if (calls_filtered()) return -ENOSYS;
  const long descriptor = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return descriptor;
  size_t length = 0;
  long got = 0;
  while (length < size && (got = system_call(SYS_read, descriptor, out + length, size - length)) > 0)
    length += static_cast<size_t>(got);
  system_call(SYS_close, descriptor);
  return got < 0 ? got : static_cast<long>(length);
}

int read_syscall_file(int tid, SyscallFile* out) {
  return read_syscall_file(kCurrentProcess, tid, out);
}

int read_syscall_file(int pid, int tid, SyscallFile* out) {
  char text[kSyscallSize];
  const long length = read_task_file(pid, tid, "syscall", text, sizeof text);
  if (length < 0) return static_cast<int>(-length);
  *out = parse_syscall({text, static_cast<size_t>(length)});
  return out->kind == SyscallFile::Kind::not_understood ? EPROTO : 0;
}

int read_status_file(int tid, StatusFile* out) {
  return read_status_file(kCurrentProcess, tid, out);
}

int read_status_file(int pid, int tid, StatusFile* out) {
  char text[kStatusSize];
  const long length = read_task_file(pid, tid, "status", text, sizeof text);
  if (length < 0) return static_cast<int>(-length);
  return parse_status({text, static_cast<size_t>(length)}, out) ? 0 : EPROTO;
}

int read_thread_name(int tid, char (&name)[kThreadNameSize]) {
  return read_thread_name(kCurrentProcess, tid, name);
}

int read_thread_name(int pid, int tid, char (&name)[kThreadNameSize]) {
  const long length = read_task_file(pid, tid, "comm", name, sizeof name);
  if (length < 0) return static_cast<int>(-length);
  const size_t end = static_cast<size_t>(length);
  name[end == 0 ? 0 : end - 1] = '\0';  // the newline, which ends the file
  return 0;
}

int read_wait_channel(int tid, char (&channel)[kWaitChannelSize]) {
  const long length = read_task_file(kCurrentProcess, tid, "wchan", channel, sizeof channel - 1);
  if (length < 0) return static_cast<int>(-length);
  channel[length] = '\0';
  return 0;
}

int read_start_time(int pid, int tid, uint64_t* out_ns) {
  char text[kStatSize];
  const long length = read_task_file(pid, tid, "stat", text, sizeof text);
  if (length < 0) return static_cast<int>(-length);
  const std::optional<uint64_t> start_ns = parse_start_time({text, static_cast<size_t>(length)});
  if (start_ns) *out_ns = *start_ns;
  return start_ns ? 0 : EPROTO;
}

bool proc_shows_us() {
  const int tid = static_cast<int>(system_call(SYS_gettid));
  StatusFile status;
  return read_status_file(tid, &status) == 0 && status.is_of(tid);
}

namespace {

// False if /proc does not tell.
template <typename Visit>
bool visit_names(const char* path, Visit visit) {
  if (calls_filtered()) return false;
  const long directory = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  // linux/dirent.h has no linux_dirent64 for programs: getdents64(2).
  struct Entry {
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    unsigned char type;
    char name[1];  // and on
  };
  alignas(Entry) char entries[2048];
  for (long got; (got = system_call(SYS_getdents64, directory, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < got; at += reinterpret_cast<const Entry*>(entries + at)->size)
      if (const char* name = reinterpret_cast<const Entry*>(entries + at)->name; name[0] != '.') visit(name);
  }
  system_call(SYS_close, directory);
  return true;
}

}  // namespace

void for_each_thread(void (*visit)(int tid)) {
  visit_names("/proc/self/task", [&](const char* name) { visit(static_cast<int>(leading_number(name))); });
}

void for_each_thread_of(int pid, void (*visit)(int tid)) {
  TaskPath path;
  path << "/proc/" << pid << "/task";
  visit_names(path.c_str(), [&](const char* name) { visit(static_cast<int>(leading_number(name))); });
}

bool for_each_process(void (*visit)(int pid)) {
  constexpr size_t kMax = 4096;  // a file of each is read
  size_t count = 0;
  const bool listed = visit_names("/proc", [&](const char* name) {
    const bool is_process = name[0] >= '1' && name[0] <= '9';
    if (is_process && ++count <= kMax) visit(static_cast<int>(leading_number(name)));
  });
  return listed && count > 0 && count <= kMax;
}

}  // namespace holdwatch
