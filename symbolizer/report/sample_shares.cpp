// See sample_shares.h.
//
// The stacks form a tree, the outermost function at its root. Where it branches, the samples differ: each branch is a
// place, called after the innermost function that all of its samples are in.
#include "symbolizer/report/sample_shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "symbolizer/report/function_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxPlaces = 4;
constexpr size_t kMaxFunctions = 64;
constexpr size_t kFewestSamples = 3;  // two positions are what the reports themselves compare

// Without the frames inside libc that every system call has. Outermost frame first.
std::vector<const SampledFrame*> outermost_first(const SampledStack& stack) {
  const auto innermost = std::find_if_not(stack.frames.begin(), stack.frames.end(), [](const SampledFrame& sampled) {
    return is_cancellation_frame(sampled.frame);
  });
  std::vector<const SampledFrame*> frames;
  for (auto frame = stack.frames.end(); frame != innermost;) frames.push_back(&*--frame);
  return frames;
}

std::string function_key(const SampledFrame& sampled) {
  const Frame& frame = sampled.frame;
  if (!frame.function.empty()) return frame.module + '\n' + frame.function;
  return fmt::format("{}\n{:#x}", frame.module, sampled.function_start == 0 ? frame.ip : sampled.function_start);
}

std::string line_key(const SampledFrame& sampled) {
  const Frame& frame = sampled.frame;
  const std::string key = function_key(sampled);
  return frame.line > 0 ? fmt::format("{}\n{}:{}", key, frame.file, frame.line)
                        : fmt::format("{}\n{:#x}", key, frame.ip);
}

// As innermost function of many samples, it says less than who has called it.
bool is_of_libc(const Frame& frame) {
  const std::string_view module = base_name(frame.module);
  return module.starts_with("libc.so") || module.starts_with("libc-2.") || module.starts_with("libpthread");
}

using KeyOf = std::string (*)(const SampledFrame&);

// Keeps in `common` what both have.
void keep_common(Frame& common, const SampledFrame& other) {
  if (common.file != other.frame.file) common.file.clear();
  if (common.file.empty() || common.line != other.frame.line) {
    common.line = 0;
    common.source.clear();
  }
  if (common.ip == other.frame.ip || other.function_start == 0) return;
  common.offset = other.frame.offset - (other.frame.ip - other.function_start);
  common.ip = other.function_start;
}

class Tree {
 public:
  Tree(const std::vector<SampledStack>& stacks, KeyOf key) : key_(key) {
    for (const SampledStack& stack : stacks) add(stack);
  }

  // The places, most samples first; of more than there may be, the others' samples are counted in `elsewhere`.
  std::vector<ReportSampledPlace> places(size_t* elsewhere) const {
    std::vector<Branch> branches = {from(0, 0)};
    *elsewhere = 0;
    if (is_split(branches[0])) {
      branches = parts(branches[0], 0);
      for (size_t i = kMaxPlaces; i < branches.size(); ++i) *elsewhere += branches[i].samples;
      if (branches.size() > kMaxPlaces) branches.resize(kMaxPlaces);
      while (split_one(branches)) {
      }
    }
    std::vector<ReportSampledPlace> out;
    for (const Branch& branch : branches)
      if (branch.last != 0) out.push_back(place(branch));
    return out;
  }

 private:
  struct Node {
    Frame frame{};
    size_t parent = 0;
    size_t samples = 0;
    size_t ends = 0;                         // samples of which it is the innermost frame
    std::map<std::string, size_t> children;  // by key
  };
  // What a node and those inside it have in common, up to where it branches.
  struct Branch {
    size_t first;
    size_t last;
    size_t around;  // the node that it is a part of and that distinguishes it from others as well; 0: none
    size_t samples;
    bool ends;  // only the samples that end in the node
  };

  void add(const SampledStack& stack) {
    size_t at = 0;
    nodes_[0].samples += stack.samples;
    for (const SampledFrame* sampled : outermost_first(stack)) {
      const size_t parent = at;
      const auto [child, is_new] = nodes_[at].children.try_emplace(key_(*sampled), nodes_.size());
      at = child->second;
      if (is_new)
        nodes_.push_back({sampled->frame, parent, 0, 0, {}});
      else
        keep_common(nodes_[at].frame, *sampled);
      nodes_[at].samples += stack.samples;
    }
    nodes_[at].ends += stack.samples;
  }

  Branch from(size_t first, size_t around) const {
    size_t last = first;
    while (nodes_[last].ends == 0 && nodes_[last].children.size() == 1) last = nodes_[last].children.begin()->second;
    return {first, last, around, nodes_[first].samples, false};
  }

  bool is_split(const Branch& branch) const { return !branch.ends && !nodes_[branch.last].children.empty(); }

  std::vector<Branch> parts(const Branch& whole, size_t around) const {
    std::vector<Branch> out;
    const Node& node = nodes_[whole.last];
    for (const auto& [key, child] : node.children) out.push_back(from(child, around));
    if (node.ends > 0) out.push_back({whole.last, whole.last, whole.around, node.ends, true});
    std::stable_sort(out.begin(), out.end(), [](const Branch& a, const Branch& b) { return a.samples > b.samples; });
    return out;
  }

  // Splits the largest branch of which there is room for the parts. False if there is none.
  bool split_one(std::vector<Branch>& branches) const {
    for (size_t i = 0; i < branches.size(); ++i) {
      if (!is_split(branches[i])) continue;
      const std::vector<Branch> inner = parts(branches[i], branches[i].last);
      if (branches.size() - 1 + inner.size() > kMaxPlaces) continue;
      branches.erase(branches.begin() + static_cast<std::ptrdiff_t>(i));
      branches.insert(branches.end(), inner.begin(), inner.end());
      std::stable_sort(branches.begin(), branches.end(),
                       [](const Branch& a, const Branch& b) { return a.samples > b.samples; });
      return true;
    }
    return false;
  }

  ReportSampledPlace place(const Branch& branch) const {
    ReportSampledPlace out{nodes_[branch.last].frame, std::nullopt, branch.samples};
    size_t outer = distinguishing(branch);
    if (outer == 0 && is_of_libc(out.at)) outer = caller_outside_libc(branch.last);
    if (outer != 0) out.within = nodes_[outer].frame;
    return out;
  }

  // 0: none but the innermost one.
  size_t distinguishing(const Branch& branch) const {
    if (branch.ends || branch.first == 0) return 0;
    size_t outer = branch.first;
    while (outer != branch.last && is_library_frame(nodes_[outer].frame))
      outer = nodes_[outer].children.begin()->second;
    return outer == branch.last ? branch.around : outer;
  }

  // 0: none.
  size_t caller_outside_libc(size_t node) const {
    while (node != 0 && (is_of_libc(nodes_[node].frame) || is_library_frame(nodes_[node].frame)))
      node = nodes_[node].parent;
    return node;
  }

  KeyOf key_;
  std::vector<Node> nodes_{1};
};

std::vector<ReportSampledFunction> functions_of(const std::vector<SampledStack>& stacks) {
  std::map<std::string, size_t> known;
  std::vector<ReportSampledFunction> out;
  for (const SampledStack& stack : stacks) {
    std::set<size_t> counted;
    size_t innermost = 0;
    const std::vector<const SampledFrame*> frames = outermost_first(stack);
    for (const SampledFrame* sampled : frames) {
      const auto [entry, is_new] = known.try_emplace(function_key(*sampled), out.size());
      innermost = entry->second;
      if (is_new)
        out.push_back({sampled->frame, 0, 0});
      else
        keep_common(out[innermost].frame, *sampled);
      if (counted.insert(innermost).second) out[innermost].samples += stack.samples;
    }
    if (!frames.empty()) out[innermost].innermost += stack.samples;
  }
  std::stable_sort(out.begin(), out.end(), [](const ReportSampledFunction& a, const ReportSampledFunction& b) {
    return a.samples > b.samples;
  });
  if (out.size() > kMaxFunctions) out.resize(kMaxFunctions);
  return out;
}

std::string in_words(const Frame& frame) {
  if (frame.function.empty()) {
    if (frame.module.empty()) return fmt::format("{:#x}", frame.ip);
    return fmt::format("{}+{:#x}", escape(base_name(frame.module)), frame.offset);
  }
  const std::string name = escape(readable_function_name(frame.function));
  const std::string_view file = base_name(frame.file.empty() ? frame.module : frame.file);
  if (file.empty()) return name;
  return fmt::format("{} ({}{})", name, escape(file), frame.line > 0 ? fmt::format(":{}", frame.line) : "");
}

std::string in_words(const ReportSampledPlace& place) {
  return in_words(place.at) + (place.within ? ", within " + in_words(*place.within) : "");
}

}  // namespace

// By functions. If all samples are in the same ones, by the lines, unless those are too many to be phases.
void share_out(const std::vector<SampledStack>& stacks, ReportSamples& out) {
  out.places = Tree(stacks, function_key).places(&out.elsewhere);
  out.functions = functions_of(stacks);
  if (out.places.size() != 1 || out.elsewhere > 0) return;
  size_t elsewhere = 0;
  std::vector<ReportSampledPlace> by_line = Tree(stacks, line_key).places(&elsewhere);
  if (by_line.size() > 1 && elsewhere == 0) out.places = std::move(by_line);
}

std::vector<std::string> sample_lines(const ReportSamples& samples) {
  std::vector<std::string> lines;
  if (samples.captured < kFewestSamples || samples.places.empty()) return lines;
  if (samples.is_frozen) {
    lines.push_back(fmt::format("frozen: same stack in all {} over {}, in {}", samples.captured,
                                format_duration(samples.span_ns), in_words(samples.places.front())));
    return lines;
  }
  for (const ReportSampledPlace& place : samples.places) {
    const std::string count = place.samples == samples.captured ? fmt::format("all {}", place.samples)
                              : lines.empty() ? fmt::format("{} of {}", place.samples, samples.captured)
                                              : fmt::format("{}", place.samples);
    lines.push_back(fmt::format("{} in {}", count, in_words(place)));
  }
  if (samples.elsewhere > 0) lines.push_back(fmt::format("{} in other places", samples.elsewhere));
  if (samples.missed > 0) lines.push_back(fmt::format("{} more could not be captured", samples.missed));
  return lines;
}

}  // namespace holdwatch
