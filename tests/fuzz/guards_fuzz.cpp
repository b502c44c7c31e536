// libFuzzer target: any code, exception tables, registers and stack. What a frame will release is found, or is not, with a bounded
// number of steps.
#include "symbolizer/guards/code_paths.h"
#include "symbolizer/guards/exception_table.h"
#include "symbolizer/guards/followed_registers.h"
#include "symbolizer/guards/frame_locks.h"
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
constexpr size_t kFollowed = 4;  // functions whose code is followed
constexpr size_t kMaxReads = 4'000'000;

// Functions of these names follow.
constexpr const char* kNames[] = {"pthread_rwlock_rdlock",
                                  "pthread_rwlock_unlock",
                                  "pthread_rwlock_tryrdlock",
                                  "__cxa_begin_catch",
                                  "_Unwind_Resume",
                                  "pthread_mutex_unlock",
                                  "unknown"};
constexpr size_t kFunctions = kFollowed + std::size(kNames);

// Pieces of which code is made, so that paths go on and meet calls, branches and releases.
constexpr std::array<std::initializer_list<unsigned char>, 12> kPieces = {{{0x48, 0x89, 0xdf},
                                                                           {0x48, 0x8b, 0x7b, 0x08},
                                                                           {0x48, 0x8b, 0x3c, 0x24},
                                                                           {0x85, 0xc0},
                                                                           {0x48, 0x85, 0xff},
                                                                           {0x48, 0x83, 0xc3, 0x08},
                                                                           {0x53},
                                                                           {0x5b},
                                                                           {0x31, 0xc0},
                                                                           {0xf3, 0x48, 0xab},
                                                                           {0x48, 0x8d, 0x7c, 0x24, 0x10},
                                                                           {0xc3}}};

ByteVector code_of(fuzz::Choices& choices, size_t function) {
  ByteVector code;
  while (code.size() < FakeModule::kFunctionSpacing - 8) {
    const auto kind = choices.take<uint8_t>();
    if (kind < 96) {
      const auto to = static_cast<int>(choices.take<uint8_t>() % kFunctions);
      const int distance = (to - static_cast<int>(function)) * static_cast<int>(FakeModule::kFunctionSpacing) -
                           static_cast<int>(code.size()) - 5;
      code.push_back(kind < 88 ? 0xe8 : 0xe9);  // call, jmp
      test::append_value(code, distance);
    } else if (kind < 144) {
      code.push_back(static_cast<unsigned char>(0x70 | (kind & 0xf)));  // a branch
      code.push_back(choices.take<uint8_t>());
    } else if (kind < 240) {
      test::append(code, kPieces[kind % kPieces.size()]);
    } else {
      code.push_back(choices.take<uint8_t>());
    }
  }
  return code;
}

ByteVector table_of(fuzz::Choices& choices) {
  ByteVector sites;
  for (size_t i = 0; i < 8; ++i) {
    for (int part = 0; part < 3; ++part) sites.push_back(choices.take<uint8_t>() & 0x7f);
    sites.push_back(0);
  }
  ByteVector table = {0xff, 0xff, 0x01, static_cast<unsigned char>(sites.size())};
  test::append(table, sites);
  if (choices.take<uint8_t>() % 4 == 0) fuzz::edit(choices, table, 16);
  return table;
}

std::vector<test::FakeFunction> functions_of(fuzz::Choices& choices) {
  std::vector<test::FakeFunction> functions;
  for (size_t i = 0; i < kFollowed; ++i) functions.push_back({code_of(choices, i), {}, table_of(choices)});
  functions.resize(kFunctions, {{0xc3}, {}, {}});
  return functions;
}

RegisterSet registers_of(fuzz::Choices& choices, const FakeModule& module) {
  RegisterSet registers;
  for (unsigned which = kRax; which < kRip; ++which) {
    const auto kind = choices.take<uint8_t>();
    if (kind < 128)
      registers.set(static_cast<Register>(which), kStack + choices.take<uint16_t>() % kStackSize);
    else if (kind < 160)
      registers.set(static_cast<Register>(which), choices.take<uint64_t>());
  }
  registers.set(kRsp, kStack + kStackSize / 2);
  registers.set(kRip, module.function(choices.take<uint8_t>() % kFollowed) + choices.take<uint8_t>() % 0x80 + 1);
  registers.ip_is_exact = choices.take<uint8_t>() % 4 == 0;
  return registers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  const FakeModule fake(kBase, functions_of(choices));
  test::FakeMemory memory;
  Modules modules(-1, memory);
  memory.regions[kBase] = fake.image;
  ByteVector stack(kStackSize);
  for (size_t at = 0; at + 8 <= kStackSize / 4; at += 8)
    test::put(stack, kStackSize / 2 + at, kStack + choices.take<uint16_t>() % kStackSize);
  memory.regions[kStack] = stack;
  modules.update(fake.maps() + "7ffd00000000-7ffd00001000 rw-p 0 00:00 0\n");

  const ResolveFrames resolve = [&](uintptr_t pc, bool) {
    const size_t function = (pc - fake.function(0)) / FakeModule::kFunctionSpacing;
    Frame frame;
    if (function >= kFollowed && function < kFunctions) frame.function = kNames[function - kFollowed];
    return std::vector<Frame>{frame};
  };
  Code code(modules, memory);
  CodeReader instructions(memory);
  LockCalls calls(modules, memory, instructions, resolve);
  CodePaths paths(code, instructions, calls, memory);
  FrameLocks frames(code, paths, calls, memory);
  FollowedRegisters followed(paths, calls, memory);
  frames.begin(true);
  followed.begin();
  for (int frame = 0; frame < 3; ++frame) {
    const RegisterSet registers = registers_of(choices, fake);
    FramePlace place{registers, choices.take<uint8_t>() % 2 == 0};
    if (choices.take<uint8_t>() % 2 == 0) {
      place.call = CallEffect::acquires;
      place.lock = {kStack + 0x900, LockKind::rwlock};
    }
    memory.reads = 0;
    for (const FrameLock& lock : frames.find(place)) check(lock.times != 0);
    check(memory.reads < kMaxReads);
    DeducedFrame deduced{registers, registers};
    deduced.entry = fake.function(choices.take<uint8_t>() % kFollowed);
    for (std::optional<uint64_t>& value : deduced.at_entry)
      if (choices.take<uint8_t>() % 2 == 0) value = kStack + choices.take<uint16_t>() % kStackSize;
    memory.reads = 0;
    followed.add_to(deduced);
    check(memory.reads < kMaxReads);
    check((deduced.likely.known & registers.known) == registers.known);
    const auto procedure = code.procedure(registers.lookup_pc());
    if (procedure) find_landing_pad(*procedure, registers.lookup_pc(), memory);
  }
  return 0;
}
