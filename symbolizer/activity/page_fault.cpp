// See page_fault.h.
#include "symbolizer/activity/page_fault.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "symbolizer/activity/register_values.h"
#include "symbolizer/activity/words.h"

namespace holdwatch {
namespace {

using Map = MemoryInstruction::Map;

enum PointerRegister { kRsp = 4, kRsi = 6, kRdi = 7 };

struct MemoryAccess {
  uintptr_t address = 0;
  bool writes = false;
};

class Accesses {
 public:
  explicit Accesses(const KnownPlace& place, uintptr_t next) : place_(place), next_(next) {}

  // All memory that the instruction accesses and whose address is known.
  std::vector<MemoryAccess> list() {
    const MemoryInstruction& it = place_.instruction;
    if (it.memory && !is_mere_address(it)) add(address_of(*it.memory, place_.registers, next_), may_write(it));
    if (it.map != Map::one || it.is_vector) return list_;
    const uint8_t code = it.opcode;
    const auto& rsp = place_.registers[kRsp];
    const bool pushes = (code >= 0x50 && code <= 0x57) || code == 0x68 || code == 0x6a || code == 0xe8 ||
                        (code == 0xff && (it.extension() == 2 || it.extension() == 6));
    if (pushes && rsp) add(*rsp - 8, true);
    if ((code >= 0x58 && code <= 0x5f) || code == 0xc3 || code == 0xc2) add(rsp, false);
    const bool reads_source = (code >= 0xa4 && code <= 0xa7) || code == 0xac || code == 0xad;
    const bool takes_target =
        (code >= 0xa4 && code <= 0xa7) || code == 0xaa || code == 0xab || code == 0xae || code == 0xaf;
    if (reads_source) add(place_.registers[kRsi], false);
    if (takes_target) add(place_.registers[kRdi], code == 0xa4 || code == 0xa5 || code == 0xaa || code == 0xab);
    return list_;
  }

 private:
  void add(std::optional<uint64_t> address, bool writes) {
    if (address) list_.push_back({*address, writes});
  }

  static bool is_mere_address(const MemoryInstruction& it) {
    if (it.is_vector) return false;
    return it.is(Map::one, 0x8d) ||
           (it.map == Map::two && (it.opcode == 0x0d || (it.opcode >= 0x18 && it.opcode <= 0x1f)));
  }

  // Whether it may be a store. Only moves and whole-register arithmetic are classified.
  static bool may_write(const MemoryInstruction& it) {
    const uint8_t code = it.opcode;
    if (it.map != Map::one)
      return code == 0x11 || code == 0x29 || code == 0x7f || code == 0x7e || code == 0xd6 || code == 0xe7 ||
             (it.map == Map::two && (code == 0xb0 || code == 0xb1 || code == 0xc0 || code == 0xc1));
    const bool compares =
        (code >= 0x38 && code <= 0x3b) || ((code == 0x80 || code == 0x81 || code == 0x83) && it.extension() == 7);
    const bool computes = code < 0x40 && (code & 7) < 2;
    return !compares &&
           (computes || (code >= 0x80 && code <= 0x83) || code == 0x86 || code == 0x87 || code == 0x88 ||
            code == 0x89 || code == 0xc6 || code == 0xc7 || code == 0xfe || (code == 0xff && it.extension() < 2));
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
