// libFuzzer target: symbols of both of Rust's mangling schemes, and of C++'s, with any bytes. The names come, or do not, in
// time and within bounds; the terminal is safe from what a back reference or an escape can stand for.
#include <algorithm>
#include <string>

#include "symbolizer/symbols/demangle.h"
#include "symbolizer/symbols/rust_names.h"
#include "tests/fuzz/fuzz.h"

using namespace holdwatch;
using fuzz::check;

namespace {

constexpr size_t kMax = 16384;

// Characters that mean something in the grammars, so that most inputs get beyond the first.
std::string mangled(std::string_view bytes) {
  static constexpr std::string_view kUsual = "CMXYNIBLKTRQPOASFDEGUps_0123456789abchjlmnotuvxyzVst.$ZNhuSPBRFTG";
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += value < 192 ? kUsual[value % kUsual.size()] : byte;
  }
  return text;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void check_name(const std::string& symbol) {
  const std::optional<std::string> name = demangle_rust(symbol, kMax);
  if (name) {
    check(name->size() <= kMax);
    const bool was_clean = std::none_of(symbol.begin(), symbol.end(), is_control);
    if (was_clean) check(std::none_of(name->begin(), name->end(), is_control));
  }
  check(demangle(symbol).size() <= kMax);
  is_rust_symbol(symbol);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  const std::string text = mangled(choices.rest());
  check_name("_R" + text);
  check_name("_RNvCs1_4test" + text);
  check_name("_ZN" + text + "17h0123456789abcdefE");
  check_name("_Z" + text);
  return 0;
}
