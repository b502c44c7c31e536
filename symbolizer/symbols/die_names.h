// The names of functions and types according to their debug data.
// Cold context only.
#pragma once

#include <elfutils/libdw.h>

#include <string>

#include "symbolizer/symbols/deadline.h"

namespace holdwatch {

struct FunctionName {
  std::string text;           // readable; empty if the debug data has none
  bool from_linkage = false;  // from the linkage name: with enclosing scopes and parameters
  bool is_rust = false;
};

// For DW_TAG_subprogram and DW_TAG_inlined_subroutine: the linkage name if there is one, otherwise the plain name
// within its namespaces and classes, or as much of that as the deadline allows.
FunctionName function_name(Dwarf_Die die, Deadline& deadline);

// Of a class, struct, union or typedef, within its namespaces and classes; empty if it has no name.
std::string type_name(Dwarf_Die die, Deadline& deadline);

// The DIE that `attribute` of `die` refers to. False if there is none.
bool referenced_die(Dwarf_Die die, unsigned attribute, Dwarf_Die& referenced);

}  // namespace holdwatch
