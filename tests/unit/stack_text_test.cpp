// The rules of symbolizer/report/stack_text.h.
#include "symbolizer/report/stack_text.h"

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

using Rows = std::vector<std::string>;

Rows rows(StackView view) {
  StackText text;
  view.lock_id = "L3";
  const size_t id = text.add(view);
  return text.rows(id);
}

Stack deep_stack(size_t frames) {
  Stack stack;
  for (size_t i = 0; i < frames; ++i) stack.frames.push_back(sample_frame(0x401000 + i, "f()", "/a.cpp", 1));
  return stack;
}

}  // namespace

TEST_CASE("a frame without a function is its module, offset and build id") {
  Stack stack;
  stack.frames = {sample_frame(0x401234, "", "", 0)};
  CHECK(rows({&stack, false, {}, nullptr}) ==
        Rows{"#0 chatroom+0x1234 (build id 00112233445566778899aabbccddeeff00112233)"});
  stack.frames[0].build_id.clear();
  CHECK(rows({&stack, false, {}, nullptr}) == Rows{"#0 chatroom+0x1234 (no build id)"});
}

TEST_CASE("a frame without a module is its bare address") {
  Stack stack;
  stack.frames.resize(1);
  stack.frames[0].ip = 0x7f0012345678;
  CHECK(rows({&stack, false, {}, nullptr}) == Rows{"#0 0x7f0012345678"});
}

TEST_CASE("the columns of all stacks are aligned") {
  StackText text;
  Stack narrow, wide;
  narrow.frames = {sample_frame(1, "f()", "/a.cpp", 1, "lock();")};
  wide.frames = {sample_frame(2, "function()", "/file.cpp", 12, "unlock();")};
  const size_t first = text.add({&narrow, false, {}, nullptr});
  const size_t second = text.add({&wide, false, {}, nullptr});
  CHECK(text.rows(first) == Rows{"#0 f()         a.cpp:1      lock();"});
  CHECK(text.rows(second) == Rows{"#0 function()  file.cpp:12  unlock();"});
}

TEST_CASE("a very long name moves only its own row") {
  Stack stack;
  stack.frames = {sample_frame(1, std::string(60, 'x') + "()", "/a.cpp", 1), sample_frame(2, "f()", "/b.cpp", 2)};
  const Rows out = rows({&stack, false, {}, nullptr});
  CHECK(out[0] == "#0 " + std::string(60, 'x') + "()  a.cpp:1");
  CHECK(out[1].find("b.cpp:2") == 46);
}

TEST_CASE("wrappers are skipped at the start of an acquire stack only, and numbers stay without gaps") {
  const Stack stack = sample_taken();
  CHECK(rows({&stack, true, {}, nullptr}).front().starts_with("#0 Room::broadcast"));
  CHECK(rows({&stack, false, {}, nullptr}).front().starts_with("#0 std::shared_lock"));
  Stack only_wrappers;
  only_wrappers.frames = {stack.frames[0]};
  CHECK(rows({&only_wrappers, true, {}, nullptr}).size() == 1);
}

TEST_CASE("a stack begins at the function that made the system call, not at those through which glibc 2.41 makes it") {
  const auto libc_frame = [](const char* function) {
    Frame frame = sample_frame(0x7f0012345678, function, "", 0);
    frame.module = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    return frame;
  };
  Stack stack;
  for (const char* function :
       {"__syscall_cancel_arch_end", "__internal_syscall_cancel", "__syscall_cancel", "__libc_send"})
    stack.frames.push_back(libc_frame(function));
  stack.frames.push_back(sample_frame(0x401234, "Session::send()", "/session.cpp", 33));
  stack.note = "frame 1 and frame 4";
  const Rows out = rows({&stack, false, {}, nullptr});
  REQUIRE(out.size() == 3);
  CHECK(out[0].starts_with("#0 __libc_send "));
  CHECK(out[1].starts_with("#1 Session::send() "));
  CHECK(out[2] == "(a frame that is not shown and frame #1)");
  stack.frames.resize(3);
  stack.note.clear();
  CHECK(rows({&stack, false, {}, nullptr}).size() == 3);
}

TEST_CASE("of a very deep stack both ends are shown and the rest is counted") {
  const Stack stack = deep_stack(200);
  const Rows out = rows({&stack, false, {}, nullptr});
  REQUIRE(out.size() == 24 + 1 + 8);
  CHECK(out[23].starts_with("#23 "));
  CHECK(out[24] == "... 168 frames omitted ...");
  CHECK(out[25].starts_with("#192 "));
}

TEST_CASE("frames of Rust's library are counted as such") {
  const auto in_library = [](uintptr_t ip, std::string function) {
    Frame frame = sample_frame(ip, std::move(function), "/rustc/0123/library/std/src/thread.rs", 1);
    frame.is_rust = true;
    return frame;
  };
  Stack stack;
  stack.frames = {sample_frame(1, "chat::serve", "/src/main.rs", 7), in_library(2, "std::sys::backtrace::__rust_begin"),
                  in_library(3, "core::ops::function::FnOnce::call_once"), in_library(4, "std::sys::thread_start"),
                  libc_frame(5, "start_thread")};
  const Rows out = rows({&stack, true, {}, nullptr});
  REQUIRE(out.size() == 3);
  CHECK(out[0].starts_with("#0 chat::serve "));
  CHECK(out[1] == "... 3 frames of the Rust library ...");
}

TEST_CASE("the frame that took the lock is shown however deep it is") {
  const Stack stack = deep_stack(200);
  const Rows out = rows({&stack, false, 100, nullptr});
  REQUIRE(out.size() == 24 + 1 + 1 + 1 + 8);
  CHECK(out[24] == "... 76 frames omitted ...");
  CHECK(out[25].starts_with("#100 f()"));
  CHECK(out[25].ends_with("<- took L3"));
  CHECK(out[26] == "... 91 frames omitted ...");
}

TEST_CASE("leaving out one frame would save nothing") {
  const Stack stack = deep_stack(33);
  CHECK(rows({&stack, false, {}, nullptr}).size() == 33);
}

TEST_CASE("frames outside the acquiring frame are not repeated, unless they differ") {
  const Stack taken = sample_taken();
  Stack now = sample_now();
  CHECK(rows({&now, false, 2, &taken}).back() == "... rest as under \"taken\"");
  now.frames.back().ip += 1;  // inlined into another place of the same line
  CHECK(rows({&now, false, 2, &taken}).back() == "... rest as under \"taken\"");
  now.frames.back().line += 1;
  CHECK(rows({&now, false, 2, &taken}).size() == 5);
}

TEST_CASE("a stack's note follows it in brackets") {
  Stack stack;
  stack.note = "thread exited";
  CHECK(rows({&stack, false, {}, nullptr}) == Rows{"(thread exited)"});
}

TEST_CASE("a source line is cut and its tabs are blanks") {
  Stack stack;
  stack.frames = {sample_frame(1, "f()", "/a.cpp", 1, "a\tb" + std::string(200, 'c'))};
  const std::string row = rows({&stack, false, {}, nullptr}).front();
  CHECK(row.find("a bccc") != std::string::npos);
  CHECK(row.ends_with("ccc..."));
  CHECK(row.size() < 140);
}

TEST_CASE("stacks are the same if their frames and notes are") {
  Stack a = sample_now(), b = sample_now();
  CHECK(same_frames(a, b));
  b.frames[0].ip += 1;  // libc's frame has no line to be known by
  CHECK_FALSE(same_frames(a, b));
  b = a;
  b.note = "cut off";
  CHECK_FALSE(same_frames(a, b));
}
