// See proc_text.h.
#include "symbolizer/proc/proc_text.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

// A "status" file fits into one read, so that it describes one moment.
constexpr size_t kPart = 16384;

// Appends the rest of the file. Returns 0 or an errno.
int append_rest(int file, std::string& text) {
  size_t length = 0;
  while (true) {
    text.resize(length + kPart);
    const ssize_t got = read(file, text.data() + length, kPart);
    if (got > 0) length += static_cast<size_t>(got);
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    text.resize(length);
    return got < 0 ? errno : 0;
  }
}

}  // namespace

std::string read_text(const std::string& path, int* error) {
  std::string text;
  int failure = 0;
  if (const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC); file >= 0) {
    failure = append_rest(file, text);
    close(file);
  } else {
    failure = errno;
  }
  if (error != nullptr) *error = failure;
  return text;
}

std::string read_name(const std::string& path) {
  std::string name = read_text(path);
  if (name.ends_with('\n')) name.pop_back();
  return name;
}

std::string process_file(int pid, const std::string& name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::string thread_file(int pid, int tid, const std::string& name) {
  return process_file(pid, "task/" + std::to_string(tid) + "/" + name);
}

std::string current_process_thread_file(int tid, const std::string& name) {
  return "/proc/self/task/" + std::to_string(tid) + "/" + name;
}

namespace {

// The entries of a directory that are numbers, in ascending order; none if it cannot be read.
std::vector<int> numbers_in(const std::string& path) {
  std::vector<int> numbers;
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return numbers;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
      numbers.push_back(static_cast<int>(leading_number(entry->d_name)));
  }
  closedir(directory);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

std::vector<int> thread_ids(int pid) {
  return numbers_in(process_file(pid, "task"));
}

std::vector<int> process_ids() {
  return numbers_in("/proc");
}

}  // namespace holdwatch
