// What kind of lock it is, in JSON and in text.
// Pure.
#pragma once

#include <string_view>

#include "shim/common/contract/finding.h"

namespace holdwatch {

constexpr std::string_view lock_kind_name(LockKind kind) {
  switch (kind) {
    case LockKind::mutex:
      return "mutex";
    case LockKind::rwlock:
      return "rwlock";
    case LockKind::stream:
      return "stream";
    case LockKind::loader:
      return "loader";
    case LockKind::once:
      return "once";
    case LockKind::local_static:
      return "static";
    case LockKind::file_lock:
      return "file_lock";
    case LockKind::condition:
      return "condition";
  }
  return "unknown";
}

constexpr std::string_view lock_kind_words(LockKind kind) {
  return kind == LockKind::file_lock ? "file lock" : lock_kind_name(kind);
}

}  // namespace holdwatch
