// In which functions a holder was, in how many of its samples: the phases of its hold.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "symbolizer/report/report.h"

namespace holdwatch {

struct SampledFrame {
  Frame frame;
  uintptr_t function_start = 0;  // 0: not known; needed for a function without a name only
};

// A stack that some of the samples have, innermost frame first.
struct SampledStack {
  std::vector<SampledFrame> frames;
  size_t samples = 0;
};

// Fills in out.places, out.elsewhere and out.functions.
void share_out(const std::vector<SampledStack>& stacks, ReportSamples& out);

// For text: one line a place, and what else there is to know. Empty if there are too few samples to compare.
std::vector<std::string> sample_lines(const ReportSamples& samples);

}  // namespace holdwatch
