// See output.h.
#include "symbolizer/tools/inspect/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "symbolizer/report/condition_waits.h"
#include "symbolizer/report/report.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {

InspectionOutput::~InspectionOutput() {
  if (json_ >= 0 && !only_json()) ::close(json_);
}

// Readable only by its owner, like the watched process's own file: stacks and paths must not be visible to others.
bool InspectionOutput::open(std::string& why) {
  if (json_path_.empty()) return true;
  if (only_json()) {
    json_ = STDOUT_FILENO;
    return true;
  }
  json_ = ::open(json_path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (json_ < 0) why = "--json " + json_path_ + " cannot be written: " + std::strerror(errno);
  return json_ >= 0;
}

void InspectionOutput::report(const Report& report) {
  if (!only_json()) {
    std::string text = render_text(report);
    if (is_colored_) text = colored(text, severity_of(report));
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  if (json_ >= 0 && json_error_ == 0) write_json(render_json(report) + "\n");
}

// A pipe may accept only a part.
void InspectionOutput::write_json(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(json_, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) json_error_ = errno;
    if (written < 0) return;
    line.remove_prefix(static_cast<size_t>(written));
  }
}

namespace {

// in_part: some of the readers of an rwlock are known, and others are not.
enum class Explained : uint8_t { exactly, likely, in_part, not_at_all };

// How well it is known who keeps a lock's waiters waiting, or that nobody ever will end that.
Explained explained(const SeenLock& lock) {
  const bool can_never_end = lock.corrupt || lock.lost_wakeup || is_gone(lock.lost);
  if (can_never_end) return Explained::exactly;
  if (lock.holders.empty()) return Explained::not_at_all;
  if (lock.unknown_readers > 0) return Explained::in_part;
  const bool is_guessed = std::any_of(lock.guards.begin(), lock.guards.end(), [&](const auto& guard) {
    return lock.owner == 0 && is_guess(guard.second.evidence);
  });
  return lock.holders_likely || is_guessed ? Explained::likely : Explained::exactly;
}

// ": 2 waits explained exactly, 1 likely, 3 not at all"
std::string explained_text(const Observation& seen) {
  constexpr const char* kWords[] = {" exactly", " likely", " in part", " not at all"};
  size_t counts[std::size(kWords)] = {};
  for (const SeenLock& lock : seen.locks) counts[static_cast<size_t>(explained(lock))] += lock.waits.size();
  std::string text;
  for (size_t i = 0; i < std::size(kWords); ++i) {
    if (counts[i] == 0) continue;
    text +=
        text.empty() ? ": " + count_of(counts[i], "wait", "waits") + " explained" : ", " + std::to_string(counts[i]);
    text += kWords[i];
  }
  return text;
}

std::string idle_not_listed(const Observation& seen) {
  std::vector<size_t> sizes;
  for (const SeenIdle& idle : seen.idle) sizes.push_back(idle.threads.size());
  const std::string left_out = left_out_of_list(sizes, 0);
  const std::string unseen = seen.idle_not_looked_at == 0
                                 ? ""
                                 : count_of(seen.idle_not_looked_at, "blocked thread was", "blocked threads were") +
                                       " not looked at for the list";
  return left_out + (left_out.empty() || unseen.empty() ? "" : "; ") + unseen;
}

}  // namespace

void InspectionOutput::leave_out(const std::string& why) {
  ++left_out_;
  why_left_out_ = why;
}

void InspectionOutput::summary(const Observation& seen, uint64_t took_ns, const std::string& effect_on_process) {
  size_t waiting = 0;
  for (const SeenLock& lock : seen.locks) waiting += lock.waits.size();
  const std::string waiting_text = waiting == 0 ? "no thread waits for a lock of libc"
                                                : count_of(waiting, "thread waits for ", "threads wait for ") +
                                                      count_of(seen.locks.size(), "lock", "locks");
  std::FILE* stream = only_json() ? stderr : stdout;
  if (left_out_ > 0) {
    std::fprintf(stream, "holdwatch[%d]: %s not shown: %s\n", seen.pid, count_of(left_out_, "wait", "waits").c_str(),
                 why_left_out_.c_str());
  }
  if (const std::string more = idle_not_listed(seen); !more.empty())
    std::fprintf(stream, "holdwatch[%d]: %s\n", seen.pid, more.c_str());
  std::fprintf(stream, "holdwatch[%d]: %s, of %s in %s%s; inspected in %s, %s\n", seen.pid, waiting_text.c_str(),
               count_of(seen.thread_count, "thread", "threads").c_str(), escape(base_name(seen.executable)).c_str(),
               explained_text(seen).c_str(), format_duration(took_ns).c_str(), effect_on_process.c_str());
}

bool InspectionOutput::close(std::string& why) {
  const bool text_written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (json_error_ != 0) why = "--json " + json_path_ + ": " + std::strerror(json_error_);
  if (!text_written) why = std::string("standard output: ") + std::strerror(errno);
  return text_written && json_error_ == 0;
}

}  // namespace holdwatch
