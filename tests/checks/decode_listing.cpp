// Reads what `objdump -d --insn-width=16` prints, decodes the bytes of each instruction, and prints those of which the length
// differs, or where a jump leads. Exit status 1 if there are any.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "symbolizer/x86/instruction.h"

namespace {

using holdwatch::Instruction;
using holdwatch::Operation;

// "  26080:\tff 25 b2 cf 1a 00 \tjmp    *0x1acfb2(%rip)"
struct Line {
  uintptr_t address = 0;
  std::vector<unsigned char> bytes;
  std::string text;
};

bool parse(const char* line, Line& out) {
  const char* bytes = std::strchr(line, '\t');
  const char* text = bytes == nullptr ? nullptr : std::strchr(bytes + 1, '\t');
  if (text == nullptr || line[0] != ' ' || std::strstr(text, "(bad)") != nullptr) return false;
  out.address = std::strtoull(line, nullptr, 16);
  out.bytes.clear();
  out.text = text + 1;
  for (const char* at = bytes + 1; at < text;) {
    char* end = nullptr;
    const unsigned long value = std::strtoul(at, &end, 16);
    if (end == at || end > text) break;
    out.bytes.push_back(static_cast<unsigned char>(value));
    at = end;
  }
  return true;
}

// fwait is an instruction of its own, AMD's XOP is of no concern, and objdump shows prefixes by themselves that it finds no use for.
bool is_left_out(const Line& line) {
  const unsigned char first = line.bytes.empty() ? 0x9b : line.bytes[0];
  return first == 0x9b || (first == 0x8f && line.bytes.size() > 1 && (line.bytes[1] & 0x1f) >= 8) ||
         line.bytes.size() == 1;
}

bool leads_elsewhere(const Instruction& instruction, const Line& line) {
  const bool is_direct = instruction.operation == Operation::jump || instruction.operation == Operation::branch ||
                         instruction.operation == Operation::call;
  char target[32];
  std::snprintf(target, sizeof target, "%zx", static_cast<size_t>(instruction.target));
  return is_direct && line.text.find(target) == std::string::npos;
}

}  // namespace

int main() {
  char text[1024];
  Line line;
  size_t count = 0;
  size_t wrong = 0;
  while (std::fgets(text, sizeof text, stdin) != nullptr) {
    if (!parse(text, line) || is_left_out(line)) continue;
    ++count;
    const auto instruction = holdwatch::decode(line.bytes.data(), line.bytes.size(), line.address);
    if (instruction && instruction->length == line.bytes.size() && !leads_elsewhere(*instruction, line)) continue;
    if (++wrong <= 20) std::printf("%zu bytes: %s", instruction ? instruction->length : size_t{0}, text);
  }
  std::printf("%zu instructions, %zu decoded in another way\n", count, wrong);
  return wrong == 0 && count != 0 ? 0 : 1;
}
