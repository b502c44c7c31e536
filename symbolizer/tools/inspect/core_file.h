// The contents of an ELF core file, as values: threads with their registers, what was mapped, and where in the file the
// memory is.
// Cold context. The file may come from anyone: every count, size and offset in it is checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// A segment: `stored` of its bytes are in the file, from `offset` on; the kernel or gdb left out the rest.
struct CoreSegment {
  uintptr_t start = 0, end = 0;
  uint64_t offset = 0, stored = 0;
  bool readable = false, writable = false, executable = false;
};

// A file that was mapped (NT_FILE).
struct CoreMapping {
  uintptr_t start = 0, end = 0;
  uint64_t offset = 0;  // in the mapped file
  std::string path;
};

struct CoreThread {
  int tid = 0;
  uintptr_t descriptor = 0;  // of libc, to which the thread's pointer points; 0: not known
  Registers registers{};
  SystemCall call{};  // known only if the thread was in a system call that had not ended
};

struct CoreFile {
  int pid = 0;
  std::string program;       // its name in the kernel; where gdb wrote the file, that of the program
  bool by_kernel = false;    // the kernel wrote the file, and the name is the first thread's
  uintptr_t vdso = 0;        // where it was mapped, 0 if unknown
  uintptr_t entry = 0;       // the program's entry point
  uintptr_t started_as = 0;  // address of the path that it was started by
  std::vector<CoreThread> threads;
  std::vector<CoreSegment> segments;  // by address
  std::vector<CoreMapping> mappings;  // by address
  bool cut_short = false;             // its end is missing, and so a part of the memory
  std::string fault;                  // empty, or why this is not a readable core file
};

// `file` reads the file's bytes by offset.
CoreFile read_core_file(MemoryReader& file);

// The parts of mapped files for which the core file has no segment: gdb leaves out what can be read from the file. With
// the mapping's path and offset.
std::vector<CoreMapping> left_out(const CoreFile& core);

// The contents of /proc/PID/maps, as far as the core file shows them.
std::string maps_text(const CoreFile& core);

}  // namespace holdwatch
