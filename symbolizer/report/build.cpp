// See build.h.
#include "symbolizer/report/build.h"

#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <tuple>

#include "symbolizer/proc/monotonic_clock.h"
#include "symbolizer/report/ender_words.h"
#include "symbolizer/report/finding_text.h"
#include "symbolizer/report/function_names.h"
#include "symbolizer/report/named_stack.h"
#include "symbolizer/report/passed_holds.h"
#include "symbolizer/report/text_format.h"
#include "symbolizer/report/wait_report.h"

namespace holdwatch {
namespace {

// At most this many episodes are followed at once: the oldest is dropped.
constexpr size_t kMaxEpisodes = 1024;

void add_note(std::string& note, std::string_view more) {
  if (more.empty()) return;
  if (!note.empty()) note += "; ";
  note += more;
}

// For a lock that a helper function took for its caller: the helper's frames are known but gone, and the caller's
// current position does not show them. The wrappers of the standard library return immediately in every program and are
// not mentioned.
std::string returned_since(const NamedStack& taken, uint32_t first_alive) {
  const size_t end = taken.spans[first_alive].begin;
  std::string names;
  for (size_t i = 0; i < end; ++i) {
    const Frame& frame = taken.stack.frames[i];
    if (is_library_frame(frame)) continue;
    add_note(names, frame.function.empty() ? base_name(frame.module) : std::string_view(frame.function));
  }
  return names.empty() ? names : "has returned since: " + names;
}

struct HolderStacks {
  NamedStack taken;
  NamedStack now;
  std::optional<size_t> now_took;
};

// Of a thread that is in a cycle only because another joins it.
HolderStacks name_joined_stacks(const Holder& holder, StackNamer& namer) {
  HolderStacks stacks{{}, namer.name(holder.now), std::nullopt};
  stacks.taken.stack.note = kHoldsNoLock;
  return stacks;
}

// Of a thread that unlocked a lock which no thread held.
HolderStacks name_stray_stacks(const Holder& holder, StackNamer& namer) {
  HolderStacks stacks{{}, namer.name(holder.now), std::nullopt};
  stacks.taken.stack.note = "it did not hold the lock";
  return stacks;
}

// Its frame will release the lock; how it was taken was not seen.
bool is_known_by_code(const Holder& holder) {
  const bool is_unseen = holder.acquired == Acquired::before_attach || holder.acquired == Acquired::unseen;
  return holder.site_count > 0 && (is_unseen || holder.acquired == Acquired::by_its_code);
}

// Which of the functions that are inlined into the frame takes the lock is not known.
void show_whole_frame(HolderStacks& stacks) {
  auto& frames = stacks.taken.stack.frames;
  const auto whole = std::find_if(frames.begin(), frames.end(), [](const Frame& frame) { return !frame.inlined; });
  if (whole == frames.end() || whole == frames.begin()) return;
  frames.erase(frames.begin(), whole);
  if (!stacks.now_took) return;
  const auto& now = stacks.now.stack.frames;
  while (*stacks.now_took + 1 < now.size() && now[*stacks.now_took].inlined) ++*stacks.now_took;
}

HolderStacks name_holder_stacks(const Holder& holder, const Resolver& resolver, StackNamer& namer) {
  if (resolver.look_back) resolver.look_back(holder.acquired_when);
  AcquisitionStack assembled = assemble_acquisition_stack(holder, resolver.function_start);
  // Code that is still in use cannot have been unloaded.
  assembled.stack.when = holder.now == nullptr ? holder.acquired_when : holder.now->when;
  HolderStacks stacks{namer.name(assembled.stack, assembled.first_alive, holder.acquired_when), namer.name(holder.now),
                      std::nullopt};
  if (assembled.alive_frame >= 0 && assembled.alive_is_proven) {
    stacks.now_took =
        shared_frame(stacks.taken, assembled.first_alive, stacks.now, static_cast<size_t>(assembled.alive_frame));
    add_note(stacks.taken.stack.note, returned_since(stacks.taken, assembled.first_alive));
  }
  if (is_known_by_code(holder)) show_whole_frame(stacks);
  switch (holder.acquired) {
    case Acquired::by_call:
      break;
    case Acquired::by_condition_wait:
      add_note(stacks.taken.stack.note, "reacquired when a condition wait returned");
      break;
    case Acquired::unseen:
      stacks.taken.stack.note = is_known_by_code(holder) ? kHeldByCode
                                : holder.lock.kind == LockKind::stream
                                    ? "unknown: it was taken inside a function of stdio"
                                    : "unknown: its lock call was not seen";
      break;
    case Acquired::by_its_code:
      stacks.taken.stack.note = kHeldByCode;
      break;
    case Acquired::by_loader:
      stacks.taken.stack.note = "unknown: it was taken inside the dynamic loader";
      break;
    case Acquired::elsewhere:
      stacks.taken.stack.note = "unknown: it was taken in another process";
      stacks.now.stack.note = "not captured: the thread belongs to another process";
      break;
    case Acquired::inside_call:
      stacks.taken.stack.note = "a signal interrupted the call that takes or releases it, see below";
      break;
    case Acquired::before_attach:
      stacks.taken.stack.note =
          is_known_by_code(holder) ? kHeldByCode : "unknown: it was taken before holdwatch was attached";
      break;
  }
  return stacks;
}

// The waiters for the same lock, with the same stack and mode, in the watcher's order.
using WaiterGroup = std::vector<const Waiter*>;

// Groups by addresses, before anything is named: a thousand waiters have only a few different stacks.
std::vector<WaiterGroup> group_waiters(const Finding& finding) {
  std::map<std::tuple<uint32_t, Access, bool, std::vector<uintptr_t>>, WaiterGroup> by_place;
  for (size_t i = 0; i < finding.waiter_count; ++i) {
    const Waiter& waiter = finding.waiters[i];
    std::vector<uintptr_t> pcs;
    for (uint32_t k = 0; waiter.stack != nullptr && k < waiter.stack->count; ++k) {
      pcs.push_back(waiter.stack->frames[k].pc);
    }
    // What condition waits have in common is where they are.
    const uint32_t lock = finding.lock.kind == LockKind::condition ? 0 : waiter.lock_id;
    by_place[{lock, waiter.access, waiter.tries > 0, std::move(pcs)}].push_back(&waiter);
  }
  std::vector<WaiterGroup> groups;
  for (auto& [place, group] : by_place) {
    std::stable_sort(group.begin(), group.end(),
                     [](const Waiter* a, const Waiter* b) { return a->waited_ns > b->waited_ns; });
    groups.push_back(std::move(group));
  }
  std::stable_sort(groups.begin(), groups.end(), [](const WaiterGroup& a, const WaiterGroup& b) {
    return a.front()->waited_ns > b.front()->waited_ns;
  });
  return groups;
}

ReportWaiters describe_group(const WaiterGroup& group) {
  ReportWaiters described;
  described.lock_id = lock_id(group.front()->lock_id);
  described.access = group.front()->access;
  described.longest_ns = group.front()->waited_ns;
  described.unseen = group.front()->unseen;
  described.object = group.front()->object;
  const bool is_one =
      std::all_of(group.begin(), group.end(), [&](const Waiter* waiter) { return waiter->object == described.object; });
  if (!is_one) described.object = 0;
  if (!is_one) described.lock_id.clear();
  for (const Waiter* waiter : group) {
    described.tries += waiter->tries;
    described.tids.push_back(waiter->tid);
    described.threads.push_back(bounded(waiter->thread));
  }
  return described;
}

ReportHolder describe_holder(const Holder& holder) {
  ReportHolder described;
  described.tid = holder.tid;
  described.thread = bounded(holder.thread);
  described.access = holder.access;
  described.held_ns = holder.held_ns;
  described.depth = std::max(holder.depth, 1u);
  described.state = holder.state;
  described.waits_for = lock_id(holder.waits_for);
  described.likely = holder.likely;
  described.before_attach = holder.acquired == Acquired::before_attach;
  described.unseen = holder.acquired == Acquired::unseen;
  described.by_loader = holder.acquired == Acquired::by_loader;
  described.evidence = holder.evidence;
  described.elsewhere = holder.acquired == Acquired::elsewhere;
  described.pid = holder.pid;
  described.process = bounded(holder.process);
  return described;
}

// Whether `a` contains less information than `b`.
bool shows_less(const Stack& a, const Stack& b) {
  return a.complete != b.complete ? b.complete : a.frames.size() < b.frames.size();
}

// Until the deadline of a wait, of which so much was left when its thread was captured.
uint64_t left_at(uint64_t now_ns, const RawStack& captured, uint64_t left_ns) {
  const uint64_t deadline_ns = captured.when.until_ns + left_ns;
  return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

// The first one is that of the chain; the others longest hold first. A cycle in its own order.
std::vector<const Holder*> in_order(const Finding& finding) {
  std::vector<const Holder*> holders;
  for (size_t i = 0; i < finding.holder_count; ++i) holders.push_back(&finding.holders[i]);
  if (is_cycle(finding.event) || holders.empty()) return holders;
  std::stable_sort(holders.begin() + 1, holders.end(),
                   [](const Holder* a, const Holder* b) { return a->held_ns > b->held_ns; });
  return holders;
}

std::vector<ReportCycleStep> describe_cycle(const Finding& finding) {
  std::vector<ReportCycleStep> cycle;
  for (size_t i = 0; i < finding.holder_count; ++i) {
    const Holder& holder = finding.holders[i];
    const Holder& next = finding.holders[(i + 1) % finding.holder_count];
    cycle.push_back({holder.tid, lock_id(holder.lock_id), lock_id(next.lock_id), holder.lock.kind, holder.lock.address,
                     bounded(holder.lock_name), holder.waited_ns, holder.waits_since_before_attach,
                     next.lock_id == 0 ? next.tid : 0, holder.pid});
  }
  return cycle;
}

}  // namespace

ReportBuilder::ReportBuilder(Resolver resolver, std::string host, int pid, std::string exe)
    : resolver_(std::move(resolver)), host_(std::move(host)), pid_(pid), exe_(std::move(exe)) {}

Report ReportBuilder::facts(const Finding& finding) const {
  Report report;
  report.event = finding.event;
  report.phase = finding.phase;
  report.wall_clock_ns = finding.wall_clock_ns;
  report.host = host_;
  report.pid = pid_;
  report.exe = exe_;
  report.episode = finding.episode;
  report.limit_ns = finding.limit_ns;
  report.lock_id = lock_id(finding.lock_id);
  report.lock_kind = finding.lock.kind;
  report.lock_address = finding.lock.address;
  report.lock_name = bounded(finding.lock_name);
  report.waiters_left_out = finding.waiters_left_out;
  report.lost_ns = finding.lost_ns;
  report.threads_delayed = finding.threads_delayed;
  report.behind_threads = finding.behind_threads;
  report.behind_longest_ns = finding.behind_longest_ns;
  report.behind_lost_ns = finding.behind_lost_ns;
  report.threads_seen = finding.threads_seen;
  report.unrecorded_holds = finding.unrecorded_holds;
  report.unreported_holds = finding.unreported_holds;
  report.note = bounded(finding.note);
  report.released_by_holder = finding.released_by_holder;
  report.was_seen = finding.was_seen;
  report.had_fallback_report = finding.had_fallback_report;
  report.first_line_written = finding.first_line_written;
  for (const Holder* holder : in_order(finding)) report.holders.push_back(describe_holder(*holder));
  for (const WaiterGroup& group : group_waiters(finding)) report.waiters.push_back(describe_group(group));
  if (is_cycle(finding.event)) report.cycle = describe_cycle(finding);
  if (finding.passed.holds > 0) report.passed = describe_passed(finding.passed);
  return report;
}

Report ReportBuilder::build(const Finding& finding, const std::function<bool(Report&)>& narrow) {
  Report report = facts(finding);
  add_names(finding, report);
  name_next_of_cycle(report);
  if (narrow && !narrow(report)) return report;
  follow_episode(finding, report);
  add_likely_cycle(finding, report);
  add_chain(finding, report);
  keep_way(finding, report);
  if (has_ended(finding.phase)) samples_.forget(finding.episode);
  return report;
}

void ReportBuilder::add_names(const Finding& finding, Report& report) {
  StackNamer namer(resolver_.resolve, resolver_.look_back);
  auto named = report.holders.begin();
  for (const Holder* holder : in_order(finding)) {
    const bool is_only_joined = is_cycle(finding.event) && holder->lock_id == 0;
    HolderStacks stacks = finding.event == Event::stray_unlock ? name_stray_stacks(*holder, namer)
                          : is_only_joined                     ? name_joined_stacks(*holder, namer)
                                                               : name_holder_stacks(*holder, resolver_, namer);
    named->taken = std::move(stacks.taken.stack);
    named->now = std::move(stacks.now.stack);
    named->now_took = stacks.now_took;
    named->samples = describe_samples(finding, *holder, namer);
    // Only useful while the thread holds the lock.
    if (!has_ended(finding.phase)) {
      named->doing = bounded(holder->doing);
      named->wait = describe_wait(holder->wait, holder->waited_ns);
      if (named->wait) describe_ends(*holder, finding.until_ns, *named);
    }
    ++named;
  }
  auto waiters = report.waiters.begin();
  for (const WaiterGroup& group : group_waiters(finding)) (waiters++)->stack = namer.name(group.front()->stack).stack;
  if (report.passed) name_passed(finding.passed, namer, *report.passed);
}

std::optional<ReportSamples> ReportBuilder::describe_samples(const Finding& finding, const Holder& holder,
                                                             StackNamer& namer) const {
  const bool is_later = finding.phase == Phase::still || finding.phase == Phase::released;
  if (finding.event != Event::hold || !is_later) return std::nullopt;
  const auto samples = samples_.of(finding.episode, holder.tid, holder.acquired_when.from_ns);
  if (!samples) return std::nullopt;
  ReportSamples out;
  out.captured = samples->captured;
  out.missed = samples->missed;
  out.running = samples->running;
  out.is_frozen = samples->is_frozen;
  out.span_ns = samples->span_ns;
  std::vector<SampledStack> stacks;
  for (const auto& [stack, count] : samples->stacks) stacks.push_back({name_sample(*stack, namer), count});
  share_out(stacks, out);
  return out;
}

std::vector<SampledFrame> ReportBuilder::name_sample(const SampledRawStack& stack, StackNamer& namer) const {
  const auto raw = std::make_unique<RawStack>();
  raw->count = static_cast<uint32_t>(std::min(stack.frames.size(), kMaxFrames));
  raw->when = stack.when;
  std::copy_n(stack.frames.begin(), raw->count, raw->frames);
  NamedStack named = namer.name(*raw);
  std::vector<SampledFrame> out;
  for (uint32_t i = 0; i < raw->count; ++i) {
    const RawFrame& frame = raw->frames[i];
    for (size_t k = named.spans[i].begin; k < named.spans[i].end; ++k) {
      const bool is_nameless = named.stack.frames[k].function.empty();
      const uintptr_t start = is_nameless ? resolver_.function_start(frame.pc_is_exact ? frame.pc : frame.pc - 1) : 0;
      out.push_back({std::move(named.stack.frames[k]), start});
    }
  }
  return out;
}

void ReportBuilder::describe_ends(const Holder& holder, uint64_t now_ns, ReportHolder& named) const {
  const auto resolve = [this](uintptr_t pc, const Period& when) {
    if (resolver_.look_back) resolver_.look_back(when);
    return resolver_.resolve(pc, false);
  };
  add_last_ender(holder.wait, resolve, *named.wait);
  if (holder.wait.last.tid != 0 && now_ns > holder.wait.last_ns) named.wait->last_ago_ns = now_ns - holder.wait.last_ns;
  if (named.wait->timeout_ns > 0 && holder.now != nullptr && now_ns > 0)
    named.wait->timeout_ns = left_at(now_ns, *holder.now, named.wait->timeout_ns);
  if (!named.doing.empty()) named.doing += last_ender_words(*named.wait);
}

// Determines which holders moved since the last report of the episode. Keeps the fingerprint of the first report, and
// the acquisition stacks from earlier ones.
void ReportBuilder::follow_episode(const Finding& finding, Report& report) {
  const auto known = episodes_.find(finding.episode);
  report.fingerprint = known == episodes_.end() ? fingerprint(report) : known->second.fingerprint;
  switch (finding.phase) {
    case Phase::over:
    case Phase::still:
      episodes_[finding.episode].fingerprint = report.fingerprint;
      keep_acquisition_stacks(finding, report, episodes_[finding.episode]);
      compare_positions(finding, report, episodes_[finding.episode]);
      forget_oldest();
      break;
    case Phase::released:
    case Phase::late:
      if (known != episodes_.end()) {
        keep_acquisition_stacks(finding, report, known->second);
        report.tree_threads += known->second.way_threads;
        report.tree_lost_ns += known->second.way_lost_ns;
      }
      episodes_.erase(finding.episode);
      break;
    case Phase::snapshot:
      break;
  }
}

// A later report may know less: the code that took the lock was unloaded, or its thread has exited or released the lock
// before it was captured. What an earlier report showed is still true.
void ReportBuilder::keep_acquisition_stacks(const Finding& finding, Report& report, EpisodeHistory& episode) {
  auto reported = report.holders.begin();
  for (const Holder* holder : in_order(finding)) {
    Stack& stack = (reported++)->taken;
    if (holder->site_count == 0) continue;
    const auto known = episode.taken.find(holder->tid);
    const bool is_same = known != episode.taken.end() && known->second.is_of(*holder);
    if (is_same && shows_less(stack, known->second.stack))
      stack = known->second.stack;
    else
      episode.taken[holder->tid] = {holder->acquired_when.from_ns, holder->sites[0], stack};
  }
}

bool ReportBuilder::Taken::is_of(const Holder& holder) const {
  return since_ns == holder.acquired_when.from_ns && site.pc == holder.sites[0].pc && site.sp == holder.sites[0].sp;
}

void ReportBuilder::compare_positions(const Finding& finding, Report& report, EpisodeHistory& episode) {
  for (size_t i = 0; i < finding.holder_count; ++i) {
    const Holder& holder = finding.holders[i];
    if (holder.now == nullptr || holder.now->count == 0) continue;
    HolderPosition place{{}, holder.call, resolver_.switches(holder.tid), 0};
    place.since_ns = monotonic_now_ns();
    for (uint32_t k = 0; k < holder.now->count; ++k) place.pcs.push_back(holder.now->frames[k].pc);
    const auto before = episode.positions.find(holder.tid);
    if (before != episode.positions.end()) {
      const auto named = std::find_if(report.holders.begin(), report.holders.end(),
                                      [&](const ReportHolder& candidate) { return candidate.tid == holder.tid; });
      named->moved = !before->second.is_same(place);
      if (before->second.switches && place.switches) named->ran = before->second.switches != place.switches;
      if (named->ran == false) keep_waiting(*named, finding.until_ns, before->second, place);
    }
    episode.positions[holder.tid] = std::move(place);
  }
}

// It has been in the same wait since it was last seen, and has had what it has.
void ReportBuilder::keep_waiting(ReportHolder& holder, uint64_t now_ns, const HolderPosition& before,
                                 HolderPosition& place) {
  place.since_ns = before.since_ns;
  if (now_ns <= before.since_ns) return;
  if (holder.evidence != Evidence::recorded) holder.held_ns = std::max(holder.held_ns, now_ns - before.since_ns);
  if (holder.wait) holder.wait->waited_ns = std::max(holder.wait->waited_ns, now_ns - before.since_ns);
}

// Of the tree's threads, only those are seen all the time that wait for the lock, or behind it.
void ReportBuilder::keep_way(const Finding& finding, const Report& report) {
  const auto known = episodes_.find(finding.episode);
  if (known == episodes_.end() || has_ended(finding.phase) || finding.phase == Phase::snapshot) return;
  known->second.way_threads = report.steps_to_holder;
  known->second.way_lost_ns = holder_waited_ns(report);
}

void ReportBuilder::forget_oldest() {
  while (episodes_.size() > kMaxEpisodes) episodes_.erase(episodes_.begin());
}

bool ReportBuilder::HolderPosition::is_same(const HolderPosition& other) const {
  if (pcs != other.pcs) return false;
  if (!call.known || !other.call.known) return true;
  // A sleep that was stopped and continued is resumed under this number, with other arguments (signal(7)).
  if (call.number == SYS_restart_syscall || other.call.number == SYS_restart_syscall) return true;
  return call.number == other.call.number &&
         std::equal(std::begin(call.arguments), std::end(call.arguments), std::begin(other.call.arguments));
}

}  // namespace holdwatch
