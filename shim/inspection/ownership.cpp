// See ownership.h.
#include "shim/inspection/ownership.h"

#include <algorithm>
#include <optional>

#include "shim/base/libc_streams.h"
#include "shim/common/glibc/lock_fields.h"
#include "shim/common/glibc/thread_descriptor.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/joined_thread.h"
#include "shim/record/current_record.h"

namespace holdwatch {
namespace {

template <typename Lock>
bool read_lock(LockWord word, Lock* out) {
  return read_local_memory(word.address(), out, sizeof *out) == sizeof *out;
}

std::optional<LockFields> read_stream(LockWord word) {
  StreamLock stream;
  if (!read_lock(word, &stream)) return std::nullopt;
  if (!may_be_lock(stream) || stream.word == 0) return LockFields{};
  return fields_of(stream, tid_in_descriptor(stream.owner), g_uncounted.levels);
}

std::optional<LockFields> read_fields(LockWord word) {
  if (word.kind() == LockKind::stream) return read_stream(word);
  if (word.kind() == LockKind::mutex) {
    pthread_mutex_t mutex;
    return read_lock(word, &mutex) ? std::optional(fields_of(mutex)) : std::nullopt;
  }
  pthread_rwlock_t rwlock;
  return read_lock(word, &rwlock) ? std::optional(fields_of(rwlock)) : std::nullopt;
}

// Those of a free lock where it cannot be read.
LockFields fields_or_none(LockWord word) {
  return read_fields(word).value_or(LockFields{});
}

// If reading our own memory is forbidden altogether (a seccomp filter), a failed read proves nothing.
Ownership unreadable() {
  static const int known_value = 1;
  int value = 0;
  const size_t got = read_local_memory(reinterpret_cast<uintptr_t>(&known_value), &value, sizeof value);
  return got == sizeof value ? Ownership::refuted : Ownership::unknown;
}

bool is_owner(int owner, int tid) {
  return owner == tid || was_before_fork(tid, owner);
}

Ownership from(bool confirmed) {
  return confirmed ? Ownership::confirmed : Ownership::refuted;
}

}  // namespace

Ownership confirm_ownership(LockWord word, int tid) {
  const std::optional<LockFields> fields = read_fields(word);
  if (!fields) return unreadable();
  const bool is_exclusive = word.kind() == LockKind::mutex || word.access() == Access::exclusive;
  return from(is_exclusive ? is_owner(fields->owner, tid) : fields->readers != 0);
}

// A stream names its owner by the descriptor, which contains no id any more, or that of a later thread.
Ownership confirm_ownership(const HoldView& hold) {
  StreamLock stream;
  if (!hold.gone || hold.word.kind() != LockKind::stream) return confirm_ownership(hold.word, hold.tid);
  if (!read_lock(hold.word, &stream)) return unreadable();
  if (!may_be_lock(stream) || stream.word == 0 || stream.owner != hold.stack_end) return Ownership::refuted;
  return tid_in_descriptor(stream.owner) == 0 ? Ownership::confirmed : Ownership::unknown;
}

int owner_of(LockWord lock, LockWord* held) {
  *held = {reinterpret_cast<const void*>(lock.address()), lock.kind(), Access::exclusive};
  return fields_or_none(lock).owner;
}

bool is_contended(LockWord lock) {
  return fields_or_none(lock).is_contended;
}

bool is_unnamed_mutex(LockWord word, uint32_t value) {
  pthread_mutex_t mutex;
  return read_lock(word, &mutex) && is_unnamed_mutex(mutex, value);
}

bool is_unnamed_inheriting(LockWord word) {
  pthread_mutex_t mutex;
  return read_lock(word, &mutex) && is_unnamed_inheriting(mutex);
}

bool is_changing_hands(LockWord lock) {
  const LockFields fields = fields_or_none(lock);
  return fields.is_locked && fields.owner == 0;
}

Access access_of_nameless(LockWord lock) {
  const LockFields fields = fields_or_none(lock);
  // More than there can be threads: it has been released too often.
  constexpr uint32_t kMaxReaders = 1u << 22;
  const bool is_read = !fields.is_writers_turn && fields.readers != 0 && fields.readers <= kMaxReaders;
  return is_read ? Access::shared : Access::exclusive;
}

bool is_miscounted(LockWord lock) {
  return fields_or_none(lock).is_miscounted;
}

bool is_overwritten(LockWord mutex) {
  return fields_or_none(mutex).is_overwritten;
}

bool is_there_for_taking(LockWord lock) {
  return fields_or_none(lock).is_there_for_taking;
}

bool lets_readers_in(LockWord lock) {
  return lock.kind() == LockKind::rwlock && fields_or_none(lock).prefers_readers;
}

bool is_process_shared(LockWord lock) {
  return fields_or_none(lock).process_shared;
}

bool is_shared_mutex(LockWord word) {
  pthread_mutex_t mutex;
  if (!read_lock(word, &mutex) || !may_be_lock(mutex)) return false;
  const LockFields fields = fields_of(mutex);
  return fields.process_shared && fields.is_contended && fields.owner != 0;
}

uint32_t held_count(LockWord word) {
  const LockFields fields = fields_or_none(word);
  return word.access() == Access::shared ? std::max(fields.readers, 1u) : fields.depth;
}

bool inherits_priority(LockWord word) {
  return fields_or_none(word).inherits;
}

bool compares_owner(LockWord lock) {
  return fields_or_none(lock).compares_owner;
}

// Unless another thread has that descriptor by now.
bool is_left_by_exited(LockWord word) {
  StreamLock stream;
  uintptr_t self = 0;
  if (word.kind() != LockKind::stream || !read_lock(word, &stream)) return false;
  if (!may_be_lock(stream) || stream.word != kStreamContended) return false;
  const size_t got = read_local_memory(stream.owner + kDescriptorSelf, &self, sizeof self);
  return got == sizeof self && is_descriptor(stream.owner, self) && tid_in_descriptor(stream.owner) == 0;
}

uint32_t reader_count(LockWord word) {
  return fields_or_none(word).readers;
}

}  // namespace holdwatch
