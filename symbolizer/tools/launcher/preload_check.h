// Whether the loader will preload our library into a program: it must be dynamically linked with glibc for x86-64, and
// gain no privileges when it starts. Reads the program's file, runs nothing. Needs libc alone, because `holdwatch run`
// uses it each time.
#pragma once

#include <sys/types.h>

#include <climits>
#include <cstddef>
#include <cstdint>

#include "shim/common/text/text_buffer.h"

namespace holdwatch {

enum class FileKind : uint8_t { missing, unreadable, script, not_elf, elf };

struct PreloadCheck {
  FileKind kind = FileKind::missing;
  bool is_executable = false;
  Line<PATH_MAX> path;         // as found through PATH
  Line<PATH_MAX> interpreter;  // a script's program, or an ELF file's loader
  Line<512> obstacle;          // empty if there is none; otherwise the reason, and what to do about it
};

// For a program that cannot gain privileges, whatever its file says (PR_SET_NO_NEW_PRIVS).
inline constexpr uid_t kGainsNoRights = static_cast<uid_t>(-1);

// Checks what would start if the user `uid` executed `program`. For a script, that is its interpreter.
void check_preload(const char* program, uid_t uid, PreloadCheck& check);

}  // namespace holdwatch
