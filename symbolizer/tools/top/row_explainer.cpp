// See row_explainer.h.
#include "symbolizer/tools/top/row_explainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "symbolizer/report/function_names.h"
#include "symbolizer/report/text_format.h"

namespace holdwatch::top {
namespace {

constexpr size_t kWaitersWithStacks = 32;
constexpr char kRuns[] = "not captured: the thread was running; holdwatch snapshot has it sampled for the log";

template <size_t Size>
void copy_text(std::string_view text, char (&out)[Size]) {
  const size_t length = std::min(text.size(), Size - 1);
  std::memcpy(out, text.data(), length);
  out[length] = '\0';
}

uint64_t wall_clock_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
}

// The function of the program, not the library's wrapper of the lock call.
std::string place_of(const Stack& stack) {
  const auto frame = std::find_if_not(stack.frames.begin(), stack.frames.end(), is_library_frame);
  if (frame == stack.frames.end()) return "";
  if (frame->function.empty())
    return frame->module.empty() ? "" : fmt::format("{}+{:#x}", base_name(frame->module), frame->offset);
  const std::string function = stable_function_name(frame->function);
  return frame->file.empty() ? function : fmt::format("{} {}:{}", function, base_name(frame->file), frame->line);
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

const RawStack& stack_of_running() {
  static const RawStack stack = [] {
    RawStack made{};
    copy_text(kRuns, made.note);
    return made;
  }();
  return stack;
}

}  // namespace

RowExplainer::RowExplainer(int pid)
    : threads_(pid),
      builder_(
          {[this](uintptr_t pc, bool exact) { return threads_.resolve(pc, exact); },
           [this](uintptr_t pc) { return threads_.function_start(pc); }, [](int) { return std::optional<uint64_t>(); }},
          threads_.host(), pid, threads_.executable()) {}

void RowExplainer::begin(const std::vector<Row>& rows) {
  rows_ = &rows;
  threads_.begin();
  facts_.clear();
  details_.clear();
  std::erase_if(taken_, [](const auto& one) { return !one.second.is_asked; });
  for (auto& [use, taken] : taken_) taken.is_asked = false;
  constexpr size_t kMostNames = 4096;
  if (variables_.size() > kMostNames) variables_.clear();
}

const RowFacts& RowExplainer::facts(const Row& row) {
  const auto [known, is_new] = facts_.try_emplace(row.lock->lock.address);
  if (is_new) known->second = find_facts(row);
  return known->second;
}

RowFacts RowExplainer::find_facts(const Row& row) {
  RowFacts facts;
  facts.lock_name = name_of(*row.lock);
  const ListedHold* const holder = row.holder();
  if (holder == nullptr) return facts;
  facts.taken_in = taken_in(row, *holder);
  facts.doing = doing(row, *holder);
  facts.thread = holder->thread;
  if (const ThreadLook* const seen = look(*holder, ThreadLooks::Stack::needless)) facts.thread = seen->name;
  return facts;
}

// The one that the program gave it, or that of its variable, which does not change, though which lock is at an address does.
std::string RowExplainer::name_of(const ListedLock& lock) {
  if (lock.name[0] != '\0') return lock.name;
  const auto [known, is_new] = variables_.try_emplace({lock.lock.address, lock.id});
  if (is_new) known->second = threads_.variable(lock.lock.address);
  return known->second;
}

const ThreadLook* RowExplainer::look(const ListedHold& hold, ThreadLooks::Stack stack) {
  if (hold.gone || hold.acquired == Acquired::elsewhere) return nullptr;
  return threads_.look(hold.use, hold.tid, stack);
}

// It does not change as long as the hold lasts. Where helpers that took the lock have returned, their callers are found on the
// holder's stack, once that can be seen.
std::string RowExplainer::taken_in(const Row& row, const ListedHold& hold) {
  TakenIn& taken = taken_[hold.use];
  taken.is_asked = true;
  if (taken.is_final || hold.site_count == 0) return taken.text;
  const ThreadLook* const seen = look(hold, ThreadLooks::Stack::needed);
  taken.is_final = seen == nullptr || seen->stack != nullptr;
  if (taken.text.empty() || taken.is_final) taken.text = place_of(report_of(row, false).holders.front().taken);
  return taken.text;
}

uint32_t RowExplainer::awaited_by(const Row& row) const {
  if (row.holder_wait == nullptr) return 0;
  for (const Row& other : *rows_)
    if (std::find(other.waits.begin(), other.waits.end(), row.holder_wait) != other.waits.end()) return other.lock->id;
  return 0;
}

std::string RowExplainer::doing(const Row& row, const ListedHold& hold) {
  if (hold.gone) return "the thread has exited";
  if (hold.acquired == Acquired::elsewhere) return "in another process";
  if (const uint32_t lock = awaited_by(row)) return fmt::format("waits for L{}", lock);
  const ThreadLook* const seen = look(hold, ThreadLooks::Stack::needless);
  if (seen == nullptr) return "";
  const bool is_blocked = seen->snapshot.state == ThreadState::blocked;
  return seen->doing.empty() && is_blocked ? "blocked" : seen->doing;
}

void RowExplainer::describe_holder(const Row& row, const ListedHold& hold, Holder& out) {
  out = Holder{};
  out.tid = hold.tid;
  out.pid = hold.pid;
  out.lock = row.lock->lock;
  out.lock_id = row.lock->id;
  copy_text(name_of(*row.lock), out.lock_name);
  copy_text(hold.thread, out.thread);
  out.access = hold.access;
  out.acquired = hold.acquired;
  out.depth = hold.depth;
  out.held_ns = hold.held_ns;
  out.site_count = hold.site_count;
  std::copy_n(hold.sites, hold.site_count, out.sites);
  out.likely = hold.likely;
  out.evidence = hold.site_count == 0 ? Evidence::stated : Evidence::recorded;
  out.state = hold.acquired == Acquired::elsewhere ? ThreadState::unknown : ThreadState::gone;
  const ThreadLook* const seen = look(hold, ThreadLooks::Stack::needed);
  if (seen == nullptr) return;
  copy_text(seen->name, out.thread);
  out.state = seen->snapshot.state;
  out.call = seen->snapshot.call;
  out.now = seen->stack != nullptr              ? seen->stack.get()
            : out.state == ThreadState::running ? &stack_of_running()
                                                : nullptr;
  out.wait = seen->wait;
  copy_text(seen->doing, out.doing);
  if (&hold != row.holder() || row.holder_wait == nullptr) return;
  out.waits_for = awaited_by(row);
  out.waited_ns = row.holder_wait->waited_ns;
}

void RowExplainer::describe_waiter(const Row& row, const ListedWait& wait, bool with_stack, Waiter& out) {
  out = Waiter{};
  out.tid = wait.tid;
  out.lock_id = row.lock->id;
  out.access = wait.access;
  out.waited_ns = wait.waited_ns;
  out.has_timeout = wait.has_timeout;
  const ThreadLook* const seen = with_stack ? threads_.look(wait.use, wait.tid, ThreadLooks::Stack::needed) : nullptr;
  if (seen == nullptr) return;
  copy_text(seen->name, out.thread);
  out.stack = seen->stack.get();
}

// A report of the row as the process would make it for its log.
Report RowExplainer::report_of(const Row& row, bool with_waiters) {
  std::vector<Holder> holders(with_waiters ? row.holds.size() : 1);
  for (size_t i = 0; i < holders.size(); ++i) describe_holder(row, *row.holds[i], holders[i]);
  std::vector<Waiter> waiters(with_waiters ? std::min(row.waits.size(), kWaitersWithStacks) : 0);
  for (size_t i = 0; i < waiters.size(); ++i) describe_waiter(row, *row.waits[i], true, waiters[i]);
  holdwatch::Finding finding{};
  finding.event = row.holder() == nullptr ? Event::wait : row.holder()->gone ? Event::abandoned : Event::hold;
  finding.phase = Phase::snapshot;
  finding.wall_clock_ns = wall_clock_ns();
  finding.lock = row.lock->lock;
  finding.lock_id = row.lock->id;
  copy_text(name_of(*row.lock), finding.lock_name);
  finding.holders = holders.data();
  finding.holder_count = holders.size();
  finding.waiters = waiters.data();
  finding.waiter_count = waiters.size();
  finding.waiters_left_out = with_waiters ? row.waiting - waiters.size() : 0;
  finding.lost_ns = row.lost_ns;
  finding.behind_threads = row.behind;
  return builder_.build(finding);
}

// Without the first line, which is the row, and the last, which tells reports apart.
const std::vector<std::string>& RowExplainer::details(const Row& row) {
  const auto [known, is_new] = details_.try_emplace(row.lock->lock.address);
  if (!is_new) return known->second;
  std::vector<std::string> lines = lines_of(render_text(report_of(row, true)));
  if (!lines.empty()) lines.erase(lines.begin());
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("  report"); });
  known->second = std::move(lines);
  return known->second;
}

}  // namespace holdwatch::top
