// Says once that locks taken in some libraries are not seen, when a report shows that calls go past us.
// Pure but for the memory of what was said; cold context. Only for first reports, and not for ever.
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
  // `libraries` says which ones call libc's own functions, by path; asked only where it matters.
  using Libraries = std::function<std::vector<std::string>()>;

  // A line to write after the report, if it shows what was not said before.
  std::optional<std::string> notice(const Report& report, const Libraries& libraries);

 private:
  bool said_ = false;
  size_t asked_ = 0;
  std::set<std::string> named_;
};

}  // namespace holdwatch
