// The C interface between libholdwatch.so and libholdwatch-symbolizer.so.
// Called by the shim's reporter thread only, one call at a time. The symbolizer is in a namespace of its own
// (own_namespace.h): what is allocated on one side must not be freed on the other. The calls may allocate, open files
// and take long; they may never be made from a lock call, a signal handler or the watcher thread.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/common/contract/hold_sample.h"
#include "shim/common/contract/learnt_end.h"
#include "shim/common/contract/repeated_wait.h"
#include "shim/common/contract/settings.h"

namespace holdwatch {

inline constexpr uint32_t kSymbolizerApiVersion = 23;

// Functions of the shim that the symbolizer may call.
struct HostCalls {
  // Passes a finished report to the program's own callback (holdwatch_on_report), if it set one. Both texts are
  // zero-terminated; `json` is one line without its newline.
  void (*on_report)(const char* text, const char* json);

  // The lock call that returned to `pc` was in a function that had returned by the time of the report, so that the
  // stack of the acquisition was lost: from now on the stack is copied at each acquisition there (STACKS=auto).
  void (*copy_stacks_at)(uintptr_t pc);

  // A report has found out which function acquired a lock at this site without a copy: copies made on trial can stop.
  void (*need_no_copy_at)(uintptr_t pc);

  // A rule of SUPPRESS leaves a report of this episode out until it is this old: it is to be reported again then. Of
  // condition waits UINT64_MAX: never.
  void (*report_at)(uint64_t episode, uint64_t age_ns);

  // While the symbolizer is being created: rules of SUPPRESS ask for condition waits that last at least this long; 0: none
  // does.
  void (*watch_conditions)(uint64_t limit_ns);

  // Whether a module may have been unloaded between these times (CLOCK_MONOTONIC).
  bool (*unloaded_between)(uint64_t from_ns, uint64_t until_ns);

  // While the symbolizer is being created: reports an output that cannot be written to, with the reason, and what is
  // done instead. Null: the message goes to standard error.
  void (*complain)(const char* what, const char* instead);

  // The process is exiting: called by the exiting thread, before the destructors of the symbolizer's libraries. When it
  // returns, nothing of the symbolizer may be in use.
  void (*before_libraries_end)();

  // Around what is written of one report, to all outputs: the end of the process waits for it, lest a line be cut in the middle. The
  // first may wait, if the process has begun to exit.
  void (*writing_begins)();
  void (*writing_ends)();

  // The threads that have been seen to end waits for an object of this size: see record/learnt_enders.h.
  LearntEnds (*learnt_ends)(uintptr_t object, size_t size);

  // Of a thread that waits for a condition of this size in slices: see record/repeated_waits.h.
  RepeatedWait (*repeated_wait)(int tid, uintptr_t condition, size_t size);

  // The file that descriptor 2 referred to when the program started. By the time the symbolizer is loaded, a daemon may
  // have reused the number for a file of its own.
  FileFacts standard_error;
};

// What has become of a report. left_out: a rule of SUPPRESS does not want it.
enum class ReportOutcome : uint8_t { written, left_out, failed };

struct SymbolizerApi {
  uint32_t version;  // kSymbolizerApiVersion of the symbolizer's build; the shim refuses other versions
  uint32_t size;     // sizeof(SymbolizerApi) in that build

  // Creates the symbolizer; all later calls must come from the calling thread. `settings` and `host` must outlive it.
  // Returns null on failure, with the reason in `why`.
  void* (*create)(const Settings* settings, const HostCalls* host, char* why, size_t why_size);

  // Gives it the table of libholdwatch-decoder.so, which was loaded into its namespace; without, find_readers and
  // find_holding_frame find nothing.
  void (*use_decoder)(void* self, const void* functions);

  // Whether RATE allows a report about this episode. Called before anything is captured for it; `report` follows, or
  // nothing.
  bool (*admit)(void* self, Event event, Phase phase, uint64_t episode);

  // Writes the first line of an admitted report, from a finding without stacks: no file is read for it. True if the
  // line has been written; then `report` must follow, and writes the rest. False if a report is written in one piece
  // (JSON, the journal), or if its first line cannot be written yet.
  bool (*write_first_line)(void* self, const Finding* finding);

  // Unwinds one thread. Reads the snapshot's copy, or the live stack if there is none; never fails, but writes to
  // out->note what is missing. `out` is fully written up to out->count frames.
  void (*unwind)(void* self, const Snapshot* snapshot, RawStack* out);

  // Describes what the thread of a fresh snapshot is doing, cut to fit `out`; empty if nothing is known. If it is
  // blocked, `wait` gets what it waits for and who can end that. `waits_for` is
  // the id of the lock that it waits for, 0 for none. With `by_registers`, only the snapshot itself is used: the text
  // is true of its moment whatever the thread has done since. Otherwise the memory, descriptors and clocks that the
  // call refers to are also read, as they are now: the text is true only if the thread has not run since, which the
  // shim checks afterwards. Of symbols, it looks up only those of libc's and the C++ library's functions, and only for a
  // thread in a futex call.
  void (*describe)(void* self, const Snapshot* snapshot, uint32_t waits_for, bool by_registers, Wait* wait, char* out,
                   size_t size);

  // Follows the wait of the thread `tid` to the threads that can end it, as long as each is a single thread of this
  // process that is stated to be the one, or likely the one if that leads back to `tid`; reads their calls, stacks and
  // what these refer to. Sets no lock ids.
  void (*follow)(void* self, int tid, const Wait* wait, WaitChain* out);

  // Finds threads that have an rwlock for reading, apart from the `recorded` ones, which have it `recorded_holds` times
  // together: among those that do not run, by their code. Fills up to `max` and returns how many; not more than the lock counts. Reads the stacks of all threads, for half a second
  // at most.
  size_t (*find_readers)(void* self, uintptr_t rwlock, const int* recorded, size_t recorded_count,
                         uint32_t recorded_holds, FoundReader* out, size_t max);

  // The frame of a holder that will release the lock, by its code: where it is now. False if none is found. The snapshot as in
  // `describe`, or of a running thread.
  bool (*find_holding_frame)(void* self, const Snapshot* snapshot, LockRef lock, CallSite* out);

  // Adds a sample of a hold that is being followed, whose stack `unwind` has made, for the reports to come. Returns after how
  // many ns the next one is wanted.
  uint64_t (*add_sample)(void* self, const HoldSample* sample);

  // Symbolizes, renders and writes one report to every sink. Keeps nothing of `finding` after its return. If the report
  // could not be made (no memory), the shim writes it in its own short form.
  ReportOutcome (*report)(void* self, const Finding* finding);

  // The stacks that were unwound since the last report are not for the next one, which reads the list of modules anew.
  void (*end_stacks)(void* self);

  // Writes one line, without its newline, to where reports go.
  void (*notice)(void* self, const char* line);

  // Writes how many reports RATE has suppressed, and what has returned since it was last mentioned, if that was long ago; and
  // flushes. Called when nothing happened for a while and, with `ends`, before the process exits: then all that has returned is
  // written. Returns after how many ns it is to be called again even if nothing happens; UINT64_MAX: never.
  uint64_t (*flush)(void* self, bool ends);

  // Frees what is cached of files for the next report. Called when there was no report for a while.
  void (*trim)(void* self);

  // Destroys what create has made, and frees its memory.
  void (*destroy)(void* self);
};

// The one exported function of libholdwatch-symbolizer.so.
using SymbolizerEntry = const SymbolizerApi* (*)();
inline constexpr char kSymbolizerEntryName[] = "holdwatch_symbolizer_api";

// The one exported function of libholdwatch-decoder.so.
using DecoderEntry = const void* (*)();
inline constexpr char kDecoderEntryName[] = "holdwatch_decoder";

}  // namespace holdwatch
