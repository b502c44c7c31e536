// Inspects the process or core file, and prints the results. See inspection.h.
#include "symbolizer/tools/inspect/inspection.h"

#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "symbolizer/report/suppressions.h"
#include "symbolizer/symbols/program_file.h"
#include "symbolizer/tools/inspect/access.h"
#include "symbolizer/tools/inspect/core_process.h"
#include "symbolizer/tools/inspect/live_process.h"
#include "symbolizer/tools/inspect/observe.h"
#include "symbolizer/tools/inspect/output.h"
#include "symbolizer/tools/inspect/reports.h"

namespace holdwatch {
namespace {

int fail(const std::string& why) {
  std::fprintf(stderr, "holdwatch: %s\n", why.c_str());
  return kCouldNotLook;
}

std::unique_ptr<InspectTarget> open_target(const InspectArguments& arguments, std::string& why) {
  if (arguments.core.empty()) return LiveProcess::open(arguments.pid, why);
  return CoreProcess::open(arguments.core, arguments.program, why);
}

std::string what_is_not_seen(InspectTarget& target) {
  const ProgramFile program(target.program_file());
  if (program.is_readable() && program.is_go()) return "; it is written in Go, whose own locks are not seen";
  if (program.is_readable() && program.is_rust()) return "; it is written in Rust, whose own locks are not seen";
  if (!has_glibc(target.modules())) return "; it has not loaded libc.so.6: only glibc's locks are seen";
  return "";
}

int inspect(const InspectArguments& arguments) {
  std::string why;
  InspectionOutput output(arguments.json, arguments.color);
  if (!output.open(why)) return fail(why);
  const std::unique_ptr<InspectTarget> target = open_target(arguments, why);
  if (target == nullptr) return fail(why);
  const auto start = std::chrono::steady_clock::now();
  const Observation seen = observe(*target);
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
  bool forever = false;
  for (const Report& report : reports_of(seen)) {
    const bool may_be_by_design =
        report.event == Event::wait && report.lock_kind != LockKind::condition && report.behind_threads == 0;
    const std::string by_design = may_be_by_design ? why_held_by_design(report) : "";
    if (!by_design.empty()) {
      output.leave_out(by_design);
      continue;
    }
    output.report(report);
    forever = forever || is_forever(report);
  }
  const std::string effect_on_process = target->effect_on_process() + what_is_not_seen(*target);
  output.summary(seen, static_cast<uint64_t>(took.count()), effect_on_process);
  if (!output.close(why)) return fail(why);
  return forever ? kDeadlock : kNoDeadlock;
}

}  // namespace

extern "C" [[gnu::visibility("default")]] int holdwatch_inspection(const InspectArguments& arguments) {
  try {
    return inspect(arguments);
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace holdwatch
