// libFuzzer target: a report in which every text that somebody else chose (threads, paths, symbols, source lines, notes) is
// any bytes. The text stays as many lines as without them and has no control character but the newline, all of it UTF-8;
// the JSON is one line that parses.
#include <algorithm>
#include <string>

#include "symbolizer/report/report.h"
#include "symbolizer/report/sample_shares.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_check.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;
using fuzz::check;

namespace {

void fill(fuzz::Choices& choices, Frame& frame) {
  frame.module = "/lib/" + choices.text();
  frame.function = choices.text();
  frame.file = choices.text();
  frame.source = choices.text();
  frame.inlined = choices.take<uint8_t>() % 2 != 0;
}

void fill(fuzz::Choices& choices, Stack& stack) {
  for (Frame& frame : stack.frames)
    if (choices.more()) fill(choices, frame);
  stack.note = choices.text();
}

// Those of both stacks, with counts that are as they come.
ReportSamples samples_of(fuzz::Choices& choices, const ReportHolder& holder) {
  std::vector<SampledStack> stacks;
  ReportSamples samples;
  for (const Stack* stack : {&holder.now, &holder.taken}) {
    SampledStack& sampled = stacks.emplace_back();
    for (const Frame& frame : stack->frames) sampled.frames.push_back({frame, choices.take<uint8_t>()});
    sampled.samples = 1 + choices.take<uint8_t>() % 8;
    samples.captured += sampled.samples;
  }
  samples.is_frozen = choices.more();
  samples.missed = choices.take<uint8_t>() % 3;
  share_out(stacks, samples);
  return samples;
}

Report report_of(fuzz::Choices& choices) {
  Report report = choices.more() ? deadlock_report() : sample_report();
  report.phase = static_cast<Phase>(choices.take<uint8_t>() % 5);
  report.event = static_cast<Event>(choices.take<uint8_t>() % 8);
  report.exe = choices.text();
  report.host = choices.text();
  report.lock_name = choices.text();
  report.note = choices.text();
  for (ReportCycleStep& step : report.cycle) step.lock_name = choices.text();
  for (ReportHolder& holder : report.holders) {
    holder.thread = choices.text();
    holder.doing = choices.text();
    fill(choices, holder.now);
    fill(choices, holder.taken);
    holder.samples = samples_of(choices, holder);
  }
  for (ReportWaiters& group : report.waiters) {
    for (std::string& thread : group.threads) thread = choices.text();
    fill(choices, group.stack);
  }
  return report;
}

bool is_control(unsigned char before, unsigned char byte) {
  const bool is_c1 = before == 0xc2 && byte >= 0x80 && byte < 0xa0;
  return (byte < 0x20 && byte != '\n') || byte == 0x7f || is_c1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  fuzz::Choices choices(data, size);
  const Report report = report_of(choices);

  const std::string text = render_text(report);
  unsigned char before = 0;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    check(!is_control(before, byte));
    before = byte;
  }
  check(text.starts_with("holdwatch[") && text.back() == '\n');
  // Every line but the first is indented: nothing that was put in begins one.
  for (size_t at = text.find('\n'); at + 1 < text.size(); at = text.find('\n', at + 1)) check(text[at + 1] == ' ');
  check(fuzz::is_utf8(text));

  const std::string line = render_json(report);
  check(line.find('\n') == std::string::npos);
  check(fuzz::is_json_object(line));
  fingerprint(report);
  return 0;
}
