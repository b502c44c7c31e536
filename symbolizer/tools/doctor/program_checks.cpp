// See program_checks.h.
#include "symbolizer/tools/doctor/program_checks.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "symbolizer/symbols/program_file.h"
#include "symbolizer/tools/launcher/preload_check.h"

namespace holdwatch {
namespace {

std::string text_of(const TextBuffer& buffer) {
  return std::string(std::string_view(buffer));
}

// A statically linked program in one of these languages has no pthread locks either.
void check_language(const ProgramFile& file, Findings& findings) {
  if (file.is_go()) {
    findings.note("language",
                  "it is written in Go, whose locks do not use pthread: only locks of the C libraries it calls are "
                  "seen; for Go's own, use go-deadlock");
  } else if (file.is_rust()) {
    findings.note("language",
                  "it is written in Rust, whose std::sync locks (futexes since version 1.62) are not seen; locks of C "
                  "libraries and of crates that call pthread are seen");
  }
}

void check_locks(const ProgramFile& file, Findings& findings) {
  if (const std::vector<std::string> own = file.defined_lock_functions(); !own.empty()) {
    findings.note("locks", "it defines " + own.front() + " itself: its own calls to it are not seen");
  }
  const std::vector<std::string> called = file.imported_lock_functions();
  if (called.empty()) {
    findings.note("locks", "it calls no lock function itself: only locks of its libraries are seen, if any");
  } else {
    const std::string others = called.size() == 1 ? "" : " and " + std::to_string(called.size() - 1) + " more";
    findings.fine("locks", "it calls " + called.front() + others + " of the watched functions");
  }
}

void check_debug_data(const ProgramFile& file, Findings& findings) {
  switch (file.debug_data()) {
    case ProgramFile::DebugData::lines:
      findings.fine("debug", "it has debug data, for functions, files and lines");
      break;
    case ProgramFile::DebugData::symbols:
      findings.note("debug",
                    "no debug data, only names of functions: reports have no lines; build with -g, or install the "
                    "package's -dbgsym");
      break;
    case ProgramFile::DebugData::exported:
      findings.note("debug",
                    "no debug data, only names of exported functions: reports have no others, and no lines; build with "
                    "-g, or install the package's -dbgsym");
      break;
    case ProgramFile::DebugData::none:
      findings.note("debug",
                    "no debug data and no symbols: reports have only module+offset and build id; build with -g, or "
                    "install the package's -dbgsym");
      break;
  }
}

void check_frame_pointers(const ProgramFile& file, Findings& findings) {
  if (file.keeps_frame_pointers()) {
    findings.fine("frames", "it keeps frame pointers: all callers of a helper that takes locks can be found");
  } else {
    findings.note("frames",
                  "no frame pointers: if a helper takes the lock and returns, its more distant callers can be found "
                  "only from the second report on; build with -fno-omit-frame-pointer, or --stacks full");
  }
}

void check_contents(const ProgramFile& file, Findings& findings) {
  check_language(file, findings);
  check_locks(file, findings);
  check_debug_data(file, findings);
  check_frame_pointers(file, findings);
}

// "#!/usr/bin/env python3": the script does not say where that program is.
bool starts_another(const std::string& interpreter) {
  return interpreter.ends_with("/env");
}

// What is true for root is not true for other users, and the doctor often runs as root although the program will not.
void check_gained_rights(const std::string& path, uid_t uid, Findings& findings) {
  struct stat status;
  if (uid != 0 || stat(path.c_str(), &status) != 0 || (status.st_mode & S_ISUID) == 0) return;
  findings.note(
      "rights",
      "it is set-user-ID: the loader honours LD_PRELOAD only if root starts it; run doctor as the user that starts it");
}

void check_script(const std::string& path, const std::string& interpreter, Findings& findings) {
  const std::string runs = path + " is a script run by " + interpreter + "; ";
  findings.note("program",
                runs + (starts_another(interpreter)
                            ? "the program that this executes is watched; run doctor on it"
                            : "this and all programs that it starts are watched; --exe NAME limits that to one; the "
                              "following is about " +
                                  interpreter));
}

// Whether the file may be in a directory that this user may not search.
bool may_be_hidden(const std::string& path) {
  return path.find('/') != std::string::npos && access(path.c_str(), F_OK) != 0 && errno == EACCES;
}

Coverage report_closed(const std::string& path, Findings& findings) {
  findings.note("program", path + " cannot be read by this user and was not checked; run doctor as root (sudo)");
  return Coverage::denied;
}

}  // namespace

Coverage check_program(const std::string& program, const std::string& shown, uid_t uid, Findings& findings) {
  PreloadCheck check;
  check_preload(program.c_str(), uid, check);
  const std::string path = shown.empty() ? text_of(check.path) : shown;
  switch (check.kind) {
    case FileKind::missing:
      return may_be_hidden(program) ? report_closed(program, findings) : Coverage::none;
    case FileKind::unreadable:
      return report_closed(path, findings);
    case FileKind::not_elf:
      findings.obstacle("program", path + " is neither a program nor a script");
      return Coverage::complete;
    case FileKind::script:
      check_script(path, text_of(check.interpreter), findings);
      if (starts_another(text_of(check.interpreter))) return Coverage::complete;
      break;
    case FileKind::elf:
      break;
  }
  if (check.obstacle.size() > 0) {
    findings.obstacle("program", path + ": " + text_of(check.obstacle));
  } else if (check.kind == FileKind::elf) {
    findings.fine("program", path + ": x86-64, linked dynamically with glibc");
  }
  const ProgramFile file(check.kind == FileKind::script ? text_of(check.interpreter) : text_of(check.path));
  if (!file.is_readable()) return Coverage::complete;
  if (check.obstacle.size() > 0) {
    check_language(file, findings);
  } else {
    if (check.kind == FileKind::elf) check_gained_rights(text_of(check.path), uid, findings);
    check_contents(file, findings);
  }
  return Coverage::complete;
}

}  // namespace holdwatch
