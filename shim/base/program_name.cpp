// See program_name.h.
#include "shim/base/program_name.h"

#include <errno.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include <string_view>

#include "shim/common/kernel/system_call.h"

namespace holdwatch {
namespace {

char g_file[PATH_MAX];

std::string_view last_part(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : std::string_view(path.data() + slash + 1, path.size() - slash - 1);
}

}  // namespace

const char* program_name() {
  const auto* started_as = reinterpret_cast<const char*>(getauxval(AT_EXECFN));  // NOLINT(performance-no-int-to-ptr)
  const std::string_view path(started_as == nullptr ? "" : started_as);
  const bool by_kernels_link = path.starts_with("/proc/") || path.starts_with("/dev/fd/");
  if (!by_kernels_link || last_part(path) != program_invocation_short_name) return program_invocation_short_name;
  const long length = system_call(SYS_readlink, "/proc/self/exe", g_file, sizeof g_file - 1);
  if (length <= 0) return program_invocation_short_name;
  size_t end = static_cast<size_t>(length);
  constexpr std::string_view kDeleted = " (deleted)";
  if (std::string_view(g_file, end).ends_with(kDeleted)) end -= kDeleted.size();
  g_file[end] = '\0';
  return last_part({g_file, end}).data();
}

}  // namespace holdwatch
