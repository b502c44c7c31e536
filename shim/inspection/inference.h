// Infers holds and waits on behalf of their threads, and keeps what was inferred: see inferred_holds.h for what that is about.
// Cold context (watcher), which alone calls this.
#pragma once

#include <cstdint>

#include "shim/inspection/inferred_holds.h"
#include "shim/inspection/stillness.h"
#include "shim/inspection/whereabouts.h"

namespace holdwatch {

class OwnerRecord;

inline constexpr size_t kMaxInferred = 4096;

struct Inferred {
  OwnerRecord* record;  // null: free
  HeldSlot* slot;
  LockWord word;
  bool is_wait;
  InferredHold hold;  // of a hold; its tid is always set
  Stillness still;
  uint64_t switches;  // of a wait in another process: its thread's context switches when it was last seen to wait

  int tid() const { return hold.place.tid; }
};

// All entries that were ever used; those that are free have no record.
Inferred* begin_inferred();
Inferred* end_inferred();
// For the child of a fork, whose records are empty by now.
void clear_inferred();

// Infers that a thread holds the lock, or waits for it: from now on, or since it fell asleep before the attachment
// (earlier_sleeps). Null if there is no room.
Inferred* infer(const OwnerPlace& place, LockWord word, bool is_wait);
// Our own threads record what they take. So where a thread of another pid namespace may be meant, it is none of ours that has no
// record, unless that one may have taken the lock before an attachment; and never one that waits for the lock itself.
bool is_refuted_owner(const OwnerPlace& place, LockWord lock);

// The hold of the thread that the lock names, inferred now or before; null if it names none, or one that has recorded the hold.
Inferred* infer_owner(LockWord lock, uint64_t waited_since_ns);
// A join that began before the attachment is noted in the record that a hold of its thread was inferred in, until it ends.
void note_join(Inferred& hold);
void forget_ended_join(Inferred& hold);
// Infers the threads that wait for the lock by calls that bypass our hooks; false if there are none.
bool infer_sleepers(LockWord lock);

// Infers that the thread waits for a stream inside of a function of stdio, if it does.
void infer_stream_wait(int tid);

// Earlier sleeps have become known: what was inferred already began no later.
void date_back_inferred();

// What was inferred of that thread and lock before, or null.
Inferred* find_inferred(int tid, LockWord word, bool is_wait);
// The hold with this identity, or null.
Inferred* find_inferred(const Identity& hold);
// What is inferred of that record's thread shows where it is; a record of its own says that it is here.
OwnerPlace place_of(uint32_t record);

Identity identity_of(const Inferred& inferred);
// Ends it, and for a lock that may have been released and acquired again, begins another hold by the same thread.
void drop(Inferred& inferred);
void begin_again(Inferred& inferred);

// Whether the thread itself has recorded that it holds the lock; whether any record says that it waits.
bool is_recorded(int tid, LockWord word);
bool waits_by_record(int tid);

}  // namespace holdwatch
