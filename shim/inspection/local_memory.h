// This process's address space as the kernel sees it: what is mapped around an address.
// Cold context; no allocation, no loader's lock. read_local_memory is declared in capture.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/common/proc/memory_range.h"
#include "shim/common/proc/shared_owner.h"

namespace holdwatch {

// The page at `address`, if its mapping is shared. False if not, or if /proc cannot be read.
bool shared_page_at(uintptr_t address, SharedPage* out);
// Whether the mapping there is private: a lock in it is shared with nobody, whatever its attributes say. False also if /proc cannot
// be read.
bool is_private_memory(uintptr_t address);
// Whether that process maps it too.
MapsLock maps_page(int pid, const FilePage& page);
// The addresses at which we map the byte that that process has at `address`, in a shared mapping. Returns how many; 0 also if
// the kernel does not allow us to read its maps.
size_t shared_addresses_of(int pid, uintptr_t address, uintptr_t* out, size_t size);

// The longest unbroken range of such memory around `address`; empty if it is in none, or /proc cannot be read.
MemoryRange mapped_around(uintptr_t address, MappedAs what);

}  // namespace holdwatch
