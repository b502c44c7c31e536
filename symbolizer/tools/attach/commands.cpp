// See commands.h.
#include "symbolizer/tools/attach/commands.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <utility>

#include "shim/common/elf/cut_file.h"
#include "symbolizer/tools/attach/checks.h"
#include "symbolizer/tools/attach/earlier_sleeps.h"
#include "symbolizer/tools/attach/find_watched.h"
#include "symbolizer/tools/attach/helper_thread.h"
#include "symbolizer/tools/attach/injection_session.h"
#include "symbolizer/tools/attach/libc_code.h"
#include "symbolizer/tools/attach/library.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/attach/resource_limits.h"
#include "symbolizer/tools/attach/safe_thread.h"
#include "symbolizer/tools/attach/watched.h"
#include "symbolizer/tools/missing_libraries.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

constexpr std::chrono::milliseconds kSafeThreadTimeout{5000};
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kAttachTimeoutNs = 30 * kSecondNs;
constexpr uint64_t kDetachTimeoutNs = 30 * kSecondNs;
constexpr uint64_t kAnswerTimeoutNs = 5 * kSecondNs;

void refuse_if_watched(const std::string& who, ControlState state) {
  switch (state) {
    case ControlState::preloaded:
      throw Refusal(who + " is already watched: it was started with holdwatch preloaded");
    case ControlState::left_out:
      throw Refusal(who +
                    " was started with holdwatch preloaded and is excluded by EXE: restart it without that option");
    case ControlState::attached:
    case ControlState::attaching:
      throw Refusal(who + " is already watched; to end that: holdwatch detach " + who.substr(0, who.find(' ')));
    case ControlState::detaching:
      throw Refusal(who + ": a detach is still in progress, because a report is blocked on its reader; try again");
    case ControlState::loading:
      throw Refusal(who + " is still loading holdwatch; try again");
    case ControlState::idle:
      break;
  }
}

// The destination of reports that go to standard error.
std::string standard_error_of(int pid) {
  char path[PATH_MAX];
  const ssize_t length = readlink(("/proc/" + std::to_string(pid) + "/fd/2").c_str(), path, sizeof path);
  return length < 0 ? "which is closed" : std::string(path, static_cast<size_t>(length));
}

bool names_log(const std::vector<std::string>& options) {
  for (const std::string& option : options)
    if (option.starts_with("HOLDWATCH_LOG=") || option.starts_with("HOLDWATCH_CONFIG=")) return true;
  return false;
}

// Whether reports are to go anywhere other than to standard error.
bool names_output(const std::vector<std::string>& options) {
  return std::any_of(options.begin(), options.end(), [](const std::string& option) {
    const std::string value = option.substr(option.find('=') + 1);
    return (option.starts_with("HOLDWATCH_LOG=") && value != "stderr" && value != "none") ||
           (option.starts_with("HOLDWATCH_JSON=") && !value.empty() && value != "none");
  });
}

// Stops a thread of the process for each step that must run in one, and keeps the longest time that this took. The
// thread makes the calls of that step itself only if it cannot start a helper for them.
class RemoteWork {
 public:
  RemoteWork(AttachTarget& target, EarlierSleeps& sleeps)
      : target_(target), sleeps_(sleeps), code_(find_libc_code(target)) {
    look_up_helper_functions(target);
  }

  template <typename Work>
  void in_its_thread(Work work) {
    if (!may_have_helper(target_)) {
      borrow_thread([&](RemoteCall& thread) {
        thread.use_remote_stack();
        work(thread);
      });
      return;
    }
    uintptr_t helper = 0;
    borrow_thread([&](RemoteCall& thread) { helper = start_helper(target_, thread); });
    work(*take_helper(target_, code_, helper));
  }
  uint64_t longest_stop_ns() const { return stopped_ns_; }

 private:
  template <typename Use>
  void borrow_thread(Use use) {
    const auto thread = take_safe_thread(target_, code_, kSafeThreadTimeout);
    sleeps_.begin_use(thread->id());
    check_filters(target_, thread->id());
    use(*thread);
    thread->restore();
    sleeps_.end_use(thread->id());
    stopped_ns_ = std::max(stopped_ns_, thread->stopped_ns());
  }

  AttachTarget& target_;
  EarlierSleeps& sleeps_;
  LibcCode code_;
  uint64_t stopped_ns_ = 0;
};

void begin_in_its_thread(AttachTarget& target, RemoteCall& thread, const std::vector<std::string>& options,
                         const HandedCopies& handed) {
  const std::string who = describe_process(target.pid());
  target.refresh();
  std::optional<Watched> watched = Watched::find(target);
  if (!watched) throw Refusal(who + ": the loaded library is not holdwatch's");
  refuse_if_watched(who, watched->state());
  for (const auto& [library, copy] :
       {std::pair{Watched::Later::symbolizer, handed.symbolizer}, {Watched::Later::decoder, handed.decoder}})
    if (!copy.path.empty()) watched->hand_over(library, copy.path, copy.descriptor);
  watched->send(ControlRequest::attach, 0, options);
  const auto error = static_cast<int>(thread.call(watched->attach_function(), {}));
  if (error == 0) return;
  refuse_without_thread(target.pid(), error, "the library stays loaded and does nothing");
}

void load_and_begin(AttachTarget& target, RemoteWork& remote_work, const std::string& library,
                    const std::vector<std::string>& options) {
  std::optional<MemoryCopies> made;
  const CopiesLeft left = find_copies_left(target.pid());
  const bool later_ones_only = needs_copies_again(target);
  remote_work.in_its_thread([&](RemoteCall& thread) {
    const HandedCopies handed = clear_up(target, thread, left);
    if (later_ones_only && handed.symbolizer.path.empty()) {
      made = make_later_copies(thread, library);
    } else if (!Watched::find(target) && !load_library(target, thread, library).empty()) {
      made = make_copies(thread, library);
    } else {
      begin_in_its_thread(target, thread, options, handed);
    }
  });
  if (!made) return;
  const MemoryCopies copies = *made;
  fill_copies(target, copies, library);
  remote_work.in_its_thread(
      [&](RemoteCall& thread) { begin_in_its_thread(target, thread, options, load_copies(target, thread, copies)); });
}

// Whatever fails because a process has exited, the message is that it has exited.
template <typename Work>
void with_process(int pid, Work work) {
  if (!has_proc()) throw Refusal(std::string("this command ") + kNeedsProc);
  const std::string who = describe_process(pid);
  try {
    const InjectionSession session(pid);
    work();
  } catch (const Refusal&) {
    if (who.ends_with("()") || !has_ended(pid)) throw;
    throw Refusal(who + " has exited");
  }
}

std::string send_request(int pid, ControlRequest request, uint64_t argument) {
  AttachTarget target(pid);
  Watched watched = find_watched(target, request);
  const std::string who = describe_process(pid);
  watched.send(request, argument, {});
  const auto answer = watched.wait_for_answer(request == ControlRequest::detach ? kDetachTimeoutNs : kAnswerTimeoutNs);
  if (!answer) refuse_silent(pid);
  if (!answer->succeeded) throw Refusal(who + ": " + answer->text);
  return answer->text;
}

// Returns the answer.
std::string send_to_process(int pid, ControlRequest request, uint64_t argument) {
  std::string answer;
  with_process(pid, [&] { answer = send_request(pid, request, argument); });
  return answer;
}

Watched::Answer answer_of_attachment(AttachTarget& target, const std::string& who) {
  auto watched = Watched::find(target);
  if (!watched) throw Refusal(who + " no longer has holdwatch loaded: it has exited or executed another program");
  auto answer = watched->wait_for_answer(kAttachTimeoutNs);
  if (!answer)
    throw Refusal(who + ": attaching waits for the loader's lock, which another thread holds; it completes by itself");
  return *answer;
}

void refuse_if_unwatched(int pid, const std::string& who, const Watched::Answer& answer) {
  if (!answer.succeeded) {
    const bool is_full = answer.text.ends_with(kNoRoomForWatch);
    const std::string limits = is_full ? reached_limits(pid) : "";
    throw Refusal("cannot attach to " + who + ": " + answer.text + (is_full && limits.empty() ? kMoreThreads : limits));
  }
  if (answer.text.starts_with("0 calls"))
    throw Refusal(who +
                  ": attached, but nothing is watched: none of its calls leads to a libc lock function, or its memory "
                  "is limited; its standard error says which");
}

// The library's answer begins with what it did; problems that it found follow.
void print_attached(const std::string& who, const std::string& answer, uint64_t stopped_ns) {
  constexpr std::string_view kSeparator = "; ";
  const size_t end = answer.find(kSeparator);
  printf("attached to %s: %s; one thread was paused for %.1f ms\n", who.c_str(), answer.substr(0, end).c_str(),
         static_cast<double>(stopped_ns) / 1e6);
  if (end != std::string::npos) fprintf(stderr, "holdwatch: %s\n", answer.c_str() + end + kSeparator.size());
}

// Has what is stuck reported at once. Without an answer in time, as from a watcher that does not get to run, it is reported
// when the watcher gets there.
void report_what_is_stuck(AttachTarget& target, EarlierSleeps& sleeps) {
  auto watched = Watched::find(target);
  if (!watched || !watched->wait_for_watcher(kAnswerTimeoutNs)) return;
  watched->send_stuck(sleeps.still_asleep());
  const auto answer = watched->wait_for_answer(kAnswerTimeoutNs);
  if (answer && answer->succeeded) printf("%s\n", answer->text.c_str());
}

// Reports cannot go to a file or a log without the symbolizer. A process in a container, which may have other libraries
// than those we see, prints its own message.
void refuse_if_outputs_are_lost(int pid, const std::string& library, const std::vector<std::string>& options) {
  if (!names_output(options) || !sees_the_same_file(pid, library)) return;
  if (const std::string why_not = why_symbolizer_not_loaded(library); !why_not.empty())
    throw Refusal("attach cannot write a log or a JSON file: the symbolizer " + why_not +
                  "; without --log and --json, reports go to the process's standard error, without names");
}

// The loader would map it, and the process would die of SIGBUS.
void refuse_if_incomplete(const std::string& library) {
  if (is_cut(library.c_str())) throw Refusal(library + " is incomplete; build or install holdwatch again");
}

void attach_serialized(int pid, const std::string& library, const std::vector<std::string>& options) {
  AttachTarget target(pid);
  target.refresh();
  const std::string who = describe_process(pid);
  if (auto watched = Watched::find(target)) {
    watched->settle(kAnswerTimeoutNs);
    refuse_if_watched(who, watched->state());
  }
  refuse_if_incomplete(library);
  check_loadable(target);
  check_reachable(pid, library);
  refuse_if_outputs_are_lost(pid, library, options);
  EarlierSleeps sleeps(pid);
  RemoteWork remote_work(target, sleeps);
  load_and_begin(target, remote_work, library, options);
  const Watched::Answer answer = answer_of_attachment(target, who);
  refuse_if_unwatched(pid, who, answer);
  print_attached(who, answer.text, remote_work.longest_stop_ns());
  if (!names_log(options)) printf("reports go to its standard error, %s\n", standard_error_of(pid).c_str());
  report_what_is_stuck(target, sleeps);
}

}  // namespace

void attach(int pid, const std::string& library, const std::vector<std::string>& options) {
  with_process(pid, [&] { attach_serialized(pid, library, options); });
}

void detach(int pid) {
  send_to_process(pid, ControlRequest::detach, 0);
  printf("detached from %s: all redirected calls restored\n", describe_process(pid).c_str());
}

void snapshot(int pid) {
  send_to_process(pid, ControlRequest::snapshot, 0);
  printf("%s reports all its held locks to its log\n", describe_process(pid).c_str());
}

void snapshot_condition_waits(int pid) {
  const std::string answer = send_to_process(pid, ControlRequest::snapshot, kSnapshotOfConditionWaits);
  const bool is_none = answer.starts_with("0 ");
  printf("%s: %s%s\n", describe_process(pid).c_str(), answer.c_str(), is_none ? "" : ", listed in its log");
}

void stop(int pid) {
  send_to_process(pid, ControlRequest::stop, 0);
  printf("%s no longer reports anything; to resume: holdwatch start %d\n", describe_process(pid).c_str(), pid);
}

void start(int pid) {
  send_to_process(pid, ControlRequest::start, 0);
  printf("%s reports again\n", describe_process(pid).c_str());
}

void limit(int pid, uint64_t limit_ns, const std::string& as_given) {
  send_to_process(pid, ControlRequest::limit, limit_ns);
  if (limit_ns == 0)
    printf("%s no longer reports holds\n", describe_process(pid).c_str());
  else
    printf("%s reports locks held longer than %s\n", describe_process(pid).c_str(), as_given.c_str());
}

}  // namespace holdwatch::attach
