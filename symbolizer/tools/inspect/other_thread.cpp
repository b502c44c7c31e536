// See other_thread.h.
#include "symbolizer/tools/inspect/other_thread.h"

#include <string_view>

#include "shim/common/glibc/futex_wait.h"
#include "shim/common/proc/maps_line.h"
#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/inspect/read_task.h"

namespace holdwatch {
namespace {

// The mappings that a process has of memory which others may have too.
class SharedMemory {
 public:
  explicit SharedMemory(int pid) : text_(read_text(process_file(pid, "maps"))) {}

  // Which byte of which file is there; nothing if the memory is the process's own.
  std::optional<FilePage> byte_at(uintptr_t address) const {
    FilePage byte{};
    return find([&](const MapsLine& line) { return shared_byte_at(line, address, &byte); }) ? std::optional(byte)
                                                                                            : std::nullopt;
  }
  // Where that byte is; 0: nowhere.
  uintptr_t address_of(const FilePage& byte) const {
    uintptr_t address = 0;
    find([&](const MapsLine& line) { return (address = shared_address_of(line, byte)) != 0; });
    return address;
  }

 private:
  template <typename Matches>
  bool find(Matches matches) const {
    MapsLines<kMapsLineWithoutPath> lines;
    return lines.take(text_, [&](std::string_view text) {
      MapsLine line{};
      return parse_maps_line(text, &line) && matches(line);
    });
  }

  std::string text_;
};

// A mutex that inherits priority is never waited for in a cycle: the kernel refuses that.
uintptr_t word_slept_on(const Snapshot& snapshot) {
  const auto futex = futex_wait(snapshot.call);
  return futex && futex->is_shared && !futex->has_timeout && !futex->inherits ? futex->word : 0;
}

}  // namespace

std::optional<OtherThread> find_other_thread(int pid, int tid, uintptr_t lock) {
  OtherThread other;
  other.pid = static_cast<int>(status_number(read_text(process_file(tid, "status")), "Tgid").value_or(0));
  if (other.pid == 0 || other.pid == pid || !read_task(other.pid, tid, other.task)) return std::nullopt;
  const SharedMemory here(pid), there(other.pid);
  const auto lock_byte = here.byte_at(lock);
  if (!lock_byte || there.address_of(*lock_byte) == 0) return std::nullopt;
  other.name = read_name(thread_file(other.pid, tid, "comm"));
  other.process = read_name(process_file(other.pid, "comm"));
  const uintptr_t word = word_slept_on(other.task.snapshot);
  const auto word_byte = word == 0 ? std::nullopt : there.byte_at(word);
  if (word_byte) other.word = here.address_of(*word_byte);
  return other;
}

}  // namespace holdwatch
