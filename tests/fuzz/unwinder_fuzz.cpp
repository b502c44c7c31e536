// libFuzzer target: a thread's registers, stack, unwind tables and code with any bytes changed. The unwinder comes back
// after a bounded number of steps, with a stack that ascends, and says why where it is not complete.
#include "symbolizer/unwind/unwinder.h"

#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using fuzz::check;
using test::ByteVector;
using test::FakeModule;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;
constexpr uintptr_t kStack = 0x7ffd00000000;
constexpr size_t kStackSize = 0x1000;
constexpr size_t kCallAt = 0x20;
constexpr uintptr_t kSp = kStack + 0x200;
constexpr uintptr_t kFrame = kSp + 0x48;

// `call` of another function of the module, at a fixed place within the first.
ByteVector calls(size_t from, size_t to, ByteVector prologue) {
  ByteVector code = std::move(prologue);
  code.resize(kCallAt, 0x90);
  code.push_back(0xe8);
  test::append_value(code, static_cast<int32_t>((static_cast<int>(to) - static_cast<int>(from)) *
                                                    static_cast<int>(FakeModule::kFunctionSpacing) -
                                                static_cast<int>(kCallAt) - 5));
  return code;
}

// start -> outer -> framed -> leaf, and where their frames are on the stack.
struct Process {
  FakeModule module{
      kBase,
      {{calls(0, 1, {}), {0x07, 16}},
       {calls(1, 2, {}), {}},
       {calls(2, 3, {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x40}), {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6}},
       {{0x0f, 0x05, 0xc3}, {}}}};
  ByteVector stack = ByteVector(kStackSize);
  test::FakeMemory memory;
  Modules modules{-1, memory};

  Process() {
    put(kSp, module.function(2) + kCallAt + 5);
    put(kFrame, kFrame + 0x100);
    put(kFrame + 8, module.function(1) + kCallAt + 5);
    put(kFrame + 16, module.function(0) + kCallAt + 5);
  }
  void put(uintptr_t address, uintptr_t value) { test::put(stack, address - kStack, value); }

  void map() {
    memory.regions[kBase] = module.image;
    memory.regions[kStack] = stack;
    modules.update(module.maps() +
                   "7f0000200000-7f0000201000 rwxp 0 00:00 0\n"
                   "7ffd00000000-7ffd00001000 rw-p 0 00:00 0\n");
  }
};

// A value that leads somewhere more often than not.
uintptr_t near(fuzz::Choices& choices, uintptr_t usual) {
  const auto kind = choices.take<uint8_t>();
  if (kind < 200) return usual;
  if (kind < 220) return kStack + choices.take<uint16_t>() % kStackSize;
  if (kind < 240) return kBase + choices.take<uint16_t>() % 0x2000;
  return choices.take<uint64_t>();
}

Snapshot snapshot_of(fuzz::Choices& choices, const Process& process) {
  Snapshot snapshot{};
  Registers& registers = snapshot.registers;
  registers.ip = near(choices, process.module.function(3) + 2);
  registers.sp = near(choices, kSp);
  registers.bp = near(choices, kFrame);
  registers.bx = near(choices, kFrame);
  registers.known = Registers::kIpIsKnown | Registers::kSpIsKnown | choices.take<uint8_t>();
  registers.ip_is_exact = choices.take<uint8_t>() % 4 != 0;
  if (choices.take<uint8_t>() % 4 == 0) {
    snapshot.copy = process.stack.data();
    snapshot.copy_address = near(choices, kStack);
    snapshot.copy_size = choices.take<uint16_t>() % kStackSize;
    snapshot.copy_is_old = choices.take<uint8_t>() % 2 != 0;
  }
  if (choices.take<uint8_t>() % 4 == 0) snapshot.stack_end = near(choices, kStack + kStackSize);
  return snapshot;
}

void check_stack(const RawStack& stack) {
  check(stack.count <= kMaxFrames);
  check(std::memchr(stack.note, '\0', sizeof stack.note) != nullptr);
  check(stack.complete || stack.note[0] != '\0');
  uintptr_t highest = 0;
  for (uint32_t i = 0; i < stack.count; ++i) {
    if (stack.frames[i].cfa == 0) continue;
    // Only a signal's frame may lie on another stack; the trampoline is recognised by its exact address.
    check(stack.frames[i].cfa >= highest || stack.frames[i].pc_is_exact);
    highest = stack.frames[i].cfa;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  Process process;
  const auto what = choices.take<uint8_t>();
  const Snapshot snapshot = snapshot_of(choices, process);
  if ((what & 1) != 0) fuzz::edit(choices, process.stack, 16);
  if ((what & 2) != 0) {
    ByteVector tables(process.module.image.begin() + FakeModule::kHeader, process.module.image.begin() + 0x500);
    fuzz::edit(choices, tables, 32);
    std::copy(tables.begin(), tables.end(), process.module.image.begin() + FakeModule::kHeader);
  }
  if ((what & 4) != 0) fuzz::edit(choices, process.module.image, 32);
  process.map();
  Unwinder unwinder(process.modules, process.memory);
  auto stack = std::make_unique<RawStack>();
  unwinder.unwind(snapshot, *stack);
  check_stack(*stack);
  return 0;
}
