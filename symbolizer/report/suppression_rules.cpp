// See suppression_rules.h.
#include "symbolizer/report/suppression_rules.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "shim/common/options/glob.h"
#include "shim/common/options/option_values.h"
#include "symbolizer/report/function_names.h"
#include "symbolizer/report/headline.h"
#include "symbolizer/report/report_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kConditionWaits = "condition";   // instead of an event
constexpr std::string_view kUnknownFunction = "(unknown)";  // matches a stack of which no function is known

// --- reading ---

// The next word, in which a part in double quotes may have blanks; empty at the end.
std::string take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  std::string word;
  bool is_quoted = false;
  size_t at = 0;
  for (; at < rest.size() && (is_quoted || kBlanks.find(rest[at]) == std::string_view::npos); ++at) {
    if (rest[at] == '"')
      is_quoted = !is_quoted;
    else
      word += rest[at];
  }
  rest.remove_prefix(at);
  return word;
}

// The next line and, if it ends in a backslash, those that continue it. Counts lines.
std::string take_line(std::string_view& text, size_t& number) {
  std::string whole;
  bool goes_on = true;
  while (goes_on && !text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++number;
    goes_on = line.ends_with('\\');
    if (goes_on) line.remove_suffix(1);
    whole += line;
  }
  return whole;
}

bool is_balanced(std::string_view line) {
  return std::count(line.begin(), line.end(), '"') % 2 == 0;
}

// The bits of "hold,wait", of "any" for all; nothing if a name is none of an event.
std::optional<uint32_t> events_of(std::string_view names) {
  if (names == "any") return UINT32_MAX;
  uint32_t events = 0;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    const std::optional<Event> event = event_named(name);
    if (!event) return std::nullopt;
    events |= 1u << static_cast<uint32_t>(*event);
  }
  return events;
}

Patterns* patterns_of(SuppressionRule& rule, std::string_view key) {
  if (key == "function") return &rule.functions;
  if (key == "module") return &rule.modules;
  if (key == "lock") return &rule.locks;
  if (key == "exe") return &rule.programs;
  if (key == "holder") return &rule.holders;
  return key == "waiter" ? &rule.waiters : nullptr;
}

// Returns what is wrong with a rule that asks for condition waits, or an empty string. Without a function it would ask for all that
// are idle.
std::string fault_of_condition_rule(const SuppressionRule& rule) {
  if (rule.functions.empty()) return "a rule for condition waits needs a function";
  const bool has_limit = rule.limit_ns != UINT64_MAX && rule.limit_ns != 0;
  return has_limit ? "" : "a rule for condition waits needs a limit: they are not reported without such a rule";
}

// Returns what is wrong with a condition, or an empty string.
std::string take_condition(std::string_view word, SuppressionRule& rule) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) return fmt::format("{} is no condition: KEY=PATTERN", quote(word));
  const std::string_view key = word.substr(0, equals), value = word.substr(equals + 1);
  if (value.empty()) return fmt::format("{} has no value", quote(key));
  if (key == "reason") {
    rule.reason = value;
  } else if (key == "limit") {
    const Parsed<uint64_t> limit = parse_duration(value);
    if (!limit.ok()) return fmt::format("limit={}: {}", escape(value), limit.reason);
    rule.limit_ns = limit.value;
  } else if (Patterns* const patterns = patterns_of(rule, key)) {
    patterns->emplace_back(value);
  } else {
    return fmt::format("unknown condition {} (function, module, lock, exe, holder, waiter, limit, reason)", quote(key));
  }
  return "";
}

// Returns what is wrong with a line, or an empty string.
std::string take_rule(std::string_view line, SuppressionRule& rule) {
  if (!is_balanced(line)) return "a double quote is missing";
  const std::string events = take_word(line);
  rule.asks_for_condition_waits = events == kConditionWaits;
  const std::optional<uint32_t> bits = rule.asks_for_condition_waits ? 0 : events_of(events);
  if (!bits) return fmt::format("{} is no event (any, hold, wait, deadlock ...), nor condition", quote(events));
  rule.events = *bits;
  size_t conditions = 0;
  for (std::string word = take_word(line); !word.empty(); word = take_word(line), ++conditions) {
    const std::string fault = take_condition(word, rule);
    if (!fault.empty()) return fault;
  }
  if (rule.asks_for_condition_waits) return fault_of_condition_rule(rule);
  return conditions == 0 ? "a rule needs a condition" : "";
}

// A comment begins at the line's start or after a blank, outside of quotes.
std::string_view without_comment(std::string_view line) {
  bool is_quoted = false;
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '"') is_quoted = !is_quoted;
    const bool may_begin = at == 0 || kBlanks.find(line[at - 1]) != std::string_view::npos;
    if (line[at] == '#' && may_begin && !is_quoted) return line.substr(0, at);
  }
  return line;
}

// --- matching ---

bool matches(const Patterns& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return glob_matches(pattern, text); });
}

// The name as it is; or without parameters, and without the anonymous namespaces that a programmer does not write.
bool function_matches(const Patterns& patterns, const std::string& function) {
  if (patterns.empty() || function.empty()) return false;
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  std::string name = stable_function_name(function);
  for (size_t at = name.find(kAnonymous); at != std::string::npos; at = name.find(kAnonymous))
    name.erase(at, kAnonymous.size());
  return matches(patterns, function) || matches(patterns, name);
}

bool module_matches(const Patterns& patterns, const std::string& module) {
  return !module.empty() && (matches(patterns, module) || matches(patterns, base_name(module)));
}

// The stacks of one thread; the first one is that of what the report is about.
using Stacks = std::vector<const Stack*>;

template <typename Wanted>
bool any_frame(const Stacks& stacks, Wanted wanted) {
  return std::any_of(stacks.begin(), stacks.end(), [&](const Stack* stack) {
    return std::any_of(stack->frames.begin(), stack->frames.end(), wanted);
  });
}

bool stacks_match(const SuppressionRule& rule, const Stacks& stacks) {
  const bool no_function = !any_frame({stacks.front()}, [](const Frame& frame) { return !frame.function.empty(); });
  const bool has_function =
      any_frame(stacks, [&](const Frame& frame) { return function_matches(rule.functions, frame.function); });
  const bool has_module =
      any_frame(stacks, [&](const Frame& frame) { return module_matches(rule.modules, frame.module); });
  return (rule.functions.empty() || has_function || (no_function && matches(rule.functions, kUnknownFunction))) &&
         (rule.modules.empty() || has_module);
}

// Every thread that the report is about.
bool all_stacks_match(const SuppressionRule& rule, const Report& report) {
  if (rule.functions.empty() && rule.modules.empty()) return true;
  if (is_about_waits(report.event))
    return !report.waiters.empty() && std::all_of(report.waiters.begin(), report.waiters.end(), [&](const auto& group) {
      return stacks_match(rule, {&group.stack});
    });
  return !report.holders.empty() && std::all_of(report.holders.begin(), report.holders.end(), [&](const auto& holder) {
    return stacks_match(rule, {&holder.taken, &holder.now});
  });
}

// No pattern means any thread.
bool threads_match(const Patterns& patterns, const ReportWaiters& group) {
  return patterns.empty() || std::all_of(group.threads.begin(), group.threads.end(),
                                         [&](const std::string& thread) { return matches(patterns, thread); });
}

bool waiters_match(const Patterns& patterns, const Report& report) {
  if (report.waiters_left_out > 0) return false;
  return std::all_of(report.waiters.begin(), report.waiters.end(),
                     [&](const ReportWaiters& group) { return threads_match(patterns, group); });
}

bool is_of_program(const SuppressionRule& rule, const Report& report) {
  return rule.programs.empty() || matches(rule.programs, base_name(report.exe));
}

bool facts_match(const SuppressionRule& rule, const Report& report) {
  if ((rule.events & 1u << static_cast<uint32_t>(report.event)) == 0) return false;
  if (!is_of_program(rule, report)) return false;
  if (!rule.locks.empty() && !matches(rule.locks, report.lock_name)) return false;
  if (!rule.waiters.empty() && !waiters_match(rule.waiters, report)) return false;
  return rule.holders.empty() || std::all_of(report.holders.begin(), report.holders.end(),
                                             [&](const auto& holder) { return matches(rule.holders, holder.thread); });
}

}  // namespace

std::vector<std::string> SuppressionRules::add(std::string_view text, const std::string& file) {
  std::vector<std::string> faults;
  size_t number = 1;
  while (!text.empty()) {
    const size_t first = number;
    const std::string line = take_line(text, number);
    const std::string_view content = without_comment(line);
    if (content.find_first_not_of(kBlanks) == std::string_view::npos) continue;
    SuppressionRule rule;
    rule.origin = fmt::format("{}:{}", file, first);
    const std::string fault = take_rule(content, rule);
    if (fault.empty())
      rules_.push_back(std::move(rule));
    else
      faults.push_back(fmt::format("{}: {}", rule.origin, fault));
  }
  return faults;
}

bool SuppressionRules::may_leave_out(const Report& facts) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const SuppressionRule& rule) {
    return facts_match(rule, facts) && oldest_age_ns(facts) < rule.limit_ns;
  });
}

const SuppressionRule* SuppressionRules::leaves_out(const Report& report, uint64_t* at_ns) {
  for (SuppressionRule& rule : rules_) {
    if (!facts_match(rule, report) || !all_stacks_match(rule, report)) continue;
    rule.has_matched = true;
    if (oldest_age_ns(report) >= rule.limit_ns) return nullptr;
    *at_ns = rule.limit_ns;
    return &rule;
  }
  return nullptr;
}

uint64_t SuppressionRules::condition_limit_ns() const {
  uint64_t smallest_ns = UINT64_MAX;
  for (const SuppressionRule& rule : rules_)
    if (rule.asks_for_condition_waits) smallest_ns = std::min(smallest_ns, rule.limit_ns);
  return smallest_ns == UINT64_MAX ? 0 : smallest_ns;
}

bool SuppressionRules::asks_for(const Report& report, const ReportWaiters& group, uint64_t* limit_ns) {
  *limit_ns = UINT64_MAX;
  for (SuppressionRule& rule : rules_) {
    if (!rule.asks_for_condition_waits || !is_of_program(rule, report)) continue;
    if (!rule.locks.empty() && !matches(rule.locks, report.lock_name)) continue;
    if (!threads_match(rule.waiters, group) || !stacks_match(rule, {&group.stack})) continue;
    rule.has_matched = true;
    *limit_ns = std::min(*limit_ns, rule.limit_ns);
  }
  return *limit_ns != UINT64_MAX && group.longest_ns >= *limit_ns;
}

std::vector<std::string> SuppressionRules::unused() const {
  std::vector<std::string> origins;
  for (const SuppressionRule& rule : rules_)
    if (!rule.has_matched) origins.push_back(rule.origin);
  return origins;
}

}  // namespace holdwatch
