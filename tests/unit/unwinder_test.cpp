#include "symbolizer/unwind/unwinder.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <random>
#include <string>
#include <thread>

#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using holdwatch::test::append;
using holdwatch::test::append_value;
using holdwatch::test::ByteVector;
using holdwatch::test::FakeFunction;
using holdwatch::test::FakeMemory;
using holdwatch::test::FakeModule;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;
constexpr uintptr_t kStack = 0x7ffd00000000;
constexpr uintptr_t kJit = 0x7f0000200000;
constexpr size_t kStackSize = 0x4000;

const ByteVector kEndOfStack = {0x07, 16};  // the return address is undefined
const ByteVector kFramePointer = {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6};
const ByteVector kPrologue = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x40};  // push, mov, sub $0x40,%rsp
// The same, and sub %rax,%rsp: of variable size, so that only a search finds the frame.
const ByteVector kVariable = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x29, 0xc4};
constexpr size_t kCallAt = 0x20;  // where a fake function calls another

// A process of one module whose functions call each other: start -> outer -> framed -> leaf. Only `framed` needs rbp.
struct Fixture {
  enum Function : size_t { start, outer, framed, leaf, other, jumper };

  FakeMemory memory;
  Modules modules{-1, memory};
  FakeModule module;
  std::unique_ptr<Unwinder> unwinder;
  RawStack out;
  ByteVector stack = ByteVector(kStackSize);

  explicit Fixture(ByteVector framed_code = kPrologue)
      : module(kBase, {{calls_pointer(), kEndOfStack},
                       {calls(outer, framed), {}},
                       {with_call(std::move(framed_code), framed, leaf), kFramePointer},
                       {{0x0f, 0x05, 0xc3}, {}},
                       {calls(other, jumper), {}},
                       {{0x90, 0xff, 0xe0}, {}}}) {
    map();
  }

  static ByteVector calls_pointer() {
    ByteVector code(kCallAt + 3, 0x90);
    code.insert(code.end(), {0xff, 0xd0});
    return code;
  }
  static ByteVector with_call(ByteVector code, size_t from, size_t to) {
    code.resize(kCallAt, 0x90);
    code.push_back(0xe8);
    append_value(code, static_cast<int32_t>(static_cast<intptr_t>(to * FakeModule::kFunctionSpacing) -
                                            static_cast<intptr_t>(from * FakeModule::kFunctionSpacing + kCallAt + 5)));
    return code;
  }
  static ByteVector calls(size_t from, size_t to) { return with_call({}, from, to); }

  void map() {
    memory.regions[kBase] = module.image;
    modules.update(module.maps() +
                   "7f0000200000-7f0000201000 rwxp 0 00:00 0\n"
                   "7ffd00000000-7ffd00400000 rw-p 0 00:00 0\n");
    unwinder = std::make_unique<Unwinder>(modules, memory);
  }
  uintptr_t address(Function function) const { return module.function(function); }
  // Where the call in `function` returns to.
  uintptr_t after_call(Function function) const { return address(function) + kCallAt + 5; }

  void put(uintptr_t address, uintptr_t value) { test::put(stack, address - kStack, value); }

  // The stack of a thread blocked in leaf; rbp of `framed` would be kFrame.
  static constexpr uintptr_t kFrame = kStack + 0x1000;
  static constexpr uintptr_t kSp = kFrame - 0x48;
  void put_stack_of_leaf() {
    put(kSp, after_call(framed));
    put(kFrame, 0x1234);
    put(kFrame + 8, after_call(outer));
    put(kFrame + 16, after_call(start));
  }
  Snapshot blocked_in_leaf() const {
    Snapshot snapshot{};
    snapshot.registers.ip = address(leaf) + 2;
    snapshot.registers.sp = kSp;
    snapshot.registers.known = Registers::kIpIsKnown | Registers::kSpIsKnown;
    snapshot.registers.ip_is_exact = true;
    return snapshot;
  }
  void unwind(const Snapshot& snapshot) {
    memory.regions[kStack] = stack;
    unwinder->unwind(snapshot, out);
  }
  std::vector<uintptr_t> pcs() const {
    std::vector<uintptr_t> result;
    for (uint32_t i = 0; i < out.count; ++i) result.push_back(out.frames[i].pc);
    return result;
  }
  std::vector<uintptr_t> whole_stack() const {
    return {address(leaf) + 2, after_call(framed), after_call(outer), after_call(start)};
  }
};

std::string note_of(const Fixture& fixture) {
  return fixture.out.note;
}
bool mentions(const Fixture& fixture, const char* text) {
  return note_of(fixture).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a stack is followed by the unwind tables to its outermost function") {
  Fixture fixture;
  fixture.put_stack_of_leaf();
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.bp = Fixture::kFrame;
  snapshot.registers.known |= Registers::kBpIsKnown;
  fixture.unwind(snapshot);
  CHECK(fixture.pcs() == fixture.whole_stack());
  CHECK(fixture.out.complete);
  CHECK(note_of(fixture).empty());
  CHECK(fixture.out.frames[0].pc_is_exact);
  CHECK_FALSE(fixture.out.frames[1].pc_is_exact);
  CHECK(fixture.out.frames[0].cfa == Fixture::kSp + 8);
  CHECK(fixture.out.frames[1].cfa == Fixture::kFrame + 16);
}

TEST_CASE("the snapshot's copy of the stack is preferred to the live stack") {
  Fixture fixture;
  fixture.put_stack_of_leaf();
  const ByteVector copy = fixture.stack;
  std::fill(fixture.stack.begin(), fixture.stack.end(), 0);
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.copy = copy.data();
  snapshot.copy_address = kStack;
  snapshot.copy_size = copy.size();
  fixture.unwind(snapshot);
  CHECK(fixture.pcs() == fixture.whole_stack());
  CHECK(fixture.out.complete);
}

TEST_CASE("a frame whose rbp is not known is found on the stack") {
  Fixture fixture;
  fixture.put_stack_of_leaf();
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.pcs() == fixture.whole_stack());
  CHECK(fixture.out.complete);
  CHECK(note_of(fixture).empty());
}

TEST_CASE("a stale return address inside the frame that the prologue allocates is not looked at") {
  Fixture fixture;
  fixture.put_stack_of_leaf();
  // As good as the true one in every respect but its place.
  fixture.put(Fixture::kFrame - 0x20 + 8, fixture.after_call(Fixture::outer));
  fixture.put(Fixture::kFrame - 0x20 + 16, fixture.after_call(Fixture::start));
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.out.frames[1].cfa == Fixture::kFrame + 16);
  CHECK(fixture.pcs() == fixture.whole_stack());
}

TEST_CASE("a stale return address after a call to another function is passed over") {
  Fixture fixture(kVariable);
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame - 0x20 + 8, fixture.after_call(Fixture::framed));
  fixture.put(Fixture::kFrame - 0x20 + 16, fixture.after_call(Fixture::start));
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.pcs() == fixture.whole_stack());
  CHECK(fixture.out.complete);
}

TEST_CASE("a fitting return address from which the thread's start is not reached is passed over") {
  Fixture fixture(kVariable);
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame - 0x20 + 8, fixture.after_call(Fixture::outer));
  fixture.put(Fixture::kFrame - 0x20 + 16, 0x4141414141414141);
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.pcs() == fixture.whole_stack());
  CHECK(fixture.out.complete);
}

TEST_CASE("a stale chain ends where it joins the live stack at a call to another function") {
  Fixture fixture(kVariable);
  fixture.put_stack_of_leaf();
  // framed <- outer <- other, of which only the last step is a lie: other calls jumper, not outer.
  fixture.put(Fixture::kFrame - 0x30 + 8, fixture.after_call(Fixture::outer));
  fixture.put(Fixture::kFrame - 0x30 + 16, fixture.after_call(Fixture::outer));
  fixture.put(Fixture::kFrame - 0x30 + 24, fixture.after_call(Fixture::start));
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.pcs() == fixture.whole_stack());
}

TEST_CASE("of stale and live return addresses the one after a call to this very function is taken") {
  Fixture fixture(kVariable);
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame - 0x20 + 8, fixture.after_call(Fixture::start));  // calls through a pointer
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.pcs() == fixture.whole_stack());
  CHECK(note_of(fixture).empty());
}

TEST_CASE("where a stale return address fits as well as the live one the stack ends and says so") {
  Fixture fixture(kVariable);
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame - 0x20 + 8, fixture.after_call(Fixture::outer));
  fixture.put(Fixture::kFrame - 0x20 + 16, fixture.after_call(Fixture::start));
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.out.count == 2);
  CHECK_FALSE(fixture.out.complete);
  CHECK(mentions(fixture, "does not prove one"));
}

TEST_CASE("a caller that matches only through an unseen jump is marked as likely") {
  Fixture fixture(kVariable);
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame + 8, fixture.after_call(Fixture::other));  // calls jumper, which jumps through a pointer
  fixture.unwind(fixture.blocked_in_leaf());
  REQUIRE(fixture.out.count == 4);
  CHECK(fixture.out.frames[2].pc == fixture.after_call(Fixture::other));
  CHECK(fixture.out.complete);
  CHECK(mentions(fixture, "likely"));
}

// start calls other through a pointer, which calls leaf through another: neither is known. Of variable size: framed.
void build_calls_through_pointers(Fixture& fixture) {
  ByteVector other = {0x48, 0x83, 0xec, 0x08};  // sub $8,%rsp
  other.resize(kCallAt + 3, 0x90);
  append(other, {0xff, 0xd0});  // call *%rax
  fixture.module.build({{Fixture::calls_pointer(), kEndOfStack},
                        {Fixture::calls(Fixture::outer, Fixture::framed), {}},
                        {Fixture::with_call(kVariable, Fixture::framed, Fixture::leaf), kFramePointer},
                        {{0x0f, 0x05, 0xc3}, {}},
                        {other, {0x44, 0x0e, 16}},
                        {{0x90, 0xff, 0xe0}, {}}});
  fixture.map();
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame + 8, fixture.after_call(Fixture::other));
  fixture.put(Fixture::kFrame + 24, fixture.after_call(Fixture::start));
}

// The frame between may be alive, or left over from a call that is over.
TEST_CASE("where a call through a pointer may have skipped the next frame, the stack ends and says so") {
  Fixture fixture(kVariable);
  build_calls_through_pointers(fixture);
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.out.count == 2);
  CHECK_FALSE(fixture.out.complete);
  CHECK(mentions(fixture, "does not prove one"));
}

TEST_CASE("a caller by way of several jumps is as good as a direct one") {
  // other calls jumper, which now jumps to framed by way of leaf.
  Fixture fixture(kVariable);
  fixture.module.build({{Fixture::calls_pointer(), kEndOfStack},
                        {Fixture::calls(Fixture::outer, Fixture::framed), {}},
                        {Fixture::with_call(kVariable, Fixture::framed, Fixture::leaf), kFramePointer},
                        {{0x0f, 0x05, 0xe9, 0xf9, 0xfe, 0xff, 0xff}, {}},  // jmp framed
                        {Fixture::calls(Fixture::other, Fixture::jumper), {}},
                        {{0x90, 0xe9, 0xfa, 0xfd, 0xff, 0xff}, {}}});  // jmp leaf
  fixture.map();
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame + 8, fixture.after_call(Fixture::other));
  fixture.unwind(fixture.blocked_in_leaf());
  REQUIRE(fixture.out.count == 4);
  CHECK(fixture.out.frames[2].pc == fixture.after_call(Fixture::other));
  CHECK(fixture.out.complete);
  CHECK(note_of(fixture).empty());
}

TEST_CASE("an argument of the system call that lies in a frame tells where the frame is") {
  ByteVector code = kVariable;
  append(code, {0x48, 0x8d, 0x75, 0xe0});  // lea -0x20(%rbp),%rsi
  Fixture fixture(code);
  fixture.put_stack_of_leaf();
  // Two that fit and exclude each other, were it not for the argument.
  fixture.put(Fixture::kFrame - 0x20 + 8, fixture.after_call(Fixture::outer));
  fixture.put(Fixture::kFrame - 0x20 + 16, fixture.after_call(Fixture::start));
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.call = {true, 0, {3, Fixture::kFrame - 0x20, 16, 0, 0, 0}};
  SECTION("the call's") {
    fixture.unwind(snapshot);
    CHECK(fixture.pcs() == fixture.whole_stack());
    CHECK(note_of(fixture).empty());
  }
  SECTION("that of a thread which is not in a system call is none") {
    snapshot.registers.ip -= 2;
    fixture.unwind(snapshot);
    CHECK(fixture.out.count == 2);
  }
}

TEST_CASE("the frame of a function of constant size is computed, not searched") {
  Fixture fixture;
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame + 8, fixture.after_call(Fixture::start));  // whom it would not be proven by
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.pcs() == std::vector<uintptr_t>{fixture.address(Fixture::leaf) + 2, fixture.after_call(Fixture::framed),
                                                fixture.after_call(Fixture::start)});
  CHECK(note_of(fixture).empty());
}

// The frame of `framed` is garbage; further up lies a call through a pointer, as every thread's start has one.
void overwrite_frame(Fixture& fixture) {
  fixture.put_stack_of_leaf();
  for (uintptr_t at = Fixture::kFrame; at < Fixture::kFrame + 0x100; at += 8) fixture.put(at, 0x4141414141414141);
  fixture.put(Fixture::kFrame + 0x108, fixture.after_call(Fixture::start));
}

TEST_CASE("where a frame of fixed size was overwritten, no other passes for it") {
  Fixture fixture;
  overwrite_frame(fixture);
  fixture.put(Fixture::kFrame + 0x208, fixture.after_call(Fixture::start));
  fixture.put(Fixture::kFrame + 0x108, 0x4141414141414141);
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.out.count == 2);
  CHECK_FALSE(fixture.out.complete);
  CHECK(mentions(fixture, "not code"));
}

TEST_CASE("a call through a pointer that may be a frame's caller, but is elsewhere, is marked as likely") {
  Fixture fixture(kVariable);
  overwrite_frame(fixture);
  fixture.unwind(fixture.blocked_in_leaf());
  REQUIRE(fixture.out.count == 3);
  CHECK(fixture.out.frames[2].pc == fixture.after_call(Fixture::start));
  CHECK(mentions(fixture, "likely"));
}

TEST_CASE("where the stack proves no caller the stack ends there and says so") {
  Fixture fixture(kVariable);
  fixture.put(Fixture::kSp, fixture.after_call(Fixture::framed));
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.pcs() ==
        std::vector<uintptr_t>{fixture.address(Fixture::leaf) + 2, fixture.after_call(Fixture::framed)});
  CHECK_FALSE(fixture.out.complete);
  CHECK(mentions(fixture, "frame pointer"));
}

TEST_CASE("nothing above the known end of the stack is taken for a frame") {
  Fixture fixture(kVariable);
  fixture.put_stack_of_leaf();
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.stack_end = Fixture::kFrame;
  fixture.unwind(snapshot);
  CHECK(fixture.out.count == 2);
  CHECK_FALSE(fixture.out.complete);
}

TEST_CASE("a return address that is no code ends the stack") {
  Fixture fixture;
  fixture.put(Fixture::kSp, 0x4141414141414141);
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.out.count == 1);
  CHECK(mentions(fixture, "not code"));
}

TEST_CASE("a stack that cannot be read ends at its first frame") {
  Fixture fixture;
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.sp = 0x10;
  fixture.unwind(snapshot);
  CHECK(fixture.out.count == 1);
  CHECK_FALSE(fixture.out.complete);
  CHECK(mentions(fixture, "cannot be read"));
}

TEST_CASE("without registers the snapshot's reason is the note") {
  Fixture fixture;
  Snapshot snapshot{};
  std::strcpy(snapshot.why_short, "the thread has exited");
  fixture.unwind(snapshot);
  CHECK(fixture.out.count == 0);
  CHECK(note_of(fixture) == "the thread has exited");
}

TEST_CASE("a call through a null pointer shows its caller") {
  Fixture fixture;
  fixture.put_stack_of_leaf();
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.ip = 0;
  fixture.unwind(snapshot);
  REQUIRE(fixture.out.count == 4);
  CHECK(fixture.out.frames[0].pc == 0);
  CHECK(fixture.out.frames[1].pc == fixture.after_call(Fixture::framed));
  CHECK(fixture.out.complete);
}

TEST_CASE("tables that lead down the stack do not lead round in cycles") {
  Fixture fixture;
  fixture.module.build({{{0x90}, {0x13, 1}}});  // CFA = rsp - 8
  fixture.map();
  for (uintptr_t at = kStack; at < kStack + kStackSize; at += 8) fixture.put(at, fixture.address(Fixture::start) + 5);
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.ip = fixture.address(Fixture::start) + 5;
  fixture.unwind(snapshot);
  CHECK(fixture.out.count == 1);
  CHECK(mentions(fixture, "ascend"));
}

TEST_CASE("where the last frame ends is not taken from tables that lead down the stack") {
  Fixture fixture;
  fixture.module.build({{{0x90}, {0x07, 16, 0x13, 1}}});  // nobody called this; CFA = rsp - 8
  fixture.map();
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.ip = fixture.address(Fixture::start) + 5;
  fixture.unwind(snapshot);
  REQUIRE(fixture.out.count == 1);
  CHECK(fixture.out.complete);
  CHECK(fixture.out.frames[0].cfa == 0);
}

TEST_CASE("of a deep recursion the inner and outer frames are kept and the others counted") {
  Fixture fixture;
  constexpr size_t kDepth = 10000;
  fixture.stack.resize(8 * (kDepth + 8));
  for (size_t i = 0; i < kDepth; ++i) fixture.put(kStack + 8 * i, fixture.after_call(Fixture::outer));
  fixture.put(kStack + 8 * kDepth, fixture.after_call(Fixture::start));
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.sp = kStack;
  fixture.unwind(snapshot);
  CHECK(fixture.out.count == kMaxFrames);
  CHECK(fixture.out.complete);
  CHECK(fixture.out.frames[0].pc == fixture.address(Fixture::leaf) + 2);
  CHECK(fixture.out.frames[kMaxFrames - 1].pc == fixture.after_call(Fixture::start));
  CHECK(mentions(fixture, std::to_string(kDepth + 2 - kMaxFrames).c_str()));
}

TEST_CASE("a stack without end is abandoned") {
  Fixture fixture;
  constexpr size_t kDepth = 0x400000 / 8;
  fixture.stack.resize(8 * kDepth);
  for (size_t i = 0; i < kDepth; ++i) fixture.put(kStack + 8 * i, fixture.after_call(Fixture::outer));
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.sp = kStack;
  fixture.unwind(snapshot);
  CHECK(fixture.out.count == kMaxFrames);
  CHECK_FALSE(fixture.out.complete);
  CHECK(mentions(fixture, "deeper"));
}

TEST_CASE("stacks whose tables are expensive at every step are abandoned in time") {
  Fixture fixture;
  ByteVector program(3000, 0x41);  // advance_loc: to be checked again at each of 65536 steps
  append(program, {0x0e, 8});
  fixture.module.build({{Fixture::calls_pointer(), program}});
  fixture.map();
  fixture.stack.resize(0x400000);
  for (uintptr_t at = kStack; at < kStack + 0x400000; at += 8) fixture.put(at, fixture.after_call(Fixture::start));
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.ip = fixture.after_call(Fixture::start);
  snapshot.registers.sp = kStack;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) fixture.unwind(snapshot);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  CHECK_FALSE(fixture.out.complete);
  CHECK(mentions(fixture, "too long"));
}

TEST_CASE("code without tables is left where its own code returns, whatever rbp is") {
  Fixture fixture;
  fixture.memory.regions[kJit] = ByteVector(4096, 0x90);
  const ByteVector end = {0x48, 0x83, 0xc4, 0x28, 0x5b, 0xc3};  // add $0x28,%rsp; pop %rbx; ret
  std::copy(end.begin(), end.end(), fixture.memory.regions[kJit].begin() + 0x120);
  fixture.put(Fixture::kSp + 0x30, fixture.after_call(Fixture::outer));
  fixture.put(Fixture::kSp + 0x38, fixture.after_call(Fixture::start));
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.ip = kJit + 0x100;
  fixture.unwind(snapshot);
  CHECK(fixture.pcs() ==
        std::vector<uintptr_t>{kJit + 0x100, fixture.after_call(Fixture::outer), fixture.after_call(Fixture::start)});
  CHECK(fixture.out.complete);
}

TEST_CASE("of two callers that fit the one is taken in whose frame stands what the function has stored") {
  ByteVector stores = kVariable;
  test::append(stores, {0x48, 0xc7, 0x45, 0xf0, 0x39, 0x30, 0, 0});  // movq $12345,-0x10(%rbp)
  Fixture fixture(stores);
  fixture.put_stack_of_leaf();
  fixture.put(Fixture::kFrame - 0x10, 12345);
  fixture.put(Fixture::kFrame - 0x30 + 8, fixture.after_call(Fixture::outer));
  fixture.put(Fixture::kFrame - 0x30 + 16, fixture.after_call(Fixture::start));
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.pcs() == fixture.whole_stack());
  CHECK(fixture.out.frames[1].cfa == Fixture::kFrame + 16);
  CHECK(note_of(fixture).empty());
}

TEST_CASE("code without tables that does not return is left by its frame pointer, and the note says so") {
  Fixture fixture;
  fixture.memory.regions[kJit] = ByteVector(4096, 0x90);
  fixture.put_stack_of_leaf();
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.ip = kJit + 0x100;
  snapshot.registers.bp = Fixture::kFrame;
  snapshot.registers.known |= Registers::kBpIsKnown;
  fixture.unwind(snapshot);
  CHECK(fixture.pcs() ==
        std::vector<uintptr_t>{kJit + 0x100, fixture.after_call(Fixture::outer), fixture.after_call(Fixture::start)});
  CHECK(fixture.out.complete);
  CHECK(mentions(fixture, "no unwind information"));

  snapshot.registers.bp = Fixture::kFrame + 4;  // no frame pointer at all
  fixture.unwind(snapshot);
  CHECK(fixture.out.count == 1);
  CHECK(mentions(fixture, "no unwind information"));
}

TEST_CASE("a function without tables that has just been entered is left by the top of the stack") {
  Fixture fixture;
  ByteVector code(4096, 0x90);
  code[0x100] = 0x55;  // push %rbp
  fixture.memory.regions[kJit] = code;
  fixture.put_stack_of_leaf();
  Snapshot snapshot = fixture.blocked_in_leaf();
  snapshot.registers.ip = kJit + 0x100;
  snapshot.registers.bp = Fixture::kFrame;
  snapshot.registers.known |= Registers::kBpIsKnown;
  fixture.unwind(snapshot);
  REQUIRE(fixture.out.count == 4);
  CHECK(fixture.out.frames[1].pc == fixture.after_call(Fixture::framed));
}

TEST_CASE("the entry code of a program is where its stack ends") {
  Fixture fixture;
  auto header = reinterpret_cast<Elf64_Ehdr*>(fixture.module.image.data());
  header->e_entry = FakeModule::kCode + 0xf00;  // no table describes it
  fixture.module.image[FakeModule::kCode + 0xf10] = 0xff;
  fixture.module.image[FakeModule::kCode + 0xf11] = 0xd0;
  fixture.map();
  fixture.put(Fixture::kSp, kBase + FakeModule::kCode + 0xf12);
  fixture.modules.update("");
  fixture.map();
  fixture.unwind(fixture.blocked_in_leaf());
  CHECK(fixture.out.count == 2);
  CHECK(fixture.out.complete);
}

TEST_CASE("the tables alone give the start of a function") {
  Fixture fixture;
  CHECK(fixture.unwinder->function_start(fixture.after_call(Fixture::framed)) == fixture.address(Fixture::framed));
  CHECK(fixture.unwinder->function_start(kBase) == 0);
  CHECK(fixture.unwinder->function_start(kJit) == 0);
  CHECK(fixture.unwinder->function_start(0) == 0);
}

TEST_CASE("no bytes whatever in tables, code and stack make the unwinder crash or run on") {
  std::mt19937 random(20240229);
  for (int round = 0; round < 3000; ++round) {
    Fixture fixture;
    fixture.put_stack_of_leaf();
    const size_t changes = 1 + random() % 12;
    for (size_t i = 0; i < changes; ++i) {
      const size_t table = FakeModule::kHeader + random() % 0x300;
      fixture.module.image[round % 3 == 0 ? random() % fixture.module.image.size() : table] =
          static_cast<unsigned char>(random());
      if (round % 2 == 0) fixture.stack[random() % kStackSize] = static_cast<unsigned char>(random());
    }
    fixture.map();
    Snapshot snapshot = fixture.blocked_in_leaf();
    if (round % 5 == 0) {
      snapshot.registers.bp = Fixture::kFrame;
      snapshot.registers.known |= Registers::kBpIsKnown;
    }
    fixture.unwind(snapshot);
    REQUIRE(fixture.out.count <= kMaxFrames);
    REQUIRE((fixture.out.complete || fixture.out.note[0] != '\0'));
  }
}

// Real threads from here on: the functions' work after each call keeps the compiler from making it a jump.
namespace {

int blocking_pipe[2];
std::atomic<pid_t> blocked_tid;
volatile int work;

__attribute__((noinline)) void innermost() {
  char byte;
  blocked_tid = static_cast<pid_t>(syscall(SYS_gettid));
  if (read(blocking_pipe[0], &byte, 1) < 0) return;
  work = byte;
}
__attribute__((noinline)) void middle(size_t size) {
  auto* buffer = static_cast<volatile char*>(__builtin_alloca(size));  // needs rbp whatever the compiler is told
  buffer[1] = 1;
  innermost();
  work = buffer[1];
}
__attribute__((noinline)) void outermost() {
  middle(200);
  work = 2;
}

// A thread that is blocked in innermost() for as long as this lives.
class BlockedThread {
 public:
  BlockedThread() {
    REQUIRE(pipe(blocking_pipe) == 0);
    blocked_tid = 0;
    thread_ = std::thread(outermost);
    std::string line;
    while (line.rfind("0 ", 0) != 0) {  // read(2) is system call 0
      sched_yield();
      std::ifstream file("/proc/self/task/" + std::to_string(blocked_tid.load()) + "/syscall");
      std::getline(file, line);
    }
    const size_t ip = line.rfind(' ');
    snapshot.registers.ip = std::stoul(line.substr(ip), nullptr, 16);
    snapshot.registers.sp = std::stoul(line.substr(line.rfind(' ', ip - 1)), nullptr, 16);
    snapshot.registers.known = Registers::kIpIsKnown | Registers::kSpIsKnown;
    snapshot.registers.ip_is_exact = true;
  }
  ~BlockedThread() { finish(); }
  void finish() {
    if (!thread_.joinable()) return;
    if (write(blocking_pipe[1], "x", 1) != 1) std::abort();
    thread_.join();
    close(blocking_pipe[0]);
    close(blocking_pipe[1]);
  }
  Snapshot snapshot{};

 private:
  std::thread thread_;
};

struct CurrentProcess {
  ProcessMemory memory{getpid()};
  Modules modules{getpid(), memory};
  Unwinder unwinder{modules, memory};
  RawStack out;

  CurrentProcess() { REQUIRE(modules.refresh()); }

  // Whether the functions stand on the stack in this order, innermost first.
  bool shows(const std::vector<uintptr_t>& functions) {
    size_t found = 0;
    for (uint32_t i = 0; i < out.count && found < functions.size(); ++i) {
      const uintptr_t pc = out.frames[i].pc - (out.frames[i].pc_is_exact ? 0 : 1);
      if (unwinder.function_start(pc) == functions[found]) ++found;
    }
    return found == functions.size();
  }
};

template <typename Function>
uintptr_t start_of(Function* function) {
  return reinterpret_cast<uintptr_t>(function);
}

}  // namespace

TEST_CASE("a thread blocked in a system call is unwound to its start without rbp") {
  BlockedThread thread;
  CurrentProcess own;
  own.unwinder.unwind(thread.snapshot, own.out);
  CHECK(own.out.complete);
  CHECK(std::string(own.out.note).empty());
  CHECK(own.shows({start_of(innermost), start_of(middle), start_of(outermost)}));
}

TEST_CASE("a copy of the stack unwinds as the stack did, when the thread is long gone") {
  BlockedThread thread;
  CurrentProcess own;
  own.unwinder.unwind(thread.snapshot, own.out);
  std::vector<uintptr_t> before;
  for (uint32_t i = 0; i < own.out.count; ++i) before.push_back(own.out.frames[i].pc);

  const uintptr_t sp = thread.snapshot.registers.sp;
  ByteVector copy(own.modules.mapping(sp)->end - sp);
  REQUIRE(own.memory.read(sp, copy.data(), copy.size()) == copy.size());
  Snapshot snapshot = thread.snapshot;
  snapshot.copy = copy.data();
  snapshot.copy_address = sp;
  snapshot.copy_size = copy.size();
  thread.finish();
  own.unwinder.unwind(snapshot, own.out);
  CHECK(own.out.complete);
  std::vector<uintptr_t> after;
  for (uint32_t i = 0; i < own.out.count; ++i) after.push_back(own.out.frames[i].pc);
  CHECK(after == before);
}

namespace {

Registers in_handler;
uintptr_t interrupted_ip;

// Notes where the handler itself is, so that the stack leads through the kernel's signal frame.
__attribute__((noinline)) void note_current_registers() {
  in_handler.ip = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  in_handler.sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) + 16;
  in_handler.bp = *static_cast<uintptr_t*>(__builtin_frame_address(0));
  in_handler.known = Registers::kIpIsKnown | Registers::kSpIsKnown | Registers::kBpIsKnown;
  in_handler.ip_is_exact = false;
}

CurrentProcess* unwinding_process;

void handler(int, siginfo_t*, void* context) {
  interrupted_ip = static_cast<uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
  note_current_registers();
  Snapshot snapshot{};
  snapshot.registers = in_handler;
  unwinding_process->unwinder.unwind(snapshot, unwinding_process->out);
  work = 3;
}

__attribute__((noinline)) void trap() {
  asm volatile("ud2; .byte 0x90");
  work = 4;
}

}  // namespace

TEST_CASE("a stack leads through a signal's frame to the instruction that was interrupted") {
  CurrentProcess own;
  unwinding_process = &own;
  // The trap is left by a handler that skips it.
  struct sigaction action {
  }, before{};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int signal, siginfo_t* info, void* context) {
    handler(signal, info, context);
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] += 2;  // ud2
  };
  REQUIRE(sigaction(SIGILL, &action, &before) == 0);
  std::thread(trap).join();
  sigaction(SIGILL, &before, nullptr);
  CHECK(own.out.complete);
  CHECK(own.shows({start_of(trap)}));
  bool exact = false;
  for (uint32_t i = 0; i < own.out.count; ++i) {
    if (own.out.frames[i].pc == interrupted_ip) exact = own.out.frames[i].pc_is_exact;
  }
  CHECK(exact);
}
