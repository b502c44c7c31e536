// See watch_checks.h.
#include "symbolizer/tools/doctor/watch_checks.h"

#include <dlfcn.h>

#include <algorithm>

#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/checks.h"
#include "symbolizer/tools/attach/libc_code.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/attach/target.h"
#include "symbolizer/tools/attach/watched.h"
#include "symbolizer/tools/missing_libraries.h"
#include "symbolizer/unwind/libunwind.h"

namespace holdwatch {
namespace {

using attach::AttachTarget;
using attach::Watched;

size_t count_threads_of(pid_t pid) {
  return thread_ids(pid).size();
}

bool has_thread_of_ours(pid_t pid) {
  const auto ids = thread_ids(pid);
  return std::any_of(ids.begin(), ids.end(),
                     [pid](int tid) { return read_text(thread_file(pid, tid, "comm")).starts_with("holdwatch"); });
}

// Empty, or why `attach` would refuse.
std::string why_attach_refuses(AttachTarget& target, const std::string& library) {
  if (dlopen(kLibunwindFile, RTLD_LAZY | RTLD_LOCAL) == nullptr)
    return "attach " + why_not_loaded(kLibunwindFile, dlerror());
  try {
    attach::check_reachable(target.pid(), library);
    if (target.libc() != nullptr) attach::find_libc_code(target);
    return "";
  } catch (const attach::Refusal& refusal) {
    return refusal.what();
  }
}

void report_not_watched(pid_t pid, bool is_possible, const std::string& why_attach_refuses, Findings& findings) {
  const std::string number = std::to_string(pid);
  if (is_possible && !why_attach_refuses.empty()) {
    findings.note("watch", "it is not watched and cannot be attached to: " + why_attach_refuses);
  } else if (is_possible) {
    findings.note("watch", "it is not watched; holdwatch attach " + number +
                               " watches it now, holdwatch run or holdwatch systemd enable from its next start on");
  } else {
    findings.note("watch", "it is not watched; holdwatch inspect " + number +
                               " shows which threads wait for which now, as far as they use glibc's locks");
  }
}

void report_preloaded(pid_t pid, bool has_watcher, Findings& findings) {
  if (has_watcher) {
    findings.fine("watch", "it is watched: it was started with holdwatch preloaded");
  } else if (count_threads_of(pid) == 1) {
    findings.note("watch",
                  "it was started with holdwatch preloaded, and is not watched yet: that begins with its second "
                  "thread, or when its only thread has to wait for a lock");
  } else {
    findings.note("watch",
                  "it was started with holdwatch preloaded, but no watcher thread runs in it; its standard error says "
                  "why (usually a seccomp filter of its own)");
  }
}

void report_state(pid_t pid, Watched& watched, bool is_possible, Findings& findings) {
  const std::string number = std::to_string(pid);
  switch (watched.state()) {
    case ControlState::loading:
      findings.note("watch", "it is loading holdwatch now; try again");
      break;
    case ControlState::preloaded:
      report_preloaded(pid, watched.has_watcher(), findings);
      break;
    case ControlState::left_out:
      findings.note("watch",
                    "it was started with holdwatch preloaded, but is excluded by EXE (holdwatch systemd enable sets "
                    "EXE to the unit's main program): it is not watched; start it with an EXE that matches its name");
      break;
    case ControlState::idle:
      findings.note("watch", "it was attached to and then detached from: the library stays loaded and does nothing" +
                                 (is_possible ? "; holdwatch attach " + number + " watches it again" : ""));
      break;
    case ControlState::attaching:
      findings.note("watch", "it is being attached to now; try again");
      break;
    case ControlState::attached:
      findings.fine("watch", "it is watched since it was attached to; holdwatch detach " + number + " ends that");
      break;
    case ControlState::detaching:
      findings.note("watch", "it is being detached from now; try again");
      break;
  }
}

// Threads of ours show that it is watched; the library alone may be inactive.
void guess_from_outside(pid_t pid, const std::string& why_closed, bool is_possible, Findings& findings) {
  if (read_text("/proc/" + std::to_string(pid) + "/maps").find("/libholdwatch.so") == std::string::npos) {
    report_not_watched(pid, is_possible, "", findings);
  } else if (has_thread_of_ours(pid)) {
    findings.fine("watch", "it is watched: holdwatch's threads run in it");
  } else {
    findings.note("watch",
                  "holdwatch is loaded but has no thread in it; its state cannot be determined: " + why_closed);
  }
}

}  // namespace

void check_watch(pid_t pid, const std::string& library, const std::string& why_closed, bool is_possible,
                 Findings& findings) {
  if (!why_closed.empty()) return guess_from_outside(pid, why_closed, is_possible, findings);
  try {
    AttachTarget target(pid);
    target.refresh();
    if (std::optional<Watched> watched = Watched::find(target))
      report_state(pid, *watched, is_possible, findings);
    else
      report_not_watched(pid, is_possible, why_attach_refuses(target, library), findings);
  } catch (const attach::Refusal& refusal) {
    findings.note("watch", refusal.what());
  }
}

}  // namespace holdwatch
