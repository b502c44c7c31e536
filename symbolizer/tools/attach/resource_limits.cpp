// See resource_limits.h.
#include "symbolizer/tools/attach/resource_limits.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>

#include "shim/common/proc/thread_files.h"
#include "shim/common/text/digits.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch::attach {
namespace {

// What an attachment maps in total, nearly all of it unused (including two arenas of malloc in each of two libcs), and
// the part of that which counts as data.
constexpr uint64_t kAddressSpace = uint64_t{512} << 20, kData = uint64_t{128} << 20;
constexpr uint64_t kDescriptors = 4;

// The soft limit in a line of /proc/PID/limits: "Max open files    1024    1048576    files", with more blanks.
std::optional<uint64_t> soft_limit(std::string_view limits, const std::string& name) {
  const size_t line = limits.find("\n" + name + " ");
  if (line == std::string_view::npos) return std::nullopt;
  limits.remove_prefix(line + 1 + name.size());
  limits.remove_prefix(std::min(limits.find_first_not_of(' '), limits.size()));
  return take_number(limits, 10);  // none: "unlimited"
}

uint64_t bytes_of(const std::string& status, const char* field) {
  return status_number(status, field).value_or(0) * 1024;
}

uint64_t descriptors_of(int pid) {
  std::error_code error;
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd", error);
  return error ? 0 : static_cast<uint64_t>(std::distance(begin(all), end(all)));
}

}  // namespace

std::string reached_limits(int pid) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/";
  const std::string limits = read_text(directory + "limits"), status = read_text(directory + "status");
  const struct {
    const char *name, *option, *what;
    uint64_t used, wanted;
  } kKinds[] = {
      {"Max open files", "nofile", "open files", descriptors_of(pid), kDescriptors},
      {"Max address space", "as", "address space", bytes_of(status, "VmSize"), kAddressSpace},
      {"Max data size", "data", "data", bytes_of(status, "VmData"), kData},
  };
  for (const auto& kind : kKinds) {
    const auto limit = soft_limit(limits, kind.name);
    if (limit && kind.used + kind.wanted > *limit)
      return std::string(": its limit of ") + kind.what + " is too low; raise it: prlimit --pid " +
             std::to_string(pid) + " --" + kind.option + "=" + std::to_string(kind.used + kind.wanted) + ":";
  }
  return "";
}

}  // namespace holdwatch::attach
