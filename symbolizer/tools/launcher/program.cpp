// Examines a program's file for the launcher's shell: program PROGRAM UID, where UID is the user that will execute it,
// or nobody-gains if no program can gain privileges.
//   program_kind=elf; program_path='/usr/bin/x'; program_interpreter='/lib64/ld-linux-x86-64.so.2'; program_obstacle=''
#include <cstdio>

#include "shim/common/text/digits.h"
#include "symbolizer/tools/launcher/preload_check.h"
#include "symbolizer/tools/launcher/shell_text.h"

namespace holdwatch {
namespace {

const char* kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::missing:
      return "missing";
    case FileKind::unreadable:
      return "unreadable";
    case FileKind::script:
      return "script";
    case FileKind::not_elf:
      return "not_elf";
    case FileKind::elf:
      return "elf";
  }
  return "";
}

uid_t user_of(std::string_view text) {
  return text == "nobody-gains" ? kGainsNoRights : static_cast<uid_t>(leading_number(text));
}

void print_variable(const char* name, std::string_view value) {
  std::printf("program_%s=", name);
  print_quoted(value);
  std::putchar('\n');
}

}  // namespace
}  // namespace holdwatch

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("holdwatch: internal helper of the launcher; usage: holdwatch doctor PROGRAM\n", stderr);
    return 2;
  }
  holdwatch::PreloadCheck check;
  holdwatch::check_preload(argv[1], holdwatch::user_of(argv[2]), check);
  holdwatch::print_variable("kind", holdwatch::kind_name(check.kind));
  holdwatch::print_variable("path", check.path);
  holdwatch::print_variable("interpreter", check.interpreter);
  holdwatch::print_variable("obstacle", check.obstacle);
  return 0;
}
