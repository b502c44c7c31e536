// What the JSON library says of a text. Apart, because compiling that library with sanitizers takes longer than the fuzzing.
#pragma once

#include <string>

namespace holdwatch::fuzz {

bool is_utf8(const std::string& text);
bool is_json_object(const std::string& line);

}  // namespace holdwatch::fuzz
