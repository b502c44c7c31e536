// Executes random instructions one by one in a traced child, and compares its registers with what the decoder says: those
// that it does not name are unchanged, and those whose values it computes have these values.
// Exit status 1 if there is a difference, 77 if no child can be traced.
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <random>

#include "symbolizer/unwind/known_registers.h"

using namespace holdwatch;

namespace {

constexpr uintptr_t kCode = 0x10000000;
constexpr uintptr_t kData = 0x20000000;
constexpr size_t kCodeSize = 4096;
constexpr size_t kDataSize = 1 << 20;
constexpr int kWanted = 15000;  // instructions that ran without a fault; about half of all do
constexpr int kMaxTried = 100000;
constexpr int kSkipped = 77;
constexpr int kMaxShown = 20;

using Bytes = std::array<unsigned char, kMaxInstruction>;
using Random = std::mt19937_64;

// In the order of EncodedRegister.
constexpr unsigned long long user_regs_struct::*kRegisters[] = {
    &user_regs_struct::rax, &user_regs_struct::rcx, &user_regs_struct::rdx, &user_regs_struct::rbx,
    &user_regs_struct::rsp, &user_regs_struct::rbp, &user_regs_struct::rsi, &user_regs_struct::rdi,
    &user_regs_struct::r8,  &user_regs_struct::r9,  &user_regs_struct::r10, &user_regs_struct::r11,
    &user_regs_struct::r12, &user_regs_struct::r13, &user_regs_struct::r14, &user_regs_struct::r15};

// A stopped child with memory at fixed addresses, one page of it code.
class Child : public MemoryReader {
 public:
  ~Child() override {
    if (pid_ > 0) kill(pid_, SIGKILL);
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }

  // False if it cannot be traced.
  bool start() {
    const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    void* const code = reinterpret_cast<void*>(kCode);
    void* const data = reinterpret_cast<void*>(kData);
    if (mmap(code, kCodeSize, PROT_READ | PROT_EXEC, fixed, -1, 0) != code) return false;
    if (mmap(data, kDataSize, PROT_READ | PROT_WRITE, fixed, -1, 0) != data) return false;
    for (size_t i = 0; i < kDataSize; ++i) static_cast<unsigned char*>(data)[i] = static_cast<unsigned char>(i * 7);
    pid_ = fork();
    if (pid_ == 0) {
      if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(kSkipped);
      raise(SIGSTOP);
      _exit(0);
    }
    return pid_ > 0 && is_stopped_by(SIGSTOP) && ptrace(PTRACE_GETREGS, pid_, nullptr, &initial_) == 0 &&
           ptrace(PTRACE_GETFPREGS, pid_, nullptr, &initial_floats_) == 0;
  }

  size_t read(uintptr_t address, void* out, size_t size) override {
    iovec to{out, size}, from{reinterpret_cast<void*>(address), size};
    const ssize_t got = process_vm_readv(pid_, &to, 1, &from, 1, 0);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }

  // The registers after one instruction, and the address of the next; none if it faults.
  std::optional<user_regs_struct> execute(const Bytes& bytes, const KnownRegisters& before) {
    put_code(bytes);
    user_regs_struct registers = initial_;
    for (size_t number = 0; number < before.size(); ++number) registers.*kRegisters[number] = *before[number];
    registers.rip = kCode;
    registers.orig_rax = ~0ull;  // in no system call that would be restarted
    ptrace(PTRACE_SETREGS, pid_, nullptr, &registers);
    ptrace(PTRACE_SETFPREGS, pid_, nullptr, &initial_floats_);
    if (ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) != 0 || !is_stopped_by(SIGTRAP)) return std::nullopt;
    ptrace(PTRACE_GETREGS, pid_, nullptr, &registers);
    return registers;
  }

 private:
  void put_code(const Bytes& bytes) {
    unsigned long long words[2] = {};
    std::memcpy(words, bytes.data(), bytes.size());
    for (size_t i = 0; i < 2; ++i)
      ptrace(PTRACE_POKETEXT, pid_, reinterpret_cast<void*>(kCode + 8 * i), reinterpret_cast<void*>(words[i]));
  }

  bool is_stopped_by(int signal) {
    int status = 0;
    const bool is_stopped = waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status);
    if (!is_stopped) pid_ = -1;
    return is_stopped && WSTOPSIG(status) == signal;
  }

  pid_t pid_ = -1;
  user_regs_struct initial_{};
  user_fpregs_struct initial_floats_{};
};

// Random bytes, of which the first few choose an opcode map or a prefix.
Bytes random_bytes(Random& random) {
  Bytes bytes;
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
  const auto begin_with = [&](std::initializer_list<unsigned char> first) {
    std::copy(first.begin(), first.end(), bytes.begin());
  };
  const auto rex = static_cast<unsigned char>(0x40 | (random() & 15));
  switch (random() % 12) {
    case 0:
    case 1:
      begin_with({rex});
      break;
    case 2:
      begin_with({0x66});
      break;
    case 3:
      begin_with({0x66, rex});
      break;
    case 4:
      begin_with({0x0f});
      break;
    case 5:
      begin_with({rex, 0x0f});
      break;
    case 6:
      begin_with({0x66, 0x0f, static_cast<unsigned char>(random() % 2 == 0 ? 0x38 : 0x3a)});
      break;
    case 7:
      begin_with({0xf3, 0x0f});
      break;
    case 8:
      begin_with({0xc5});
      break;
    case 9:
      begin_with({0xc4, static_cast<unsigned char>(0xe0 | (1 + random() % 3))});
      break;
    default:
      break;
  }
  return bytes;
}

// What would leave the code, call the kernel, or change what the next instruction needs: segments, protection keys. And
// cpuid (0xa2), which a hypervisor emulates: on some machines the trap comes one instruction later.
bool is_to_be_run(const Encoding& encoding, const Instruction& instruction) {
  const auto is_one_of = [&](Encoding::Map map, std::initializer_list<uint8_t> opcodes) {
    return std::any_of(opcodes.begin(), opcodes.end(), [&](uint8_t code) { return encoding.is(map, code); });
  };
  if (instruction.operation >= Operation::jump || encoding.has_segment) return false;
  return !is_one_of(Encoding::Map::one, {0x8e, 0xcd, 0xf1}) &&
         !is_one_of(Encoding::Map::two,
                    {0x00, 0x01, 0x05, 0x07, 0x34, 0x35, 0x37, 0xa1, 0xa2, 0xa9, 0xaa, 0xae, 0xb2, 0xb4, 0xb5});
}

// Addresses of data, so that memory operands lead there; without such operands, any values.
KnownRegisters random_registers(const Instruction& instruction, Random& random) {
  KnownRegisters registers;
  const bool are_addresses =
      instruction.memory || instruction.reads_at_rsi || instruction.use_at_rdi != MemoryUse::none;
  for (std::optional<uint64_t>& value : registers) {
    value = kData + kDataSize / 4 + random() % (kDataSize / 16) * 8;
    if (!are_addresses && random() % 2 == 0) value = random();
  }
  registers[static_cast<size_t>(EncodedRegister::rsp)] = kData + kDataSize / 2;
  registers[static_cast<size_t>(EncodedRegister::rcx)] = 1 + random() % 64;
  if (instruction.memory && instruction.memory->index != kNoRegister)
    registers[static_cast<size_t>(instruction.memory->index)] = random() % 64;
  return registers;
}

// Which register, or -2 for the length, differs from what the decoder said; none if all is well.
std::optional<int> difference(const Instruction& instruction, const KnownRegisters& before,
                              const KnownRegisters& expected, const user_regs_struct& after) {
  const bool repeats = after.rip == kCode;  // a string operation with a prefix
  if (!repeats && after.rip != kCode + instruction.length) return -2;
  for (int number = 0; number < kGeneralRegisters; ++number) {
    const auto index = static_cast<size_t>(number);
    const uint64_t now = after.*kRegisters[index];
    const bool may_change = (changed_registers(instruction) & register_bit(number)) != 0;
    if (!may_change && now != *before[index]) return number;
    if (expected[index] && now != *expected[index]) return number;
  }
  return std::nullopt;
}

void show(const Bytes& bytes, size_t length, int which) {
  for (size_t i = 0; i < length; ++i) std::printf("%02x ", bytes[i]);
  std::printf(which < 0 ? ": another length\n" : ": register %d differs\n", which);
}

}  // namespace

int main() {
  Child child;
  if (!child.start()) {
    std::printf("skipped: no child can be traced here, or have memory at fixed addresses\n");
    return kSkipped;
  }
  Random random(20260101);
  int executed = 0, computed = 0, wrong = 0;
  for (int tried = 0; tried < kMaxTried && executed < kWanted; ++tried) {
    const Bytes bytes = random_bytes(random);
    const auto encoding = decode_encoding(bytes.data(), bytes.size());
    const auto instruction = decode(bytes.data(), bytes.size(), kCode);
    if (!encoding || !instruction || !is_to_be_run(*encoding, *instruction)) continue;
    const KnownRegisters before = random_registers(*instruction, random);
    KnownRegisters expected = before;
    follow_instruction(*instruction, kCode + instruction->length, child, expected);
    const auto after = child.execute(bytes, before);
    if (!after) continue;
    ++executed;
    if (instruction->reg != kNoRegister && expected[static_cast<size_t>(instruction->reg)]) ++computed;
    const std::optional<int> which = difference(*instruction, before, expected, *after);
    if (which && ++wrong <= kMaxShown) show(bytes, instruction->length, *which);
  }
  std::printf("%d instructions executed, %d results computed, %d differ\n", executed, computed, wrong);
  return wrong == 0 && executed > 0 && computed > 0 ? 0 : 1;
}
