// See missing_libraries.h.
#include "symbolizer/tools/missing_libraries.h"

#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>
#include <vector>

#include "symbolizer/symbols/elf_sections.h"

namespace holdwatch {
namespace {

// The names in the loader's list of what the file needs.
std::vector<std::string> needed_by(const std::string& path) {
  std::vector<std::string> names;
  const auto file = ElfSections::open(path);
  if (file == nullptr) return names;
  const std::string_view entries = file->contents(".dynamic"), strings = file->contents(".dynstr");
  for (size_t at = 0; at + sizeof(Elf64_Dyn) <= entries.size(); at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry;
    memcpy(&entry, entries.data() + at, sizeof entry);
    if (entry.d_tag != DT_NEEDED || entry.d_un.d_val >= strings.size()) continue;
    const std::string_view name = strings.substr(entry.d_un.d_val);
    names.emplace_back(name.substr(0, name.find('\0')));
  }
  return names;
}

// "libdw.so.1: cannot open shared object file: No such file or directory": the name, which need not be that of the file that
// was to be loaded; "wrong ELF class" if there is only the library of a 32-bit system. Empty if the loader complains of
// something else.
std::string missing_according_to(const std::string& error) {
  constexpr std::string_view kNotThere = ": cannot open shared object file: No such file or directory";
  constexpr std::string_view kOnly32Bits = ": wrong ELF class: ELFCLASS32";
  if (!error.ends_with(kNotThere) && !error.ends_with(kOnly32Bits)) return {};
  return error.substr(0, error.find(':'));
}

// The loader names one at a time: so the others are tried, for one answer to be enough.
std::vector<std::string> find_missing(const std::string& file, const std::string& error) {
  std::vector<std::string> missing;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(missing.begin(), missing.end(), name) == missing.end()) missing.push_back(name);
  };
  add(missing_according_to(error));
  for (const std::string& name : needed_by(file)) {
    if (dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL) == nullptr) add(missing_according_to(dlerror()));
  }
  return missing;
}

// "a", "a and b", "a, b and c"
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
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

// Debian's rule is the name and the version in lower case, with a hyphen between two digits (Debian Policy, section 8.1).
std::string debian_package_of(const std::string& soname) {
  if (soname == "libz.so.1") return "zlib1g";
  if (soname.starts_with("libunwind-")) return debian_package_of("libunwind" + soname.substr(soname.find(".so")));
  const size_t suffix = soname.find(".so.");
  if (suffix == std::string::npos) return soname;
  std::string package = soname.substr(0, suffix);
  const std::string version = soname.substr(suffix + strlen(".so."));
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  if (!package.empty() && is_digit(package.back())) package += '-';
  for (char& c : package) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return package + version;
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
