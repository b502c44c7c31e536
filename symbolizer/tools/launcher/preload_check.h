// Whether the loader will preload our library into a program: it must be dynamically linked with glibc for x86-64, and
// gain no rights when it starts. Reads the program's file, runs nothing. libc alone, for `holdwatch run` asks it each time.
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
  Line<PATH_MAX> path;         // as found in PATH
  Line<PATH_MAX> interpreter;  // a script's program, or an ELF file's loader
  Line<512> obstacle;          // empty if nothing stands in the way; else why, and what to do about it
};

// For a program that can gain no rights, whatever its file says (PR_SET_NO_NEW_PRIVS).
inline constexpr uid_t kGainsNoRights = static_cast<uid_t>(-1);

// Checks what executing `program` as the user `uid` would start. A script is looked at through its interpreter.
void check_preload(const char* program, uid_t uid, PreloadCheck& check);

}  // namespace holdwatch
