// The C interface between libholdwatch.so and libholdwatch-symbolizer.so.
// Called by the shim's reporter thread only, one call at a time. The symbolizer is in a namespace of its own (own_namespace.h):
// what is allocated on one side must not be freed on the other. The calls may allocate, open files and take long; they
// may never be made from a lock call, a signal handler or the watcher thread.
#pragma once

#include "shim/common/contract/finding.h"
#include "shim/common/contract/settings.h"

namespace holdwatch {

inline constexpr uint32_t kSymbolizerApiVersion = 11;

// What the symbolizer may ask of the shim.
struct HostCalls {
  // Hands a finished report to the program's own callback (holdwatch_on_report), if it set one. Both texts are
  // zero-terminated; `json` is one line without its newline.
  void (*on_report)(const char* text, const char* json);

  // The lock call that returned to `pc` was in a function that had returned by the time of the report, so that the stack
  // of the acquisition was lost: from now on the stack is copied at each acquisition there (STACKS=auto).
  void (*copy_stacks_at)(uintptr_t pc);

  // A report has told who took a lock there without such a copy: none that was begun on trial is needed.
  void (*need_no_copy_at)(uintptr_t pc);

  // Whether a module may have been unloaded between these times (CLOCK_MONOTONIC).
  bool (*unloaded_between)(uint64_t from_ns, uint64_t until_ns);

  // While the symbolizer is made: what reports cannot be written to, with the reason, and what is done instead. Null: it is
  // said on standard error.
  void (*complain)(const char* what, const char* instead);

  // The process exits: called by the exiting thread, before the destructors of the symbolizer's libraries. Nothing of the
  // symbolizer may be in use when it returns.
  void (*before_libraries_end)();

  // What descriptor 2 was when the program started. By the time the symbolizer is loaded, a daemon may have given its
  // number to a file of its own.
  FileFacts standard_error;
};

struct SymbolizerApi {
  uint32_t version;  // kSymbolizerApiVersion of the symbolizer's build; the shim refuses another
  uint32_t size;     // sizeof(SymbolizerApi) there

  // Makes the symbolizer; all later calls must come from the calling thread. `settings` and `host` must outlive it. Returns null on failure with the reason in `why`.
  void* (*create)(const Settings* settings, const HostCalls* host, char* why, size_t why_size);

  // Whether RATE lets a report of this be made. Asked before anything is captured for it; `report` follows, or nothing.
  bool (*admit)(void* self, Phase phase, uint64_t episode);

  // Writes the first line of the report that was admitted, from a finding without stacks: no file is read for it. True if it is
  // out; then `report` must follow, and writes the rest. False where a report comes in one piece (JSON, the journal), or
  // its first line cannot be told yet.
  bool (*say_first_line)(void* self, const Finding* finding);

  // Unwinds one thread. Reads the snapshot's copy, or the live stack where there is none; never fails, but says in
  // out->note what is missing. `out` is fully written up to out->count frames.
  void (*unwind)(void* self, const Snapshot* snapshot, RawStack* out);

  // Says in words what the thread of a fresh snapshot is doing, cut to fit `out`; empty if nothing is known. `waits_for` is the id
  // of the lock that it waits for, 0 for none. With `by_registers` only what the snapshot itself holds is used: true of its
  // moment whatever the thread has done since. Else also the memory, descriptors and clocks that the call refers to, as they
  // are now: true only if the thread has not run since, which the shim asks afterwards. Takes no look-ups of symbols.
  void (*describe)(void* self, const Snapshot* snapshot, uint32_t waits_for, bool by_registers, char* out, size_t size);

  // Symbolizes, renders and writes one report to every sink. Keeps nothing of `finding` after its return. False if the
  // report could not be made (no memory): then the shim says it in its own plain words.
  bool (*report)(void* self, const Finding* finding);

  // Writes one line, without its newline, to where reports go.
  void (*notice)(void* self, const char* line);

  // Writes what RATE has held back, and flushes. Called before the process exits and when nothing happened for a while.
  void (*flush)(void* self);

  // Gives back what is kept of files for the next report. Called when there was none for a while.
  void (*trim)(void* self);

  // Ends what create has made, and gives its memory back.
  void (*destroy)(void* self);
};

// The one exported function of libholdwatch-symbolizer.so.
using SymbolizerEntry = const SymbolizerApi* (*)();
inline constexpr char kSymbolizerEntryName[] = "holdwatch_symbolizer_api";

}  // namespace holdwatch
