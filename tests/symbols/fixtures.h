// What the symbol tests share: the files that make_fixtures.sh builds in FIXTURES, as modules.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "symbolizer/symbols/elf_image.h"
#include "symbolizer/symbols/symbols.h"
#include "tests/catch.h"

namespace holdwatch {

inline const std::string kFixtures = FIXTURES;

inline std::string fixture(const std::string& name) {
  return kFixtures + "/" + name;
}

inline bool have(const std::string& name) {
  return std::filesystem::exists(fixture(name));
}

// The module that a process would have that maps this file where the file's own addresses say.
inline Module module_of(const std::string& path) {
  Module module;
  module.path = path;
  auto image = ElfImage::open(path);
  REQUIRE(image != nullptr);
  module.build_id = image->build_id();
  module.inode = image->inode();
  module.device = image->device();
  return module;
}

inline DebugSearch search_in(const std::string& debug_root) {
  DebugSearch search;
  search.debug_root = debug_root;
  search.proc = "/nonexistent";
  return search;
}

inline const DebugSearch kNowhere = search_in("/nonexistent");

// One line a frame: what a reader sees of it.
inline std::string text_of(const std::vector<Frame>& frames) {
  std::ostringstream text;
  for (const Frame& frame : frames) {
    text << (frame.inlined ? "inlined " : "") << frame.function << " " << frame.file << ":" << frame.line << "\n";
  }
  return text.str();
}

inline std::string function_at(Symbols& symbols, uintptr_t address, const Module& module) {
  return symbols.resolve(address, true, &module).back().function;
}

// A scratch directory that goes with the test.
struct Scratch {
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "symbols.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

inline std::string contents_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace holdwatch
