// See file_locks.h.
#include "symbolizer/waits/file_locks.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>

#include "shim/common/text/digits.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/waits/own_file_lock.h"
#include "symbolizer/waits/process_search.h"
#include "symbolizer/waits/shared_owner.h"

namespace holdwatch {
namespace {

FileLock::Kind kind_of(std::string_view word) {
  if (word == "FLOCK") return FileLock::Kind::flock;
  if (word == "POSIX") return FileLock::Kind::posix;
  if (word == "OFDLCK") return FileLock::Kind::open_file;
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

// What a thread asks for, as a line would show it.
struct WantedLock {
  FileLock lock;
  bool is_range_known = true;  // it does not depend on the file's position or size, as that of lockf does
};

std::optional<WantedLock> wanted_lock(const SystemCall& call, const CallContext& context) {
  WantedLock result;
  FileLock& wanted = result.lock;
  if (call.number == SYS_flock) {
    wanted.kind = FileLock::Kind::flock;
    wanted.writes = (call.arguments[1] & LOCK_EX) != 0;
    return result;
  }
  const auto range = context.read_value<struct flock>(call.arguments[2]);
  const bool is_of_open_file = call.arguments[1] == F_OFD_SETLKW;
  if ((call.arguments[1] != F_SETLKW && !is_of_open_file) || !range) return std::nullopt;
  wanted.kind = is_of_open_file ? FileLock::Kind::open_file : FileLock::Kind::posix;
  wanted.writes = range->l_type == F_WRLCK;
  result.is_range_known = range->l_whence == SEEK_SET && range->l_start >= 0 && range->l_len >= 0;
  if (!result.is_range_known) return result;
  wanted.start = static_cast<uint64_t>(range->l_start);
  if (range->l_len > 0) wanted.end = wanted.start + static_cast<uint64_t>(range->l_len) - 1;
  return result;
}

// From the line of the one that waits. False if several threads of its process wait for different ranges, or for a lock
// of an open file, whose lines name no process.
bool find_range(FileLock& wanted, int waiter, const std::vector<FileLock>& locks) {
  const FileLock* found = nullptr;
  for (const FileLock& lock : locks) {
    const bool is_ours = lock.waits && lock.kind == FileLock::Kind::posix && lock.pid == waiter;
    if (!is_ours || lock.device != wanted.device || lock.inode != wanted.inode || lock.writes != wanted.writes)
      continue;
    if (found != nullptr && (found->start != lock.start || found->end != lock.end)) return false;
    found = &lock;
  }
  if (found == nullptr || wanted.kind != FileLock::Kind::posix) return false;
  wanted.start = found->start;
  wanted.end = found->end;
  return true;
}

bool identify(FileLock& wanted, int descriptor, const CallContext& context) {
  struct stat file {};
  const std::string link = context.files.path("fd/" + std::to_string(descriptor));
  if (!context.files.known() || stat(link.c_str(), &file) != 0) return false;
  wanted.device = file.st_dev;
  wanted.inode = file.st_ino;
  return true;
}

// One lock of an open file, or several by the same process that look the same.
using LockKey = std::tuple<FileLock::Kind, bool, int, uint64_t, uint64_t>;

LockKey key_of(const FileLock& lock) {
  return {lock.kind, lock.writes, lock.pid, lock.start, lock.end};
}

bool keeps_out_by_open_file(const FileLock& held, const FileLock& wanted) {
  return held.kind != FileLock::Kind::posix && keeps_out(held, wanted, false);
}

// Which processes have an open file with a lock that keeps out the wanted one: their /proc/PID/fdinfo says so (proc(5)). The process
// that took it may have closed it, or have exited; a child that inherited it has it too.
class OpenFileSearch {
 public:
  OpenFileSearch(const FileLock& wanted, int waiter, int descriptor, const std::string& link)
      : wanted_(wanted), waiter_(waiter), descriptor_(descriptor), name_(std::filesystem::path(link).filename()) {}

  // Nobody is found if there was not enough time.
  void run() {
    for_each_entry("/proc", time_, [&](const std::filesystem::path& process) {
      if (const auto pid = number_of(process.filename().native())) look_at(static_cast<int>(*pid));
      return true;
    });
    if (time_.is_over()) having_.clear();
  }

  // By lock.
  const std::map<LockKey, std::set<int>>& having() const { return having_; }
  bool has_looked_into_all() const { return has_looked_into_all_; }

 private:
  void look_at(int pid) {
    const std::string directory = process_file(pid, "fd");
    if (access(directory.c_str(), R_OK | X_OK) != 0 && errno != ENOENT) note_unseen(pid);
    for_each_entry(directory, time_, [&](const std::filesystem::path& descriptor) {
      std::error_code error;
      const std::string number = descriptor.filename();
      // The file may have another path there, in a mount namespace; not another name.
      const bool has_name = std::filesystem::read_symlink(descriptor, error).filename() == name_;
      if (error == std::errc::permission_denied) note_unseen(pid);
      if (!has_name) return true;
      const bool is_wanted_one = pid == waiter_ && number == std::to_string(descriptor_);
      if (!is_wanted_one) look_at_locks(pid, read_text(process_file(pid, "fdinfo/" + number)));
      return true;
    });
  }

  // Not of the init process, which even root may not look into everywhere. It would have to unlock another one's file by a call: to
  // close it there does not suffice.
  void note_unseen(int pid) { has_looked_into_all_ = has_looked_into_all_ && pid == 1; }

  // A lock of its process is in the texts of all of its descriptors of that file.
  void look_at_locks(int pid, const std::string& information) {
    for (const FileLock& held : parse_file_locks(information))
      if (keeps_out_by_open_file(held, wanted_)) having_[key_of(held)].insert(pid);
  }

  const SearchTime time_;
  const FileLock& wanted_;
  const int waiter_;
  const int descriptor_;
  const std::filesystem::path name_;
  std::map<LockKey, std::set<int>> having_;
  bool has_looked_into_all_ = true;
};

// Of the processes that have the open file with one lock, the one that alone can release it; 0: there are several.
int alone_with(std::set<int> processes, int waiter) {
  // It cannot do so while it waits.
  if (processes.size() > 1 && threads_of_program(waiter).size() == 1) processes.erase(waiter);
  return processes.size() == 1 ? *processes.begin() : 0;
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

// Locks of open files and of processes keep out each other.
bool keeps_out(const FileLock& held, const FileLock& wanted, bool same_process) {
  using Kind = FileLock::Kind;
  const bool are_comparable = (held.kind == Kind::flock) == (wanted.kind == Kind::flock);
  if (held.waits || held.kind == Kind::other || !are_comparable) return false;
  if (held.device != wanted.device || held.inode != wanted.inode) return false;
  if (!held.writes && !wanted.writes) return false;
  if (wanted.kind == Kind::flock) return true;
  if (same_process && held.kind == Kind::posix && wanted.kind == Kind::posix) return false;
  return held.start <= wanted.end && wanted.start <= held.end;
}

std::string file_of_lock(const SystemCall& call, const ThreadFiles& files) {
  return files.descriptor_link(static_cast<int>(static_cast<uint32_t>(call.arguments[0]))).value_or("");
}

FileLockHolders holders_of_file_lock(const SystemCall& call, const CallContext& context) {
  const int descriptor = static_cast<int>(static_cast<uint32_t>(call.arguments[0]));
  auto asked = wanted_lock(call, context);
  if (!asked || !identify(asked->lock, descriptor, context)) return {};
  FileLock& wanted = asked->lock;
  const int waiter = context.files.process_id();
  const std::vector<FileLock> locks = parse_file_locks(read_text("/proc/locks"));
  if (!asked->is_range_known && !find_range(wanted, waiter, locks)) return {};
  FileLockHolders holders;
  std::set<int> pids, alone, writing;
  for (const FileLock& held : locks) {
    if (held.kind != FileLock::Kind::posix || held.pid <= 0 || !keeps_out(held, wanted, held.pid == waiter)) continue;
    pids.insert(held.pid);
    if (held.writes) writing.insert(held.pid);
  }
  alone = pids;
  holders.are_alone_for_certain = true;
  // Of an open file's lock, /proc/locks has no line if the process that took it has exited, or is in another pid namespace.
  const bool is_of_open_file = std::any_of(locks.begin(), locks.end(),
                                           [&](const FileLock& held) { return keeps_out_by_open_file(held, wanted); });
  if (pids.empty() || is_of_open_file) {
    OpenFileSearch search(wanted, waiter, descriptor, file_of_lock(call, context.files));
    search.run();
    for (const auto& [lock, having] : search.having()) {
      pids.insert(having.begin(), having.end());
      if (std::get<bool>(lock)) writing.insert(having.begin(), having.end());
      if (const int pid = alone_with(having, waiter); pid != 0) alone.insert(pid);
    }
    holders.are_alone_for_certain = search.has_looked_into_all() && are_all_processes_visible();
  }
  std::set_difference(pids.begin(), pids.end(), writing.begin(), writing.end(), std::back_inserter(holders.reading));
  holders.is_here = pids.erase(waiter) != 0;
  holders.processes.assign(pids.begin(), pids.end());
  holders.alone.assign(alone.begin(), alone.end());
  return holders;
}

}  // namespace holdwatch
