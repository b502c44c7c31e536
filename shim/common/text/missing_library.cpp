// See missing_library.h.
#include "shim/common/text/missing_library.h"

#include "shim/common/text/digits.h"

namespace holdwatch {
namespace {

char lower(char character) {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a') : character;
}

void write_package(std::string_view name, std::string_view version, TextBuffer& out) {
  for (const char character : name) out << (character == '_' ? '-' : lower(character));
  if (!name.empty() && is_digit(name.back())) out << '-';
  out << version;
}

}  // namespace

std::string_view library_missing_according_to(std::string_view complaint) {
  constexpr std::string_view kNotThere = ": cannot open shared object file: No such file or directory";
  constexpr std::string_view kOnly32Bits = ": wrong ELF class: ELFCLASS32";
  if (!complaint.ends_with(kNotThere) && !complaint.ends_with(kOnly32Bits)) return {};
  return {complaint.data(), complaint.find(':')};
}

// Debian's rule is the name and the version in lower case, with a hyphen between two digits (Debian Policy, section
// 8.1).
void write_debian_package_of(std::string_view soname, TextBuffer& out) {
  constexpr std::string_view kSuffix = ".so.", kPartOfLibunwind = "libunwind-";
  const size_t suffix = soname.find(kSuffix);
  if (soname == "libz.so.1") {
    out << "zlib1g";
  } else if (suffix == std::string_view::npos) {
    out << soname;
  } else {
    const size_t version = suffix + kSuffix.size();
    const bool is_of_libunwind = std::string_view(soname.data(), suffix).find(kPartOfLibunwind) == 0;
    write_package({soname.data(), is_of_libunwind ? kPartOfLibunwind.size() - 1 : suffix},
                  {soname.data() + version, soname.size() - version}, out);
  }
}

}  // namespace holdwatch
