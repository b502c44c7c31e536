// Reports whether holdwatch will work here, for a program or for a running process, and what it will not see: one line
// each, with the remedy. Changes nothing, runs no program but /bin/true.
//
//   doctor LIBRARY [PROGRAM|PID]
//
// Exit status 1 if nothing would be watched, 2 for bad use, 3 if this user may not read the process or program.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "symbolizer/report/color.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/command_line/operands.h"
#include "symbolizer/tools/doctor/findings.h"
#include "symbolizer/tools/doctor/host_checks.h"
#include "symbolizer/tools/doctor/process_checks.h"
#include "symbolizer/tools/doctor/program_checks.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch {
namespace {

constexpr int kObstacle = 1;
constexpr int kBadUse = 2;
constexpr int kClosed = 3;

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

int fail(int status, const std::string& why) {
  std::fprintf(stderr, "holdwatch: %s\n", why.c_str());
  return status;
}

int verdict(Coverage coverage, const Findings& findings) {
  findings.print(tool_uses_color(ColorWhen::automatic, STDOUT_FILENO));
  if (findings.has_obstacle()) return kObstacle;
  return coverage == Coverage::denied ? kClosed : 0;
}

int look_at_process(const std::string& subject, const std::string& library, Findings& findings) {
  int pid = 0;
  if (!parse_process_id(subject, pid)) return fail(kBadUse, "no such process: " + subject);
  if (!has_proc()) {
    findings.note("process", "process " + subject + " cannot be examined without /proc");
    return verdict(Coverage::denied, findings);
  }
  try {
    const Coverage coverage = check_process(pid, library, findings);
    return verdict(coverage, findings);
  } catch (const attach::Refusal& refusal) {
    return fail(kBadUse, refusal.what());
  }
}

int check(const std::string& library, const std::string& subject) {
  Findings findings;
  check_host(library, findings);
  if (subject.empty()) return verdict(Coverage::complete, findings);
  findings.drop_fine();
  if (is_number(subject)) return look_at_process(subject, library, findings);
  const Coverage coverage = check_program(subject, "", geteuid(), findings);
  if (coverage == Coverage::none) return fail(kBadUse, "no such program: " + subject);
  return verdict(coverage, findings);
}

int run(int count, const char* const* arguments) {
  const std::string usage = "doctor [PROGRAM|PID]";
  const std::vector<const char*> operands = read_operands(count, arguments, usage);
  if (operands.empty() || operands.size() > 2) throw bad_use("", usage);
  return check(operands[0], operands.size() == 2 ? operands[1] : "");
}

}  // namespace
}  // namespace holdwatch

int main(int argc, char** argv) {
  try {
    return holdwatch::run(argc - 1, argv + 1);
  } catch (const holdwatch::BadUse& use) {
    return holdwatch::fail(holdwatch::kBadUse, use.what);
  } catch (const std::exception& error) {
    return holdwatch::fail(holdwatch::kClosed, std::string("doctor failed: ") + error.what());
  }
}
