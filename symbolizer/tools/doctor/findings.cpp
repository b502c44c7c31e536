// See findings.h.
#include "symbolizer/tools/doctor/findings.h"

#include <algorithm>
#include <cstdio>

namespace holdwatch {
namespace {

struct Style {
  const char* word;
  const char* color;
};

Style style_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::fine:
      return {"ok", "\033[32m"};
    case Verdict::note:
      return {"note", "\033[33m"};
    case Verdict::obstacle:
      return {"no", "\033[31m"};
  }
  return {"", ""};
}

}  // namespace

bool Findings::has_obstacle() const {
  return std::any_of(list_.begin(), list_.end(),
                     [](const CheckResult& one) { return one.verdict == Verdict::obstacle; });
}

void Findings::drop_fine() {
  std::erase_if(list_, [](const CheckResult& one) { return one.verdict == Verdict::fine; });
}

void Findings::print(bool in_color) const {
  for (const CheckResult& finding : list_) {
    const Style style = style_of(finding.verdict);
    std::printf("%s%-4s%s  %-9s  %s\n", in_color ? style.color : "", style.word, in_color ? "\033[0m" : "",
                finding.subject.c_str(), finding.text.c_str());
  }
}

}  // namespace holdwatch
