// The start order, fork and exit: the only file that knows them.
// Start context. The process usually has one thread here and has not reached main; libraries whose constructors ran
// earlier may have called our hooks already, which then resolved what they needed themselves.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "shim/attach/attachment.h"
#include "shim/base/libc_functions.h"
#include "shim/base/os.h"
#include "shim/base/preload_variable.h"
#include "shim/base/program_name.h"
#include "shim/base/thread_mode.h"
#include "shim/base/unloads.h"
#include "shim/base/upcalls.h"
#include "shim/common/contract/control_block.h"
#include "shim/common/contract/settings.h"
#include "shim/common/options/options.h"
#include "shim/common/text/text_buffer.h"
#include "shim/handoff/reporter_start.h"
#include "shim/inspection/capture.h"
#include "shim/inspection/futex_sleeper.h"
#include "shim/inspection/mailbox.h"
#include "shim/inspection/pid_namespace.h"
#include "shim/inspection/task_files.h"
#include "shim/interpose/real_functions.h"
#include "shim/lifecycle/both_threads.h"
#include "shim/lifecycle/inherited_holds.h"
#include "shim/own_threads/loader_use.h"
#include "shim/own_threads/seccomp_state.h"
#include "shim/own_threads/standard_error.h"
#include "shim/record/current_record.h"
#include "shim/record/ended_holds.h"
#include "shim/record/hold_notes.h"
#include "shim/record/learnt_enders.h"
#include "shim/record/lock_registry.h"
#include "shim/record/repeated_waits.h"
#include "shim/record/spare_memory.h"
#include "shim/record/thread_table.h"
#include "shim/reporter/reporter.h"
#include "shim/reporter/symbolizer_link.h"

// libc identifies this library by it.
extern "C" [[gnu::visibility("hidden")]] void* __dso_handle;

namespace holdwatch {
namespace {

Settings g_settings;
std::atomic<bool> g_takes_part{false};   // this process is watched; hooks and forks depend on it
std::atomic<bool> g_was_watched{false};  // ever: a filter may then concern threads or samples of ours
bool g_has_thread_sanitizer = false;

// Calls that are under way when an attachment ends continue.
void begin_watch() {
  if (!g_takes_part.load(std::memory_order_acquire)) return;
  watch_begin(g_settings);
  attachment_resume();
}

void await_loaded() {
  if (g_takes_part.load(std::memory_order_acquire)) watch_await_loaded();
}

void resolve_functions(void* scope) {
  resolve_real_functions(scope);
  g_has_thread_sanitizer = some_module_exports("__tsan_init");
}

// Our threads are created by libc's own function, except under ThreadSanitizer, which must see them begin: it ends the
// program at the first call from a thread that it does not know, and the program's callback for reports is called by
// one of ours.
int create_thread(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  const auto create = g_has_thread_sanitizer ? g_real.pthread_create : libc().pthread_create;
  return create(thread, attributes, run, argument);
}

bool no_sample_is_under_way() {
  return !capture_samples_under_way();
}

bool before_filter(FilterScope scope) {
  if (!g_was_watched.load(std::memory_order_acquire)) return false;
  const Inside inside;
  if (const SystemCallScope calls; !calls_filtered()) watch_prepare_for_filter(g_settings);
  expect_filter(scope, no_sample_is_under_way);
  return true;
}

// Sets what lock calls and forks do from now on.
void take_part() {
  g_was_watched.store(true, std::memory_order_release);
  g_takes_part.store(true, std::memory_order_release);
}

void before_fork() {
  constexpr uint64_t kTimeoutNs = 1'000'000'000;
  loader_use_before_fork();
  if (thread_in_loader() == 0) return;
  wait_unless_stuck(kTimeoutNs, thread_in_loader, [](uint64_t slice_ns) {
    sleep_until_loader_left(slice_ns);
    return thread_in_loader() == 0;
  });
}

void in_parent() {
  loader_use_after_fork();
}

void in_child() {
  const Inside inside;
  loader_use_in_child();
  seccomp_after_fork();
  standard_error_after_fork(current_tid());
  if (OwnerRecord* own = current_record_after_fork(); own != nullptr) drop_holds_of_parent(*own);
  ended_holds_after_fork();
  lock_registry_after_fork();
  learnt_enders_after_fork();
  repeated_waits_after_fork();
  unloads_after_fork();
  watch_after_fork();
  attachment_after_fork();
}

// If we were preloaded or linked, we come before libc in the loader's list, and every look-up finds our hooks before
// libc's functions. A library that dlopen loads comes last: then no call reaches our hooks unless it is redirected.
bool is_loaded_late() {
  const link_map* before = &own_module();
  while (before != nullptr && before != &libc_module()) before = before->l_prev;
  return before != nullptr;
}

void add_line(TextBuffer& text, std::string_view line) {
  if (text.size() > 0) text << "; ";
  text << line;
}

// Messages about options go to the attaching command as well as to standard error.
void print_to_both(void* why, std::string_view line) {
  print_message(line);
  add_line(*static_cast<TextBuffer*>(why), line);
}

// Done once for all attachments.
bool prepare_late(TextBuffer& why) {
  static bool prepared = false;
  if (prepared) return true;
  standard_error_start();
  remember_own_path();
  if (!current_record_start_late()) {
    why << "the program has used up the thread-specific data keys that need no allocation";
    return false;
  }
  libc().__register_atfork(before_fork, in_parent, in_child, &__dso_handle);
  // A fork that is past its handlers does not know of us; it is given time to be over.
  constexpr uint64_t kForkNs = 20'000'000;
  std::atomic<uint32_t> never{0};
  sleep_on(never, 0, kForkNs);
  return prepared = true;
}

void end_attachment() {
  g_takes_part.store(false, std::memory_order_release);
  watch_stop();
}

// For filters that the program's threads installed before the attachment: it cannot be found out later which thread has
// which.
void note_filters_of_threads() {
  static unsigned current_filters;
  StatusFile own;
  current_filters = read_status_file(current_tid(), &own) == 0 ? own.seccomp_filters : 0;
  for_each_thread([](int tid) {
    StatusFile status;
    if (read_status_file(tid, &status) == 0 && status.seccomp_filters > current_filters) note_filter_of_program();
  });
}

bool begin_attachment(const char* const* options, char* why, unsigned long why_size) {
  TextBuffer text(why, why_size);
  if (!prepare_late(text)) return false;
  if (!options_load_from(&g_settings, {options, program_name(), false, describe_error, print_to_both, &text})) {
    text << "the option EXE excludes this program";
    return false;
  }
  g_settings.is_attachment = true;
  note_filters_of_threads();
  thread_table_forget_holds();
  refill_spares(false);
  listen_for_startup_messages();
  watch_begin(g_settings);
  const StartupMessages messages = watch_is_on() ? await_startup_messages() : StartupMessages{kNoRoomForWatch, nullptr};
  if (messages.remark != nullptr) add_line(text, messages.remark);
  if (messages.refusal != nullptr) {
    add_line(text, messages.refusal);
    end_attachment();
    return false;
  }
  take_part();
  return true;
}

// Options that have no effect here cause no message.
void stay_out(std::string_view why) {
  const auto ignore_message = [](void*, std::string_view) {};
  const bool is_chosen = options_load_from(
      &g_settings, {environ, program_name(), getauxval(AT_SECURE) != 0, describe_error, ignore_message, nullptr});
  if (is_chosen && !g_settings.follow) leave_preload_variable(environ, own_path());
  if (is_chosen && !why.empty()) print_message(why);
}

// glibc passes main's arguments to every constructor; they are above all frames of the first thread.
[[gnu::constructor]] void start(int, char** arguments) {
  const Inside inside;
  if (is_loaded_late()) {
    std::string_view why_not;
    if (!libc_can_be_watched(&why_not)) return;
    // From the global scope, so that existing replacements of libc's functions stay effective.
    resolve_functions(RTLD_DEFAULT);
    offer_attachment();
    return;
  }
  resolve_functions(RTLD_NEXT);
  holdwatch_control_block.state.store(ControlState::left_out, std::memory_order_relaxed);
  standard_error_start();
  remember_own_path();
  std::string_view why_not;
  if (!libc_can_be_watched(&why_not)) return stay_out(why_not);
  // libc's `environ`, not getenv: programs such as bash define a getenv of their own, which does not work before their
  // main.
  const auto print_line = [](void*, std::string_view line) { static_cast<void>(print_message(line)); };
  const OptionSources sources = {environ,        program_name(), getauxval(AT_SECURE) != 0,
                                 describe_error, print_line,     nullptr};
  if (!options_load_from(&g_settings, sources)) return;
  holdwatch_control_block.state.store(ControlState::preloaded, std::memory_order_relaxed);
  if (!g_settings.follow) leave_preload_variable(environ, own_path());
  g_main_frames_end = reinterpret_cast<uintptr_t>(arguments);
  note_pid_namespace();
  current_record_start();
  refill_spares(false);
  libc().__register_atfork(before_fork, in_parent, in_child, &__dso_handle);
  take_part();
}

// Runs after the program's exit handlers; usually the reporter has finished before, see reporter.cpp.
[[gnu::destructor]] void end() {
  const Inside inside;
  watch_end();
}

}  // namespace

constinit const Upcalls kUpcalls = {
    .begin_watch = begin_watch,
    .await_loaded = await_loaded,
    .before_filter = before_filter,
    .create_thread = create_thread,
    .begin_attachment = begin_attachment,
    .end_attachment = end_attachment,
    .detach = request_detachment,
    .sampling_signal_arrived = mailbox_answer,
    .before_exit = watch_end,
};

}  // namespace holdwatch
