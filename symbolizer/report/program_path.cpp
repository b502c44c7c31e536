// See program_path.h.
#include "symbolizer/report/program_path.h"

#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat of_a {
  }, of_b{};
  return stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

// Links in the kernel's file systems that lead to the file but are not its name: /proc/self/exe, with which programs
// restart themselves, and /dev/fd/5, which fexecve uses.
bool is_kernels_link(const std::string& path) {
  return path.starts_with("/proc/") || path.starts_with("/dev/fd/");
}

}  // namespace

// A relative path was relative to a directory that is no longer known; in most cases the link is in the file's
// directory.
std::string known_program_path(const std::string& path, const std::string& file, const std::string& started_as,
                               const std::string& root) {
  if (started_as.empty() || started_as.ends_with('/') || is_kernels_link(started_as)) return path;
  if (started_as.starts_with('/') && is_same_file(root + started_as, file)) return started_as;
  const std::string beside = path.substr(0, path.rfind('/') + 1) + std::string(base_name(started_as));
  return is_same_file(root + beside, file) ? beside : path;
}

std::string current_program_path() {
  constexpr char kFile[] = "/proc/self/exe";
  char path[PATH_MAX];
  const ssize_t length = readlink(kFile, path, sizeof path);
  if (length <= 0) return "";
  const auto* started_as = reinterpret_cast<const char*>(getauxval(AT_EXECFN));  // NOLINT(performance-no-int-to-ptr)
  return known_program_path({path, static_cast<size_t>(length)}, kFile, started_as == nullptr ? "" : started_as, "");
}

}  // namespace holdwatch
