// libFuzzer target: any bytes as the file that HOLDWATCH_CONFIG names. The lines read are the file's, cut where they are
// too long, and options made of them end where they should.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "shim/common/contract/settings.h"
#include "shim/common/options/config_file.h"
#include "shim/common/options/options.h"
#include "tests/fuzz/fuzz.h"

using namespace holdwatch;
using fuzz::check;

namespace {

const char* describe(int error) {
  return strerrordesc_np(error);
}

// A file in memory, by its name in /proc.
struct MemoryFile {
  explicit MemoryFile(std::string_view text) : descriptor(memfd_create("config", MFD_CLOEXEC)) {
    check(write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    path = "/proc/self/fd/" + std::to_string(descriptor);
  }
  ~MemoryFile() { close(descriptor); }
  int descriptor;
  std::string path;
};

void check_lines(const MemoryFile& config, std::string_view text) {
  ConfigFile file(describe);
  check(file.open(config.path.c_str()) == nullptr);
  unsigned lines = 0;
  for (std::string_view line; file.next(&line);) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    check(file.line_number() == ++lines);
    check(whole.starts_with(line) && (line.size() == whole.size()) == !file.line_is_cut());
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    Setting setting;
    if (parse_setting(line, &setting) != LineContent::setting) continue;
    check(setting.name.data() >= line.data() &&
          setting.value.data() + setting.value.size() <= line.data() + line.size());
    check(setting.name.find('=') == std::string_view::npos);
  }
  check(text.empty() && file.error() == nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const MemoryFile config(text);
  check_lines(config, text);

  const std::string variable = "HOLDWATCH_CONFIG=" + config.path;
  const char* const environment[] = {variable.c_str(), nullptr};
  Settings settings;
  const auto ignore = [](void*, std::string_view line) { check(line.size() < 2048); };
  options_load_from(&settings, {environment, "server", false, describe, ignore, nullptr});
  check(std::memchr(settings.log, '\0', sizeof settings.log) != nullptr);
  check(std::memchr(settings.exe, '\0', sizeof settings.exe) != nullptr);
  return 0;
}
