// Threads that take, wait for and give up locks, register and exit at full speed, while a watcher reads their records:
// under ThreadSanitizer. Besides races it looks for torn views: all fields of a hold or a wait are made from one number.
// Bounded by iterations. Without hooks: the threads call the record themselves.
#include <limits.h>
#include <pthread.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "shim/base/clock_line.h"
#include "shim/base/libc_functions.h"
#include "shim/handoff/report_request.h"
#include "shim/record/call_sites.h"
#include "shim/record/current_record.h"
#include "shim/record/ended_holds.h"
#include "shim/record/hand_over.h"
#include "shim/record/lock_registry.h"
#include "shim/record/spare_memory.h"
#include "shim/record/thread_table.h"
#include "shim/record/view_walk.h"
#include "tests/unit/record_calls.h"

// A race by the letter, with a check that makes it harmless: a stack copy is read while its owner may be writing the next
// one. The reader throws it away if the hold has ended meanwhile (view.h), which check_stack_copy proves.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:holdwatch::copy_acquired_stack\n"
         "race:^copy_stack$\n";
}

// The last round of a thread's destructors, in which it gives its record back, comes after ThreadSanitizer has taken leave
// of the thread. So this program keeps the destructor from libc (-Wl,--wrap), and its threads call it themselves.
using Destructor = void (*)(void*);
static Destructor g_on_thread_exit = nullptr;
static int create_key_without_destructor(pthread_key_t* key, Destructor destructor) noexcept {
  g_on_thread_exit = destructor;
  return pthread_key_create(key, nullptr);
}

namespace holdwatch {

// The sanitizer's functions, for it has to see the threads' locks.
LibcFunctions g_libc_functions = [] {
  LibcFunctions all{
#define HOLDWATCH_LIBC_FUNCTION(name) .name = &::name,
#include "shim/base/libc_functions.def"
#undef HOLDWATCH_LIBC_FUNCTION
  };
  all.pthread_key_create = create_key_without_destructor;
  return all;
}();
std::atomic<bool> g_libc_functions_are_known{true};
void look_up_libc_functions_slow() {}

namespace {

constexpr int kWriters = 3;
constexpr int kLives = 150;  // threads that each writer is, one after the other
constexpr int kHolds = 400;
constexpr uint32_t kRequests = 20'000;
constexpr size_t kStackWords = 64;

std::atomic<int> g_failures{0};
std::atomic<int> g_writers_left{kWriters};
std::atomic<uint64_t> g_ended_holds{0};

void expect(bool holds, const char* rule) {
  if (holds) return;
  if (g_failures.fetch_add(1) < 20) fprintf(stderr, "broken: %s\n", rule);
}

// What a lock call with the value `value` records.
LockWord word_of(uint64_t value) {
  return {reinterpret_cast<const void*>(value << 4), (value & 1) != 0 ? LockKind::rwlock : LockKind::mutex,
          (value & 2) != 0 ? Access::shared : Access::exclusive};
}

// An array that stands for the thread's stack: two frames, whose return addresses are made from a value.
class FakeStack {
 public:
  explicit FakeStack(OwnerRecord& record) {
    record.stack_end = reinterpret_cast<uintptr_t>(words_ + kStackWords);
    record.stack_span = sizeof words_ + 1;
  }
  Caller caller(uint64_t value) {
    for (uintptr_t& word : words_) word = value;
    words_[4] = reinterpret_cast<uintptr_t>(words_ + 8);
    words_[5] = value + 1;
    words_[8] = 0;
    words_[9] = value + 2;
    return {value, reinterpret_cast<uintptr_t>(words_), reinterpret_cast<uintptr_t>(words_ + 4)};
  }

 private:
  uintptr_t words_[kStackWords] = {};
};

// --- the threads ---

void wait_and_hold(OwnerRecord& record, FakeStack& stack, uint64_t value) {
  const Caller caller = stack.caller(value);
  record.drop(*begin_wait(record, word_of(value), {value, value + 1, value + 2}, value + 3));
  HeldSlot* slot = begin_wait(record, word_of(value), caller, value + 3);
  if (!OwnerRecord::hold_at_once(*slot)) hold_waited_slow(record, *slot, word_of(value));
}

void release(OwnerRecord& record, FakeStack& stack, uint64_t value) {
  HeldSlot* slot = record.find(value << 4);
  if (slot == nullptr) return expect(record.unrecorded > 0, "a hold is found, or counted as unrecorded");
  if (value % 16 == 0) {
    hand_over_slow(record, word_of(value), *slot, *slot, stack.caller(value));
    g_ended_holds.fetch_add(1, std::memory_order_relaxed);
  }
  record.drop(*slot);
}

// What the program's threads and the watcher share of the book: a few locks that come and go.
void use_book(uint64_t value) {
  const uintptr_t lock = 0x1000 + value % 8 * 64;
  expect(lock_id(lock) != 0, "each lock has an id");
  set_lock_name(lock, (value & 1) != 0 ? "aaaaaaaa" : "bbbb");
  set_lock_limit_ns(lock, 1'000 + value % 8);
  if (value % 4 == 0) forget_lock(lock);
}

// One thread, from its first lock call to its exit. Most hold few locks at once, some more than a record has inline.
void live(uint64_t first_value) {
  OwnerRecord* record = register_thread_slow();
  if (record == nullptr) return expect(false, "a thread gets a record");
  expect(record->holds_nothing(), "a record is given out empty");
  FakeStack stack(*record);
  const uint64_t at_once = first_value % 5 == 0 ? 12 : 3;
  for (uint64_t value = first_value; value < first_value + kHolds; value += at_once) {
    for (uint64_t i = 0; i < at_once; ++i) wait_and_hold(*record, stack, value + i);
    for (uint64_t i = 0; i < at_once; ++i) release(*record, stack, value + i);
    use_book(value);
    note_site(value, value % 2 == 0 ? SiteKind::stays : SiteKind::returns);
    site_stays(value);
  }
  if (first_value % 7 == 0) wait_and_hold(*record, stack, first_value);  // exits with it
  for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; ++round) g_on_thread_exit(record);
}

void write_records(uint64_t writer) {
  for (uint64_t life = 0; life < kLives; ++life) std::thread(live, ((writer + 1) << 32) + life * 1'001).join();
  g_writers_left.fetch_sub(1, std::memory_order_release);
}

// --- the watcher ---

void check_hold(const HoldView& view) {
  const uint64_t value = view.sites[0].pc;
  expect(view.word == word_of(value), "a view's lock and call site are of one hold");
  expect(view.site_count == 3 && view.sites[1].pc == value + 1 && view.sites[2].pc == value + 2,
         "a view's call sites are of one hold");
  expect(view.sites[1].sp == view.sites[0].sp + 6 * sizeof(uintptr_t), "a call site's stack pointer is its own");
  expect(view.levels == 1 && view.tid != 0, "a view has its hold's depth and thread");
}

void check_stack_copy(const HoldView& view) {
  uintptr_t words[kStackWords];
  const size_t size = copy_acquired_stack(view.identity, words, sizeof words);
  if (size == 0) return;
  expect(size == sizeof words && words[0] == view.sites[0].pc && words[kStackWords - 1] == view.sites[0].pc,
         "a stack copy is of the hold that it was asked for");
}

void check_wait(const WaitView& view) {
  const uint64_t value = view.caller.pc;
  expect(view.word == word_of(value), "a view's lock and caller are of one wait");
  if (view.caller.sp != value + 1) return;  // one that becomes a hold, whose tick is then another
  expect(view.caller.bp == value + 2 && view.since_ns == value + 3, "a view's registers and tick are of one wait");
}

uint64_t take_all_ended_holds() {
  uint64_t taken = 0;
  while (EndedHold* entry = take_ended_hold()) {
    check_hold(entry->hold);
    uintptr_t word = 0;
    memcpy(&word, entry->stack, sizeof word);
    expect(entry->stack_size == kStackWords * sizeof word && word == entry->hold.sites[0].pc,
           "the stack that is handed over is the releasing thread's");
    free_ended_hold(entry);
    ++taken;
  }
  for (HoldEnd end; take_brief_end(&end);) ++taken;
  return taken;
}

void read_book() {
  for (uintptr_t lock = 0x1000; lock < 0x1000 + 8 * 64; lock += 64) {
    const LockTag tag = lock_tag(lock);
    expect(strspn(tag.name, "ab") == strlen(tag.name), "a name is of the characters that it was given");
    expect(tag.id != 0, "each lock has an id");
    lock_limit_ns(lock, 5);
  }
  expect(smallest_lock_limit_ns() >= 1'000, "the smallest limit is one that was given");
}

void watch() {
  uint64_t taken = 0;
  for (uint64_t look = 1; g_writers_left.load(std::memory_order_acquire) > 0; ++look) {
    g_clock_line.tick_ns.store(look * (kStampBits + 1), std::memory_order_release);
    for_each_hold(UINT64_MAX, [](const HoldView& view) {
      check_hold(view);
      check_stack_copy(view);
      hold_lasts(view.identity);
      if (view.gone) drop_left_over(view.identity.record, view.identity.slot, view.identity.number);
    });
    for_each_wait(UINT64_MAX, check_wait);
    taken += take_all_ended_holds();
    read_book();
    note_site(look, SiteKind::copies);
    refill_spares(true);
    refill_records();
  }
  taken += take_all_ended_holds();
  expect(taken + ended_holds_lost() == g_ended_holds.load(), "each hold that is handed over is taken once or counted");
  expect(taken > 0, "some holds were handed over");
}

// --- the queue from the watcher to the reporter ---

void post_requests(ReportQueue& queue) {
  for (uint32_t number = 1; number <= kRequests;) {
    ReportRequest* request = queue.next_free();
    if (request == nullptr) {
      std::this_thread::yield();
      continue;
    }
    request->episode = request->held_ns[0] = request->waited_ns[kMaxWaiters - 1] = number++;
    request->first_line_written.store(false, std::memory_order_relaxed);
    queue.post();
  }
}

void do_requests(ReportQueue& queue) {
  for (uint32_t number = 1; number <= kRequests;) {
    ReportRequest* request = queue.oldest();
    if (request == nullptr) {
      std::this_thread::yield();
      continue;
    }
    expect(request->episode == number && request->held_ns[0] == number && request->waited_ns[kMaxWaiters - 1] == number,
           "requests come whole and in order");
    request->first_line_written.store(true, std::memory_order_relaxed);
    queue.done(*request);
    ++number;
  }
  expect(queue.idle(), "a queue whose requests are done is idle");
}

int run() {
  current_record_start();
  g_clock_line.extras = kCopyAlways;
  refill_spares(true);
  ReportQueue queue;
  expect(queue.start(), "there is memory for the queue");

  std::vector<std::thread> threads;
  for (uint64_t writer = 0; writer < kWriters; ++writer) threads.emplace_back(write_records, writer);
  threads.emplace_back(watch);
  threads.emplace_back(post_requests, std::ref(queue));
  threads.emplace_back(do_requests, std::ref(queue));
  for (std::thread& thread : threads) thread.join();

  expect(live_records() == 0, "no record is live when all threads have exited");
  return g_failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace holdwatch

int main() {
  return holdwatch::run();
}
