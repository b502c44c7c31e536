// The modules of a process: which file is mapped where, from /proc/PID/maps and the ELF headers in memory.
// Cold context only. No dl_iterate_phdr: it takes the loader's lock, which a stalled program may hold for ever.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "symbolizer/unwind/maps_file.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// One ELF object in the address space.
struct Module {
  uintptr_t start = 0;   // lowest mapped address
  uintptr_t end = 0;     // one past the highest
  uintptr_t bias = 0;    // run-time address minus the address in the file's program headers
  std::string path;      // as /proc/PID/maps says, without " (deleted)"; "[vdso]" for the vdso
  bool deleted = false;  // the file was removed or replaced since it was mapped
  uint64_t inode = 0;
  uint64_t device = 0;
  std::string build_id;        // hex, empty if there is none
  uintptr_t eh_frame_hdr = 0;  // run-time address of .eh_frame_hdr, 0 if there is none
  size_t eh_frame_hdr_size = 0;
  uintptr_t entry = 0;  // run-time address of the ELF entry point, 0 if there is none
  std::vector<std::pair<uintptr_t, uintptr_t>> executable;  // run-time [start, end) ranges

  // The address as the file's symbol tables and debug data count it.
  uintptr_t offset_of(uintptr_t address) const { return address - bias; }
  bool executes(uintptr_t address) const;
  bool contains(uintptr_t address) const { return address >= start && address < end; }
};

// What is mapped now. Modules that vanished are remembered for a while, so that a stack that was captured before a
// dlclose can still be named.
class Modules {
 public:
  explicit Modules(pid_t pid, MemoryReader& memory) : pid_(pid), memory_(memory) {}

  // Reads the maps again. Cheap if nothing changed. Returns false if they cannot be read (then the old state is kept).
  bool refresh();

  // The module that contains `address` now, or null. A vanished module is never returned for an address that something
  // else has taken since.
  const Module* find(uintptr_t address) const;

  // The mapping (of anything) that contains `address` now, or null.
  const Mapping* mapping(uintptr_t address) const;

  const std::vector<std::shared_ptr<const Module>>& all() const { return modules_; }

  // Changes whenever a module has come or gone: what was derived from modules is stale then.
  uint64_t generation() const { return generation_; }

  // Takes the text of a maps file instead of reading it: refresh without its edge.
  void update(std::string text);

 private:
  void remember_vanished(const std::vector<std::shared_ptr<const Module>>& before);

  pid_t pid_;
  MemoryReader& memory_;
  std::string text_;
  std::vector<Mapping> mappings_;
  std::vector<std::shared_ptr<const Module>> modules_;   // by start address
  std::vector<std::shared_ptr<const Module>> vanished_;  // the latest last
  uint64_t generation_ = 0;
};

}  // namespace holdwatch
