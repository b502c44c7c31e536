// See core_memory.h.
#include "symbolizer/tools/inspect/core_memory.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/open_file.h"
#include "symbolizer/unwind/elf_layout.h"

namespace holdwatch {
namespace {

constexpr uint64_t kPageSize = 4096;

template <typename Range>
const Range* find_range(const std::vector<Range>& ranges, uintptr_t address) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                      [](uintptr_t value, const Range& range) { return value < range.start; });
  if (after == ranges.begin() || address >= std::prev(after)->end) return nullptr;
  return &*std::prev(after);
}

}  // namespace

// The path may come from a core file: opening some devices has side effects, and opening a fifo waits.
std::unique_ptr<FileBytes> FileBytes::open(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return nullptr;
  if (!S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    return nullptr;
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  return descriptor < 0 ? nullptr : std::unique_ptr<FileBytes>(new FileBytes(descriptor));
}

FileBytes::~FileBytes() {
  close(descriptor_);
}

size_t FileBytes::read(uintptr_t offset, void* out, size_t size) {
  return DescriptorSource{descriptor_}.read(offset, out, size);
}

size_t CoreMemory::read(uintptr_t address, void* out, size_t size) {
  size_t done = 0;
  while (done < size && address <= UINTPTR_MAX - size) {
    const size_t got = read_piece(address + done, static_cast<char*>(out) + done, size - done);
    if (got == 0) break;
    done += got;
  }
  return done;
}

size_t CoreMemory::read_piece(uintptr_t address, void* out, size_t size) {
  const size_t got = read_stored(address, out, size);
  return got != 0 ? got : read_mapped(address, out, size);
}

size_t CoreMemory::read_stored(uintptr_t address, void* out, size_t size) {
  const CoreSegment* segment = find_range(core_.segments, address);
  if (segment == nullptr || address - segment->start >= segment->stored) return 0;
  const uint64_t within = address - segment->start;
  if (segment->offset > UINT64_MAX - within) return 0;
  return file_.read(segment->offset + within, out, std::min<uint64_t>(size, segment->stored - within));
}

// Only memory that was not writable: for other memory, the file has only the contents from before the program ran.
size_t CoreMemory::read_mapped(uintptr_t address, void* out, size_t size) {
  const CoreSegment* segment = find_range(core_.segments, address);
  if (segment != nullptr && segment->writable) return 0;
  const CoreMapping* mapping = find_range(core_.mappings, address);
  FileBytes* file = mapping == nullptr ? nullptr : mapped_file(*mapping);
  if (file == nullptr) return 0;
  const uint64_t within = address - mapping->start;
  if (mapping->offset > UINT64_MAX - within) return 0;
  return file->read(mapping->offset + within, out, std::min<uint64_t>(size, mapping->end - address));
}

FileBytes* CoreMemory::mapped_file(const CoreMapping& mapping) {
  const auto [entry, is_new] = files_.try_emplace(mapping.path);
  if (!is_new) return entry->second.get();
  std::unique_ptr<FileBytes> file = FileBytes::open(mapping.path);
  const std::string fault = file == nullptr ? std::strerror(errno) : why_not_same(mapping, *file);
  if (fault.empty()) {
    entry->second = std::move(file);
  } else {
    missing_[mapping.path] = fault;
  }
  return entry->second.get();
}

// By address, not by file offset: lld lets a page of the file be the end of one segment and the beginning of the next,
// and the loader maps it twice.
bool CoreMemory::is_code(const CoreMapping& part) {
  FileBytes* file = mapped_file(part);
  Elf64_Ehdr header;
  if (file == nullptr || read_elf_header(*file, 0, &header) != ElfKind::ours) return true;
  const auto first = std::find_if(core_.mappings.begin(), core_.mappings.end(),
                                  [&](const CoreMapping& mapping) { return mapping.path == part.path; });
  if (first == core_.mappings.end()) return false;
  std::optional<uintptr_t> bias;
  bool executable = false;
  visit_segments(*file, 0, header, [&](const Elf64_Phdr& segment) {
    if (segment.p_type != PT_LOAD) return false;
    const uintptr_t start = segment.p_vaddr / kPageSize * kPageSize;
    if (!bias) bias = first->start - start;  // the lowest segment comes first (elf(5))
    const uintptr_t place = part.start - *bias;
    if (place < start || place >= segment.p_vaddr + segment.p_memsz) return false;
    executable = (segment.p_flags & PF_X) != 0;
    return true;
  });
  return executable;
}

// Nearly every core file contains the ELF headers, and with them the build id of the mapped file.
std::string CoreMemory::why_not_same(const CoreMapping& mapping, FileBytes& file) {
  const auto first = std::find_if(core_.mappings.begin(), core_.mappings.end(), [&](const CoreMapping& candidate) {
    return candidate.path == mapping.path && candidate.offset == 0;
  });
  const auto now = read_elf_layout(file, 0);
  if (first == core_.mappings.end() || !now) return "";
  const auto then = read_elf_layout(*this, first->start);
  if (!then || then->build_id.empty() || then->build_id == now->build_id) return "";
  return "it has changed since (another build id)";
}

}  // namespace holdwatch
