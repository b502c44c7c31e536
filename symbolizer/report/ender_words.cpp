// See ender_words.h.
#include "symbolizer/report/ender_words.h"

#include <fmt/format.h>

#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

// To end a wait of this kind: "signal it", "signalled".
struct Verb {
  const char* infinitive;
  const char* participle;
};

Verb verb(WaitKind kind) {
  if (kind == WaitKind::condition) return {"signal", "signalled"};
  if (kind == WaitKind::semaphore) return {"post", "posted"};
  if (kind == WaitKind::barrier) return {"come to", "reached"};
  if (kind == WaitKind::mutex || kind == WaitKind::rwlock) return {"release", "released"};
  return {"wake", "woken"};
}

// A lock that names its owner by a thread id.
bool is_for_lock(const ReportWait& wait) {
  return wait.kind == WaitKind::mutex || wait.kind == WaitKind::rwlock || wait.kind == WaitKind::loader;
}

std::string place_words(const Frame& frame) {
  if (!frame.file.empty() && frame.line > 0) return fmt::format(" at {}:{}", escape(base_name(frame.file)), frame.line);
  if (!frame.function.empty()) return fmt::format(" in {}", escape(frame.function));
  return frame.module.empty() ? "" : fmt::format(" at {}+{:#x}", escape(base_name(frame.module)), frame.offset);
}

}  // namespace

std::string last_ender_words(const ReportWait& wait) {
  if (wait.last.tid == 0) return "";
  const std::string name = wait.last.thread.empty() ? "" : " " + quote(wait.last.thread);
  const char* const participle = verb(wait.kind).participle;
  const std::string how =
      wait.last_is_before ? fmt::format("{} before", participle) : fmt::format("last {}", participle);
  const std::string when = wait.last_ago_ns == 0 ? "" : fmt::format(", {} ago", format_duration(wait.last_ago_ns));
  return fmt::format(" ({} by {}{}{}{})", how, wait.last.tid, name, place_words(wait.last_at), when);
}

std::string reason_words(const ReportWait& wait, const ReportEnder& ender) {
  if (ender.evidence != Evidence::code) return "";
  return fmt::format(": its code goes on to {} it", verb(wait.kind).infinitive);
}

std::string gap_words(const ReportWait& wait) {
  if (wait.is_for_gone) return "the thread that has the lock has exited, or was not copied by a fork";
  const Verb to_end = verb(wait.kind);
  switch (wait.gap) {
    case EnderGap::none:
      return "";
    case EnderGap::unwatched:
      return fmt::format("which threads {} it is seen only while the process is watched", to_end.infinitive);
    case EnderGap::unseen:
      return fmt::format("no other thread has been seen to {} it", to_end.infinitive);
    case EnderGap::several:
      return fmt::format("several threads have {} it", to_end.participle);
    case EnderGap::exited:
      if (is_for_lock(wait)) return "no thread that can have the lock has the id that it names";
      if (wait.kind == WaitKind::stream) return "the thread that has locked it has exited";
      return fmt::format("the thread that has {} it has exited", to_end.participle);
    case EnderGap::younger:
      return "the thread whose id the lock names began after the wait, and another one may have had that id before";
    case EnderGap::processes:
      if (is_for_lock(wait)) return "which thread of another process, or pid namespace, the lock names is not certain";
      return fmt::format("another process may {} it", to_end.infinitive);
    case EnderGap::on_stack:
      return "it is on the waiting thread's stack, where another may have been before";
    case EnderGap::not_stated:
      return "the lock does not say who has it";
  }
  return "";
}

namespace {

std::string other_end_words(const ReportWait& wait) {
  if (wait.other_ends == kEndsNotCounted)
    return "the search for its other end was not complete in the time that it has";
  if (wait.other_ends > 0) return fmt::format("its other end is open in {} processes", wait.other_ends);
  if (wait.other_end_is_here) return "its other end is open in the waiting process only";
  return "no process with its other end was found";
}

}  // namespace

std::string why_nobody_is_named(const ReportWait& wait) {
  if (!wait.enders.empty() || wait.gap != EnderGap::none || wait.is_for_gone) return gap_words(wait);
  switch (wait.kind) {
    case WaitKind::pipe:
    case WaitKind::socket:
      return other_end_words(wait);
    case WaitKind::once:
    case WaitKind::local_static:
      return "no single thread was found inside the initializer";
    case WaitKind::child:
      return "it waits for any of several processes, or for one that it does not name by its id";
    case WaitKind::file_lock:
      return "no process was found that has the lock";
    case WaitKind::page_fault:
      return "the kernel does not say who provides the page";
    case WaitKind::sleep:
      return "no thread needs to: it ends when its time is over";
    case WaitKind::poll:
      return "the descriptors that it waits for are not looked up";
    case WaitKind::mutex:
    case WaitKind::rwlock:
    case WaitKind::stream:
    case WaitKind::loader:
    case WaitKind::libc:
      return "";  // said where it is so: whoever has it may be in the report
    case WaitKind::condition:
    case WaitKind::join:
    case WaitKind::semaphore:
    case WaitKind::barrier:
    case WaitKind::atomic:
    case WaitKind::futex:
    case WaitKind::other:
      break;
  }
  return "nothing shows who can end it";
}

}  // namespace holdwatch
