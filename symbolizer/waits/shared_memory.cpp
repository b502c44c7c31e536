// See shared_memory.h.
#include "symbolizer/waits/shared_memory.h"

#include <cerrno>
#include <string_view>

#include "shim/common/proc/maps_line.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch {
namespace {

template <typename Matches>
bool find_line(std::string_view text, Matches matches) {
  MapsLines<kMapsLineWithoutPath> lines;
  return lines.take(text, [&](std::string_view piece) {
    MapsLine line{};
    return parse_maps_line(piece, &line) && matches(line);
  });
}

}  // namespace

// A process that has exited maps nothing any more.
SharedMemory::SharedMemory(int pid) {
  int error = 0;
  text_ = read_text(process_file(pid, "maps"), &error);
  is_readable_ = error == 0 || error == ENOENT || error == ESRCH;
}

std::optional<FilePage> SharedMemory::byte_at(uintptr_t address) const {
  FilePage byte{};
  const bool found = find_line(text_, [&](const MapsLine& line) { return shared_byte_at(line, address, &byte); });
  return found ? std::optional(byte) : std::nullopt;
}

uintptr_t SharedMemory::address_of(const FilePage& byte) const {
  uintptr_t address = 0;
  find_line(text_, [&](const MapsLine& line) { return (address = shared_address_of(line, byte)) != 0; });
  return address;
}

MapsLock SharedMemory::maps(const FilePage& byte) const {
  if (!is_readable_) return MapsLock::unreadable;
  return address_of(byte) == 0 ? MapsLock::no : MapsLock::yes;
}

}  // namespace holdwatch
