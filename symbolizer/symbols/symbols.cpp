// Keeps the debug data of the modules in use within its memory limit, and turns it into names and frames.
// See symbols.h. Cold context only.
#include "symbolizer/symbols/symbols.h"

#include <algorithm>
#include <exception>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "symbolizer/symbols/deadline.h"
#include "symbolizer/symbols/lru.h"
#include "symbolizer/symbols/module_symbols.h"

namespace holdwatch {
namespace {

constexpr size_t kMaxModules = 64;

// The same string for the same file, wherever and whenever it is mapped.
std::string identity(const Module& module) {
  return module.path + '\n' + module.build_id + '\n' + std::to_string(module.device) + ':' +
         std::to_string(module.inode);
}

Frame bare_frame(uintptr_t pc, const Module* module) {
  Frame frame;
  frame.ip = pc;
  if (module == nullptr) return frame;
  frame.module = module->path;
  frame.offset = module->offset_of(pc);
  frame.build_id = module->build_id;
  return frame;
}

}  // namespace

struct Symbols::State {
  State(Symbolize wanted, DebugSearch where) : how(wanted), search(std::move(where)), deadline(search.timeout) {}

  // What `ask(ModuleSymbols&)` returns; an empty one if the time is up.
  template <typename Ask>
  auto ask_module(const Module& module, Ask ask) -> decltype(ask(std::declval<ModuleSymbols&>())) {
    const std::string key = identity(module);
    std::unique_ptr<ModuleSymbols>* const known = modules.find(key);
    const bool is_late = deadline.look();
    if (known != nullptr && (is_late || !is_to_be_read_again(key, **known))) return ask_noting(key, **known, ask);
    if (is_late) {
      lacks_data = true;
      return {};
    }
    const auto start = Deadline::Clock::now();
    auto fresh = std::make_unique<ModuleSymbols>(module, how, search, deadline);
    auto answer = ask_noting(key, *fresh, ask);
    if (known != nullptr)
      *known = std::move(fresh);
    else if (!deadline.look() || deadline.is_mostly_since(start))
      modules.insert(key, std::move(fresh));  // one that was only reached too late is loaded again for the next report
    return answer;
  }

  template <typename Ask>
  auto ask_noting(const std::string& key, ModuleSymbols& one, Ask ask) -> decltype(ask(one)) {
    auto answer = ask(one);
    if (one.has_given_up()) {
      lacks_data = true;
      put_off(key);
    }
    return answer;
  }

  // Reading debug data takes long where it is hostile, or very large; but also once, on a machine that was busy.
  bool is_to_be_read_again(const std::string& key, const ModuleSymbols& one) {
    if (!one.has_given_up()) return false;
    const auto retry = retries.find(key);
    return retry == retries.end() || Deadline::Clock::now() >= retry->second.at;
  }

  void put_off(const std::string& key) {
    constexpr std::chrono::milliseconds kLongest = std::chrono::hours(1);
    constexpr size_t kMaxRetries = 1024;
    if (retries.size() >= kMaxRetries) retries.clear();
    Retry& retry = retries[key];
    if (Deadline::Clock::now() < retry.at) return;
    retry.period = retry.period.count() == 0 ? search.retry : std::min(2 * retry.period, kLongest);
    retry.at = Deadline::Clock::now() + retry.period;
  }

  // Debug data grows while it is used, so this is checked after every use.
  void keep_within_limit() {
    auto size = [this] {
      return std::accumulate(modules.begin(), modules.end(), size_t{0},
                             [](size_t sum, const auto& entry) { return sum + entry.second->size_in_bytes(); });
    };
    while (modules.size() > 0 && size() > search.memory_limit) modules.drop_oldest();
  }

  Symbolize how;
  DebugSearch search;
  Deadline deadline;
  Lru<std::string, std::unique_ptr<ModuleSymbols>> modules{kMaxModules};
  struct Retry {
    Deadline::Clock::time_point at{};
    std::chrono::milliseconds period{0};
  };
  std::map<std::string, Retry> retries;  // of modules whose debug data took too long
  bool lacks_data = false;
};

Symbols::Symbols(Symbolize how, DebugSearch search) : state_(std::make_unique<State>(how, std::move(search))) {}

Symbols::~Symbols() = default;

void Symbols::begin_report() {
  state_->deadline.restart();
  state_->lacks_data = false;
}

void Symbols::begin_report(std::chrono::milliseconds timeout) {
  state_->deadline.restart(timeout);
  state_->lacks_data = false;
}

bool Symbols::lacks_debug_data() const {
  return state_->how == Symbolize::full && state_->lacks_data;
}

std::vector<Frame> Symbols::resolve(uintptr_t pc, bool exact, const Module* module) {
  const Frame bare = bare_frame(pc, module);
  if (module == nullptr || state_->how == Symbolize::off) return {bare};
  // A return address may already belong to the next line, or, after a call that never returns, to the next function.
  const uintptr_t instruction = exact ? pc : pc - 1;
  if (!module->executable.empty() && !module->executes(instruction)) return {bare};
  try {
    const uintptr_t offset = module->offset_of(instruction);
    std::vector<Frame> frames = state_->ask_module(*module, [&](ModuleSymbols& one) { return one.frames_at(offset); });
    if (frames.empty()) return {bare};
    state_->keep_within_limit();
    for (Frame& frame : frames) {
      frame.ip = bare.ip;
      frame.module = bare.module;
      frame.offset = bare.offset;
      frame.build_id = bare.build_id;
    }
    return frames;
  } catch (const std::exception&) {
    return {bare};
  }
}

std::string Symbols::variable(uintptr_t address, const Module* module) {
  return name_in(module, [&](ModuleSymbols& one) { return one.variable_at(module->offset_of(address)); });
}

std::string Symbols::lock_variable(const LockRef& lock, const Module* lock_module, uintptr_t pc, bool exact,
                                   const Module* module) {
  return name_in(lock_module, [&](ModuleSymbols& one) {
    const uintptr_t code = module == lock_module ? module->offset_of(exact ? pc : pc - 1) : 0;
    return one.lock_variable_at({lock_module->offset_of(lock.address), lock.kind}, code);
  });
}

std::string Symbols::lock_in_frame(const LockRef& lock, uintptr_t pc, bool exact, const Module* module,
                                   FrameValues frame) {
  return name_in(module, [&](ModuleSymbols& one) {
    frame.bias = module->bias;
    return one.lock_in_frame(lock, module->offset_of(exact ? pc : pc - 1), frame);
  });
}

template <typename Ask>
std::string Symbols::name_in(const Module* module, Ask ask) {
  if (module == nullptr || state_->how == Symbolize::off) return "";
  try {
    std::string name = state_->ask_module(*module, ask);
    state_->keep_within_limit();
    return name;
  } catch (const std::exception&) {
    return "";
  }
}

void Symbols::trim() {
  state_->modules.clear();
}

}  // namespace holdwatch
