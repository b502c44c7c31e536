// See code_paths.h.
#include "symbolizer/guards/code_paths.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "symbolizer/guards/exception_table.h"

namespace holdwatch {
namespace {

constexpr unsigned kMaxSteps = 20000;       // of all paths from one place
constexpr unsigned kMaxStepsInAll = 60000;  // with those of the pads that are looked at on the way
constexpr unsigned kMaxStepsOfPath = 3000;  // of one
constexpr unsigned kMaxStepsOfCall = 600;   // in a function that it calls
constexpr unsigned kMaxJumps = 400;         // of one path: it may be in a loop
constexpr auto kMaxUndecided = 2;           // times that one path comes through a branch which cannot be decided
constexpr size_t kMaxExits = 24;            // branches of one path at which it may leave a loop, the last ones
constexpr size_t kMaxPaths = 128;           // that are open at a time
constexpr unsigned kMaxNesting = 3;         // of pads for calls in handlers
constexpr unsigned kPadDepth = 24;          // without optimization a guard is destroyed by calls in calls
constexpr uint64_t kException = 0x1000;     // an address where nothing is mapped

bool remove(Locks& locks, const LockRef& lock) {
  const auto found = std::find(locks.begin(), locks.end(), lock);
  if (found == locks.end()) return false;
  locks.erase(found);
  return true;
}

void add_once(Locks& locks, const LockRef& lock) {
  if (!contains(locks, lock)) locks.push_back(lock);
}

}  // namespace

bool contains(const Locks& locks, const LockRef& lock) {
  return std::find(locks.begin(), locks.end(), lock) != locks.end();
}

Locks released_by_all(const CodePaths::Found& found) {
  if (!found.is_complete || found.paths.empty()) return {};
  // What a handler of the exception would do is not what has to be done whatever happens.
  const auto released = [](const PathLocks& path) -> const Locks& {
    return path.is_handled ? path.guarded : path.released;
  };
  // As often as the path that releases it least often.
  Locks all = released(found.paths.front());
  for (const PathLocks& path : found.paths) {
    Locks left = released(path);
    std::erase_if(all, [&](const LockRef& lock) { return !remove(left, lock); });
  }
  return all;
}

uintptr_t place_of_release(const CodePaths::Found& found, const LockRef& lock) {
  for (const PathLocks& path : found.paths) {
    const auto released = std::find(path.released.begin(), path.released.end(), lock);
    if (released != path.released.end()) return path.released_at[static_cast<size_t>(released - path.released.begin())];
  }
  return 0;
}

struct CodePaths::Path {
  Machine machine;
  uintptr_t pc;
  PathLocks locks{};
  unsigned steps = 0;
  unsigned jumps = 0;
  bool is_whole = true;                // no call was left out that may do something to locks
  std::vector<uintptr_t> undecided{};  // branches that it went through, with `until`
  Procedure function{};
  bool only_releases = true;  // so far no call but such that release locks
  // The functions that it is in, from the one in which it began on: where each returns to, and how the path would continue if the
  // call had not been followed. Of all paths that are lost in it, one continues so.
  struct Call {
    uintptr_t return_address;
    unsigned steps_before;
    std::shared_ptr<std::unique_ptr<Path>> without;
  };
  std::vector<Call> calls{};
  // How it would continue if the last branch that was decided had gone the other way.
  std::shared_ptr<const Path> other_way{};
  // The same of the branches in the function in which it began, the last one at the end: where it may leave a loop.
  struct Exit {
    std::shared_ptr<const Path> path;
    bool is_taken = false;
  };
  std::vector<std::shared_ptr<Exit>> exits{};
  bool has_left_loop = false;
};

// One search from one place.
class CodePaths::Run {
 public:
  Run(CodePaths& paths, const PathStart& start) : all_(paths), start_(start) {}

  Found run() {
    if (all_.running_++ == 0) all_.steps_ = 0;
    Path first{start_.machine, start_.pc};
    first.locks.acquired = start_.acquired;
    open_.push_back(std::move(first));
    while (!open_.empty()) {
      Path path = std::move(open_.back());
      open_.pop_back();
      while (step(path)) {
      }
    }
    --all_.running_;
    return std::move(found_);
  }

 private:
  bool is_exhausted() const { return steps_ > kMaxSteps || all_.steps_ > kMaxStepsInAll; }

  // Whether the path continues.
  bool step(Path& path) {
    ++steps_;
    ++all_.steps_;
    const bool is_too_long = ++path.steps > kMaxStepsOfPath || path.jumps > kMaxJumps;
    if (is_too_long && !is_exhausted() && path.calls.empty() && !path.exits.empty()) return come_back(path);
    if (is_exhausted() || is_too_long) return lose(path);
    if (!path.calls.empty() && path.steps - path.calls.back().steps_before > kMaxStepsOfCall) return lose(path);
    const uintptr_t at = path.pc;
    const DecodedInstruction& instruction = all_.instructions_.at(at);
    if (instruction.length == 0) return lose(path);
    path.pc = at + instruction.length;
    const Course course = path.machine.execute(instruction, path.pc);
    switch (course.kind) {
      case Course::Kind::next:
        return true;
      case Course::Kind::jump:
        return jump(path, course.target);
      case Course::Kind::branch:
        return branch(path, course);
      case Course::Kind::call:
        return call(path, at, course.target);
      case Course::Kind::ret:
        return return_from(path);
      case Course::Kind::stop:
        return finish(path, PathEnd::ended);
    }
    return false;
  }

  bool finish(Path& path, PathEnd end) {
    path.locks.end = end;
    found_.paths.push_back(std::move(path.locks));
    return end == PathEnd::ended && path.has_left_loop && leave_loop(path);
  }

  // The path is in a loop: the call that the thread is in comes again, or it does not end. What decides whether the loop goes on
  // may be different by then, so it continues where it would leave the loop: behind the last branch from where it returns.
  bool come_back(Path& path) {
    path.has_left_loop = true;
    return finish(path, PathEnd::ended);
  }

  bool leave_loop(Path& path) {
    while (!path.exits.empty()) {
      const std::shared_ptr<Path::Exit> exit = std::move(path.exits.back());
      path.exits.pop_back();
      if (exit->is_taken) continue;  // by another path
      exit->is_taken = true;
      path = *exit->path;
      path.steps = path.jumps = 0;
      path.has_left_loop = true;
      return true;
    }
    return false;
  }

  // If it is lost in a function that it has called, the call is left out instead.
  bool lose(Path& path) {
    while (!path.calls.empty()) {
      const auto without = path.calls.back().without;
      path.calls.pop_back();
      if (*without == nullptr) return false;  // another path has continued so
      if (is_exhausted()) continue;
      Path rest = std::move(**without);
      without->reset();
      open_.push_back(std::move(rest));
      return false;
    }
    if (start_.until != 0 && !is_exhausted()) return false;
    found_.is_complete = false;
    return finish(path, PathEnd::lost);
  }

  // Whether it has come through this branch before so often that it is dropped.
  bool is_in_loop(Path& path) {
    if (start_.until == 0) return false;
    const auto before = std::count(path.undecided.begin(), path.undecided.end(), path.pc);
    path.undecided.push_back(path.pc);
    return before == kMaxUndecided;
  }

  bool go_to(Path& path, uintptr_t target) {
    if (target < path.pc) ++path.jumps;
    path.pc = target;
    return true;
  }

  bool branch(Path& path, const Course& course) {
    if (!course.target) return lose(path);
    if (course.is_taken.has_value()) {
      const uintptr_t fallen_through = path.pc;
      auto other = std::make_shared<Path>(path);
      other->other_way.reset();
      other->pc = *course.is_taken ? fallen_through : *course.target;
      path.other_way = std::move(other);
      note_exit(path);
      return !*course.is_taken || go_to(path, *course.target);
    }
    if (start_.is_pad) found_.lacks_registers = true;
    if (is_in_loop(path)) return false;
    if (is_new(path, *course.target)) {
      if (open_.size() >= kMaxPaths) return lose(path);
      Path other = path;
      go_to(other, *course.target);
      open_.push_back(std::move(other));
    }
    return is_new(path, path.pc);
  }

  void note_exit(Path& path) {
    if (start_.is_pad || start_.until != 0 || !path.calls.empty()) return;
    if (path.exits.size() == kMaxExits) path.exits.erase(path.exits.begin());
    path.exits.push_back(std::make_shared<Path::Exit>(Path::Exit{path.other_way}));
  }

  // The same place with the same locks leads to the same results: a loop, or where two paths meet. What differs in memory or
  // registers is not told apart: not good enough for a proof.
  bool is_new(const Path& path, uintptr_t target) {
    if (start_.is_pad || start_.until != 0) return true;
    std::vector<uintptr_t> key = {target, path.calls.size(), path.only_releases ? 1u : 0u,
                                  path.locks.acquired_first.size()};
    for (const Locks* list : {&path.locks.released, &path.locks.acquired}) {
      key.push_back(list->size());
      for (const LockRef& lock : *list) key.push_back(lock.address);
    }
    return seen_.insert(std::move(key)).second;
  }

  bool return_from(Path& path) {
    if (path.calls.empty()) return finish(path, PathEnd::returned);
    path.machine.pop();
    path.pc = path.calls.back().return_address;
    path.calls.pop_back();
    return true;
  }

  // The memory by which the last branch was decided may be different when the code gets there; or the branch is an assertion.
  bool take_other_way(Path& path) {
    if (path.other_way == nullptr) return finish(path, PathEnd::ended);
    const std::shared_ptr<const Path> other = std::move(path.other_way);
    path = *other;
    return true;
  }

  // Out of the function, it is a call at its end, or leads to a part of it that is placed elsewhere.
  bool jump(Path& path, Known target) {
    if (!target) {
      found_.leads_to_unknown = true;
      return lose(path);
    }
    if (!path.function.contains(path.pc - 1)) path.function = all_.code_.procedure(path.pc - 1).value_or(Procedure{});
    if (path.function.contains(*target)) return go_to(path, *target);
    const CallTarget& to = all_.calls_.of(*target);
    if (to.effect == CallEffect::unknown && to.entry != 0) return go_to(path, to.entry);
    return affect(path, to) && return_from(path);
  }

  bool call(Path& path, uintptr_t at, Known target) {
    if (start_.until != 0 && path.pc == start_.until && path.calls.empty()) {
      found_.arrivals.push_back({std::move(path.machine), target, std::move(path.locks.acquired),
                                 std::move(path.locks.released), path.is_whole});
      return false;
    }
    const bool is_back = !start_.is_pad && path.calls.empty() && path.pc == start_.pc;
    if (is_back) return come_back(path);
    look_at_pad(path, at);
    if (start_.calls_may_throw && path.calls.empty()) throw_at(path, at);
    const CallTarget to = target ? all_.calls_.of(*target) : CallTarget{};
    if (!target) lead_to_unknown(path);
    if (!target && start_.is_pad) found_.lacks_registers = true;
    if (start_.stops_at_call) {
      if (to.effect == CallEffect::releases) affect(path, to);
      return finish(path, PathEnd::ended);
    }
    if (to.effect == CallEffect::unknown && to.entry != 0 && path.calls.size() < start_.max_depth)
      return enter(path, to.entry);
    return affect(path, to);
  }

  void lead_to_unknown(Path& path) {
    found_.leads_to_unknown = true;
    if (!path.locks.released_before_unknown) path.locks.released_before_unknown = path.locks.released.size();
  }

  // What it throws, and so which handler is for it, is not known.
  void throw_at(const Path& path, uintptr_t at) {
    const auto procedure = open_.size() < kMaxPaths ? all_.code_.procedure(at) : std::nullopt;
    const auto pad = procedure ? find_landing_pad(*procedure, at, all_.memory_) : std::nullopt;
    if (!pad) return;
    Path other = path;
    other.machine.forget_caller_saved();
    other.machine.set(EncodedRegister::rax, kException);
    other.pc = *pad;
    other.is_whole = false;
    open_.push_back(std::move(other));
  }

  void look_at_pad(Path& path, uintptr_t at) {
    if (!start_.looks_at_pads && !path.locks.is_handled) return;
    if (!path.only_releases || !path.calls.empty() || all_.nesting_ == kMaxNesting) return;
    const auto procedure = all_.code_.procedure(at);
    const auto pad = procedure ? find_landing_pad(*procedure, at, all_.memory_) : std::nullopt;
    if (!pad) return;
    for (const LockRef& lock : released_by_all(all_.follow_pad(path.machine, *pad))) add_once(path.locks.guarded, lock);
  }

  bool enter(Path& path, uintptr_t entry) {
    path.only_releases = false;
    auto without = std::make_unique<Path>(path);
    without->is_whole = false;
    without->machine.forget_arguments();
    without->machine.forget_caller_saved();
    path.calls.push_back({path.pc, path.steps, std::make_shared<std::unique_ptr<Path>>(std::move(without))});
    path.machine.push(path.pc);
    path.pc = entry;
    return true;
  }

  // What a function does that is not followed. Whether the path continues after it.
  bool affect(Path& path, const CallTarget& to) {
    const Known argument = path.machine.get(EncodedRegister::rdi);
    if (to.effect != CallEffect::releases) path.only_releases = false;
    if (to.effect == CallEffect::unknown && !to.is_librarys) {
      path.machine.forget_arguments();
      path.is_whole = false;
    }
    path.machine.forget_caller_saved();
    switch (to.effect) {
      case CallEffect::unknown:
      case CallEffect::cleans_up:
        return true;
      case CallEffect::waits:
        path.machine.set(EncodedRegister::rax, 0);
        return true;
      case CallEffect::signals:
        signal(argument);
        return true;
      case CallEffect::ends:
        return finish(path, PathEnd::ended);
      case CallEffect::terminates:
        return take_other_way(path);
      case CallEffect::catches:
        path.locks.is_handled = path.only_releases = true;
        return true;
      case CallEffect::tries:
        try_lock(path, argument, to.kind);
        return true;
      case CallEffect::acquires:
        return acquire(path, argument, to.kind);
      case CallEffect::releases:
        release(path, argument, to.kind);
        return true;
    }
    return true;
  }

  // Of a lock whose address is not known, a later release may be the release: then nothing more can be said.
  bool acquire(Path& path, Known address, LockKind kind) {
    path.machine.set(EncodedRegister::rax, 0);
    if (start_.until != 0 && !address) return true;
    if (!address) {
      found_.lacks_registers = found_.acquires_unknown = true;
      for (const Path::Call& call : path.calls) call.without->reset();
      path.calls.clear();
      return lose(path);
    }
    path.locks.acquired.push_back({*address, kind});
    if (!contains(path.locks.released, {*address, kind})) add_once(path.locks.acquired_first, {*address, kind});
    return true;
  }

  void try_lock(Path& path, Known address, LockKind kind) {
    if ((address || start_.until != 0) && open_.size() < kMaxPaths) {
      Path other = path;
      if (acquire(other, address, kind)) open_.push_back(std::move(other));
    }
    path.machine.set(EncodedRegister::rax, EBUSY);
  }

  void release(Path& path, Known address, LockKind kind) {
    path.machine.set(EncodedRegister::rax, 0);
    if (!address) {
      found_.lacks_registers = found_.releases_unknown = true;
      path.is_whole = false;
      return;
    }
    const LockRef lock{*address, kind};
    if (remove(path.locks.acquired, lock)) return;
    path.locks.released.push_back(lock);
    path.locks.released_at.push_back(path.calls.empty() ? path.pc : path.calls.front().return_address);
  }

  void signal(Known address) {
    if (!address)
      found_.lacks_signalled = true;
    else if (std::find(found_.signalled.begin(), found_.signalled.end(), *address) == found_.signalled.end())
      found_.signalled.push_back(*address);
  }

  CodePaths& all_;
  const PathStart& start_;
  std::vector<Path> open_;
  std::set<std::vector<uintptr_t>> seen_;
  unsigned steps_ = 0;
  Found found_;
};

CodePaths::Found CodePaths::follow(const PathStart& start) {
  return Run(*this, start).run();
}

// The personality routine passes the exception in rax, and in rdx which of the handlers it is for: 0, none.
CodePaths::Found CodePaths::follow_pad(const Machine& machine, uintptr_t pad) {
  PathStart start{machine, pad};
  start.is_pad = true;
  start.max_depth = kPadDepth;
  start.machine.forget_caller_saved();
  start.machine.set(EncodedRegister::rax, kException);
  start.machine.set(EncodedRegister::rdx, 0);
  ++nesting_;
  Found found = Run(*this, start).run();
  --nesting_;
  return found;
}

}  // namespace holdwatch
