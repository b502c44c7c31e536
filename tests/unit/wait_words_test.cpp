// The rules of symbolizer/waits/wait_words.h.
#include "symbolizer/waits/wait_words.h"

#include <string_view>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

Wait wait_for(WaitKind kind, uintptr_t object = 0x1234) {
  Wait wait{};
  wait.known = true;
  wait.kind = kind;
  wait.object = object;
  return wait;
}

Wait ended_by(Wait wait, Ender ender) {
  wait.enders[wait.ender_count++] = ender;
  return wait;
}

}  // namespace

TEST_CASE("a wait names its object and who can end it") {
  CHECK(describe_wait(wait_for(WaitKind::semaphore)) == "waits for semaphore 0x1234");
  CHECK(describe_wait(wait_for(WaitKind::condition, 0)) == "in a condition wait");
  CHECK(describe_wait(wait_for(WaitKind::join)) == "waits for a thread to exit");
  CHECK(describe_wait(ended_by(wait_for(WaitKind::join), {0, 4711, Evidence::stated, "relay"})) ==
        "waits for thread 4711 \"relay\" to exit");
  CHECK(describe_wait(ended_by(wait_for(WaitKind::loader), {0, 4711, Evidence::stated, ""})) ==
        "waits for the loader's lock, held by 4711");
}

TEST_CASE("a wait for an initializer names the static, or its guard, or neither") {
  Wait wait = wait_for(WaitKind::local_static);
  CHECK(describe_wait(wait) == "waits for an initializer of a static variable, guard 0x1234");
  std::string_view("config()::instance").copy(wait.name, sizeof wait.name);
  CHECK(describe_wait(ended_by(wait, {0, 4711, Evidence::stack, "main"})) ==
        "waits for the initializer of config()::instance, likely run by 4711 \"main\"");
  CHECK(describe_wait(wait_for(WaitKind::local_static, 0)) == "waits for an initializer of a static variable");
}

TEST_CASE("a thread that runs the initializer itself waits for ever") {
  Wait wait = ended_by(wait_for(WaitKind::once), {0, 4711, Evidence::stack, "main"});
  CHECK(describe_wait(wait, 4711) ==
        "waits for its own initializer, pthread_once 0x1234, likely run by the thread itself: that can never end");
  CHECK(describe_wait(wait, 4712) ==
        "waits for another thread's initializer, pthread_once 0x1234, likely run by 4711 \"main\"");
  wait.kind = WaitKind::local_static;
  CHECK(describe_wait(wait, 4711) ==
        "waits for its own initializer of a static variable, guard 0x1234, likely run by the thread itself: that can "
        "never end");
}

TEST_CASE("a name from outside begins no line of its own") {
  CHECK(describe_wait(ended_by(wait_for(WaitKind::join), {0, 1, Evidence::stated, "a\nb"})) ==
        "waits for thread 1 \"a\\x0ab\" to exit");
}

TEST_CASE("a timeout is told, whether or not the time left is known") {
  Wait wait = wait_for(WaitKind::semaphore);
  wait.has_timeout = true;
  CHECK(describe_wait(wait) == "waits for semaphore 0x1234, with a timeout");
  wait.timeout_ns = 1'500'000'000;
  CHECK(describe_wait(wait) == "waits for semaphore 0x1234, timeout in 1.5 s");
  wait.timeouts = 1;
  CHECK(describe_wait(wait) == "waits for semaphore 0x1234, timeout in 1.5 s, after 1 timeout");
  wait.timeouts = 57;
  CHECK(describe_wait(wait) == "waits for semaphore 0x1234, timeout in 1.5 s, after 57 timeouts");
}

TEST_CASE("what a system call says better is left to it") {
  CHECK(describe_wait(wait_for(WaitKind::mutex)).empty());
  CHECK(describe_wait(wait_for(WaitKind::poll)).empty());
  CHECK(describe_wait(Wait{}).empty());
}

TEST_CASE("a file lock's holder is a process") {
  Wait wait = ended_by(wait_for(WaitKind::file_lock, 0), {31, 31, Evidence::stated, "backup"});
  wait.other_ends = 1;
  CHECK(describe_other_processes(wait) == ", held by process 31 \"backup\"");
  CHECK(describe_other_processes(wait_for(WaitKind::file_lock, 0)).empty());
}

TEST_CASE("it may be held by the waiting process itself, too or alone") {
  Wait wait = ended_by(wait_for(WaitKind::file_lock, 0), {7, 7, Evidence::stated, "server"});
  wait.other_end_is_here = true;
  CHECK(describe_other_processes(wait) == ", held by this process");
  wait = ended_by(wait_for(WaitKind::file_lock, 0), {31, 31, Evidence::stated, "backup"});
  wait = ended_by(wait, {7, 7, Evidence::stated, "server"});
  wait.other_end_is_here = true;
  wait.other_ends = 1;
  CHECK(describe_other_processes(wait) == ", held by process 31 \"backup\" and this one");
}

TEST_CASE("of several that have a lock of a file for reading, all are named as far as there is room") {
  Wait wait = wait_for(WaitKind::file_lock, 0);
  for (const int pid : {31, 32}) wait = ended_by(wait, {pid, pid, Evidence::stated, "reader"});
  wait.other_ends = 2;
  CHECK(describe_other_processes(wait) == ", held by process 31 \"reader\", process 32 \"reader\"");
  wait.other_ends = 7;
  CHECK(describe_other_processes(wait) == ", held by process 31 \"reader\", process 32 \"reader\" and 5 more");
  wait.other_end_is_here = true;
  CHECK(describe_other_processes(wait) ==
        ", held by process 31 \"reader\", process 32 \"reader\" and 5 more and this one");
}

TEST_CASE("which thread of this process has a lock of a file may be known, or likely") {
  Wait wait = ended_by(wait_for(WaitKind::file_lock, 0), {0, 8, Evidence::stated, "taker"});
  wait.other_end_is_here = true;
  CHECK(describe_other_processes(wait) == ", held by this process's thread 8 \"taker\"");
  wait = ended_by(wait_for(WaitKind::file_lock, 0), {7, 7, Evidence::stated, "server"});
  wait = ended_by(wait, {0, 8, Evidence::stack, "taker"});
  wait.other_end_is_here = true;
  CHECK(describe_other_processes(wait) == ", held by this process, likely by its thread 8 \"taker\"");
}

TEST_CASE("the owner of a lock in another process is a thread of it") {
  const Wait wait = ended_by(wait_for(WaitKind::mutex, 0), {31, 32, Evidence::stated, "relay"});
  CHECK(describe_other_processes(wait) == ", held by thread 32 \"relay\" of process 31");
  CHECK(describe_other_processes(ended_by(wait_for(WaitKind::mutex, 0), {0, 8, Evidence::stated, "ours"})).empty());
}

TEST_CASE("of a pipe or a socket, the processes with its other end are named, or counted if they are many") {
  Wait wait = wait_for(WaitKind::pipe, 0);
  CHECK(describe_other_processes(wait).empty());
  wait.other_end_is_here = true;
  CHECK(describe_other_processes(wait) == ", its other end is open in this process");
  wait = ended_by(wait, {31, 31, Evidence::stated, "far"});
  wait.other_ends = 1;
  CHECK(describe_other_processes(wait) == ", its other end is open in process 31 \"far\" and this one");
  wait = wait_for(WaitKind::socket, 0);
  wait.other_ends = 5;
  CHECK(describe_other_processes(wait) == ", its other end is open in 5 processes");
}
