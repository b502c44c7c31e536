// Reports by hand for the tests of symbolizer/report: the chat room's story, with one thing changed at a time.
#pragma once

#include <string>

#include "symbolizer/report/report.h"

namespace holdwatch {

inline constexpr uint64_t kMillisecondNs = 1'000'000;
inline constexpr uint64_t kSecondNs = 1'000'000'000;

inline Frame sample_frame(uintptr_t ip, std::string function, std::string file, int line, std::string source = {}) {
  Frame frame;
  frame.ip = ip;
  frame.module = "/usr/bin/chatroom";
  frame.offset = ip - 0x400000;
  frame.build_id = "00112233445566778899aabbccddeeff00112233";
  frame.function = std::move(function);
  frame.file = std::move(file);
  frame.line = line;
  frame.source = std::move(source);
  return frame;
}

inline Frame libc_frame(uintptr_t ip, std::string function) {
  Frame frame;
  frame.ip = ip;
  frame.module = "/lib/x86_64-linux-gnu/libc.so.6";
  frame.offset = ip - 0x7f0000000000;
  frame.build_id = "a5a3c3f65a9c4e2d1b0f";
  frame.function = std::move(function);
  return frame;
}

inline Stack sample_taken() {
  Stack stack;
  stack.frames = {sample_frame(0x401000, "std::shared_lock<std::shared_mutex>::shared_lock(std::shared_mutex&)",
                               "/usr/include/c++/12/shared_mutex", 727),
                  sample_frame(0x401100, "Room::broadcast(std::string const&)", "/src/room.cpp", 41,
                               "std::shared_lock lock(members_mx);"),
                  sample_frame(0x401200, "Server::on_message(Session&, Message)", "/src/server.cpp", 88),
                  sample_frame(0x401300, "worker_main(void*)", "/src/server.cpp", 140)};
  stack.complete = true;
  return stack;
}

inline Stack sample_now() {
  Stack stack;
  stack.frames = {
      libc_frame(0x7f000010a3ad, "__libc_send"),
      sample_frame(0x401400, "Session::send(std::string const&)", "/src/session.cpp", 27),
      sample_frame(0x401180, "Room::broadcast(std::string const&)", "/src/room.cpp", 43, "member->send(text);"),
      sample_frame(0x401200, "Server::on_message(Session&, Message)", "/src/server.cpp", 88),
      sample_frame(0x401300, "worker_main(void*)", "/src/server.cpp", 140)};
  stack.complete = true;
  return stack;
}

inline ReportHolder sample_holder() {
  ReportHolder holder;
  holder.tid = 4711;
  holder.thread = "bcast";
  holder.access = Access::shared;
  holder.held_ns = 12'400 * kMillisecondNs;
  holder.state = ThreadState::blocked;
  holder.taken = sample_taken();
  holder.now = sample_now();
  holder.now_took = 2;
  holder.doing = "sendto(fd 41 -> 10.2.3.4:443, 96 KiB unsent)";
  return holder;
}

inline ReportWaiters sample_writer() {
  ReportWaiters group;
  group.access = Access::exclusive;
  group.longest_ns = 12'100 * kMillisecondNs;
  group.tids = {4720};
  group.threads = {"join"};
  group.stack.frames = {sample_frame(0x401500, "Room::add(Session&)", "/src/room.cpp", 22)};
  group.stack.complete = true;
  return group;
}

inline ReportWaiters sample_readers(size_t count) {
  ReportWaiters group;
  group.access = Access::shared;
  group.longest_ns = 11'900 * kMillisecondNs;
  for (size_t i = 0; i < count; ++i) {
    group.tids.push_back(4721 + static_cast<int>(i));
    group.threads.push_back("visitor");
  }
  group.stack.frames = {sample_frame(0x401600, "Room::size()", "/src/room.cpp", 60)};
  group.stack.complete = true;
  return group;
}

// The report of the design's first page.
inline Report sample_report() {
  Report report;
  report.wall_clock_ns = 1'763'926'512'123 * kMillisecondNs;
  report.host = "chat1";
  report.pid = 4700;
  report.exe = "/usr/bin/chatroom";
  report.episode = 17;
  report.fingerprint = "00c0ffee00c0ffee";
  report.limit_ns = kSecondNs;
  report.lock_id = "L3";
  report.lock_kind = LockKind::rwlock;
  report.lock_address = 0x55d0c81f20;
  report.lock_name = "Room::members_mx";
  report.holders = {sample_holder()};
  report.waiters = {sample_writer(), sample_readers(36)};
  report.lost_ns = 400 * kSecondNs;
  report.threads_delayed = 37;
  return report;
}

// The same holder and one that it waits for, which waits for it.
// A writer that waits while others take the lock.
inline Report starving_report() {
  Report report = sample_report();
  report.event = Event::wait;
  report.waiters = {sample_writer()};
  const auto site = [](const char* function, const char* file, int line, Access access, uint64_t holds,
                       size_t threads) {
    ReportPassedSite described;
    described.at.ip = 0x401000;
    described.at.function = function;
    described.at.file = file;
    described.at.line = line;
    described.access = access;
    described.holds = holds;
    described.threads = threads;
    return described;
  };
  ReportPassed passed;
  passed.tid = 4720;
  passed.thread = "join";
  passed.holds = 37;
  passed.reads = 30;
  passed.writes = passed.prefers_readers = true;
  passed.sites = {site("Cache::get(int)", "cache.cpp", 41, Access::shared, 30, 7),
                  site("Cache::evict()", "cache.cpp", 90, Access::exclusive, 5, 1)};
  report.passed = passed;
  return report;
}

inline Report deadlock_report() {
  Report report = sample_report();
  report.event = Event::deadlock;
  report.holders.push_back(sample_holder());
  report.holders[1].tid = 4712;
  report.holders[1].thread = "join";
  report.holders[1].held_ns = 3 * kSecondNs;
  report.holders[1].access = Access::exclusive;
  report.holders[1].taken.frames[1].function = "Room::add(Session&)";
  report.cycle = {{4711, "L3", "L4", LockKind::rwlock, 0x55d0c81f20, "Room::members_mx", 3 * kSecondNs},
                  {4712, "L4", "L3", LockKind::mutex, 0x40, "", 2 * kSecondNs}};
  return report;
}

}  // namespace holdwatch
