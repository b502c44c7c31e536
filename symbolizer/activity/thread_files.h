// What /proc shows of one thread: the links of its own descriptor table, which unshare(CLONE_FILES) separates from the
// process's, and its small text files.
// Cold context only. Nothing here reads from a descriptor, writes to it, or waits for what it refers to.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <optional>
#include <string>

namespace holdwatch {

class ThreadFiles {
 public:
  // Unknown, as in a core file: descriptors are only numbers then.
  ThreadFiles() = default;

  // A thread of this process.
  static ThreadFiles of_ours(int tid) { return {0, tid}; }
  static ThreadFiles of(pid_t process, int tid) { return {process, tid}; }

  bool known() const { return tid_ != 0; }
  bool is_ours() const { return known() && process_ == 0; }
  pid_t process() const { return process_; }  // 0: ours
  pid_t process_id() const { return is_ours() ? getpid() : process_; }
  int tid() const { return tid_; }

  // "/proc/self/task/TID/NAME".
  std::string path(const std::string& name) const;

  // The link's target ("/var/lib/x", "pipe:[1234]"), raw; none if it cannot be read.
  std::optional<std::string> link(const std::string& name) const;

  // A text file; empty if it cannot be read.
  std::string text(const std::string& name) const;

  // A descriptor's link; empty if it is not open; none if that is not known.
  std::optional<std::string> descriptor_link(int descriptor) const;

 private:
  ThreadFiles(pid_t process, int tid) : process_(process), tid_(tid) {}

  pid_t process_ = 0;
  int tid_ = 0;
};

// A descriptor of this process for queries: the one with that number if the thread's refers to the same socket or pipe,
// or a duplicate of another process's; -1 if there is none.
class QueryDescriptor {
 public:
  // `link` is the thread's, with the inode that tells sockets and pipes from each other.
  QueryDescriptor(int descriptor, const ThreadFiles& files, const std::string& link);
  QueryDescriptor(const QueryDescriptor&) = delete;
  QueryDescriptor& operator=(const QueryDescriptor&) = delete;
  ~QueryDescriptor();
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_ = -1;
  bool is_duplicate_ = false;
};

}  // namespace holdwatch
