// See present_memory.h.
#include "symbolizer/activity/present_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace holdwatch {
namespace {

constexpr uintptr_t kPageSize = 4096;
// Documentation/admin-guide/mm/pagemap.rst
constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kWriteProtected = uint64_t{1} << 57;

}  // namespace

PresentMemory::~PresentMemory() {
  if (pagemap_ >= 0) close(pagemap_);
}

std::optional<PageState> PresentMemory::page_state(uintptr_t address) {
  if (!opened_) {
    opened_ = true;
    pagemap_ = open(files_.path("pagemap").c_str(), O_RDONLY | O_CLOEXEC);
    untold_ = pagemap_ < 0 && errno == ENOENT;
  }
  uint64_t entry = 0;
  const auto place = static_cast<off_t>(address / kPageSize * sizeof entry);
  if (pagemap_ < 0 || pread(pagemap_, &entry, sizeof entry, place) != sizeof entry) return std::nullopt;
  return PageState{(entry & kPresent) != 0, (entry & kWriteProtected) != 0};
}

size_t PresentMemory::read(uintptr_t address, void* out, size_t size) {
  size_t safe = 0;
  while (safe < size) {
    const std::optional<PageState> page = page_state(address + safe);
    if (page ? !page->is_present : !untold_) break;
    safe += std::min<size_t>(size - safe, kPageSize - (address + safe) % kPageSize);
  }
  return safe == 0 ? 0 : memory_.read(address, out, safe);
}

}  // namespace holdwatch
