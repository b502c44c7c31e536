// What a frame will release, of small functions: see docs/design.md, "What a frame will release".
#include "symbolizer/guards/code_paths.h"

#include <initializer_list>
#include <string>

#include "symbolizer/guards/followed_registers.h"
#include "symbolizer/guards/frame_locks.h"
#include "tests/catch.h"
#include "tests/unit/fake_process.h"

using namespace holdwatch;
using test::ByteVector;
using test::FakeModule;

namespace {

constexpr uintptr_t kBase = 0x7f0000000000;
constexpr uintptr_t kStack = 0x7ffd00000000;
constexpr size_t kStackSize = 0x1000;
constexpr LockRef kFirst{kStack + 0x100, LockKind::rwlock};   // its address is in rbx
constexpr LockRef kSecond{kStack + 0x200, LockKind::rwlock};  // in r12

// The functions of a scene: three with code of the test's, then some that are known by name, and one that jumps through a pointer.
enum Function : size_t {
  kFrame,
  kHelper,
  kOther,
  kLock,
  kTryLock,
  kUnlock,
  kSignal,
  kWork,
  kCatch,
  kResume,
  kPointer,
  kPersonality,
  kPersonalityOfC,
  kFunctions
};
constexpr const char* kNames[] = {"frame",
                                  "helper",
                                  "other",
                                  "pthread_rwlock_rdlock",
                                  "pthread_rwlock_tryrdlock",
                                  "pthread_rwlock_unlock",
                                  "pthread_cond_signal",
                                  "work",
                                  "__cxa_begin_catch",
                                  "_Unwind_Resume",
                                  "pointer",
                                  "__gxx_personality_v0",
                                  "__gcc_personality_v0"};

// The code of one function.
class Assembly {
 public:
  explicit Assembly(Function function) : function_(function) {}
  Assembly& raw(std::initializer_list<unsigned char> bytes) {
    test::append(bytes_, bytes);
    return *this;
  }
  Assembly& call(Function to) { return leads(0xe8, to); }
  Assembly& jump(Function to) { return leads(0xe9, to); }
  Assembly& lock_first() { return raw({0x48, 0x89, 0xdf}).call(kLock); }
  Assembly& signal_behind_first() { return raw({0x48, 0x8d, 0x7b, 0x28}).call(kSignal); }  // lea 0x28(%rbx), %rdi
  Assembly& unlock_first() { return raw({0x48, 0x89, 0xdf}).call(kUnlock); }
  Assembly& unlock_second() { return raw({0x4c, 0x89, 0xe7}).call(kUnlock); }
  Assembly& is_zero() { return raw({0x85, 0xc0}); }  // test %eax, %eax
  // Over the next `count` bytes.
  Assembly& if_zero_skip(unsigned char count) { return raw({0x74, count}); }
  Assembly& ret() { return raw({0xc3}); }
  size_t size() const { return bytes_.size(); }
  const ByteVector& bytes() const { return bytes_; }

 private:
  Assembly& leads(unsigned char opcode, Function to) {
    const auto distance =
        (static_cast<int>(to) - static_cast<int>(function_)) * static_cast<int>(FakeModule::kFunctionSpacing) -
        static_cast<int>(bytes_.size()) - 5;
    bytes_.push_back(opcode);
    test::append_value(bytes_, distance);
    return *this;
  }
  Function function_;
  ByteVector bytes_;
};

constexpr unsigned char kRelease = 8;  // the size of the code that releases a lock
constexpr unsigned char kSignals = 9;  // of the code that signals

// A call that fills the first five bytes of a function: the frame returns to the sixth.
Assembly after_work() {
  Assembly code(kFrame);
  code.call(kWork);
  return code;
}

// The calls that begin in [begin, end) have a landing pad.
ByteVector pads(unsigned char begin, unsigned char end, unsigned char pad) {
  return {0xff, 0xff, 0x01, 4, begin, static_cast<unsigned char>(end - begin), pad, 0};
}

class Scene {
 public:
  explicit Scene(const Assembly& frame, const ByteVector& exceptions = {}) {
    functions_.resize(kFunctions, {{0xc3}, {}});
    functions_[kPointer] = {{0xff, 0xe0}, {}};  // jmp *%rax
    functions_[kFrame] = {frame.bytes(), {}, exceptions};
    registers.set(kRsp, kStack + 0x800);
    registers.set(kRbx, kFirst.address);
    registers.set(kR12, kSecond.address);
  }

  void add(Function function, const Assembly& code) { functions_[function].code = code.bytes(); }

  std::vector<FrameLock> find(CallEffect call = CallEffect::unknown, const LockRef& lock = {}) {
    registers.set(kRip, address_of(kFrame) + 5);
    Engine engine(*this);
    FrameLocks frames(engine.code, engine.paths, engine.calls, memory);
    frames.begin(takes_unsure);
    const std::vector<FrameLock> found = frames.find({registers, call != CallEffect::unknown, call, lock});
    lacks_registers = frames.lacks_registers();
    signalled = frames.signalled();
    lacks_signalled = frames.lacks_signalled();
    return found;
  }

  // Of the frame, whose call is the helper, which is in its own first call.
  std::vector<FrameLock> find_behind_helper() {
    Engine engine(*this);
    FrameLocks frames(engine.code, engine.paths, engine.calls, memory);
    frames.begin(takes_unsure);
    registers.set(kRip, address_of(kHelper) + 5);
    frames.find({registers, false, CallEffect::unknown, {}});
    registers.set(kRip, address_of(kFrame) + 5);
    return frames.find({registers, false, CallEffect::unknown, {}});
  }

  bool signals_behind_first() {
    find();
    return signalled == std::vector{kFirst.address + 0x28};
  }

  // Up to the call that ends at `offset`; rdi is `argument` at the entry.
  LocksBefore follow_frame_until(size_t offset, uint64_t argument) {
    Engine engine(*this);
    FollowedRegisters followed(engine.paths, engine.calls, memory);
    DeducedFrame frame{{}, registers};
    frame.likely.set(kRip, address_of(kFrame) + offset);
    frame.entry = address_of(kFrame);
    frame.at_entry[static_cast<size_t>(EncodedRegister::rdi)] = argument;
    frame.at_entry[static_cast<size_t>(EncodedRegister::rsp)] = registers[kRsp];
    followed.begin();
    const LocksBefore before = followed.add_to(frame);
    registers = frame.likely;
    return before;
  }

  Function personality = kPersonality;
  RegisterSet registers;
  ByteVector stack = ByteVector(kStackSize);
  test::FakeMemory memory;
  bool takes_unsure = true;  // no more registers will be known
  bool lacks_registers = false;
  std::vector<uintptr_t> signalled;
  bool lacks_signalled = false;

 private:
  struct Engine {
    explicit Engine(Scene& scene)
        : fake(kBase, scene.functions_, test::FakePersonality{scene.personality}),
          code(scene.modules_, scene.memory),
          instructions(scene.memory),
          calls(scene.modules_, scene.memory, instructions, resolve),
          paths(code, instructions, calls, scene.memory) {
      scene.memory.regions[kBase] = fake.image;
      scene.memory.regions[kStack] = scene.stack;
      scene.modules_.update(fake.maps() + "7ffd00000000-7ffd00001000 rw-p 0 00:00 0\n");
    }
    const FakeModule fake;
    const ResolveFrames resolve = [this](uintptr_t pc, bool) {
      Frame frame;
      const size_t function = (pc - fake.function(0)) / FakeModule::kFunctionSpacing;
      if (function < kFunctions) frame.function = kNames[function];
      return std::vector<Frame>{frame};
    };
    Code code;
    CodeReader instructions;
    LockCalls calls;
    CodePaths paths;
  };

  static uintptr_t address_of(Function function) {
    return kBase + FakeModule::kCode + function * FakeModule::kFunctionSpacing;
  }

  std::vector<test::FakeFunction> functions_;
  Modules modules_{-1, memory};
};

std::string text_of(const std::vector<FrameLock>& found) {
  std::string text;
  for (const FrameLock& lock : found) {
    text += lock.lock.address == kFirst.address ? "first" : lock.lock.address == kSecond.address ? "second" : "another";
    text += lock.is_proven ? " proven" : lock.is_conditional ? " perhaps" : " likely";
    if (lock.times != 1) text += " " + std::to_string(lock.times) + " times";
    text += ";";
  }
  return text;
}

std::string found_in(const Assembly& frame) {
  return text_of(Scene(frame).find());
}

}  // namespace

TEST_CASE("what the code ahead releases, the frame has") {
  CHECK(found_in(after_work().unlock_first().ret()) == "first likely;");
  CHECK(found_in(after_work().unlock_first().unlock_second().ret()) == "first likely;second likely;");
  CHECK(found_in(after_work().unlock_first().unlock_first().ret()) == "first likely 2 times;");
  CHECK(found_in(after_work().ret()).empty());
}

TEST_CASE("what the code ahead acquires first, the frame has not") {
  CHECK(found_in(after_work().lock_first().unlock_first().ret()).empty());
  CHECK(found_in(after_work().lock_first().unlock_first().unlock_first().ret()).empty());
  CHECK(found_in(after_work().lock_first().unlock_second().unlock_first().ret()) == "second likely;");
  // Released, and acquired again.
  CHECK(found_in(after_work().unlock_first().lock_first().unlock_first().ret()) == "first likely;");
}

TEST_CASE("a lock that is tried ahead is released only where it was acquired") {
  Assembly frame = after_work();
  frame.raw({0x48, 0x89, 0xdf}).call(kTryLock).is_zero().raw({0x75, kRelease}).unlock_first().ret();
  CHECK(found_in(frame).empty());
}

TEST_CASE("a release behind a branch that cannot be decided is conditional") {
  CHECK(found_in(after_work().is_zero().if_zero_skip(kRelease).unlock_first().ret()) == "first perhaps;");
  // One that can be is not, either way.
  const auto by_register = [](uint64_t value) {
    Assembly frame = after_work();
    frame.raw({0x4d, 0x85, 0xed}).if_zero_skip(kRelease).unlock_first().ret();  // test %r13, %r13
    Scene scene(frame);
    scene.registers.set(kR13, value);
    return text_of(scene.find());
  };
  CHECK(by_register(1) == "first likely;");
  CHECK(by_register(0).empty());
}

TEST_CASE("what the code ahead signals on some path is computed") {
  CHECK(Scene(after_work().signal_behind_first().ret()).signals_behind_first());
  CHECK(Scene(after_work().is_zero().if_zero_skip(kSignals).signal_behind_first().ret()).signals_behind_first());
  CHECK(Scene(after_work().lock_first().signal_behind_first().unlock_first().ret()).signals_behind_first());
  CHECK_FALSE(Scene(after_work().ret()).signals_behind_first());
  // In a function that gets the object.
  Scene method(after_work().raw({0x48, 0x89, 0xdf}).call(kHelper).ret());              // mov %rbx, %rdi
  method.add(kHelper, Assembly(kHelper).raw({0x48, 0x83, 0xc7, 0x28}).jump(kSignal));  // add $0x28, %rdi
  CHECK(method.signals_behind_first());
}

TEST_CASE("what is signalled behind a branch that goes the other way is not") {
  const auto by_register = [](uint64_t value) {
    Assembly frame = after_work();
    frame.raw({0x4d, 0x85, 0xed}).if_zero_skip(kSignals).signal_behind_first().ret();  // test %r13, %r13
    Scene scene(frame);
    scene.registers.set(kR13, value);
    return scene.signals_behind_first();
  };
  CHECK(by_register(1));
  CHECK_FALSE(by_register(0));
  // Nor is one after the function's end.
  CHECK_FALSE(Scene(after_work().ret().signal_behind_first()).signals_behind_first());
}

TEST_CASE("that the address of what is signalled depends on an unknown register is known") {
  Scene scene(after_work().raw({0x4c, 0x89, 0xf7}).call(kSignal).ret());  // mov %r14, %rdi
  CHECK_FALSE(scene.signals_behind_first());
  CHECK(scene.lacks_signalled);
  CHECK_FALSE(scene.lacks_registers);  // no lock's address does
}

TEST_CASE("a loop ahead ends") {
  CHECK(found_in(after_work().raw({0xeb, 0xfe})).empty());
  // Until the result of a call is zero, then the release.
  Assembly frame = after_work();
  frame.call(kWork).is_zero().raw({0x75, 0xf7}).unlock_first().ret();
  CHECK(found_in(frame) == "first likely;");
  // A loop that acquires and releases.
  Assembly again = after_work();
  again.lock_first().unlock_first().raw({0xeb, 0xee});
  CHECK(found_in(again).empty());
}

TEST_CASE("a release at the function's end by a jump counts") {
  Assembly frame = after_work();
  frame.raw({0x48, 0x89, 0xdf}).jump(kUnlock);
  CHECK(found_in(frame) == "first likely;");
  // Through another function, which jumps there in turn.
  Assembly through = after_work();
  through.raw({0x48, 0x89, 0xdf}).jump(kHelper);
  Scene scene(through);
  scene.add(kHelper, Assembly(kHelper).jump(kUnlock));
  CHECK(text_of(scene.find()) == "first likely;");
}

TEST_CASE("calls ahead are followed") {
  Assembly frame = after_work();
  frame.raw({0x48, 0x89, 0xdf}).call(kHelper).ret();
  Scene releases(frame);
  releases.add(kHelper, Assembly(kHelper).call(kUnlock).ret());
  CHECK(text_of(releases.find()) == "first likely;");

  Scene acquires(after_work().raw({0x48, 0x89, 0xdf}).call(kHelper).unlock_first().ret());
  acquires.add(kHelper, Assembly(kHelper).call(kLock).ret());
  CHECK(text_of(acquires.find()).empty());

  // It calls itself for ever: then the call is left out.
  Scene endless(after_work().call(kHelper).unlock_first().ret());
  endless.add(kHelper, Assembly(kHelper).call(kHelper).ret());
  CHECK(text_of(endless.find()) == "first likely;");
}

TEST_CASE("a call ahead that cannot be followed is left out") {
  CHECK(found_in(after_work().call(kPointer).unlock_first().ret()) == "first likely;");
  CHECK(found_in(after_work().raw({0xff, 0xd0}).unlock_first().ret()) == "first likely;");  // call *%rax
  // Whatever it is, it may have changed what only a caller preserves.
  Scene scene(after_work().raw({0x48, 0x89, 0xde}).raw({0xff, 0xd0}).raw({0x48, 0x89, 0xf7}).call(kUnlock).ret());
  CHECK(text_of(scene.find()).empty());
  CHECK(scene.lacks_registers);
}

TEST_CASE("a release of a lock whose address is not known is none of a known one") {
  Scene scene(after_work().raw({0x48, 0x89, 0xc7}).call(kUnlock).ret());  // mov %rax, %rdi
  CHECK(text_of(scene.find()).empty());
  CHECK(scene.lacks_registers);
}

TEST_CASE("an acquisition of a lock whose address is not known hides what comes later") {
  Scene scene(after_work().raw({0x48, 0x89, 0xc7}).call(kLock).unlock_first().ret());
  CHECK(text_of(scene.find()).empty());
  CHECK(scene.lacks_registers);
}

TEST_CASE("the lock that a frame waits for is not one that it has") {
  // Released after it was acquired, by the frame or by a helper.
  Scene scene(after_work().unlock_first().ret());
  CHECK(text_of(scene.find(CallEffect::acquires, kFirst)).empty());
  Scene two(after_work().unlock_first().unlock_second().ret());
  CHECK(text_of(two.find(CallEffect::acquires, kFirst)) == "second likely;");
  Scene twice(after_work().unlock_first().unlock_first().ret());
  CHECK(text_of(twice.find(CallEffect::acquires, kFirst)) == "first likely;");
}

TEST_CASE("a landing pad proves what it releases") {
  Assembly frame = after_work();
  frame.ret();
  const auto pad = static_cast<unsigned char>(frame.size());
  frame.unlock_first().call(kResume);
  CHECK(text_of(Scene(frame, pads(0, 5, pad)).find()) == "first proven;");
  // Of another call, it says nothing.
  CHECK(text_of(Scene(frame, pads(5, 9, pad)).find()).empty());
}

namespace {

// What the frame has, whose landing pad releases the first lock, while the helper that it has called is in that code.
std::string found_behind(const Assembly& helper) {
  Assembly frame = after_work();
  frame.ret();
  const auto pad = static_cast<unsigned char>(frame.size());
  frame.unlock_first().call(kResume);
  Scene scene(frame, pads(0, 5, pad));
  scene.add(kHelper, helper);
  return text_of(scene.find_behind_helper());
}

Assembly helper_after_work() {
  Assembly code(kHelper);
  code.call(kWork);
  return code;
}

}  // namespace

TEST_CASE("a guard does not have what an inner frame has given back and is about to acquire again") {
  CHECK(found_behind(helper_after_work().ret()) == "first proven;");
  CHECK(found_behind(helper_after_work().lock_first().ret()).empty());
  CHECK(found_behind(helper_after_work().lock_first().unlock_first().ret()).empty());
  // Where the inner frame releases it first, it has not given it back yet.
  CHECK(found_behind(helper_after_work().unlock_first().lock_first().ret()) == "first proven;");
}

TEST_CASE("a guard has nothing for certain while an inner frame is in code that cannot be followed to its end") {
  const auto lost = [](Assembly code) { return code.raw({0xff, 0xe1}); };  // jmp *%rcx
  CHECK(found_behind(lost(helper_after_work())).empty());
  CHECK(found_behind(lost(helper_after_work().lock_first().unlock_first())).empty());
}

TEST_CASE("a guard does not have what an inner frame's loop acquires, or the code behind the loop") {
  constexpr unsigned char kAtStart = 0x100 - 2 * kRelease - 7;
  // The wait of a condition: it acquires the lock, and gives it back before it waits again.
  CHECK(found_behind(helper_after_work().lock_first().unlock_first().raw({0xeb, kAtStart})).empty());
  // xor %eax, %eax; test %eax, %eax; je: the call again, which leaves another lock released in between.
  const auto around = [](Assembly code) {
    return code.unlock_second().raw({0x31, 0xc0, 0x85, 0xc0, 0x74, 0x100 - kRelease - 11}).lock_first().ret();
  };
  CHECK(found_behind(around(helper_after_work())).empty());
  // mov $1000, %ecx; dec %ecx; jne: the dec.
  CHECK(found_behind(helper_after_work().raw({0xb9, 0xe8, 0x03, 0, 0, 0xff, 0xc9, 0x75, 0xfc}).lock_first().ret())
            .empty());
  CHECK(found_behind(helper_after_work().raw({0xb9, 0xe8, 0x03, 0, 0, 0xff, 0xc9, 0x75, 0xfc}).ret()) ==
        "first proven;");
}

TEST_CASE("a guard has nothing for certain while an inner frame is about to acquire a lock that is not known") {
  CHECK(found_behind(helper_after_work().raw({0x48, 0x89, 0xc7}).call(kLock).ret()).empty());  // mov %rax, %rdi
}

TEST_CASE("a landing pad proves nothing of a lock that the code ahead acquires first") {
  const auto found = [](Assembly frame, CallEffect call = CallEffect::unknown) {
    frame.ret();
    const auto pad = static_cast<unsigned char>(frame.size());
    frame.unlock_first().call(kResume);
    return text_of(Scene(frame, pads(0, pad, pad)).find(call, kFirst));
  };
  CHECK(found(after_work().unlock_first()) == "first proven;");
  CHECK(found(after_work().lock_first().unlock_first()).empty());
  // It is acquired a second time.
  CHECK(found(after_work().lock_first().unlock_first().unlock_first()) == "first proven;");
  // One that the thread waits for; and one that it has already, and waits for again.
  CHECK(found(after_work().unlock_first(), CallEffect::acquires).empty());
  CHECK(found(after_work().unlock_first().unlock_first(), CallEffect::acquires) == "first proven;");
  // On one of two ways.
  CHECK(found(after_work().is_zero().if_zero_skip(2 * kRelease).lock_first().unlock_first()).empty());
  // It may be the one whose address is not known: mov %rax, %rdi.
  CHECK(found(after_work().raw({0x48, 0x89, 0xc7}).call(kLock).unlock_first()).empty());
  CHECK(found(after_work().unlock_first().raw({0x48, 0x89, 0xc7}).call(kLock)) == "first proven;");
}

TEST_CASE("a landing pad proves nothing of a lock that unknown code may acquire before it is released") {
  const auto scene_of = [](Assembly frame) {
    frame.ret();
    const auto pad = static_cast<unsigned char>(frame.size());
    frame.unlock_first().call(kResume);
    return Scene(frame, pads(0, pad, pad));
  };
  Scene before = scene_of(after_work().raw({0xff, 0xd0}).unlock_first());  // call *%rax
  CHECK(text_of(before.find()) == "first likely;");
  before.takes_unsure = false;
  CHECK(before.find().empty());
  CHECK(before.lacks_registers);
  Scene behind = scene_of(after_work().unlock_first().raw({0xff, 0xd0}));
  behind.takes_unsure = false;
  CHECK(text_of(behind.find()) == "first proven;");
  CHECK_FALSE(behind.lacks_registers);
}

TEST_CASE("in C a landing pad proves only what the code ahead releases too") {
  const auto found = [](Assembly frame, Function personality = kPersonalityOfC) {
    const auto pad = static_cast<unsigned char>(frame.size());
    frame.unlock_first().call(kResume);
    Scene scene(frame, pads(0, pad, pad));
    scene.personality = personality;
    return text_of(scene.find());
  };
  CHECK(found(after_work().unlock_first().ret()) == "first proven;");
  // A handler that is removed without a call; a guard of C++ whose lock goes to the caller.
  CHECK(found(after_work().ret()).empty());
  CHECK(found(after_work().ret(), kPersonality) == "first proven;");
  // One that is called under a condition.
  CHECK(found(after_work().is_zero().if_zero_skip(kRelease).unlock_first().ret()) == "first perhaps;");
  CHECK(found(after_work().is_zero().if_zero_skip(kRelease).unlock_first().ret(), kPersonality) == "first proven;");
  // Code that does not return is left by unwinding only, unless it could not be followed.
  CHECK(found(after_work().raw({0xeb, 0xf9})) == "first proven;");  // jmp to the call
  CHECK(found(after_work().raw({0xff, 0xe1})).empty());             // jmp *%rcx
}

TEST_CASE("a landing pad with a branch proves what is released both ways") {
  const auto with_pad = [](bool both) {
    Assembly frame = after_work();
    frame.ret();
    const auto pad = static_cast<unsigned char>(frame.size());
    frame.raw({0x45, 0x85, 0xed}).if_zero_skip(kRelease);  // test %r13d, %r13d
    frame.unlock_first();
    if (both) frame.unlock_second();
    frame.call(kResume);
    return text_of(Scene(frame, pads(0, 5, pad)).find());
  };
  CHECK(with_pad(false).empty());
  CHECK(with_pad(true) == "second proven;");
}

TEST_CASE("a landing pad that releases more on one way proves the lesser number") {
  const auto with_pad = [](unsigned char condition) {
    Assembly frame = after_work();
    frame.ret();
    const auto pad = static_cast<unsigned char>(frame.size());
    frame.unlock_first().raw({0x45, 0x85, 0xed, condition, kRelease}).unlock_first().call(kResume);
    return text_of(Scene(frame, pads(0, 5, pad)).find());
  };
  CHECK(with_pad(0x74) == "first proven;");
  CHECK(with_pad(0x75) == "first proven;");
}

TEST_CASE("a guard that is not locked releases nothing") {
  Assembly frame = after_work();
  frame.ret();
  const auto pad = static_cast<unsigned char>(frame.size());
  frame.raw({0x80, 0x7c, 0x24, 0x08, 0x00}).if_zero_skip(kRelease).unlock_first().call(kResume);  // cmpb $0, 8(%rsp)
  Scene scene(frame, pads(0, 5, pad));
  CHECK(text_of(scene.find()).empty());
  scene.stack[0x808] = 1;
  CHECK(text_of(scene.find()) == "first proven;");
}

TEST_CASE("what a handler releases is not what has to be released") {
  Assembly frame = after_work();
  frame.ret();
  const auto pad = static_cast<unsigned char>(frame.size());
  frame.call(kCatch).unlock_first().ret();
  CHECK(text_of(Scene(frame, pads(0, 5, pad)).find()).empty());
}

TEST_CASE("a call that never throws has the guards of the next one") {
  Assembly frame = after_work();
  frame.call(kWork).ret();
  const auto pad = static_cast<unsigned char>(frame.size());
  frame.unlock_first().call(kResume);
  Scene scene(frame, pads(5, 10, pad));
  CHECK(text_of(scene.find()).empty());
  CHECK(text_of(scene.find(CallEffect::acquires, kSecond)) == "first proven;");
}

TEST_CASE("handlers within handlers are followed to a limit") {
  // Each call in the handler has the handler as its landing pad.
  Assembly frame = after_work();
  frame.ret();
  const auto pad = static_cast<unsigned char>(frame.size());
  frame.call(kCatch);
  for (int i = 0; i < 12; ++i) frame.unlock_first();
  frame.raw({0x45, 0x85, 0xed, 0x74, 0x9b, 0xeb, 0x99});
  Scene scene(frame, pads(0, 0x7e, pad));
  CHECK(text_of(scene.find()).empty());
  CHECK(scene.memory.reads < 2'000'000);
}

namespace {

// rbx = **rdi, where that is the first lock.
constexpr uintptr_t kPointer1 = kStack + 0x300, kPointer2 = kStack + 0x308;

struct Loading : Scene {
  explicit Loading(const Assembly& frame) : Scene(frame) {
    registers.known = 1u << kRsp;
    test::put(stack, kPointer1 - kStack, kPointer2);
    test::put(stack, kPointer2 - kStack, kFirst.address);
  }
};

Assembly load_first() {
  Assembly code(kFrame);
  code.raw({0x48, 0x8b, 0x07}).raw({0x48, 0x8b, 0x18});  // mov (%rdi), %rax; mov (%rax), %rbx
  return code;
}

}  // namespace

TEST_CASE("a register that no frame has saved is what the function has loaded through pointers") {
  Assembly frame = load_first();
  frame.call(kWork);
  Loading scene(frame);
  CHECK(scene.follow_frame_until(frame.size(), kPointer1).is_known);
  REQUIRE(scene.registers.knows(kRbx));
  CHECK(scene.registers[kRbx] == kFirst.address);
}

TEST_CASE("a register is not known if paths differ in it, and a path that contradicts what is known does not count") {
  Assembly frame(kFrame);
  frame.call(kWork).is_zero().raw({0x75, 0x05}).raw({0xbb, 1, 0, 0, 0});  // jne over mov $1, %ebx
  frame.call(kWork);
  Loading unknown(frame);
  unknown.follow_frame_until(frame.size(), 0);
  CHECK(!unknown.registers.knows(kRbx));

  Assembly both(kFrame);  // as above, with r12 as well
  both.raw({0xbb, 2, 0, 0, 0}).raw({0x41, 0xbc, 2, 0, 0, 0});
  both.call(kWork).is_zero().raw({0x75, 0x0b}).raw({0xbb, 1, 0, 0, 0}).raw({0x41, 0xbc, 1, 0, 0, 0});
  both.call(kWork);
  Loading decided(both);
  decided.registers.set(kR12, 1);
  decided.follow_frame_until(both.size(), 0);
  REQUIRE(decided.registers.knows(kRbx));
  CHECK(decided.registers[kRbx] == 1);
}

TEST_CASE("what a function has acquired on its way, unless it has called what nobody can follow") {
  Assembly frame = load_first();
  frame.lock_first().unlock_second().call(kWork);
  Loading scene(frame);
  const LocksBefore before = scene.follow_frame_until(frame.size(), kPointer1);
  CHECK(before.acquired == Locks{kFirst});
  CHECK(!before.is_known);  // r12, which the second is in, is not known at the entry

  Assembly released = load_first();
  released.lock_first().unlock_first().call(kWork);
  const LocksBefore nothing = Loading(released).follow_frame_until(released.size(), kPointer1);
  CHECK((nothing.is_known && nothing.acquired.empty()));

  Assembly through_pointer = load_first();
  through_pointer.lock_first().raw({0xff, 0xd1}).call(kWork);  // call *%rcx
  CHECK(!Loading(through_pointer).follow_frame_until(through_pointer.size(), kPointer1).is_known);
}

TEST_CASE("a loop that nothing decides is left") {
  Assembly frame = load_first();
  frame.raw({0xff, 0xd1}).is_zero().raw({0x75, 0xfa}).call(kWork);  // call *%rcx, and jne back to it
  Loading scene(frame);
  scene.follow_frame_until(frame.size(), kPointer1);
  CHECK(scene.registers.knows(kRbx));
}
