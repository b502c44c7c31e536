// See own_memory.h and capture.h.
//
// Both functions go through /proc/thread-self, not /proc/self: that is the main thread, and once a program's main thread
// has left by pthread_exit, its "maps" and "mem" are empty although the process lives on.
#include "shim/capture/own_memory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>

#include "shim/base/call_filter.h"
#include "shim/capture/capture.h"
#include "shim/capture/task_files.h"

namespace holdwatch {
namespace {

constexpr size_t kStatusSize = 16384;

// The part of a maps line that matters, "START-END rwxp"; the path behind it can be of any length.
constexpr size_t kMapsLineStart = 48;

struct MapsLine {
  MemoryRange range;
  bool readable, writable, executable, shared;
};

uintptr_t parse_hex(std::string_view* text) {
  uintptr_t value = 0;
  while (!text->empty()) {
    const char digit = text->front();
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && (digit < 'a' || digit > 'f')) break;
    value = value * 16 + static_cast<uintptr_t>(decimal ? digit - '0' : digit - 'a' + 10);
    text->remove_prefix(1);
  }
  return value;
}

bool parse_maps_line(std::string_view line, MapsLine* out) {
  out->range.start = parse_hex(&line);
  if (!line.starts_with('-')) return false;
  line.remove_prefix(1);
  out->range.end = parse_hex(&line);
  if (!line.starts_with(' ') || line.size() < 5) return false;
  out->readable = line[1] == 'r';
  out->writable = line[2] == 'w';
  out->executable = line[3] == 'x';
  out->shared = line[4] == 's';
  return true;
}

bool is_mapped_as(const MapsLine& line, MappedAs what) {
  switch (what) {
    case MappedAs::stack:
      return line.readable && line.writable && !line.shared;
    case MappedAs::code:
      return line.readable && line.executable;
  }
  return false;
}

// Joins neighbouring mappings of the wanted kind until the joined range holds the address and can grow no further.
class RangeSearch {
 public:
  RangeSearch(uintptr_t address, MappedAs what) : address_(address), what_(what) {}

  // Takes the next line, in the order of addresses, which is the file's. True once the answer is known.
  bool take(const MapsLine& line) {
    const bool wanted = is_mapped_as(line, what_);
    if (wanted && line.range.start == joined_.end) {
      joined_.end = line.range.end;
      return false;
    }
    if (joined_.contains(address_)) return true;
    joined_ = wanted ? line.range : MemoryRange{};
    return false;
  }

  MemoryRange result() const { return joined_.contains(address_) ? joined_ : MemoryRange{}; }

 private:
  uintptr_t address_;
  MappedAs what_;
  MemoryRange joined_;
};

// Feeds the start of every line of an open maps file to the search.
void search_lines(long descriptor, RangeSearch* search) {
  char buffer[4096];
  char line[kMapsLineStart];
  size_t line_length = 0;
  long got = 0;
  while ((got = syscall(SYS_read, descriptor, buffer, sizeof buffer)) > 0) {
    for (const char character : std::string_view(buffer, static_cast<size_t>(got))) {
      if (character != '\n') {
        if (line_length < sizeof line) line[line_length++] = character;
        continue;
      }
      MapsLine parsed;
      const bool understood = parse_maps_line({line, line_length}, &parsed);
      line_length = 0;
      if (understood && search->take(parsed)) return;
    }
  }
}

// process_vm_readv is no part of what services are commonly allowed (systemd's @system-service leaves it out), and a
// system call that a filter forbids may kill the process. So it is used only where the kernel says there is no filter.
bool under_system_call_filter() {
  char text[kStatusSize];
  const long length = read_proc_file("/proc/thread-self/status", text, sizeof text);
  return length <= 0 ||
         std::string_view(text, static_cast<size_t>(length)).find("\nSeccomp:\t0\n") == std::string_view::npos;
}

size_t read_through_system_call(uintptr_t address, void* out, size_t size) {
  if (under_system_call_filter()) return 0;
  const iovec local = {out, size};
  // The kernel takes the remote address as a number too; it never becomes a pointer of ours.
  const iovec remote = {reinterpret_cast<void*>(address), size};
  // The seventh argument of a variadic function lies on the stack, where an int leaves its upper half to chance.
  const unsigned long flags = 0;
  const long got = syscall(SYS_process_vm_readv, getpid(), &local, 1UL, &remote, 1UL, flags);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

}  // namespace

MemoryRange mapped_around(uintptr_t address, MappedAs what) {
  if (calls_filtered()) return {};
  const long descriptor = syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  RangeSearch search(address, what);
  search_lines(descriptor, &search);
  syscall(SYS_close, descriptor);
  return search.result();
}

// Through /proc/thread-self/mem, which needs no system call out of the ordinary. A process that is not dumpable may not
// open it; process_vm_readv asks no such question about the caller's own memory.
size_t read_own_memory(uintptr_t address, void* out, size_t size) {
  if (calls_filtered()) return 0;
  const long descriptor = syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/mem", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return read_through_system_call(address, out, size);
  size_t done = 0;
  while (done < size) {
    const long got = syscall(SYS_pread64, descriptor, static_cast<char*>(out) + done, size - done, address + done);
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  syscall(SYS_close, descriptor);
  return done;
}

}  // namespace holdwatch
