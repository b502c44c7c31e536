// See file_locks.h.
#include "symbolizer/waits/file_locks.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "shim/common/text/digits.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch {
namespace {

FileLock::Kind kind_of(std::string_view word) {
  if (word == "FLOCK") return FileLock::Kind::flock;
  if (word == "POSIX") return FileLock::Kind::posix;
  return FileLock::Kind::other;
}

// Removes the next word from the start of `text`, up to a blank or the `end` of the word.
std::string_view take_word(std::string_view& text, char end = ' ') {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(end));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

// "1: POSIX  ADVISORY  WRITE 4711 fe:01:131 0 EOF"; a lock that is waited for has "-> " after its number.
std::optional<FileLock> parse_line(std::string_view line) {
  FileLock lock;
  lock.waits = line.find("-> ") != std::string_view::npos;
  const std::string_view before = lock.waits ? "-> " : ": ";
  const size_t begin = line.find(before);
  if (begin == std::string_view::npos) return std::nullopt;
  line.remove_prefix(begin + before.size());
  lock.kind = kind_of(take_word(line));
  take_word(line);  // whether it is advisory
  lock.writes = take_word(line) == "WRITE";
  const auto pid = number_of(take_word(line));
  lock.pid = pid ? static_cast<int>(*pid) : -1;
  const auto major_number = number_of(take_word(line, ':'), 16), minor_number = number_of(take_word(line, ':'), 16);
  const auto inode = number_of(take_word(line)), start = number_of(take_word(line));
  if (!major_number || !minor_number || !inode || !start || line.empty()) return std::nullopt;
  lock.device = makedev(static_cast<unsigned>(*major_number), static_cast<unsigned>(*minor_number));
  lock.inode = *inode;
  lock.start = *start;
  lock.end = number_of(take_word(line)).value_or(UINT64_MAX);  // "EOF"
  return lock;
}

// What the thread asks for, as a line would show it.
std::optional<FileLock> wanted_lock(const SystemCall& call, const CallContext& context) {
  FileLock wanted;
  if (call.number == SYS_flock) {
    wanted.kind = FileLock::Kind::flock;
    wanted.writes = (call.arguments[1] & LOCK_EX) != 0;
    return wanted;
  }
  const auto range = context.read_value<struct flock>(call.arguments[2]);
  if (call.arguments[1] != F_SETLKW || !range || range->l_whence != SEEK_SET || range->l_start < 0 || range->l_len < 0)
    return std::nullopt;
  wanted.kind = FileLock::Kind::posix;
  wanted.writes = range->l_type == F_WRLCK;
  wanted.start = static_cast<uint64_t>(range->l_start);
  if (range->l_len > 0) wanted.end = wanted.start + static_cast<uint64_t>(range->l_len) - 1;
  return wanted;
}

bool identify(FileLock& wanted, int descriptor, const CallContext& context) {
  struct stat file {};
  const std::string link = context.files.path("fd/" + std::to_string(descriptor));
  if (!context.files.known() || stat(link.c_str(), &file) != 0) return false;
  wanted.device = file.st_dev;
  wanted.inode = file.st_ino;
  return true;
}

bool keeps_out(const FileLock& held, const FileLock& wanted, int own_process) {
  if (held.waits || held.pid <= 0 || held.kind != wanted.kind) return false;
  if (held.device != wanted.device || held.inode != wanted.inode) return false;
  if (!held.writes && !wanted.writes) return false;
  if (wanted.kind == FileLock::Kind::flock) return true;
  return held.pid != own_process && held.start <= wanted.end && wanted.start <= held.end;
}

// A lock by flock belongs to the open file, which a child inherits: the process that took it may have closed it, or have
// exited. Where a process still has the open file, its /proc/PID/fdinfo says so (proc(5)). A lock by fcntl ends with its
// process.
bool still_has(int pid, const FileLock& wanted) {
  if (wanted.kind == FileLock::Kind::posix) return true;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(process_file(pid, "fdinfo"), error)) {
    for (const FileLock& lock : parse_file_locks(read_text(entry.path()))) {
      if (keeps_out(lock, wanted, 0)) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<FileLock> parse_file_locks(std::string_view text) {
  std::vector<FileLock> locks;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (const auto lock = parse_line(line)) locks.push_back(*lock);
  }
  return locks;
}

std::vector<int> holders_of_file_lock(const SystemCall& call, const CallContext& context) {
  auto wanted = wanted_lock(call, context);
  if (!wanted || !identify(*wanted, static_cast<int>(static_cast<uint32_t>(call.arguments[0])), context)) return {};
  const int own_process = context.files.is_ours() ? getpid() : context.files.process();
  std::vector<int> pids;
  for (const FileLock& held : parse_file_locks(read_text("/proc/locks"))) {
    if (keeps_out(held, *wanted, own_process) && still_has(held.pid, *wanted)) pids.push_back(held.pid);
  }
  return pids;
}

}  // namespace holdwatch
