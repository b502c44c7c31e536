// libFuzzer target: any bytes as environment variables and as values of every option. Nothing may crash, overrun, or
// leave a text field without its end.
#include <cstring>
#include <string>
#include <vector>

#include "shim/common/options/glob.h"
#include "shim/common/options/option_table.h"
#include "shim/common/options/option_values.h"
#include "shim/common/options/options.h"

namespace {

// The input's lines as HOLDWATCH_ variables. HOLDWATCH_CONFIG stays out: the fuzzer is not to open what it dreams up.
std::vector<std::string> variables_of(const std::string& input) {
  std::vector<std::string> variables;
  for (size_t begin = 0; begin < input.size();) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    std::string variable = "HOLDWATCH_" + input.substr(begin, end - begin);
    if (variable.rfind("HOLDWATCH_CONFIG=", 0) != 0) variables.push_back(std::move(variable));
    begin = end + 1;
  }
  return variables;
}

const char* describe(int error) {
  return strerrordesc_np(error);
}

void check(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using namespace holdwatch;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> variables = variables_of(input);
  std::vector<const char*> environment;
  for (const std::string& variable : variables) environment.push_back(variable.c_str());
  environment.push_back(nullptr);

  Settings settings;
  const auto ignore = [](void*, std::string_view line) { check(line.size() < 2048); };
  options_load_from(&settings, {environment.data(), "server", false, describe, ignore, nullptr});
  for (const OptionRow& row : kOptions) {
    row.read(input, row, settings);
    Line<600> line;
    row.write(settings, row, line);
  }
  check(std::memchr(settings.log, '\0', sizeof settings.log) != nullptr);
  check(std::memchr(settings.exe, '\0', sizeof settings.exe) != nullptr);

  const Parsed<uint64_t> duration = parse_duration(input);
  if (duration.ok()) {
    Line<64> line;
    write_duration(duration.value, line);
    check(parse_duration(line).value == duration.value);
  }
  const size_t half = input.size() / 2;
  glob_matches(input.substr(0, half), input.substr(half));
  return 0;
}
