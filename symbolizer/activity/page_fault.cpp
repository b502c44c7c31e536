// See page_fault.h.
#include "symbolizer/activity/page_fault.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "symbolizer/activity/register_values.h"
#include "symbolizer/activity/words.h"

namespace holdwatch {
namespace {

struct MemoryAccess {
  uintptr_t address = 0;
  bool writes = false;
};

class Accesses {
 public:
  explicit Accesses(const KnownPlace& place, uintptr_t next) : place_(place), next_(next) {}

  // All memory that the instruction accesses and whose address is known.
  std::vector<MemoryAccess> list() {
    const Instruction& it = place_.instruction;
    if (it.memory) add(address_of(*it.memory, place_.registers, next_), it.use_of_memory);
    const std::optional<uint64_t> top = value_of(EncodedRegister::rsp);
    if (it.operation == Operation::push || is_call(it)) add(top ? std::optional(*top - 8) : top, MemoryUse::write);
    if (it.operation == Operation::pop || it.operation == Operation::ret) add(top, MemoryUse::read);
    if (it.reads_at_rsi) add(value_of(EncodedRegister::rsi), MemoryUse::read);
    add(value_of(EncodedRegister::rdi), it.use_at_rdi);
    return list_;
  }

 private:
  std::optional<uint64_t> value_of(EncodedRegister which) const { return place_.registers[static_cast<size_t>(which)]; }

  void add(std::optional<uint64_t> address, MemoryUse use) {
    if (address && use != MemoryUse::none) list_.push_back({*address, use == MemoryUse::write});
  }

  const KnownPlace& place_;
  uintptr_t next_;
  std::vector<MemoryAccess> list_;
};

// Whether the access has to wait: the page is missing, or must not be written to yet, which may take long for a file's
// page.
bool has_to_wait(const MemoryAccess& access, const FaultSite& site, PresentMemory& memory) {
  const FileMapping file = site.mapped_at(access.address);
  if (!file.is_mapped) return false;
  const std::optional<PageState> page = memory.page_state(access.address);
  if (!page) return false;
  return !page->is_present || (access.writes && (page->is_write_protected || file.path.starts_with('/')));
}

// Nothing unless exactly one of the accesses has to wait.
std::optional<uintptr_t> faulting_address(const FaultSite& site, PresentMemory& memory) {
  if (site.frames.empty()) return std::nullopt;
  const uintptr_t pc = site.frames.front().pc;
  // The instruction itself is fetched first.
  if (const auto code = memory.page_state(pc); code && !code->is_present) return pc;
  const std::optional<KnownPlace> place = place_of(site.frames, memory);
  if (!place) return std::nullopt;
  std::optional<uintptr_t> found;
  for (const MemoryAccess& access : Accesses(*place, pc + place->instruction.length).list()) {
    if (!has_to_wait(access, site, memory)) continue;
    if (found) return std::nullopt;
    found = access.address;
  }
  return found;
}

std::string in_brackets(const std::string& text) {
  return text.empty() ? "" : " (" + text + ")";
}

constexpr const char* kUserfaultfdRegion = "userfaultfd region";

}  // namespace

std::string describe_page_fault(const FaultSite& site, std::string_view wait_channel, PresentMemory& memory) {
  const std::optional<uintptr_t> address = faulting_address(site, memory);
  std::string mapped = waits_for_userfaultfd(wait_channel) ? kUserfaultfdRegion : "";
  if (!address) return "page fault" + in_brackets(mapped);
  if (mapped.empty()) {
    const std::string path = site.mapped_at(*address).path;
    mapped = path.empty() ? "anonymous memory" : printable(path);
  }
  return "page fault at " + hex_in_words(*address) + in_brackets(mapped);
}

bool waits_for_userfaultfd(std::string_view wait_channel) {
  return wait_channel.find("userfault") != std::string_view::npos;
}

std::string describe_fault_in_call(const SystemCall& call, const FaultSite& site, PresentMemory& memory) {
  std::vector<uint64_t> missing;
  for (const uint64_t argument : call.arguments) {
    if (!site.mapped_at || !site.mapped_at(argument).is_mapped) continue;
    if (const auto page = memory.page_state(argument); page && !page->is_present) missing.push_back(argument);
  }
  const std::string where = missing.size() == 1 ? " at " + hex_in_words(missing.front()) : "";
  return "page fault" + where + in_brackets(kUserfaultfdRegion);
}

}  // namespace holdwatch
