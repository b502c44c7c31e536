// Runs addr2line, nm and readelf and reads what they print. See binutils.h.
#include "tests/symbols/binutils.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "tests/catch.h"

namespace holdwatch {
namespace {

// For the shell. No path of a build has a quote in it.
std::string quoted(const std::string& path) {
  return "'" + path + "'";
}

std::string output_of(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  REQUIRE(pipe != nullptr);
  std::string text;
  char block[4096];
  for (size_t got = 0; (got = fread(block, 1, sizeof block, pipe.get())) > 0;) text.append(block, got);
  return text;
}

// "/path/file.cpp:12 (discriminator 3)"; the line is "?" where it is not known.
Addr2lineFrame parse_place(const std::string& function, std::string place) {
  place = place.substr(0, place.find(" (discriminator"));
  const size_t colon = place.rfind(':');
  Addr2lineFrame frame;
  frame.function = function;
  frame.file = std::filesystem::path(place.substr(0, colon)).lexically_normal().string();
  frame.line = std::atoi(place.c_str() + colon + 1);
  return frame;
}

}  // namespace

std::map<uintptr_t, std::vector<Addr2lineFrame>> addr2line(const std::string& path,
                                                           const std::vector<uintptr_t>& addresses) {
  std::string list = (std::filesystem::temp_directory_path() / "addresses.XXXXXX").string();
  const int descriptor = mkstemp(list.data());
  REQUIRE(descriptor >= 0);
  FILE* file = fdopen(descriptor, "w");
  for (uintptr_t address : addresses) fprintf(file, "0x%zx\n", address);
  fclose(file);
  std::istringstream lines(output_of("addr2line -a -f -i -C -e " + quoted(path) + " < " + list));
  std::filesystem::remove(list);

  std::map<uintptr_t, std::vector<Addr2lineFrame>> frames;
  uintptr_t current = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0x")) {
      current = std::stoull(line, nullptr, 16);
      continue;
    }
    std::string place;
    std::getline(lines, place);
    frames[current].push_back(parse_place(line, place));
  }
  return frames;
}

std::vector<uintptr_t> addresses_in_section(const std::string& path, const std::string& section, uintptr_t step) {
  std::istringstream lines(output_of("readelf -S -W " + quoted(path)));
  std::vector<uintptr_t> addresses;
  for (std::string line; std::getline(lines, line);) {
    const size_t bracket = line.find("] ");
    if (bracket == std::string::npos) continue;
    std::istringstream words(line.substr(bracket + 1));
    std::string name, type;
    uintptr_t start = 0, offset = 0, size = 0;
    if (!(words >> name >> type >> std::hex >> start >> offset >> size) || name != section) continue;
    for (uintptr_t address = start; address < start + size; address += step) addresses.push_back(address);
  }
  REQUIRE_FALSE(addresses.empty());
  return addresses;
}

std::vector<uintptr_t> addresses_in_text(const std::string& path, uintptr_t step) {
  return addresses_in_section(path, ".text", step);
}

uintptr_t address_of_function(const std::string& path, const std::string& name) {
  std::istringstream lines(output_of("nm -C --defined-only " + quoted(path)));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    uintptr_t address = 0;
    char type = 0;
    if (!(words >> std::hex >> address >> type)) continue;
    std::string found;
    std::getline(words >> std::ws, found);
    const bool code = type == 'T' || type == 't' || type == 'W';
    if (code && found.starts_with(name) && found.find("[clone") == std::string::npos) return address;
  }
  FAIL("no function " << name << " in " << path);
  return 0;
}

std::vector<SizedSymbol> sized_symbols(const std::string& path, bool dynamic) {
  std::istringstream lines(output_of(std::string("nm -S --defined-only ") + (dynamic ? "-D " : "") + quoted(path)));
  std::vector<SizedSymbol> symbols;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    SizedSymbol symbol;
    std::string type;
    if (!(words >> std::hex >> symbol.address >> symbol.size >> type >> symbol.name)) continue;
    symbol.name = symbol.name.substr(0, symbol.name.find('@'));
    symbols.push_back(symbol);
  }
  return symbols;
}

}  // namespace holdwatch
