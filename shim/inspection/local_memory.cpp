// See local_memory.h and capture.h.
//
// Both functions go through /proc/thread-self, not /proc/self: that is the main thread, and once a program's main thread
// has ended in pthread_exit, its "maps" and "mem" are empty although the process goes on.
#include "shim/inspection/local_memory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>

#include "shim/common/kernel/system_call.h"
#include "shim/common/proc/maps_search.h"
#include "shim/common/proc/thread_files.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/task_files.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

constexpr size_t kStatusSize = 16384;
constexpr char kLocalMaps[] = "/proc/thread-self/maps";

enum class Search : uint8_t { found, ended, failed };

// Reads a maps file until `take(piece of text)` is true. A process that has exited has an empty one.
template <typename Take>
Search search_in(const char* path, Take take) {
  if (calls_filtered()) return Search::failed;
  const long descriptor = system_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (descriptor == -ENOENT || descriptor == -ESRCH) return Search::ended;
  if (descriptor < 0) return Search::failed;
  char buffer[4096];
  bool found = false;
  long got = 0;
  while (!found && (got = system_call(SYS_read, descriptor, buffer, sizeof buffer)) > 0)
    found = take(std::string_view(buffer, static_cast<size_t>(got)));
  system_call(SYS_close, descriptor);
  if (found) return Search::found;
  return got < 0 && got != -ESRCH ? Search::failed : Search::ended;
}

template <typename Take>
bool search_file(const char* path, Take take) {
  return search_in(path, take) == Search::found;
}

// process_vm_readv is usually forbidden to services (systemd's @system-service does not contain it), and a system call
// that a filter forbids may kill the process. So it is used only if the kernel says that there is no filter.
bool has_seccomp_filter() {
  char text[kStatusSize];
  const long length = read_proc_file("/proc/thread-self/status", text, sizeof text);
  return length <= 0 || may_have_seccomp_filter({text, static_cast<size_t>(length)});
}

size_t read_through_system_call(uintptr_t address, void* out, size_t size) {
  if (has_seccomp_filter()) return 0;
  const iovec local = {out, size};
  // The kernel takes the remote address as a number too; it never becomes a pointer of ours.
  const iovec remote = {reinterpret_cast<void*>(address), size};
  const long got = system_call(SYS_process_vm_readv, system_call(SYS_getpid), &local, 1, &remote, 1, 0);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

}  // namespace

MemoryRange mapped_around(uintptr_t address, MappedAs what) {
  MapsSearch search(address, what);
  search_file(kLocalMaps, [&](std::string_view text) { return search.take(text); });
  return search.result();
}

namespace {

struct MapsPath : Line<64> {
  explicit MapsPath(int pid) { *this << "/proc/" << pid << "/maps"; }
};

// Which byte of which file is at `address` in the address space with these maps, if its mapping is shared.
bool shared_byte_in(const char* maps, uintptr_t address, SharedPage* out) {
  MapsLines<kMapsLineWithoutPath> lines;
  MapsLine line{};
  const auto is_there = [&](std::string_view text) {
    if (!parse_maps_line(text, &line) || !line.range.contains(address)) return false;
    out->is_anonymous = is_anonymous(line);
    return true;
  };
  return search_file(maps, [&](std::string_view text) { return lines.take(text, is_there); }) &&
         shared_byte_at(line, address, &out->page);
}

}  // namespace

bool shared_page_at(uintptr_t address, SharedPage* out) {
  constexpr uintptr_t kPageMask = 4095;
  return shared_byte_in(kLocalMaps, address & ~kPageMask, out);
}

bool is_private_memory(uintptr_t address) {
  MapsLines<kMapsLineWithoutPath> lines;
  MapsLine line{};
  const auto is_there = [&](std::string_view text) {
    return parse_maps_line(text, &line) && line.range.contains(address);
  };
  return search_file(kLocalMaps, [&](std::string_view text) { return lines.take(text, is_there); }) && !line.shared;
}

MapsLock maps_page(int pid, const FilePage& page) {
  MapsLines<kMapsLineWithoutPath> lines;
  MapsLine line{};
  const auto has_page = [&](std::string_view text) {
    return parse_maps_line(text, &line) && shared_address_of(line, page) != 0;
  };
  switch (search_in(MapsPath(pid).c_str(), [&](std::string_view text) { return lines.take(text, has_page); })) {
    case Search::found:
      return MapsLock::yes;
    case Search::ended:
      return MapsLock::no;
    case Search::failed:
      break;
  }
  return MapsLock::unreadable;
}

size_t shared_addresses_of(int pid, uintptr_t address, uintptr_t* out, size_t size) {
  SharedPage byte;
  if (!shared_byte_in(MapsPath(pid).c_str(), address, &byte)) return 0;
  size_t count = 0;
  MapsLines<kMapsLineWithoutPath> lines;
  MapsLine line{};
  const auto note = [&](std::string_view text) {
    const uintptr_t here = parse_maps_line(text, &line) ? shared_address_of(line, byte.page) : 0;
    if (here != 0) out[count++] = here;
    return count == size;
  };
  search_file(kLocalMaps, [&](std::string_view text) { return lines.take(text, note); });
  return count;
}

// Through /proc/thread-self/mem, which needs only ordinary system calls. A process that is not dumpable may not open
// it; process_vm_readv has no such condition for the caller's own memory.
size_t read_local_memory(uintptr_t address, void* out, size_t size) {
  if (calls_filtered()) return 0;
  const long descriptor = system_call(SYS_openat, AT_FDCWD, "/proc/thread-self/mem", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return read_through_system_call(address, out, size);
  size_t done = 0;
  while (done < size) {
    const long got = system_call(SYS_pread64, descriptor, static_cast<char*>(out) + done, size - done, address + done);
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  system_call(SYS_close, descriptor);
  return done;
}

}  // namespace holdwatch
