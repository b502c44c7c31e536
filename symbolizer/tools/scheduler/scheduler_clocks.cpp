// See scheduler_clocks.h. For a running thread, the scheduler's account begins when it was put on its processor, so our
// thread's is by that processor's clock.
#include "symbolizer/tools/scheduler/scheduler_clocks.h"

#include <sched.h>

#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "shim/common/text/digits.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/scheduler/last_run.h"

namespace holdwatch {
namespace {

constexpr std::chrono::milliseconds kFresh{20};
constexpr std::chrono::seconds kTimeout{1};

// Runs in its own thread, which stays on that processor.
std::optional<uint64_t> read_clock_of(unsigned processor) {
  std::vector<cpu_set_t> sets(processor / CPU_SETSIZE + 1);
  const size_t size = sets.size() * sizeof(cpu_set_t);
  for (cpu_set_t& set : sets) CPU_ZERO(&set);
  CPU_SET_S(processor, size, sets.data());
  if (sched_setaffinity(0, size, sets.data()) != 0) return std::nullopt;
  const std::string text = read_text("/proc/thread-self/sched");
  if (text.empty() || sched_getcpu() != static_cast<int>(processor)) return std::nullopt;
  const auto run = parse_last_run(text);
  return run ? std::optional(run->ran_ns) : std::nullopt;
}

// "0-3,6": Documentation/admin-guide/cputopology.rst.
std::vector<unsigned> parse_list(std::string_view text) {
  std::vector<unsigned> list;
  const auto take = [&text](char before) {
    if (!text.starts_with(before)) return false;
    text.remove_prefix(1);
    return true;
  };
  do {
    const auto first = take_number(text, 10);
    if (!first) break;
    const uint64_t last = take('-') ? take_number(text, 10).value_or(*first) : *first;
    for (uint64_t one = *first; one <= last; ++one) list.push_back(static_cast<unsigned>(one));
  } while (take(','));
  return list;
}

}  // namespace

std::vector<unsigned> SchedulerClocks::online() {
  std::string line;
  if (std::getline(std::ifstream("/sys/devices/system/cpu/online"), line)) return parse_list(line);
  std::ifstream stat("/proc/stat");
  return listed_in(stat);
}

// "cpu  1 2 3", the sum of all, then "cpu0 1 2 3" for each (proc(5)).
std::vector<unsigned> SchedulerClocks::listed_in(std::istream& stat) {
  std::vector<unsigned> list;
  for (std::string line; std::getline(stat, line) && line.starts_with("cpu");) {
    std::string_view after(line);
    after.remove_prefix(3);
    if (const auto number = take_number(after, 10)) list.push_back(static_cast<unsigned>(*number));
  }
  return list;
}

// Reads all at once, because a processor may be busy. A thread that does not get to run is left alone; it uses no
// memory of ours.
void SchedulerClocks::read(const std::vector<unsigned>& processors) {
  const auto since = std::chrono::steady_clock::now();
  std::map<unsigned, std::future<std::optional<uint64_t>>> answers;
  for (const unsigned processor : processors) {
    std::promise<std::optional<uint64_t>> promise;
    answers[processor] = promise.get_future();
    std::thread([processor, promise = std::move(promise)]() mutable {
      promise.set_value(read_clock_of(processor));
    }).detach();
  }
  for (auto& [processor, answer] : answers) {
    const bool has_come = answer.wait_until(since + kTimeout) == std::future_status::ready;
    readings_[processor] = {since, has_come ? answer.get() : std::nullopt};
  }
}

// An unknown clock stays unknown: whatever keeps us off that processor would make us wait again and again.
bool SchedulerClocks::is_wanted(unsigned processor) const {
  const auto known = readings_.find(processor);
  if (known == readings_.end()) return true;
  return known->second.value && std::chrono::steady_clock::now() - known->second.since > kFresh;
}

std::optional<std::vector<uint64_t>> SchedulerClocks::now_ns(const std::vector<unsigned>& processors) {
  std::vector<unsigned> wanted;
  for (const unsigned processor : processors) {
    if (is_wanted(processor)) wanted.push_back(processor);
  }
  if (!wanted.empty()) read(wanted);
  std::vector<uint64_t> values;
  for (const unsigned processor : processors) {
    const auto& value = readings_[processor].value;
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

}  // namespace holdwatch
