// See json_check.h.
#include "tests/fuzz/json_check.h"

#include <nlohmann/json.hpp>

namespace holdwatch::fuzz {

bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

bool is_json_object(const std::string& line) {
  return nlohmann::json::parse(line, nullptr, false).is_object();
}

}  // namespace holdwatch::fuzz
