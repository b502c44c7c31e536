// See preload_check.h.
#include "symbolizer/tools/launcher/preload_check.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/open_file.h"
#include "shim/common/kernel/system_call.h"

namespace holdwatch {
namespace {

constexpr int kDeepestScript = 4;  // the kernel's limit

// libc's stat and fstat need glibc 2.33, and this must run with any.
bool is_executable(const char* path) {
  struct stat status;
  return access(path, X_OK) == 0 && system_call(SYS_stat, path, &status) == 0 && S_ISREG(status.st_mode);
}

// Searches in the same way as execvp.
bool find_in_path(const char* program, TextBuffer& path) {
  if (strchr(program, '/') != nullptr) {
    path << program;
    return access(program, F_OK) == 0;
  }
  const char* directories = getenv("PATH");
  std::string_view rest = directories == nullptr ? "/usr/bin:/bin" : directories;
  while (true) {
    const size_t colon = rest.find(':');
    const std::string_view directory(rest.data(), colon == std::string_view::npos ? rest.size() : colon);
    path.clear();
    path << (directory.empty() ? "." : directory) << '/' << program;
    if (is_executable(path.c_str())) return true;
    if (colon == std::string_view::npos) return false;
    rest.remove_prefix(colon + 1);
  }
}

// For "#! /usr/bin/env -S x": the word after #!.
void read_script_head(const char* head, size_t size, TextBuffer& interpreter) {
  size_t begin = 2;
  while (begin < size && (head[begin] == ' ' || head[begin] == '\t')) ++begin;
  size_t end = begin;
  while (end < size && strchr(" \t\n", head[end]) == nullptr) ++end;
  interpreter << std::string_view(head + begin, end - begin);
}

// The loader's path from the program headers; false if there is none, and so neither a loader nor a preload.
bool read_interpreter(const OpenFile& file, const Elf64_Ehdr& header, TextBuffer& interpreter) {
  return visit_segments(file, 0, header, [&](const Elf64_Phdr& segment) {
    if (segment.p_type != PT_INTERP) return false;
    char path[PATH_MAX];
    const size_t size = segment.p_filesz < sizeof path ? segment.p_filesz : sizeof path - 1;
    path[file.read(segment.p_offset, path, size)] = '\0';
    interpreter << static_cast<const char*>(path);
    return true;
  });
}

void check_architecture(ElfKind kind, const Elf64_Ehdr& header, TextBuffer& obstacle) {
  if (kind != ElfKind::ours) {
    obstacle << "it is built for another processor or for 32 bits; only x86-64 is supported";
  } else if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    obstacle << "it is an ELF file, but not a program";
  }
}

void check_loader(std::string_view loader, TextBuffer& obstacle) {
  if (loader.find("ld-musl") != std::string_view::npos) {
    obstacle << "its libc is musl, and only glibc is supported; build it for glibc to watch it";
  } else if (loader.find("ld-linux-x86-64") == std::string_view::npos) {
    obstacle << "its loader is " << loader << ", not glibc's; build it for glibc to watch it";
  }
}

// The loader ignores the preload in a program that starts with more privileges than its caller (AT_SECURE). For root, a
// file's capabilities add nothing.
void check_rights(const OpenFile& file, uid_t uid, TextBuffer& obstacle) {
  struct stat status;
  if (uid == kGainsNoRights || system_call(SYS_fstat, file.descriptor(), &status) != 0) return;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != uid) {
    obstacle << "it is set-user-ID, and the loader ignores LD_PRELOAD for it; start it as its owner, user "
             << status.st_uid << ", or clear the bit: chmod u-s";
  } else if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 && status.st_gid != getegid()) {
    obstacle << "it is set-group-ID, and the loader ignores LD_PRELOAD for it; start it with its group, "
             << status.st_gid << ", or clear the bit: chmod g-s";
  } else if (uid != 0 && fgetxattr(file.descriptor(), "security.capability", nullptr, 0) > 0) {
    obstacle << "its file has capabilities, and the loader ignores LD_PRELOAD for it; grant them another way (in a "
                "unit: AmbientCapabilities=) and remove them: setcap -r";
  }
}

void check_elf(const OpenFile& file, ElfKind kind, const Elf64_Ehdr& header, uid_t uid, PreloadCheck& check) {
  check_architecture(kind, header, check.obstacle);
  if (check.obstacle.size() > 0) return;
  if (!read_interpreter(file, header, check.interpreter)) {
    if (header.e_type == ET_DYN && header.e_entry == 0) {
      check.obstacle << "it is a library, not a program";
      return;
    }
    check.obstacle << "it is statically linked: nothing can be preloaded; link it dynamically";
    return;
  }
  check_loader(check.interpreter, check.obstacle);
  if (check.obstacle.size() == 0) check_rights(file, uid, check.obstacle);
}

void check_file(const char* path, uid_t uid, int depth, PreloadCheck& check) {
  const OpenFile file(path);
  if (!file.is_open()) {
    check.kind = FileKind::unreadable;
    return;
  }
  Elf64_Ehdr header;
  if (const ElfKind kind = read_elf_header(file, 0, &header); kind != ElfKind::none) {
    if (depth == 0) check.kind = FileKind::elf;
    check_elf(file, kind, header, uid, check);
    return;
  }
  char head[256];
  const size_t head_size = file.read(0, head, sizeof head);
  if (head_size < 3 || head[0] != '#' || head[1] != '!' || depth == kDeepestScript) {
    if (depth == 0) check.kind = FileKind::not_elf;
    return;
  }
  if (depth == 0) check.kind = FileKind::script;
  check.interpreter.clear();
  read_script_head(head, head_size, check.interpreter);
  PreloadCheck inner;
  check_file(check.interpreter.c_str(), uid, depth + 1, inner);
  check.obstacle << inner.obstacle;
}

}  // namespace

void check_preload(const char* program, uid_t uid, PreloadCheck& check) {
  if (!find_in_path(program, check.path)) return;
  check.is_executable = is_executable(check.path.c_str());
  check_file(check.path.c_str(), uid, 0, check);
}

}  // namespace holdwatch
