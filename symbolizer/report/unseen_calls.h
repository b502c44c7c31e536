// Prints once that locks taken in some libraries are not seen, when a report shows that calls bypass our hooks.
// Pure except that it remembers what was printed; cold context. Only for first reports, and for a limited number of
// them.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "symbolizer/report/report.h"

namespace holdwatch {

class UnseenCalls {
 public:
  // `libraries` returns the paths of those that call libc's own functions; called only when needed.
  using Libraries = std::function<std::vector<std::string>()>;

  // A line to write after the report, if the report shows something not printed before.
  std::optional<std::string> notice(const Report& report, const Libraries& libraries);

 private:
  bool notice_given_ = false;
  size_t asked_ = 0;
  std::set<std::string> named_;
};

}  // namespace holdwatch
