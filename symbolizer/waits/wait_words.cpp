// See wait_words.h.
#include "symbolizer/waits/wait_words.h"

#include <algorithm>

#include "symbolizer/activity/words.h"

namespace holdwatch {
namespace {

std::string thread_words(const Ender& ender) {
  const std::string name = printable(ender.thread);
  return std::to_string(ender.tid) + (name.empty() ? "" : " \"" + name + "\"");
}

// ", held by 4711 "main"".
std::string ender_words(std::string_view how, const Wait& wait) {
  if (wait.ender_count == 0) return "";
  return ", " + std::string(how) + " by " + thread_words(wait.enders[0]);
}

std::string object_words(std::string_view what, const Wait& wait) {
  const std::string name = printable(wait.name);
  if (name.empty() && wait.object == 0) return std::string(what);
  return std::string(what) + " " + (name.empty() ? hex_in_words(wait.object) : name);
}

bool is_own(const Wait& wait, int tid) {
  const Ender* const runs = only_thread(wait);
  return runs != nullptr && runs->tid == tid;
}

std::string whose_words(const Wait& wait, int tid) {
  if (only_thread(wait) == nullptr) return "waits for an initializer";  // by whom it is run is not known
  return is_own(wait, tid) ? "waits for its own initializer" : "waits for another thread's initializer";
}

std::string initializer_words(const Wait& wait, int tid) {
  return is_own(wait, tid) ? ", likely run by the thread itself: that can never end" : ender_words("likely run", wait);
}

std::string static_words(const Wait& wait, int tid) {
  const std::string name = printable(wait.name);
  const std::string guard = wait.object == 0 ? "" : ", guard " + hex_in_words(wait.object);
  const std::string text =
      name.empty() ? whose_words(wait, tid) + " of a static variable" + guard : "waits for the initializer of " + name;
  return text + initializer_words(wait, tid);
}

std::string join_words(const Wait& wait) {
  if (wait.ender_count == 0) return "waits for a thread to exit";
  return "waits for thread " + thread_words(wait.enders[0]) + " to exit";
}

std::string barrier_words(const Wait& wait) {
  const std::string text = object_words("waits at barrier", wait);
  if (wait.needed == 0) return text;
  return text + " (" + std::to_string(wait.arrived) + " of " + std::to_string(wait.needed) + " threads have arrived)";
}

std::string words(const Wait& wait, int tid) {
  switch (wait.kind) {
    case WaitKind::join:
      return join_words(wait);
    case WaitKind::condition:
      return wait.object == 0 ? "in a condition wait" : object_words("in a condition wait on", wait);
    case WaitKind::semaphore:
      return object_words("waits for semaphore", wait);
    case WaitKind::barrier:
      return barrier_words(wait);
    case WaitKind::once:
      return object_words(whose_words(wait, tid) + ", pthread_once", wait) + initializer_words(wait, tid);
    case WaitKind::local_static:
      return static_words(wait, tid);
    case WaitKind::atomic:
      return wait.object == 0 ? "waits for a change of an atomic variable"
                              : object_words("waits for a change of the atomic", wait);
    case WaitKind::stream:
      return "waits for stream lock " + hex_in_words(wait.object) + ender_words("held", wait);
    case WaitKind::loader:
      return "waits for the loader's lock" + ender_words("held", wait);
    case WaitKind::libc:
      return object_words("waits for a lock inside libc", wait) + ender_words("likely held", wait);
    case WaitKind::mutex:
    case WaitKind::rwlock:
    case WaitKind::file_lock:
    case WaitKind::page_fault:
    case WaitKind::pipe:
    case WaitKind::socket:
    case WaitKind::child:
    case WaitKind::futex:
    case WaitKind::sleep:
    case WaitKind::poll:
    case WaitKind::other:
      break;
  }
  return "";
}

std::string process_words(const Wait& wait, uint32_t index) {
  return "process " + thread_words(wait.enders[index]);
}

// "thread 4712 "relay" of process 4700".
std::string owner_words(const Ender& owner) {
  return "thread " + thread_words(owner) + " of process " + std::to_string(owner.pid);
}

bool is_for_lock(const Wait& wait) {
  return wait.kind == WaitKind::mutex || wait.kind == WaitKind::rwlock;
}

// Which of its threads, if that is known or likely: it comes last.
std::string own_process_words(const Wait& wait) {
  const Ender& last = wait.enders[wait.ender_count - 1];
  if (last.pid != 0) return "this process";
  if (is_guess(last.evidence)) return "this process, likely by its thread " + thread_words(last);
  return "this process's thread " + thread_words(last);
}

// Those of others come first, as far as there is room.
std::string file_lock_words(const Wait& wait) {
  if (wait.ender_count == 0) return "";
  const uint32_t named = std::min<uint32_t>(wait.other_ends, wait.ender_count);
  std::string text;
  for (uint32_t i = 0; i < named; ++i) text += (i == 0 ? "" : ", ") + process_words(wait, i);
  if (wait.other_ends > named) text += " and " + std::to_string(wait.other_ends - named) + " more";
  if (!wait.other_end_is_here) return ", held by " + text;
  return ", held by " + (text.empty() ? own_process_words(wait) : text + " and this one");
}

std::string timeout_words(const Wait& wait) {
  if (!wait.has_timeout) return "";
  const std::string text =
      wait.timeout_ns == 0 ? ", with a timeout" : ", timeout in " + duration_in_words(wait.timeout_ns);
  if (wait.timeouts == 0) return text;
  return text + ", after " + std::to_string(wait.timeouts) + (wait.timeouts == 1 ? " timeout" : " timeouts");
}

}  // namespace

std::string describe_wait(const Wait& wait, int tid) {
  const std::string text = wait.known ? words(wait, tid) : "";
  return text.empty() ? "" : text + timeout_words(wait);
}

std::string describe_other_processes(const Wait& wait) {
  if (!wait.known) return "";
  if (is_for_lock(wait) && wait.ender_count > 0 && wait.enders[0].pid != 0)
    return ", held by " + owner_words(wait.enders[0]);
  if (wait.kind == WaitKind::file_lock) return file_lock_words(wait);
  if (wait.kind != WaitKind::pipe && wait.kind != WaitKind::socket) return "";
  if (wait.other_ends == kEndsNotCounted) return "";
  if (wait.other_ends > kMaxEnders)
    return ", its other end is open in " + std::to_string(wait.other_ends) + " processes";
  std::string text;
  for (uint32_t i = 0; i < wait.ender_count; ++i) text += (i == 0 ? "" : ", ") + process_words(wait, i);
  if (wait.other_end_is_here) text += text.empty() ? "this process" : " and this one";
  return text.empty() ? "" : ", its other end is open in " + text;
}

}  // namespace holdwatch
