// Which thread a lock that processes share means by the id of its owner: in each pid namespace (pid_namespaces(7)) another
// thread may have that id, and once its owner has exited, a thread may have it that was never the owner.
// Any context; pure: whoever asks reads /proc, and hands in what is there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdwatch {

// Whether a process maps the memory of the lock. unreadable: the kernel does not show its maps.
enum class MapsLock : uint8_t { no, yes, unreadable };

enum class OwnerProof : uint8_t {
  proven,    // this thread, and no other one can be meant
  likely,    // only this one is found; but a process of another pid namespace shares the lock, or may do so unseen
  exited,    // no thread can be meant any more
  not_found  // none is found, or not a single one; or it is not certain that its process shares the lock
};

struct SharedOwner {
  OwnerProof proof = OwnerProof::not_found;
  int pid = 0, tid = 0;       // proven, likely: that thread, by the ids that it has for whoever asks
  bool is_ambiguous = false;  // not_found: more than one thread may be meant
};

class SharedOwnerSearch {
 public:
  // A process whose threads have other ids for themselves than for whoever asks, unless it certainly does not map the lock.
  void add_process_of_other_namespace(MapsLock maps) { shares_namespaces_ |= maps == MapsLock::yes; }

  // A thread that has the owner's id for itself. `is_older`: than the wait for the lock; ids are reused. In a process that does not
  // map the lock it may be the owner all the same, which has executed another program since.
  void add_thread(int pid, int tid, MapsLock maps, bool is_older) {
    if (maps == MapsLock::no) {
      may_have_unmapped_ = true;
      return;
    }
    if (count_++ > 0) return;
    found_ = {OwnerProof::not_found, pid, tid};
    is_certain_ = maps == MapsLock::yes && is_older;
  }

  // `all_are_seen`: no process can share the lock that was not handed in, but for those that have no ids of their own.
  SharedOwner result(bool all_are_seen) const {
    const bool has_one_namespace = all_are_seen && !shares_namespaces_;
    if (count_ == 0) return {has_one_namespace && !may_have_unmapped_ ? OwnerProof::exited : OwnerProof::not_found};
    if (count_ > 1) return {OwnerProof::not_found, 0, 0, true};
    if (!is_certain_) return {};
    return {has_one_namespace ? OwnerProof::proven : OwnerProof::likely, found_.pid, found_.tid};
  }

 private:
  SharedOwner found_;
  size_t count_ = 0;
  bool is_certain_ = false;
  bool shares_namespaces_ = false;
  bool may_have_unmapped_ = false;
};

}  // namespace holdwatch
