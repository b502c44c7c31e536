// Who holds the file lock that a thread waits for, by /proc/locks (proc(5)).
// Cold context only. Reads the lock's file's identity by the descriptor's link in /proc; opens nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/activity/context.h"

namespace holdwatch {

// One line of /proc/locks.
struct FileLock {
  enum class Kind : uint8_t { flock, posix, open_file, other };
  bool waits = false;
  Kind kind = Kind::other;
  bool writes = false;
  int pid = 0;  // of the process that took it, as we see it; 0 or negative if it is none of ours, or of no process
  dev_t device = 0;
  uint64_t inode = 0;
  uint64_t start = 0, end = UINT64_MAX;  // the last byte
};

std::vector<FileLock> parse_file_locks(std::string_view text);

// The processes that keep the lock from a thread, in ascending order.
struct FileLockHolders {
  std::vector<int> processes;  // without the waiting one
  bool is_here = false;        // the waiting process
  // Those of them, the waiting one too, without whom the thread cannot get the lock: a lock by fcntl is theirs, or nobody else has
  // the open file with the lock, but for the waiting thread if it is its process's only one.
  std::vector<int> alone;
  std::vector<int> reading;  // those that have it for reading only
  // We could look into every process that might have the file open as well.
  bool are_alone_for_certain = false;
};

// For a call of flock, or of fcntl with F_SETLKW or F_OFD_SETLKW. A lock by fcntl belongs to its process, all others to an open file:
// whoever has that open can release it. None if they cannot be found: the file system gives its files other device numbers there
// (btrfs, overlayfs), the descriptor is unknown, we may not look, or there was not enough time.
FileLockHolders holders_of_file_lock(const SystemCall& call, const CallContext& context);

// The file whose lock such a call waits for; empty if that is not known.
std::string file_of_lock(const SystemCall& call, const ThreadFiles& files);

// Whether `held` keeps out `wanted`. `same_process`: both are its locks.
bool keeps_out(const FileLock& held, const FileLock& wanted, bool same_process);

}  // namespace holdwatch
