// See missing_libraries.h.
#include "symbolizer/tools/missing_libraries.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "shim/common/elf/cut_file.h"
#include "shim/common/elf/dynamic_table.h"
#include "shim/common/elf/memory_sources.h"
#include "shim/common/text/listing.h"
#include "shim/common/text/missing_library.h"
#include "symbolizer/symbols/elf_sections.h"

namespace holdwatch {
namespace {

constexpr char kSymbolizer[] = "libholdwatch-symbolizer.so", kDecoder[] = "libholdwatch-decoder.so";

// The libraries that the file requires, from its dynamic section.
std::vector<std::string> needed_by(const std::string& path) {
  std::vector<std::string> names;
  const auto file = ElfSections::open(path);
  if (file == nullptr) return names;
  const std::string_view entries = file->contents(".dynamic"), strings = file->contents(".dynstr");
  visit_needed(ByteSource{entries}, 0, [&](uint64_t at) {
    if (at < strings.size()) names.emplace_back(strings.substr(at, strings.find('\0', at) - at));
  });
  return names;
}

// The loader reports one at a time: so the others are tried too, to report all at once.
std::vector<std::string> find_missing(const std::string& file, const std::string& error) {
  std::vector<std::string> missing;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(missing.begin(), missing.end(), name) == missing.end()) missing.push_back(name);
  };
  add(std::string(library_missing_according_to(error)));
  for (const std::string& name : needed_by(file)) {
    if (dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL) == nullptr)
      add(std::string(library_missing_according_to(dlerror())));
  }
  return missing;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text.append(listing_separator(i, names.size())).append(names[i]);
  return text;
}

std::string packages_of(const std::vector<std::string>& libraries) {
  std::string text;
  for (const std::string& library : libraries) {
    const std::string package = debian_package_of(library);
    if ((text + " ").find(" " + package + " ") == std::string::npos) text += " " + package;
  }
  return text;
}

}  // namespace

std::string debian_package_of(const std::string& soname) {
  Line<256> package;
  write_debian_package_of(soname, package);
  return package.c_str();
}

// When installed, it is in the library's directory; in the build tree, in a sibling directory.
std::string symbolizer_beside(const std::string& library) {
  const std::filesystem::path folder = std::filesystem::path(library).parent_path();
  for (const auto& place : {folder, folder.parent_path() / "symbolizer"})
    if (const auto path = place / kSymbolizer; access(path.c_str(), F_OK) == 0) return path;
  return "";
}

std::string decoder_beside(const std::string& library) {
  const std::string symbolizer = symbolizer_beside(library);
  if (symbolizer.empty()) return "";
  const auto path = std::filesystem::path(symbolizer).replace_filename(kDecoder);
  return access(path.c_str(), F_OK) == 0 ? path.string() : "";
}

std::string why_symbolizer_not_loaded(const std::string& library) {
  const std::string found = symbolizer_beside(library);
  const std::string path =
      found.empty() ? std::filesystem::path(library).replace_filename(kSymbolizer).string() : found;
  std::string why_not;
  open_library(path, why_not);
  return why_not;
}

void* open_library(const std::string& file, std::string& why) {
  if (is_cut(file.c_str())) {
    why = "cannot use " + file + ": the file is incomplete; build or install holdwatch again";
    return nullptr;
  }
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) why = why_not_loaded(file, dlerror());
  return library;
}

std::string why_not_loaded(const std::string& file, const std::string& error) {
  if (file.find('/') != std::string::npos && access(file.c_str(), F_OK) != 0)
    return "needs " + file + ", which is missing; build or install holdwatch again";
  const std::vector<std::string> missing = find_missing(file, error);
  if (missing.empty()) return "cannot use " + file + ": " + error;
  return "needs " + listed(missing) + (missing.size() == 1 ? ", which is" : ", which are") +
         " not installed; on Debian: apt-get install" + packages_of(missing);
}

}  // namespace holdwatch
