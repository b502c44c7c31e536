// See code_reader.h.
#include "symbolizer/guards/code_reader.h"

#include <algorithm>
#include <new>

#include "symbolizer/guards/capstone.h"

namespace holdwatch {
namespace {

constexpr size_t kLongestInstruction = 15;
constexpr size_t kMaxKnown = 1u << 16;
constexpr uint8_t kRexW = 0x08;  // operands of 64 bits

struct RegisterName {
  unsigned name;
  int8_t number;
  uint8_t shift;
};

#define FAMILY(number, wide, dword, word, byte)                                             \
  {X86_REG_##wide, number, 0}, {X86_REG_##dword, number, 0}, {X86_REG_##word, number, 0}, { \
    X86_REG_##byte, number, 0                                                               \
  }
#define NUMBERED(number) FAMILY(number, R##number, R##number##D, R##number##W, R##number##B)
constexpr RegisterName kNames[] = {FAMILY(0, RAX, EAX, AX, AL),
                                   FAMILY(1, RCX, ECX, CX, CL),
                                   FAMILY(2, RDX, EDX, DX, DL),
                                   FAMILY(3, RBX, EBX, BX, BL),
                                   FAMILY(4, RSP, ESP, SP, SPL),
                                   FAMILY(5, RBP, EBP, BP, BPL),
                                   FAMILY(6, RSI, ESI, SI, SIL),
                                   FAMILY(7, RDI, EDI, DI, DIL),
                                   NUMBERED(8),
                                   NUMBERED(9),
                                   NUMBERED(10),
                                   NUMBERED(11),
                                   NUMBERED(12),
                                   NUMBERED(13),
                                   NUMBERED(14),
                                   NUMBERED(15),
                                   {X86_REG_AH, 0, 8},
                                   {X86_REG_CH, 1, 8},
                                   {X86_REG_DH, 2, 8},
                                   {X86_REG_BH, 3, 8}};
#undef NUMBERED
#undef FAMILY

// By Capstone's number, so that each look-up is one access.
std::array<RegisterName, X86_REG_ENDING> make_table() {
  std::array<RegisterName, X86_REG_ENDING> table;
  table.fill({0, kNoRegister, 0});
  for (const RegisterName& name : kNames) table[name.name] = name;
  return table;
}

const RegisterName& name_of(unsigned capstone_register) {
  static const std::array<RegisterName, X86_REG_ENDING> kTable = make_table();
  return kTable[capstone_register < kTable.size() ? capstone_register : 0];  // 0: X86_REG_INVALID
}

int vector_number(unsigned capstone_register) {
  const auto in = [capstone_register](unsigned first) {
    return capstone_register >= first && capstone_register < first + 16 ? static_cast<int>(capstone_register - first)
                                                                        : -1;
  };
  return std::max({in(X86_REG_XMM0), in(X86_REG_YMM0), in(X86_REG_ZMM0)});
}

struct Row {
  unsigned instruction;
  Action action;
};

constexpr Row kActions[] = {{X86_INS_NOP, Action::nothing},
                            {X86_INS_ENDBR64, Action::nothing},
                            {X86_INS_PAUSE, Action::nothing},
                            {X86_INS_MFENCE, Action::nothing},
                            {X86_INS_MOV, Action::move},
                            {X86_INS_MOVABS, Action::move},
                            {X86_INS_MOVZX, Action::move_zero_extended},
                            {X86_INS_MOVSX, Action::move_sign_extended},
                            {X86_INS_MOVSXD, Action::move_sign_extended},
                            {X86_INS_LEA, Action::address},
                            {X86_INS_PUSH, Action::push},
                            {X86_INS_POP, Action::pop},
                            {X86_INS_LEAVE, Action::leave},
                            {X86_INS_ADD, Action::add},
                            {X86_INS_SUB, Action::subtract},
                            {X86_INS_AND, Action::bit_and},
                            {X86_INS_OR, Action::bit_or},
                            {X86_INS_XOR, Action::bit_xor},
                            {X86_INS_CMP, Action::compare},
                            {X86_INS_TEST, Action::test},
                            {X86_INS_INC, Action::increment},
                            {X86_INS_DEC, Action::decrement},
                            {X86_INS_NEG, Action::negate},
                            {X86_INS_NOT, Action::invert},
                            {X86_INS_SHL, Action::shift_left},
                            {X86_INS_SAL, Action::shift_left},
                            {X86_INS_SHR, Action::shift_right},
                            {X86_INS_SAR, Action::shift_right_signed},
                            {X86_INS_IMUL, Action::multiply},
                            {X86_INS_CDQE, Action::sign_extend_eax},
                            {X86_INS_XCHG, Action::exchange},
                            {X86_INS_XADD, Action::exchange_add},
                            {X86_INS_CMPXCHG, Action::compare_exchange},
                            {X86_INS_MOVUPS, Action::vector_move},
                            {X86_INS_MOVAPS, Action::vector_move},
                            {X86_INS_MOVUPD, Action::vector_move},
                            {X86_INS_MOVAPD, Action::vector_move},
                            {X86_INS_MOVDQU, Action::vector_move},
                            {X86_INS_MOVDQA, Action::vector_move},
                            {X86_INS_VMOVUPS, Action::vector_move},
                            {X86_INS_VMOVAPS, Action::vector_move},
                            {X86_INS_VMOVDQU, Action::vector_move},
                            {X86_INS_VMOVDQA, Action::vector_move},
                            {X86_INS_PXOR, Action::vector_zero},
                            {X86_INS_XORPS, Action::vector_zero},
                            {X86_INS_JMP, Action::jump},
                            {X86_INS_CALL, Action::call},
                            {X86_INS_RET, Action::ret},
                            {X86_INS_UD2, Action::stop},
                            {X86_INS_HLT, Action::stop},
                            {X86_INS_INT3, Action::stop}};

struct ConditionRow {
  unsigned branch, set, move;
};

// By the number of the condition in the opcode (Intel SDM, volume 2, appendix B.1.4.7).
constexpr ConditionRow kConditions[] = {
    {X86_INS_JO, X86_INS_SETO, X86_INS_CMOVO},    {X86_INS_JNO, X86_INS_SETNO, X86_INS_CMOVNO},
    {X86_INS_JB, X86_INS_SETB, X86_INS_CMOVB},    {X86_INS_JAE, X86_INS_SETAE, X86_INS_CMOVAE},
    {X86_INS_JE, X86_INS_SETE, X86_INS_CMOVE},    {X86_INS_JNE, X86_INS_SETNE, X86_INS_CMOVNE},
    {X86_INS_JBE, X86_INS_SETBE, X86_INS_CMOVBE}, {X86_INS_JA, X86_INS_SETA, X86_INS_CMOVA},
    {X86_INS_JS, X86_INS_SETS, X86_INS_CMOVS},    {X86_INS_JNS, X86_INS_SETNS, X86_INS_CMOVNS},
    {X86_INS_JP, X86_INS_SETP, X86_INS_CMOVP},    {X86_INS_JNP, X86_INS_SETNP, X86_INS_CMOVNP},
    {X86_INS_JL, X86_INS_SETL, X86_INS_CMOVL},    {X86_INS_JGE, X86_INS_SETGE, X86_INS_CMOVGE},
    {X86_INS_JLE, X86_INS_SETLE, X86_INS_CMOVLE}, {X86_INS_JG, X86_INS_SETG, X86_INS_CMOVG}};

void set_action(unsigned instruction, DecodedInstruction& out) {
  for (const Row& row : kActions) {
    if (row.instruction == instruction) out.action = row.action;
  }
  for (size_t number = 0; number < std::size(kConditions); ++number) {
    const ConditionRow& row = kConditions[number];
    if (instruction == row.branch) out.action = Action::branch;
    if (instruction == row.set) out.action = Action::set;
    if (instruction == row.move) out.action = Action::conditional_move;
    if (instruction == row.branch || instruction == row.set || instruction == row.move)
      out.condition = static_cast<uint8_t>(number);
  }
}

// Other ways to continue elsewhere (loop, jrcxz, xbegin, far calls and returns), and to write to the stack.
constexpr unsigned kRefused[] = {X86_INS_JCXZ,   X86_INS_JECXZ,  X86_INS_JRCXZ, X86_INS_LOOP,  X86_INS_LOOPE,
                                 X86_INS_LOOPNE, X86_INS_XBEGIN, X86_INS_LJMP,  X86_INS_LCALL, X86_INS_RETF,
                                 X86_INS_RETFQ,  X86_INS_IRET,   X86_INS_IRETD, X86_INS_IRETQ, X86_INS_ENTER,
                                 X86_INS_PUSHF,  X86_INS_PUSHFD, X86_INS_PUSHFQ};

// What compilers do not make, and the machine does not follow: a path ends there, as at bytes that are no instruction. Capstone
// mistakes the size of what is pushed and popped after an operand-size prefix.
bool is_refused(unsigned instruction, const cs_x86& detail, Action action) {
  const bool is_stack = action == Action::push || action == Action::pop || action == Action::leave;
  if (is_stack && detail.prefix[2] == X86_PREFIX_OPSIZE) return true;
  return std::find(std::begin(kRefused), std::end(kRefused), instruction) != std::end(kRefused);
}

Operand operand_of(const cs_x86_op& from) {
  Operand out;
  out.size = from.size;
  if (from.type == X86_OP_IMM) {
    out.kind = Operand::Kind::constant;
    out.displacement = from.imm;
  } else if (from.type == X86_OP_REG) {
    const RegisterName& name = name_of(from.reg);
    const int vector = vector_number(from.reg);
    out.kind = name.number != kNoRegister ? Operand::Kind::reg
               : vector >= 0              ? Operand::Kind::vector
                                          : Operand::Kind::none;
    out.reg = vector >= 0 ? static_cast<int8_t>(vector) : name.number;
    out.shift = name.shift;
  } else if (from.type == X86_OP_MEM) {
    out.kind = Operand::Kind::memory;
    out.is_relative = from.mem.base == X86_REG_RIP || from.mem.base == X86_REG_EIP;
    out.base = name_of(from.mem.base).number;
    out.index = name_of(from.mem.index).number;
    out.scale = static_cast<uint8_t>(from.mem.scale);
    out.in_segment = from.mem.segment == X86_REG_FS || from.mem.segment == X86_REG_GS;
    out.displacement = from.mem.disp;
  }
  return out;
}

}  // namespace

struct CodeReader::Decoder {
  const Capstone& library = *capstone();
  csh handle = 0;
  cs_insn* instruction = nullptr;

  Decoder() {
    if (library.open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) throw std::bad_alloc();
    library.option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    instruction = library.malloc(handle);
    if (instruction == nullptr) {
      library.close(&handle);
      throw std::bad_alloc();
    }
  }
  ~Decoder() {
    library.free(instruction, 1);
    library.close(&handle);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  DecodedInstruction decode(const uint8_t* bytes, size_t size, uint64_t address);
};

DecodedInstruction CodeReader::Decoder::decode(const uint8_t* bytes, size_t size, uint64_t address) {
  DecodedInstruction out;
  if (!library.disasm_iter(handle, &bytes, &size, &address, instruction)) return out;
  const cs_x86& detail = instruction->detail->x86;
  set_action(instruction->id, out);
  if (is_refused(instruction->id, detail, out.action)) return {};
  out.length = static_cast<uint8_t>(instruction->size);
  if (detail.op_count > out.operands.size()) out.action = Action::other;
  out.operand_count = std::min<uint8_t>(detail.op_count, static_cast<uint8_t>(out.operands.size()));
  for (size_t i = 0; i < out.operand_count; ++i) out.operands[i] = operand_of(detail.operands[i]);
  for (Operand& operand : out.operands) operand.is_narrow = detail.addr_size == 4;
  out.is_repeated = detail.prefix[0] == X86_PREFIX_REP || detail.prefix[0] == X86_PREFIX_REPNE;
  // Capstone takes the destination of every movsxd for one of 64 bits.
  if (instruction->id == X86_INS_MOVSXD && (detail.rex & kRexW) == 0) out.operands[0].size = 4;
  if (instruction->id == X86_INS_MOVSXD && detail.prefix[2] == X86_PREFIX_OPSIZE) out.action = Action::other;

  cs_regs read, written;
  uint8_t read_count = 0, written_count = 0;
  if (library.regs_access(handle, instruction, read, &read_count, written, &written_count) != CS_ERR_OK) {
    out.changed = out.changed_vectors = UINT32_MAX;
    out.changes_flags = true;
    return out;
  }
  for (uint8_t i = 0; i < written_count; ++i) {
    out.changed |= register_bit(name_of(written[i]).number);
    if (const int vector = vector_number(written[i]); vector >= 0) out.changed_vectors |= 1u << vector;
    if (written[i] == X86_REG_EFLAGS) out.changes_flags = true;
  }
  return out;
}

CodeReader::CodeReader(MemoryReader& memory) : decoder_(std::make_unique<Decoder>()), memory_(memory) {}
CodeReader::~CodeReader() = default;

const DecodedInstruction& CodeReader::at(uintptr_t pc) {
  if (const auto found = known_.find(pc); found != known_.end()) return found->second;
  if (known_.size() == kMaxKnown) known_.clear();
  std::array<uint8_t, kLongestInstruction> bytes;
  const size_t size = memory_.read_constant(pc, bytes.data(), bytes.size());
  return known_.emplace(pc, decoder_->decode(bytes.data(), size, pc)).first->second;
}

}  // namespace holdwatch
