// See register_values.h.
#include "symbolizer/activity/register_values.h"

#include <algorithm>
#include <array>
#include <map>

namespace holdwatch {
namespace {

constexpr size_t kMaxCode = 65536;
constexpr size_t kMaxSteps = 200'000;
constexpr size_t kFramesFollowed = 3;
constexpr auto kRsp = static_cast<size_t>(EncodedRegister::rsp);

// One function, followed from its beginning along all its paths.
class Follower {
 public:
  Follower(const CodeFrame& frame, MemoryReader& memory) : frame_(frame), memory_(memory) {}

  std::optional<KnownPlace> place(const KnownRegisters& at_start) {
    const size_t size = frame_.end - frame_.start;
    if (frame_.end <= frame_.start || size > kMaxCode) return std::nullopt;
    code_.resize(size);
    if (memory_.read(frame_.start, code_.data(), size) != size) return std::nullopt;
    reach(frame_.start, at_start);
    for (size_t step = 0; !open_.empty(); ++step) {
      const uintptr_t at = open_.back();
      open_.pop_back();
      if (step == kMaxSteps || !follow(at)) return std::nullopt;
    }
    return found_;
  }

 private:
  // Notes that the instruction at `at` may be reached with these values too.
  void reach(uintptr_t at, const KnownRegisters& values) {
    if (at < frame_.start || at >= frame_.end) return;  // a tail call, or the rarely used part of the function
    const auto [known, is_new] = known_.try_emplace(at, values);
    bool changed = is_new;
    for (size_t i = 0; i < values.size(); ++i) {
      if (!known->second[i] || known->second[i] == values[i]) continue;
      known->second[i].reset();
      changed = true;
    }
    if (changed) open_.push_back(at);
  }

  // False if the next instruction cannot be determined.
  bool follow(uintptr_t at) {
    const size_t offset = at - frame_.start;
    const auto it = decode(code_.data() + offset, code_.size() - offset, at);
    if (!it) return false;
    const KnownRegisters before = known_.at(at);
    const uintptr_t next = at + it->length;
    if (frame_.pc_is_exact ? at == frame_.pc : next == frame_.pc) found_ = KnownPlace{*it, before};
    if (it->operation == Operation::jump_indirect) return false;
    KnownRegisters after = before;
    follow_instruction(*it, next, memory_, after);
    if (is_direct_jump(*it)) reach(it->target, after);
    if (!ends_path(*it)) reach(next, after);
    return true;
  }

  const CodeFrame& frame_;
  MemoryReader& memory_;
  std::vector<unsigned char> code_;
  std::map<uintptr_t, KnownRegisters> known_;
  std::vector<uintptr_t> open_;
  std::optional<KnownPlace> found_;
};

// The target of the stub at `target`, if it is one in a procedure linkage table; otherwise `target` itself.
uintptr_t through_slot(uintptr_t target, MemoryReader& memory) {
  std::array<unsigned char, 2 * kMaxInstruction> bytes{};
  const size_t size = memory.read(target, bytes.data(), bytes.size());
  for (size_t offset = 0; offset < size;) {
    const auto it = decode(bytes.data() + offset, size - offset, target + offset);
    if (!it) break;
    offset += it->length;
    const bool does_nothing = it->operation == Operation::other && changed_registers(*it) == 0;
    if (does_nothing) continue;  // endbr64
    if (it->operation != Operation::jump_indirect || !it->memory || !it->memory->is_relative) break;
    return source_of(*it, {}, target + offset, memory).value_or(target);
  }
  return target;
}

// The function that a call leads to; none if it is called through an unknown pointer.
std::optional<uintptr_t> target_of(const KnownPlace& call, uintptr_t next, MemoryReader& memory) {
  const Instruction& it = call.instruction;
  if (it.operation == Operation::call) return through_slot(it.target, memory);
  if (it.operation == Operation::call_indirect) return source_of(it, call.registers, next, memory);
  return std::nullopt;
}

// The registers at the entry of `callee`'s function: unknown if another function was called in between, which then
// jumped there.
KnownRegisters at_start_of(const CodeFrame& callee, const CodeFrame& caller, const std::optional<KnownPlace>& call,
                           MemoryReader& memory) {
  KnownRegisters values;
  if (call && target_of(*call, caller.pc, memory) == callee.start) values = call->registers;
  values[kRsp] = callee.cfa - 8;
  return values;
}

}  // namespace

std::optional<KnownPlace> place_of(const std::vector<CodeFrame>& frames, MemoryReader& memory) {
  std::optional<KnownPlace> place;
  for (size_t i = std::min(frames.size(), kFramesFollowed); i-- > 0;) {
    KnownRegisters at_start;
    at_start[kRsp] = frames[i].cfa - 8;
    if (i + 1 < std::min(frames.size(), kFramesFollowed))
      at_start = at_start_of(frames[i], frames[i + 1], place, memory);
    place = Follower(frames[i], memory).place(at_start);
  }
  return place;
}

}  // namespace holdwatch
