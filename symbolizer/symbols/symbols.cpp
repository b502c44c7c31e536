// Keeps the debug data of the modules in use within its memory limit, and turns it into names and frames.
// See symbols.h. Cold context only.
#include "symbolizer/symbols/symbols.h"

#include <exception>
#include <numeric>
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
    if (auto* known = modules.find(key)) return ask(**known);
    if (deadline.look()) return {};
    const auto start = Deadline::Clock::now();
    auto fresh = std::make_unique<ModuleSymbols>(module, how, search, deadline);
    auto answer = ask(*fresh);
    // A module that was only reached too late is loaded again for the next report.
    if (!deadline.look() || deadline.is_mostly_since(start)) modules.insert(key, std::move(fresh));
    return answer;
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
};

Symbols::Symbols(Symbolize how, DebugSearch search) : state_(std::make_unique<State>(how, std::move(search))) {}

Symbols::~Symbols() = default;

void Symbols::begin_report() {
  state_->deadline.restart();
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
  if (module == nullptr || state_->how == Symbolize::off) return "";
  try {
    const uintptr_t offset = module->offset_of(address);
    std::string name = state_->ask_module(*module, [&](ModuleSymbols& one) { return one.variable_at(offset); });
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
