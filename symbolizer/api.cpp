// Implements the symbolizer's C interface for the shim: connects the stages, and lets no exception out.
// Cold context: the shim's reporter thread only, one call at a time.
#include "shim/common/contract/symbolizer_api.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <set>
#include <string>

#include "symbolizer/activity/words.h"
#include "symbolizer/guards/capstone.h"
#include "symbolizer/holders_by_code.h"
#include "symbolizer/lock_names.h"
#include "symbolizer/outputs/emit.h"
#include "symbolizer/outputs/stderr_output.h"
#include "symbolizer/own_namespace.h"
#include "symbolizer/proc/monotonic_clock.h"
#include "symbolizer/report/acquisition_stack.h"
#include "symbolizer/report/build.h"
#include "symbolizer/report/condition_waits.h"
#include "symbolizer/report/function_names.h"
#include "symbolizer/report/headline.h"
#include "symbolizer/report/program_path.h"
#include "symbolizer/report/recurrences.h"
#include "symbolizer/report/suppressions.h"
#include "symbolizer/report/unseen_calls.h"
#include "symbolizer/symbols/symbols.h"
#include "symbolizer/symbols/timely_symbols.h"
#include "symbolizer/thread_activity.h"
#include "symbolizer/unwind/libc_callers.h"
#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/process_memory.h"
#include "symbolizer/unwind/unwinder.h"
#include "symbolizer/waits/stream_name.h"

namespace holdwatch {
namespace {

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string executable_path() {
  const std::string path = current_program_path();
  return path.empty() ? program_invocation_name : path;
}

void copy_text(char* out, size_t size, const char* text) {
  strncpy(out, text, size - 1);
  out[size - 1] = '\0';
}

class Pipeline {
 public:
  Pipeline(const Settings& settings, const HostCalls& host)
      : settings_(settings),
        host_(host),
        folds_(settings.only == Only::automatic),
        memory_(getpid()),
        modules_(getpid(), memory_),
        unwinder_(modules_, memory_),
        symbols_(settings.symbolize),
        resolve_([this](uintptr_t pc, bool exact) {
          return timely_symbols_.resolve(pc, exact, modules_.find_then(exact ? pc : pc - 1));
        }),
        activity_(
            modules_, memory_, unwinder_, resolve_,
            [this](uintptr_t address) { return symbols_.variable(address, modules_.find(address)); },
            [this] { look_at_modules(); },
            [this](const Snapshot& thread, const LockRef& awaited, uintptr_t object) {
              return by_code_.may_signal(thread, awaited, object);
            },
            host),
        by_code_(
            modules_, memory_, unwinder_, resolve_, [this] { look_at_modules(); },
            [this] { return timely_symbols_.lacks_modules(); }),
        lock_names_(modules_, memory_, symbols_),
        builder_(resolver(), host_name(), getpid(), executable_path()),
        emitter_(settings, host.complain == nullptr ? Emitter::Complain{} : host.complain,
                 {host.writing_begins, host.writing_ends}),
        suppressions_(settings.suppress, complain_to(host), host.report_at) {
    modules_.set_unloaded(host.unloaded_between);
    modules_.refresh();  // modules that were loaded from the start need no check later
    host.watch_conditions(suppressions_.condition_limit_ns());
  }

  bool admit(Event event, Phase phase, uint64_t episode) { return emitter_.admit(event, phase, episode); }

  // Not for later reports of an episode: those are one line, which needs the stacks.
  bool write_first_line(const Finding& finding) {
    if (finding.phase == Phase::still || finding.phase == Phase::released) return false;
    const Report facts = builder_.facts(finding);
    if (folds_ && !recurrences_.is_new_place(finding)) return false;
    return !suppressions_.may_leave_out(facts) && emitter_.write_first_line(facts);
  }

  void unwind(const Snapshot& snapshot, RawStack& out) {
    look_at_modules();
    modules_.look_back(snapshot.when);
    std::vector<RegisterSet> registers;
    unwinder_.unwind(snapshot, out, &registers);
    lock_names_.add_stack(out, snapshot.call, std::move(registers));
  }

  ThreadActivity& activity() { return activity_; }

  std::vector<FoundReader> find_readers(uintptr_t rwlock, const RecordedReaders& recorded) {
    const auto awaited = [this](const Snapshot& thread) { return activity_.lock_awaited_by(thread); };
    return by_code_.find_readers(rwlock, recorded, awaited);
  }

  std::optional<CallSite> find_holding_frame(const Snapshot& snapshot, const LockRef& lock) {
    const auto awaited = [this](const Snapshot& thread) { return activity_.lock_awaited_by(thread); };
    return by_code_.find_holding_frame(snapshot, lock, awaited);
  }

  uint64_t add_sample(const HoldSample& sample) { return builder_.add_sample(sample); }

  // Modules may change until the next report.
  void end_stacks() {
    modules_.look_back({});
    lock_names_.end_report();
    modules_known_ = false;
  }

  ReportOutcome report(const Finding& finding) {
    look_at_modules();
    learn_lost_sites(finding);
    symbols_.begin_report();
    Report report = builder_.build(finding, [this](Report& named) { return keep_condition_waits(named); });
    modules_.look_back({});
    name_locks(finding, report);
    note_missing_lines(report);
    end_stacks();
    if (is_list(report)) {
      list_condition_waits(report);
      return ReportOutcome::written;
    }
    complete_soon(report);
    learn_kept_sites(finding, report);
    std::string text, json, notice;
    const bool is_left_out = suppressions_.leaves_out(report, &notice);
    if (!notice.empty()) emitter_.notice(notice);
    if (is_left_out) return ReportOutcome::left_out;
    if (folds_) recurrences_.note(finding, report, monotonic_now_ns());
    if (emitter_.emit(report, &text, &json)) host_.on_report(text.c_str(), json.c_str());
    const auto callers = [this] { return libc_lock_callers(modules_, memory_); };
    if (const auto line = unseen_calls_.notice(report, callers)) emitter_.notice(*line);
    return ReportOutcome::written;
  }

  void notice(const char* line) { emitter_.notice(line); }
  // Returns after how long it is to be called again.
  uint64_t flush() {
    const uint64_t now_ns = monotonic_now_ns();
    for (const std::string& line : recurrences_.take_untold(now_ns)) emitter_.notice(line);
    emitter_.flush();
    const uint64_t next_ns = recurrences_.next_untold_ns();
    return next_ns == UINT64_MAX ? next_ns : next_ns - now_ns;
  }
  void finish() {
    for (const std::string& line : recurrences_.take_untold()) emitter_.notice(line);
    if (settings_.unused_rules)
      for (const std::string& line : suppressions_.unused()) emitter_.notice(line);
    emitter_.flush();
  }
  void trim() {
    symbols_.trim();
    unwinder_.forget();
    by_code_.forget();
  }

 private:
  Resolver resolver() {
    return {resolve_, [this](uintptr_t pc) { return unwinder_.function_start(pc); }, thread_switches,
            [this](const Period& when) { return modules_.look_back(when); }};
  }

  // What there was no time to find of holders comes with another report soon after the episode's first one, or with its repetitions.
  void complete_soon(const Report& report) {
    constexpr uint64_t kAfterNs = 1'000'000'000;
    const bool is_first = report.phase == Phase::over;
    if (by_code_.take_cut_short() && is_first) host_.report_at(report.episode, oldest_age_ns(report) + kAfterNs);
  }

  static bool is_list(const Report& report) {
    return report.lock_kind == LockKind::condition && report.phase == Phase::snapshot;
  }

  // Of condition waits, which are idleness unless a rule asks for them; false if none are left.
  bool keep_condition_waits(Report& report) {
    if (report.lock_kind != LockKind::condition) return true;
    report.lock_name = symbols_.variable(report.lock_address, modules_.find(report.lock_address));
    if (is_list(report) || has_ended(report.phase)) return true;
    suppressions_.keep_condition_waits(report);
    return !report.waiters.empty();
  }

  void list_condition_waits(const Report& all) {
    std::string text, json;
    for (Report& one : listed_by_stack(all)) {
      one.lock_name = symbols_.variable(one.lock_address, modules_.find(one.lock_address));
      if (emitter_.emit(one, &text, &json)) host_.on_report(text.c_str(), json.c_str());
    }
    std::vector<size_t> sizes;
    for (const ReportWaiters& group : all.waiters) sizes.push_back(group.tids.size());
    if (const std::string more = left_out_of_list(sizes, all.waiters_left_out); !more.empty()) emitter_.notice(more);
  }

  // Where the program has given them no name.
  void name_locks(const Finding& finding, Report& report) {
    const std::vector<const RawStack*> stacks = stacks_about(finding);
    const auto name = [&](const LockRef& lock, size_t holder, std::string& out) {
      if (!out.empty()) return;
      if (lock.kind == LockKind::stream) {
        out = stream_name(lock.address, modules_, memory_);
      } else if (is_named(lock.kind)) {
        out = lock_names_.name(lock, finding.episode, stacks);
        if (out.empty() && holder < report.holders.size())
          out = name_by_acquisition(report.holders[holder].taken.frames);
      }
    };
    name({report.lock_address, report.lock_kind}, 0, report.lock_name);
    for (size_t i = 0; i < report.cycle.size(); ++i) {
      ReportCycleStep& step = report.cycle[i];
      if (!step.holds.empty()) name({step.lock_address, step.lock_kind}, i, step.lock_name);
    }
  }

  void note_missing_lines(Report& report) const {
    if (!symbols_.lacks_debug_data() || report.phase == Phase::released) return;
    if (!report.note.empty()) report.note += "; ";
    report.note += "names or lines are missing: there was no time to read all debug data";
  }

  // Of those who hold the lock, then of those who want it.
  static std::vector<const RawStack*> stacks_about(const Finding& finding) {
    std::vector<const RawStack*> stacks;
    for (size_t i = 0; i < finding.holder_count; ++i) stacks.push_back(finding.holders[i].now);
    for (size_t i = 0; i < finding.waiter_count; ++i) stacks.push_back(finding.waiters[i].stack);
    std::erase(stacks, nullptr);
    return stacks;
  }

  // Once per report: modules come and go with dlopen, but reading the maps of a big program takes a while.
  void look_at_modules() {
    if (modules_known_) return;
    modules_.refresh();
    unwinder_.begin_report();
    timely_symbols_.begin_report();
    modules_known_ = true;
  }

  // For a hold whose acquiring function has returned: the next acquisition at its site should copy the whole stack.
  // Done before any name is looked up, which may take long: the same function may soon be called again.
  void learn_lost_sites(const Finding& finding) {
    if (settings_.stacks == Stacks::callsite || (finding.phase != Phase::over && finding.phase != Phase::late)) return;
    for (size_t i = 0; i < finding.holder_count; ++i) {
      const Holder& holder = finding.holders[i];
      if (is_copied(holder) || holder.now == nullptr || !holder.now->complete || holder.site_count == 0) continue;
      modules_.look_back(holder.acquired_when);
      const AcquisitionStack taken =
          assemble_acquisition_stack(holder, [this](uintptr_t pc) { return unwinder_.function_start(pc); });
      if (!taken.stack.complete) host_.copy_stacks_at(holder.sites[0].pc);
    }
  }

  // If the first report was complete without a copy, then the callers missing at the release are no reason to copy
  // stacks at this site.
  void learn_kept_sites(const Finding& finding, const Report& report) {
    constexpr size_t kMax = 1024;
    if (finding.phase == Phase::released && reported_in_full_.erase(finding.episode) == 0) return;
    bool all_complete = true;
    for (size_t i = 0; i < finding.holder_count; ++i) {
      const Holder& holder = finding.holders[i];
      if (is_copied(holder) || holder.site_count == 0) continue;
      const auto reported = std::find_if(report.holders.begin(), report.holders.end(),
                                         [&](const ReportHolder& candidate) { return candidate.tid == holder.tid; });
      const bool complete = reported != report.holders.end() && reported->taken.complete;
      all_complete = all_complete && complete;
      if (complete || finding.phase == Phase::released) host_.need_no_copy_at(holder.sites[0].pc);
    }
    if (finding.phase == Phase::over && all_complete) reported_in_full_.insert(finding.episode);
    while (reported_in_full_.size() > kMax) reported_in_full_.erase(reported_in_full_.begin());
  }

  // Whether all of the stack was captured at the acquisition.
  static bool is_copied(const Holder& holder) { return holder.taken != nullptr && !holder.taken_is_part; }

  // To where the messages of the start go.
  Suppressions::Complain complain_to(const HostCalls& host) {
    if (host.complain != nullptr) return host.complain;
    return [this](const char* what, const char* instead) { emitter_.notice(std::string(what) + "; " + instead); };
  }

  const Settings& settings_;
  const HostCalls& host_;
  const bool folds_;  // whether what returns is shown as one line
  ProcessMemory memory_;
  Modules modules_;
  Unwinder unwinder_;
  Symbols symbols_;
  TimelySymbols timely_symbols_{symbols_};
  const ResolveFrames resolve_;
  ThreadActivity activity_;
  HoldersByCode by_code_;
  LockNames lock_names_;
  ReportBuilder builder_;
  Emitter emitter_;
  Suppressions suppressions_;
  Recurrences recurrences_;
  UnseenCalls unseen_calls_;
  std::set<uint64_t>
      reported_in_full_;  // episodes whose first report had the complete acquisition stack without a copy
  bool modules_known_ = false;
};

void remember_standard_error(const FileFacts& facts) {
  if (facts.known)
    StderrOutput::remember(FileIdentity{facts.device, facts.inode, facts.special_device});
  else
    StderrOutput::remember(std::nullopt);
}

const HostCalls* g_host = nullptr;

// Runs before the destructors of our own objects and of the libraries.
[[gnu::destructor]] void before_libraries_end() {
  if (g_host != nullptr) g_host->before_libraries_end();
}

void* create(const Settings* settings, const HostCalls* host, char* why, size_t why_size) {
  enter_own_namespace();
  g_host = host;
  try {
    remember_standard_error(host->standard_error);
    return new Pipeline(*settings, *host);
  } catch (const std::exception& error) {
    copy_text(why, why_size, error.what());
  } catch (...) {
    copy_text(why, why_size, "unknown error");
  }
  return nullptr;
}

void use_decoder(void*, const void* functions) {
  give_capstone(static_cast<const Capstone*>(functions));
}

bool admit(void* self, Event event, Phase phase, uint64_t episode) {
  return static_cast<Pipeline*>(self)->admit(event, phase, episode);
}

bool write_first_line(void* self, const Finding* finding) {
  try {
    return static_cast<Pipeline*>(self)->write_first_line(*finding);
  } catch (...) {
    return false;  // `report` tries again with the whole stack
  }
}

// Memory may run out, or a library may throw while reading a file: then the stack is incomplete and has a note.
void unwind(void* self, const Snapshot* snapshot, RawStack* out) {
  try {
    static_cast<Pipeline*>(self)->unwind(*snapshot, *out);
  } catch (const std::exception& error) {
    copy_text(out->note, sizeof out->note, error.what());
  } catch (...) {
    copy_text(out->note, sizeof out->note, "unwinding failed");
  }
}

void describe(void* self, const Snapshot* snapshot, uint32_t waits_for, bool by_registers, Wait* wait, char* out,
              size_t size) {
  try {
    const std::string text =
        static_cast<Pipeline*>(self)->activity().describe(*snapshot, waits_for, by_registers, *wait);
    copy_text(out, size, cut_to(text, size - 1).c_str());
  } catch (...) {
    *wait = Wait{};
    out[0] = '\0';
  }
}

void follow(void* self, int tid, const Wait* wait, WaitChain* out) {
  try {
    *out = static_cast<Pipeline*>(self)->activity().follow(tid, *wait);
  } catch (...) {
    *out = WaitChain{};
  }
}

size_t find_readers(void* self, uintptr_t rwlock, const int* recorded, size_t recorded_count, uint32_t recorded_holds,
                    FoundReader* out, size_t max) {
  try {
    const auto found =
        static_cast<Pipeline*>(self)->find_readers(rwlock, {{recorded, recorded + recorded_count}, recorded_holds});
    const size_t count = std::min(found.size(), max);
    std::copy_n(found.begin(), count, out);
    return count;
  } catch (...) {
    return 0;
  }
}

bool find_holding_frame(void* self, const Snapshot* snapshot, LockRef lock, CallSite* out) {
  try {
    const auto found = static_cast<Pipeline*>(self)->find_holding_frame(*snapshot, lock);
    if (found) *out = *found;
    return found.has_value();
  } catch (...) {
    return false;
  }
}

// The emitter itself reports what it could not write. Only a failed allocation arrives here.
ReportOutcome report(void* self, const Finding* finding) {
  try {
    return static_cast<Pipeline*>(self)->report(*finding);
  } catch (...) {
    return ReportOutcome::failed;
  }
}

// Without memory for a sample, the hold is sampled as rarely as one that has lasted for hours.
uint64_t add_sample(void* self, const HoldSample* sample) {
  constexpr uint64_t kNoMemoryNs = 300'000'000'000;
  try {
    return static_cast<Pipeline*>(self)->add_sample(*sample);
  } catch (...) {
    return kNoMemoryNs;
  }
}

void end_stacks(void* self) {
  static_cast<Pipeline*>(self)->end_stacks();
}

void notice(void* self, const char* line) {
  try {
    static_cast<Pipeline*>(self)->notice(line);
  } catch (...) {
    // No memory for a line: it is lost.
  }
}

uint64_t flush(void* self, bool ends) {
  try {
    if (!ends) return static_cast<Pipeline*>(self)->flush();
    static_cast<Pipeline*>(self)->finish();
  } catch (...) {
    // Nothing is lost: it is written with the next report.
  }
  return UINT64_MAX;
}

void trim(void* self) {
  static_cast<Pipeline*>(self)->trim();
}

void destroy(void* self) {
  delete static_cast<Pipeline*>(self);
  leave_own_namespace();
}

constexpr SymbolizerApi kApi = {kSymbolizerApiVersion,
                                sizeof(SymbolizerApi),
                                create,
                                use_decoder,
                                admit,
                                write_first_line,
                                unwind,
                                describe,
                                follow,
                                find_readers,
                                find_holding_frame,
                                add_sample,
                                report,
                                end_stacks,
                                notice,
                                flush,
                                trim,
                                destroy};

}  // namespace
}  // namespace holdwatch

extern "C" [[gnu::visibility("default")]] const holdwatch::SymbolizerApi* holdwatch_symbolizer_api() {
  return &holdwatch::kApi;
}
