// See passed_holds.h.
#include "symbolizer/report/passed_holds.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "symbolizer/report/finding_text.h"
#include "symbolizer/report/function_names.h"
#include "symbolizer/report/headline.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr size_t kShownSites = 8;

// Nothing if the stack has no frame.
Frame place_in(const Stack& stack) {
  const auto& frames = stack.frames;
  const auto own = std::find_if_not(frames.begin(), frames.end(), is_library_frame);
  if (own != frames.end()) return *own;
  return frames.empty() ? Frame{} : frames.front();
}

// Return addresses of one line differ between builds, and between copies of an inlined function.
auto key_of(const Frame& frame, bool reads) {
  const bool is_named = !frame.function.empty() && !frame.file.empty() && frame.line > 0;
  return std::tuple(reads, frame.module, frame.function, frame.file, is_named ? frame.line : 0,
                    is_named ? 0 : frame.ip);
}

std::string site_words(const Frame& frame) {
  std::string text = frame.function.empty() ? "" : " in " + escape(readable_function_name(frame.function));
  if (!frame.file.empty() && frame.line > 0)
    return text + fmt::format("{} {}:{}", text.empty() ? " at" : ",", escape(base_name(frame.file)), frame.line);
  if (text.empty() && !frame.module.empty())
    return fmt::format(" at {}+{:#x}", escape(base_name(frame.module)), frame.offset);
  return text.empty() ? " at an unknown place" : text;
}

std::string site_line(const ReportPassedSite& site, bool has_modes) {
  const std::string_view mode = !has_modes ? "" : site.access == Access::shared ? " for reading" : " for writing";
  return fmt::format("{} taken{}{} ({})", site.holds, mode, site_words(site.at),
                     count_of(site.threads, "thread", "threads"));
}

}  // namespace

ReportPassed describe_passed(const PassedBy& passed) {
  ReportPassed described;
  described.tid = passed.tid;
  described.thread = bounded(passed.thread);
  described.holds = passed.holds;
  described.reads = passed.reads;
  described.writes = passed.writes;
  described.prefers_readers = passed.prefers_readers;
  return described;
}

void name_passed(const PassedBy& passed, StackNamer& namer, ReportPassed& out) {
  std::vector<Frame> frames;
  for (size_t i = 0; i < passed.place_count; ++i) frames.push_back(place_in(namer.name(passed.places[i]).stack));
  using Key = decltype(key_of(Frame{}, false));
  std::map<Key, std::pair<ReportPassedSite, std::set<int>>> sites;
  for (size_t i = 0; i < passed.passer_count; ++i) {
    const Passer& passer = passed.passers[i];
    if (passer.place >= frames.size()) continue;
    auto& [site, threads] = sites[key_of(frames[passer.place], passer.reads)];
    site.at = frames[passer.place];
    site.access = passer.reads ? Access::shared : Access::exclusive;
    site.holds += passer.holds;
    threads.insert(passer.tid);
    site.threads = threads.size();
  }
  for (auto& [key, site] : sites) out.sites.push_back(std::move(site.first));
  std::stable_sort(out.sites.begin(), out.sites.end(),
                   [](const ReportPassedSite& a, const ReportPassedSite& b) { return a.holds > b.holds; });
}

uint64_t ReportPassed::not_noted() const {
  uint64_t known = 0;
  for (const ReportPassedSite& site : sites) known += site.holds;
  return holds - known;
}

std::vector<std::string> passed_lines(const ReportPassed& passed) {
  std::vector<std::string> lines = {fmt::format("at least {} since {} began to wait",
                                                count_of(passed.holds, "hold", "holds"),
                                                thread_label(passed.tid, passed.thread))};
  uint64_t others = passed.not_noted();
  for (size_t i = 0; i < passed.sites.size(); ++i) {
    if (i < kShownSites)
      lines.push_back(site_line(passed.sites[i], passed.reads > 0));
    else
      others += passed.sites[i].holds;
  }
  if (others > 0 && !passed.sites.empty())
    lines.push_back(fmt::format("{} more, at places that were not noted", others));
  if (passed.prefers_readers && passed.writes && passed.reads > 0)
    lines.push_back(fmt::format("the lock prefers readers: {} of these holds {} for reading, while it waits to write",
                                passed.reads, passed.reads == 1 ? "was" : "were"));
  return lines;
}

}  // namespace holdwatch
