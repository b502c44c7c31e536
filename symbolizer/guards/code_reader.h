// The instructions of a process's code, as Capstone decodes them, in a form that the evaluation of code needs.
// Cold context only; one thread at a time. The only pair of files that uses Capstone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "symbolizer/unwind/memory.h"
#include "symbolizer/x86/encoding.h"
#include "symbolizer/x86/registers.h"

namespace holdwatch {

// What an instruction does. other: its effects are not followed, but it is known which registers it changes.
enum class Action : uint8_t {
  other,
  nothing,
  move,
  move_zero_extended,
  move_sign_extended,
  address,
  push,
  pop,
  leave,
  add,
  subtract,
  bit_and,
  bit_or,
  bit_xor,
  compare,
  test,
  increment,
  decrement,
  negate,
  invert,
  shift_left,
  shift_right,
  shift_right_signed,
  multiply,         // with two or three operands
  sign_extend_eax,  // cdqe, cdq, cqo: see the operand's size and the destination
  exchange,
  exchange_add,
  compare_exchange,
  set,
  conditional_move,
  vector_move,
  vector_zero,
  jump,
  branch,
  call,
  ret,
  stop
};

struct Operand {
  enum class Kind : uint8_t { none, reg, vector, memory, constant };
  Kind kind = Kind::none;
  uint8_t size = 0;          // in bytes
  int8_t reg = kNoRegister;  // general, numbered as encoded; or the vector register's number
  uint8_t shift = 0;         // 8 for ah, bh, ch and dh
  int8_t base = kNoRegister;
  int8_t index = kNoRegister;
  uint8_t scale = 1;
  bool is_relative = false;  // to the next instruction
  bool in_segment = false;   // of fs or gs: not the address that it seems
  bool is_narrow = false;    // an address of 32 bits
  int64_t displacement = 0;  // of memory; of a constant its value
};

struct DecodedInstruction {
  Action action = Action::other;
  uint8_t length = 0;     // 0: there is none
  uint8_t condition = 0;  // of branch, set and conditional_move: as in the opcode's low half
  uint8_t operand_count = 0;
  bool changes_flags = false;
  bool is_repeated = false;  // rcx times, if it is a string instruction
  std::array<Operand, 3> operands;
  uint32_t changed = 0;          // a bit per general register, of those that it may change
  uint32_t changed_vectors = 0;  // the same for vector registers
};

class CodeReader {
 public:
  explicit CodeReader(MemoryReader& memory);
  ~CodeReader();

  // `length` is 0 if the bytes at `pc` are no instruction or cannot be read. Valid until the next call.
  const DecodedInstruction& at(uintptr_t pc);

  // Modules were loaded or unloaded.
  void forget() { known_.clear(); }

 private:
  struct Decoder;
  std::unique_ptr<Decoder> decoder_;
  MemoryReader& memory_;
  std::unordered_map<uintptr_t, DecodedInstruction> known_;
};

}  // namespace holdwatch
