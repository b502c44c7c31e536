// See function_code.h.
#include "symbolizer/unwind/function_code.h"

#include <algorithm>

namespace holdwatch {

namespace {

constexpr size_t kMaxInstructions = 20000;  // of one function with its parts
constexpr size_t kMaxParts = 4;
constexpr int kRsp = static_cast<int>(EncodedRegister::rsp);

bool is_padding(const Instruction& instruction) {
  return instruction.operation == Operation::nop || instruction.operation == Operation::stop ||
         instruction.operation == Operation::breakpoint;
}

}  // namespace

bool ends_block(const Instruction& instruction) {
  return ends_path(instruction) || instruction.operation == Operation::breakpoint;
}

std::optional<Instruction> decode_at(MemoryReader& memory, uintptr_t pc) {
  unsigned char bytes[kMaxInstruction];
  size_t size = sizeof bytes;
  while (size != 0 && memory.read_constant(pc, bytes, size) != size) --size;  // the last one in a mapping
  return decode(bytes, size, pc);
}

void FunctionCode::clear() {
  parts_.clear();
  instructions_.clear();
  block_starts_.clear();
  is_complete_ = true;
}

const Instruction* FunctionCode::instruction_at(uintptr_t pc) {
  const auto known = instructions_.find(pc);
  if (known != instructions_.end()) return &known->second;
  if (instructions_.size() == kMaxInstructions) return nullptr;
  const std::optional<Instruction> instruction = decode_at(memory_, pc);
  if (!instruction) return nullptr;
  return &instructions_.emplace(pc, *instruction).first->second;
}

bool FunctionCode::is_inside(uintptr_t pc) const {
  if (parts_.empty()) return instructions_.contains(pc);
  return std::any_of(parts_.begin(), parts_.end(), [pc](const Procedure& part) { return part.contains(pc); });
}

bool FunctionCode::add_procedure(uintptr_t pc) {
  const Module* module = modules_.find(pc);
  if (module == nullptr || parts_.size() == kMaxParts) return false;
  const std::optional<Procedure> procedure = find_procedure(*module, memory_, pc);
  if (!procedure) return false;
  parts_.push_back(*procedure);
  sweep(*procedure);
  return true;
}

// Finds all instructions of a part and where its blocks begin. On this processor, compilers put only code there.
void FunctionCode::sweep(const Procedure& part) {
  bool is_after_end = false;
  for (uintptr_t pc = part.start; pc < part.end;) {
    const Instruction* instruction = instruction_at(pc);
    if (instruction == nullptr) {
      is_complete_ = false;
      return;
    }
    if (is_after_end && !is_padding(*instruction)) begin_block(pc);
    is_after_end = ends_block(*instruction) || (is_after_end && is_padding(*instruction));
    if (is_direct_jump(*instruction)) begin_block(instruction->target);
    pc += instruction->length;
  }
}

bool FunctionCode::is_described(uintptr_t pc) const {
  const Module* module = modules_.find(pc);
  return module != nullptr && find_procedure(*module, memory_, pc).has_value();
}

void FunctionCode::discover(uintptr_t entry) {
  std::vector<uintptr_t> starts = {entry};
  while (!starts.empty()) {
    uintptr_t pc = starts.back();
    starts.pop_back();
    while (!instructions_.contains(pc)) {
      const Instruction* instruction = instruction_at(pc);
      if (instruction == nullptr) {
        is_complete_ = false;
        break;
      }
      if (is_direct_jump(*instruction)) {
        begin_block(instruction->target);
        if (modules_.find(instruction->target) != nullptr && !is_described(instruction->target))
          starts.push_back(instruction->target);
      }
      if (ends_block(*instruction)) break;
      pc += instruction->length;
      if (is_call(*instruction) && is_next_function(pc)) break;
    }
  }
}

// It is if there is padding up to the alignment of functions, or a typical beginning of a function.
bool FunctionCode::is_next_function(uintptr_t pc) const {
  constexpr uintptr_t kAlignment = 16;
  constexpr uint32_t kLandingMark = 0xfa1e0ff3;         // endbr64
  constexpr uint32_t kFramePointerIsMade = 0xe5894855;  // push %rbp; mov %rsp,%rbp
  const auto bytes = memory_.read_constant_value<uint32_t>(pc);
  if (bytes == kLandingMark || bytes == kFramePointerIsMade) return true;
  std::optional<Instruction> instruction = decode_at(memory_, pc);
  if (pc % kAlignment == 0 && instruction) {
    const bool makes_room =
        instruction->adds_constant() && instruction->is_wide && instruction->reg == kRsp && instruction->constant < 0;
    return makes_room || (instruction->operation == Operation::push && instruction->source == Source::reg);
  }
  const uintptr_t start = pc;
  while (instruction && instruction->operation == Operation::nop && pc - start < kAlignment) {
    pc += instruction->length;
    instruction = decode_at(memory_, pc);
  }
  return pc != start && pc % kAlignment == 0;
}

}  // namespace holdwatch
