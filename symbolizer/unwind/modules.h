// The modules of a process: which file is mapped where, from /proc/PID/maps and the ELF headers in memory.
// Cold context only. Does not use dl_iterate_phdr: it takes the loader's lock, which a stalled program may hold
// forever.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shim/common/contract/period.h"
#include "symbolizer/unwind/maps_file.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

// One ELF object in the address space.
struct Module {
  uintptr_t start = 0;   // lowest mapped address
  uintptr_t end = 0;     // one past the highest
  uintptr_t bias = 0;    // run-time address minus the address in the file's program headers
  std::string path;      // as in /proc/PID/maps, without " (deleted)"; "[vdso]" for the vdso
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

// What is mapped now, and what was mapped earlier, as far as known. Modules that vanished are remembered for a while,
// so that a stack captured before a dlclose can still be symbolized.
class Modules {
 public:
  explicit Modules(pid_t pid, MemoryReader& memory) : pid_(pid), memory_(memory) {}

  // Returns whether a module may have been unloaded between two times (CLOCK_MONOTONIC). Without it, none is assumed to
  // be.
  using Unloaded = bool (*)(uint64_t from_ns, uint64_t until_ns);
  void set_unloaded(Unloaded unloaded) { unloaded_ = unloaded; }

  // From now on, addresses are those of this time. A module counts as mapped then only if it was seen and nothing was
  // unloaded between that time and the sighting, or if it was seen both before and after. Returns a number that changes
  // whenever results may differ.
  uint64_t look_back(const Period& when);

  // Reads the maps again. Cheap if nothing changed. Returns false if they cannot be read (then the old state is kept).
  bool refresh();

  // The module that contains `address` now, or null, whatever was there at the time of look_back. Never a vanished
  // module for an address that is in use again: the memory there is no longer that module's.
  const Module* find(uintptr_t address) const;

  // The module that contained `address` at the time of look_back, for the contents of its file: also one whose
  // addresses are in use by another by now.
  const Module* find_then(uintptr_t address) const;

  // The mapping (of anything) that contains `address` now, or null.
  const Mapping* mapping(uintptr_t address) const;

  const std::vector<std::shared_ptr<const Module>>& all() const { return modules_; }

  // Changes whenever a module was loaded or unloaded: anything derived from modules is stale then.
  uint64_t generation() const { return generation_; }

  // Takes the text of a maps file that was read at this time instead of reading it: the part of refresh without I/O.
  void update(std::string text, const Period& read = {});

 private:
  // When a module was first and last seen. For a mapped one, the last time is that of the latest reading.
  struct SeenPeriods {
    Period first, last;
  };
  using List = std::vector<std::shared_ptr<const Module>>;

  void remember_vanished(const List& before, const Period& last_seen);
  bool was_there(const Module& module, const Period& last) const;
  const Module* vanished_at(uintptr_t address) const;
  bool is_other_then(const Module* module) const;

  pid_t pid_;
  MemoryReader& memory_;
  std::string text_;
  std::vector<Mapping> mappings_;
  std::vector<std::shared_ptr<const Module>> modules_;   // by start address
  std::vector<std::shared_ptr<const Module>> vanished_;  // in order, the latest last
  uint64_t generation_ = 0;
  Unloaded unloaded_ = nullptr;
  Period when_{};
  Period latest_{};  // reading of the maps
  std::map<const Module*, SeenPeriods> seen_periods_;
  std::vector<const Module*> others_then_;  // not mapped at the time of look_back
};

}  // namespace holdwatch
