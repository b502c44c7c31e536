// The rules of symbolizer/report/named_stack.h.
#include "symbolizer/report/named_stack.h"

#include <cstring>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

Frame frame(std::string function, int line = 1, std::string module = "/usr/bin/app") {
  Frame out;
  out.function = std::move(function);
  out.file = "a.cpp";
  out.line = line;
  out.module = std::move(module);
  return out;
}

RawStack raw(std::initializer_list<uintptr_t> pcs) {
  RawStack stack{};
  stack.complete = true;
  for (const uintptr_t pc : pcs) stack.frames[stack.count++] = {pc, 0, false};
  return stack;
}

std::vector<std::string> functions(const Stack& stack) {
  std::vector<std::string> out;
  for (const Frame& item : stack.frames) out.push_back(item.function);
  return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("an address becomes its inlined functions, and the spans say which") {
  const StackNamer::Resolve resolve = [](uintptr_t pc, bool) -> std::vector<Frame> {
    if (pc == 1) return {frame("inner"), frame("outer")};
    return {frame("main")};
  };
  StackNamer namer(resolve);
  const NamedStack named = namer.name(raw({1, 2}));
  CHECK(functions(named.stack) == Names{"inner", "outer", "main"});
  CHECK(named.spans[0].end == 2);
  CHECK(named.spans[1].begin == 2);
  CHECK(named.stack.complete);
}

TEST_CASE("holdwatch's own frames are left out") {
  const StackNamer::Resolve resolve = [](uintptr_t pc, bool) -> std::vector<Frame> {
    return {pc == 2 ? frame("hook", 1, "/opt/lib/libholdwatch.so") : frame("user")};
  };
  StackNamer namer(resolve);
  const NamedStack named = namer.name(raw({1, 2, 3}));
  CHECK(functions(named.stack) == Names{"user", "user"});
  CHECK(named.spans[1].begin == named.spans[1].end);
  CHECK(named.spans[2].begin == 1);
}

TEST_CASE("an address is looked up once in a report") {
  int calls = 0;
  const StackNamer::Resolve resolve = [&](uintptr_t, bool) -> std::vector<Frame> {
    ++calls;
    return {frame("f")};
  };
  StackNamer namer(resolve);
  namer.name(raw({1, 2}));
  namer.name(raw({1, 2}));
  CHECK(calls == 2);
}

TEST_CASE("a stack that is missing or empty says so, one with a reason keeps it") {
  const StackNamer::Resolve resolve = [](uintptr_t, bool) { return std::vector<Frame>(); };
  StackNamer namer(resolve);
  CHECK(namer.name(nullptr).stack.note == "stack not captured");
  CHECK_FALSE(namer.name(nullptr).stack.complete);
  CHECK(namer.name(raw({})).stack.note == "stack not captured");
  RawStack reason = raw({});
  std::strcpy(reason.note, "thread exited");
  CHECK(namer.name(reason).stack.note == "thread exited");
}

TEST_CASE("the frame that took the lock is the innermost function that both stacks share") {
  const auto shared = [](std::vector<Frame> then, std::vector<Frame> now) {
    const StackNamer::Resolve resolve = [&](uintptr_t pc, bool) { return pc == 1 ? then : now; };
    StackNamer namer(resolve);
    return shared_frame(namer.name(raw({1})), 0, namer.name(raw({2})), 0);
  };
  SECTION("nothing is inlined") {
    CHECK(shared({frame("f", 41)}, {frame("f", 43)}) == 0u);
  }
  SECTION("other things are inlined then and now") {
    CHECK(shared({frame("lock"), frame("lock_guard"), frame("f", 41)}, {frame("send"), frame("f", 43)}) == 1u);
  }
  SECTION("the function itself is inlined into its caller, which is at the same call") {
    CHECK(shared({frame("lock"), frame("f", 41), frame("main", 7)},
                 {frame("send"), frame("f", 43), frame("main", 7)}) == 1u);
  }
  SECTION("the standard library's functions that take locks at one line, such as in a loop, are of two calls") {
    CHECK(shared({frame("__gthread_mutex_lock", 749), frame("std::mutex::lock", 100), frame("f", 41)},
                 {frame("__gthread_mutex_lock", 749), frame("std::mutex::lock", 100), frame("f", 41)}) == 2u);
    CHECK(shared({frame("std::mutex::lock", 100)}, {frame("std::mutex::lock", 100)}) == 0u);
  }
  SECTION("the same function inlined at another line is another call") {
    CHECK(shared({frame("f", 41), frame("main", 7)}, {frame("f", 43), frame("main", 9)}) == 1u);
  }
}
