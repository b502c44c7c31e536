// See joined_thread.h.
//
// A join sleeps on the field of the joined thread's descriptor that has its id, with that id as the value; the kernel
// clears the field when the thread has ended (nptl/pthread_join_common.c; CLONE_CHILD_CLEARTID in clone(2)). A pthread_t
// is the descriptor's address, and the descriptor is not reused before the join returns. So the thread that has this id
// now is the one that is waited for.
#include "shim/inspection/joined_thread.h"

#include <cerrno>
#include <optional>

#include "shim/common/glibc/futex_wait.h"
#include "shim/common/glibc/thread_descriptor.h"
#include "shim/inspection/blocked_thread.h"
#include "shim/inspection/capture.h"
#include "shim/record/thread_table.h"

namespace holdwatch {
namespace {

constexpr uintptr_t kDescriptorSize = 4096;  // struct pthread has some 2.3 KiB

// A signal handler has jumped out of the join (siglongjmp).
bool has_lost_its_frame(const JoinView& join) {
  uintptr_t return_address = 0;
  const uintptr_t place = join.sp - sizeof return_address;
  return join.pc != 0 && read_local_memory(place, &return_address, sizeof return_address) == sizeof return_address &&
         return_address != join.pc;
}

// A record states the end of its thread's stack, which is the descriptor. The main thread's record does not.
int tid_by_descriptor(uintptr_t thread) {
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    const ThreadRecord& record = *record_at(index);
    if (record.state.load(std::memory_order_acquire) == RecordState::live &&
        record.stack_end.load(std::memory_order_acquire) == thread)
      return record.tid.load(std::memory_order_acquire);
  }
  return 0;
}

}  // namespace

// Once the thread has been joined, glibc makes its id -1.
int tid_in_descriptor(uintptr_t descriptor) {
  uintptr_t self = 0;
  int tid = 0;
  const bool is_there = read_local_memory(descriptor + kDescriptorSelf, &self, sizeof self) == sizeof self &&
                        is_descriptor(descriptor, self) &&
                        read_local_memory(descriptor + kDescriptorTid, &tid, sizeof tid) == sizeof tid;
  return is_there && tid > 0 ? tid : 0;
}

bool view_join_of(const HoldView& hold, JoinView* out) {
  if (view_join(hold.identity.record, out)) return true;
  if (!is_inferred(hold.sites[0].pc)) return false;
  for (uint32_t index = 0, limit = record_limit(); index < limit; ++index) {
    const ThreadRecord& record = *record_at(index);
    if (record.tid.load(std::memory_order_acquire) == hold.tid &&
        record.state.load(std::memory_order_acquire) == RecordState::live && view_join(index, out))
      return true;
  }
  return false;
}

int joined_thread(const JoinView& join, const SystemCall& call) {
  const std::optional<FutexWait> wait = futex_wait(call);
  uint32_t present = 0;
  if (!wait || wait->inherits || wait->has_timeout != join.has_timeout || wait->word - join.thread >= kDescriptorSize ||
      read_local_memory(wait->word, &present, sizeof present) != sizeof present || present != wait->value ||
      !join_lasts(join))
    return 0;
  return static_cast<int>(present);
}

int joined_thread(const JoinView& join) {
  SyscallFile place;
  if (has_lost_its_frame(join)) return 0;
  const int error = read_syscall_file(join.tid, &place);
  if (error == 0) return place.kind == SyscallFile::Kind::in_call ? joined_thread(join, place.call) : 0;
  const bool is_hidden = (error != ENOENT && error != ESRCH) || !proc_shows_us();
  return is_hidden && join_lasts(join) ? tid_by_descriptor(join.thread) : 0;
}

bool thread_lasts(uint32_t record, int tid) {
  const ThreadRecord& one = *record_at(record);
  return one.state.load(std::memory_order_acquire) == RecordState::live &&
         one.tid.load(std::memory_order_acquire) == tid;
}

}  // namespace holdwatch
