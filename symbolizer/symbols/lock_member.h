// Which member of an object a lock is, by the debug data of the object's type.
// Cold context only. The data may be damaged: depth and time are bounded, and a failure means "not known".
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "shim/common/contract/finding.h"
#include "symbolizer/symbols/deadline.h"

namespace holdwatch {

// A type without the names and qualifiers around it, and the name by which it is known, which is in `named`.
struct PlainType {
  Dwarf_Die die;
  Dwarf_Die named;
  std::string name;  // of the typedef or the type itself, without scopes; empty if there is none
};

// Nothing if it cannot be told, as of a class that the unit only declares.
std::optional<PlainType> plain_type(Dwarf_Die type);

// The type of a variable, parameter or member.
std::optional<PlainType> type_of(Dwarf_Die die);

// What a pointer or reference points to; nothing if it is none.
std::optional<PlainType> type_pointed_to(const PlainType& pointer);

// In bytes; 0 if it is not known.
uint64_t size_of(PlainType type);

// The way from an object to the lock of that kind that is `offset` bytes from its beginning: "connections[3].mutex". Members of the
// library's own types at its end are left out: it is empty if the object itself is such a lock, or the library's wrapper around one.
// Nothing if there is no such lock.
std::optional<std::string> way_to_lock(const PlainType& object, uint64_t offset, LockKind kind, Deadline& deadline);

// Visits the pointers that an object contains: their offset in it, and what they point to.
void visit_pointers(const PlainType& object, Deadline& deadline,
                    const std::function<void(uint64_t offset, const PlainType& to)>& visit);

}  // namespace holdwatch
