// Evaluates DWARF's location expressions, as far as compilers use them for parameters and variables (DWARF 5, sections 2.5 and 2.6).
// See variable_place.h. Cold context only.
#include "symbolizer/symbols/variable_place.h"

#include <dwarf.h>

#include <vector>

namespace holdwatch {
namespace {

constexpr size_t kMaxOperations = 64;

// One expression. What a frame base may not contain (another frame base) is not known.
class Evaluation {
 public:
  Evaluation(const FrameValues& frame, std::optional<uint64_t> frame_base) : frame_(frame), frame_base_(frame_base) {}

  std::optional<VariablePlace> run(const Dwarf_Op* operations, size_t count) {
    if (count == 0 || count > kMaxOperations) return std::nullopt;
    if (count == 1 && is_register(operations[0].atom)) {
      const auto value = frame_.register_value(operations[0].atom - DW_OP_reg0);
      return value ? std::optional(VariablePlace{false, *value}) : std::nullopt;
    }
    for (size_t i = 0; i < count; ++i) {
      if (operations[i].atom == DW_OP_stack_value && i + 1 == count) return result(false);
      if (!apply(operations[i])) return std::nullopt;
    }
    return result(true);
  }

 private:
  static bool is_register(uint8_t atom) { return atom >= DW_OP_reg0 && atom <= DW_OP_reg31; }

  std::optional<VariablePlace> result(bool is_in_memory) const {
    if (stack_.empty()) return std::nullopt;
    return VariablePlace{is_in_memory, stack_.back()};
  }

  bool push(std::optional<uint64_t> value) {
    if (value) stack_.push_back(*value);
    return value.has_value();
  }

  static std::optional<uint64_t> sum(std::optional<uint64_t> a, uint64_t b) {
    return a ? std::optional(*a + b) : std::nullopt;
  }

  std::optional<uint64_t> pop() {
    if (stack_.empty()) return std::nullopt;
    const uint64_t value = stack_.back();
    stack_.pop_back();
    return value;
  }

  // False if the result is not known.
  bool apply(const Dwarf_Op& operation) {
    const uint8_t atom = operation.atom;
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) return push(atom - DW_OP_lit0);
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
      return push(sum(frame_.register_value(atom - DW_OP_breg0), operation.number));
    switch (atom) {
      case DW_OP_fbreg:
        return push(sum(frame_base_, operation.number));
      case DW_OP_call_frame_cfa:
        return push(frame_.cfa);
      case DW_OP_addr:
        return push(operation.number + frame_.bias);
      case DW_OP_const1u:
      case DW_OP_const1s:
      case DW_OP_const2u:
      case DW_OP_const2s:
      case DW_OP_const4u:
      case DW_OP_const4s:
      case DW_OP_const8u:
      case DW_OP_const8s:
      case DW_OP_constu:
      case DW_OP_consts:
        return push(operation.number);
      case DW_OP_plus_uconst:
        return push(sum(pop(), operation.number));
      case DW_OP_deref: {
        const auto address = pop();
        return address && push(frame_.word(*address));
      }
      case DW_OP_plus:
      case DW_OP_minus: {
        const auto right = pop();
        const auto left = pop();
        return left && right && push(atom == DW_OP_plus ? *left + *right : *left - *right);
      }
      case DW_OP_nop:
        return true;
      default:
        return false;  // among them DW_OP_entry_value: what a parameter was when the function was called is in no register now
    }
  }

  const FrameValues& frame_;
  std::optional<uint64_t> frame_base_;
  std::vector<uint64_t> stack_;
};

std::optional<VariablePlace> evaluate(Dwarf_Die die, unsigned attribute, uintptr_t pc, const FrameValues& frame,
                                      std::optional<uint64_t> frame_base) {
  Dwarf_Attribute location;
  Dwarf_Op* operations = nullptr;
  size_t count = 0;
  if (dwarf_attr(&die, attribute, &location) == nullptr) return std::nullopt;
  if (dwarf_getlocation_addr(&location, pc, &operations, &count, 1) != 1) return std::nullopt;
  return Evaluation(frame, frame_base).run(operations, count);
}

}  // namespace

std::optional<VariablePlace> place_of_variable(Dwarf_Die variable, Dwarf_Die function, uintptr_t pc,
                                               const FrameValues& frame) {
  const auto base = evaluate(function, DW_AT_frame_base, pc, frame, std::nullopt);
  return evaluate(variable, DW_AT_location, pc, frame, base ? std::optional(base->value) : std::nullopt);
}

}  // namespace holdwatch
