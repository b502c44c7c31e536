// The note of a report about an rwlock that has readers whom nothing names.
// Cold context. Pure; no allocation.
#pragma once

#include <cstddef>

#include "shim/common/text/text_buffer.h"

namespace holdwatch {

// `others_are_known`: the report names other readers of it.
inline void append_unknown_readers(size_t readers, bool others_are_known, TextBuffer& out) {
  const bool is_one = readers == 1;
  if (!others_are_known) out << "held by ";
  if (is_one)
    out << "one";
  else
    out << readers;
  if (others_are_known) out << " more";
  out << (is_one ? " reader" : " readers");
  if (others_are_known) out << (is_one ? " has it" : " have it");
  out << ": glibc does not record which " << (is_one ? "thread" : "threads");
}

}  // namespace holdwatch
