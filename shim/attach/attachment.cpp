// See attachment.h. Read `run_attachment` first: it is the main sequence.
#include "shim/attach/attachment.h"

#include <pthread.h>

#include <cerrno>
#include <cstring>

#include "shim/attach/lock_functions.h"
#include "shim/attach/redirect.h"
#include "shim/base/clock.h"
#include "shim/base/control_requests.h"
#include "shim/base/os.h"
#include "shim/base/thread_mode.h"
#include "shim/base/upcalls.h"
#include "shim/common/contract/control_block.h"
#include "shim/common/text/text_buffer.h"
#include "shim/inspection/earlier_sleeps.h"
#include "shim/inspection/inferred_holds.h"
#include "shim/own_threads/own_thread.h"
#include "shim/own_threads/seccomp_state.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxOptions = 64;
constexpr uint64_t kNoTimeoutNs = 3600 * kNanosecondsPerSecond;

std::atomic<bool> g_has_thread{false};
std::atomic<uint32_t> g_requests{0};  // counts the events that the thread sleeps for
std::atomic<bool> g_detach_wanted{false};
std::atomic<bool> g_modules_wanted{false};
std::atomic<bool> g_calls_redirected{false};

void wake_thread() {
  g_requests.fetch_add(1, std::memory_order_release);
  wake(g_requests);
}

// A module appears in the loader's list before its calls are bound, and nothing tells when they are. So this redirects
// again and again, at increasing intervals, until loading should be over.
void redirect_new_modules() {
  constexpr uint64_t kFirstNs = 1'000'000, kLastNs = 2 * kNanosecondsPerSecond;
  std::atomic<uint32_t> never{0};
  g_modules_wanted.store(false, std::memory_order_release);
  for (uint64_t pause_ns = kFirstNs; pause_ns <= kLastNs && !g_detach_wanted.load(); pause_ns *= 2) {
    sleep_on(never, 0, pause_ns);
    const SystemCallScope calls;
    if (calls_filtered()) return;
    redirect_calls();
  }
}

void serve_requests() {
  while (!g_detach_wanted.load(std::memory_order_acquire)) {
    const uint32_t seen = g_requests.load(std::memory_order_acquire);
    if (g_modules_wanted.load(std::memory_order_acquire))
      redirect_new_modules();
    else if (!g_detach_wanted.load(std::memory_order_acquire))
      sleep_on(g_requests, seen, kNoTimeoutNs);
  }
}

void split_options(const char* (&out)[kMaxOptions]) {
  size_t count = 0;
  const char* const end = holdwatch_control_block.options + kControlOptionsSize;
  for (const char* text = holdwatch_control_block.options; text < end && *text != '\0' && count + 1 < kMaxOptions;
       text += strnlen(text, static_cast<size_t>(end - text)) + 1)
    out[count++] = text;
  out[count] = nullptr;
}

void set_state(ControlState state) {
  holdwatch_control_block.state.store(state, std::memory_order_release);
}

// Calls are redirected several times at the beginning: if the loader was binding a call in another thread at that
// moment, its store may have come after ours.
size_t redirect_all() {
  constexpr int kRounds = 3;
  constexpr uint64_t kPauseNs = 2'000'000;
  std::atomic<uint32_t> never{0};
  size_t slots = 0;
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) sleep_on(never, 0, kPauseNs);
    const SystemCallScope calls;
    if (calls_filtered()) break;
    slots += redirect_calls().slots;
  }
  return slots;
}

void begin() {
  const char* options[kMaxOptions];
  split_options(options);
  char why[kControlAnswerSize / 2] = "";
  if (!kUpcalls.begin_attachment(options, why, sizeof why)) {
    restore_calls();
    g_has_thread.store(false);
    answer_request(false, why);
    return set_state(ControlState::idle);
  }
  g_calls_redirected.store(true);
  Line<kControlAnswerSize> text;
  text << redirect_all() << " calls redirected";
  if (why[0] != '\0') text << "; " << why;
  if (const SystemCallScope calls; !calls_filtered()) {
    note_lock_functions();
    infer_after_attachment();
  }
  set_state(ControlState::attached);
  answer_request(true, text);
}

// False if a filter of system calls makes this impossible now.
bool end() {
  const SystemCallScope calls;
  if (calls_filtered()) {
    g_detach_wanted.store(false, std::memory_order_release);
    answer_request(false, kFilterKeepsAttachment);
    return false;
  }
  set_state(ControlState::detaching);
  g_calls_redirected.store(false);
  restore_calls();
  kUpcalls.end_attachment();
  g_has_thread.store(false);
  // Before a new request can arrive.
  answer_request(true, "");
  set_state(ControlState::idle);
  return true;
}

void run_attachment() {
  if (!is_attached()) begin();
  if (!is_attached()) return;
  do serve_requests();
  while (!end());
}

constexpr OwnThread kAttachmentThread = {"holdwatch-att", run_attachment, 256 * 1024};

int start_thread() {
  if (g_has_thread.exchange(true)) return 0;
  g_detach_wanted.store(false);
  const int error = start_own_thread(kAttachmentThread, nullptr);
  if (error != 0) g_has_thread.store(false);
  return error;
}

// Called by the attaching command, in a thread of the program that was interrupted for this.
int attach() {
  const Inside inside;
  ControlState expected = ControlState::idle;
  if (!holdwatch_control_block.state.compare_exchange_strong(expected, ControlState::attaching)) return EBUSY;
  const int error = start_thread();
  if (error != 0) set_state(ControlState::idle);
  return error;
}

}  // namespace

void offer_attachment() {
  holdwatch_control_block.attach = attach;
  holdwatch_control_block.earlier_sleeps = room_for_earlier_sleeps();
  set_state(ControlState::idle);
}

bool is_attached() {
  return holdwatch_control_block.state.load(std::memory_order_acquire) == ControlState::attached;
}

void attachment_before_module_load() {
  if (!g_calls_redirected.load(std::memory_order_acquire)) return;
  const Inside inside;
  if (!g_modules_wanted.exchange(true, std::memory_order_acq_rel)) wake_thread();
}

void request_detachment() {
  g_detach_wanted.store(true, std::memory_order_release);
  wake_thread();
}

void attachment_after_fork() {
  g_modules_wanted.store(false);
  g_detach_wanted.store(false);
  g_has_thread.store(false);
}

void attachment_resume() {
  if (is_attached() && !calls_filtered()) start_thread();
}

}  // namespace holdwatch
