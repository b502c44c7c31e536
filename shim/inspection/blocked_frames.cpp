// See blocked_frames.h.
#include "shim/inspection/blocked_frames.h"

#include <elf.h>

#include <algorithm>

#include "shim/common/elf/frame_rule.h"
#include "shim/common/elf/headers.h"
#include "shim/common/elf/memory_sources.h"
#include "shim/inspection/capture.h"

namespace holdwatch {
namespace {

// The bytes of the CIE or FDE at `address`, without its length field; empty if it is not within the module.
Bytes entry_at(const UnwoundModule& module, uintptr_t address) {
  uint32_t length = 0;
  if (address < module.start || address >= module.end || module.end - address <= sizeof length) return {nullptr, 0};
  LoadedMemory::read(address, &length, sizeof length);
  const uintptr_t content = address + sizeof length;
  return {reinterpret_cast<const unsigned char*>(content), length <= module.end - content ? length : 0};
}

struct Function {
  uintptr_t start;
  FrameRule rule;
};

std::optional<Function> function_at(const UnwoundModule& module, uintptr_t pc) {
  const auto found = search_unwind_table(LoadedMemory{}, module.header, pc);
  if (!found) return std::nullopt;
  const Bytes entry = entry_at(module, found->frame_entry);
  const auto common = parse_common_entry(entry_at(module, common_entry_of(entry, found->frame_entry)));
  const auto frame = common ? parse_frame_entry(entry, found->frame_entry, *common) : std::nullopt;
  if (!frame || pc - frame->start >= frame->size) return std::nullopt;
  const auto rule = frame_rule_at(pc, *common, *frame);
  return rule ? std::optional(Function{frame->start, *rule}) : std::nullopt;
}

}  // namespace

UnwoundModule unwound_module_at(uintptr_t start) {
  UnwoundModule module;
  module.start = module.end = start;
  Elf64_Ehdr header;
  if (read_elf_header(LoadedMemory{}, start, &header) != ElfKind::ours) return module;
  visit_segments(LoadedMemory{}, start, header, [&](const Elf64_Phdr& segment) {
    const uintptr_t first = start + segment.p_vaddr, last = first + segment.p_memsz;
    if (segment.p_type == PT_LOAD) module.end = std::max(module.end, last);
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
      module.code_start = first;
      module.code_end = last;
    }
    if (segment.p_type == PT_GNU_EH_FRAME) module.header = {first, segment.p_memsz};
    return false;
  });
  return module;
}

BlockedFrames::BlockedFrames(const SyscallFile& place, const UnwoundModule* modules, size_t module_count)
    : modules_(modules),
      module_count_(module_count),
      pc_(place.pc),
      sp_(place.sp),
      start_(place.sp),
      word_count_(read_local_memory(place.sp, words_, sizeof words_) / sizeof words_[0]) {}

const UnwoundModule* BlockedFrames::module_of(uintptr_t pc) const {
  const UnwoundModule* const end = modules_ + module_count_;
  const auto* const found = std::find_if(
      modules_, end, [pc](const UnwoundModule& module) { return pc >= module.code_start && pc < module.code_end; });
  return found == end ? nullptr : found;
}

std::optional<uintptr_t> BlockedFrames::word_at(uintptr_t address) const {
  const uintptr_t offset = address - start_;
  const size_t index = offset / sizeof(uintptr_t);
  if (offset % sizeof(uintptr_t) != 0 || index >= word_count_) return std::nullopt;
  return words_[index];
}

// Whether rbp may have this value in the frame of `function`, which has made it a frame pointer: the caller's, which is farther
// out, and then an address after a call of the function.
bool BlockedFrames::is_frame_of(uintptr_t bp, uintptr_t function) const {
  constexpr unsigned char kCall = 0xe8;  // call rel32
  struct [[gnu::packed]] {
    unsigned char code;
    int32_t distance;
  } call;
  const auto saved = word_at(bp), return_address = word_at(bp + sizeof(uintptr_t));
  if (!saved || !return_address || *saved <= bp || !word_at(*saved + sizeof(uintptr_t))) return false;
  const UnwoundModule* const module = module_of(*return_address);
  if (module == nullptr || *return_address - module->code_start < sizeof call) return false;
  LoadedMemory::read(*return_address - sizeof call, &call, sizeof call);
  return call.code == kCall && *return_address + static_cast<uintptr_t>(intptr_t{call.distance}) == function;
}

// The kernel shows a blocked thread's stack pointer, and not its rbp.
bool BlockedFrames::find_bp(uintptr_t function) {
  for (uintptr_t at = sp_; !bp_ && word_at(at); at += sizeof(uintptr_t))
    if (is_frame_of(at, function)) bp_ = at;
  return bp_.has_value();
}

bool BlockedFrames::step() {
  const UnwoundModule* const module = module_of(pc());
  const auto function = module == nullptr ? std::nullopt : function_at(*module, pc());
  if (!function || (function->rule.by_bp && !bp_ && !find_bp(function->start))) return false;
  const FrameRule& rule = function->rule;
  const uintptr_t end = (rule.by_bp ? *bp_ : sp_) + static_cast<uintptr_t>(rule.end_offset);
  const auto return_address = end > sp_ ? word_at(end - sizeof(uintptr_t)) : std::nullopt;
  if (!return_address) return false;
  if (rule.saved_bp) bp_ = word_at(end + static_cast<uintptr_t>(*rule.saved_bp));
  pc_ = *return_address;
  sp_ = end;
  return true;
}

}  // namespace holdwatch
