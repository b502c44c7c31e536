// See stillness.h.
#include "shim/inspection/stillness.h"

#include <algorithm>

#include "shim/inspection/task_files.h"
#include "shim/inspection/waiting_call.h"

namespace holdwatch {
namespace {

// What for_each_thread fills. Watcher only.
struct SleeperScan {
  LockWord lock;
  Sleepers found;
  size_t threads;
};
constinit SleeperScan g_scan{};

void look_at_thread(int tid) {
  SyscallFile file;
  if (++g_scan.threads > Sleepers::kMaxThreads || g_scan.found.count > Sleepers::kMax) return;
  if (read_syscall_file(tid, &file) != 0 || !sleeps_for(file, g_scan.lock)) return;
  if (g_scan.found.count < Sleepers::kMax) g_scan.found.tids[g_scan.found.count] = tid;
  ++g_scan.found.count;
}

}  // namespace

uint64_t switches_asleep(int process, int tid) {
  StatusFile status;
  const int error = process == 0 ? read_status_file(tid, &status) : read_status_file(process, tid, &status);
  if (error != 0) return 0;
  const bool asleep = status.state == 'S' || status.state == 'D' || status.state == 'T' || status.state == 't';
  return asleep ? status.switches() : 0;
}

Sleepers sleepers_for(LockWord lock) {
  g_scan = {lock, {}, 0};
  for_each_thread(look_at_thread);
  if (g_scan.threads > Sleepers::kMaxThreads || g_scan.found.count > Sleepers::kMax) g_scan.found.count = 0;
  return g_scan.found;
}

void Stillness::begin(int process, int holder, LockWord lock) {
  process_ = process;
  holder_ = holder;
  lock_ = lock;
  holder_switches_ = switches_asleep(process, holder);
  note_sleepers();
}

void Stillness::note_sleepers() {
  const Sleepers now = sleepers_for(lock_);
  count_ = 0;
  for (size_t i = 0; i < now.count; ++i) {
    const uint64_t switches = switches_asleep(0, now.tids[i]);
    if (switches == 0) {
      count_ = 0;  // one that has just been woken: all or none
      return;
    }
    sleepers_[count_++] = {now.tids[i], switches};
  }
}

bool Stillness::holder_has_slept() {
  const uint64_t before = holder_switches_;
  holder_switches_ = switches_asleep(process_, holder_);
  return before != 0 && before == holder_switches_;
}

bool Stillness::sleepers_have_slept() const {
  return count_ > 0 && std::all_of(sleepers_, sleepers_ + count_, [this](const Still& one) {
           SyscallFile file;
           return read_syscall_file(one.tid, &file) == 0 && sleeps_for(file, lock_) &&
                  switches_asleep(0, one.tid) == one.switches;
         });
}

bool Stillness::lasts() {
  const bool holder_slept = holder_has_slept();
  const bool sleepers_slept = sleepers_have_slept();
  if (!sleepers_slept) note_sleepers();
  return holder_slept || sleepers_slept;
}

}  // namespace holdwatch
