// Whether a library's file is complete enough for the loader.
// Any context; calls no functions of libc.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/open_file.h"
#include "shim/common/kernel/system_call.h"

namespace holdwatch {

// Whether the file is shorter than its header says, for example because it is being copied. The loader would map it
// anyway, and the process would get SIGBUS.
inline bool is_cut(const char* path) {
  const OpenFile file(path);
  const long size = system_call(SYS_lseek, file.descriptor(), 0, SEEK_END);
  Elf64_Ehdr header;
  if (size < 0 || read_elf_header(file, 0, &header) != ElfKind::ours) return false;
  return visit_segments(file, 0, header, [&](const Elf64_Phdr& segment) {
    return segment.p_type == PT_LOAD && segment.p_offset + segment.p_filesz > static_cast<uint64_t>(size);
  });
}

}  // namespace holdwatch
