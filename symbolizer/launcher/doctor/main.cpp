// Says whether holdwatch will work here, for a program or for a running process, and what it will not see: a line each,
// with the remedy. Changes nothing, runs no program but /bin/true.
//
//   doctor LIBRARY [PROGRAM|PID]
//
// Exit status 1 if nothing would be watched, 2 for bad use.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "symbolizer/launcher/doctor/findings.h"
#include "symbolizer/launcher/doctor/host_checks.h"
#include "symbolizer/launcher/doctor/process_checks.h"
#include "symbolizer/launcher/doctor/program_checks.h"

namespace holdwatch {
namespace {

constexpr int kBadUse = 2;

bool wants_colour() {
  const char* terminal = getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == nullptr && terminal != nullptr &&
         std::string(terminal) != "dumb";
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

int run(const std::string& library, const std::string& subject) {
  Findings findings;
  check_host(library, findings);
  if (!subject.empty()) {
    findings.drop_fine();
    const bool is_process = is_number(subject);
    const bool exists = is_process ? check_process(static_cast<pid_t>(std::atol(subject.c_str())), library, findings)
                                   : check_program(subject, "", geteuid(), findings);
    if (!exists) {
      std::fprintf(stderr, "holdwatch: there is no %s %s\n", is_process ? "process" : "program", subject.c_str());
      return kBadUse;
    }
  }
  findings.print(wants_colour());
  return findings.has_obstacle() ? 1 : 0;
}

}  // namespace
}  // namespace holdwatch

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fputs("holdwatch: type: holdwatch doctor [PROGRAM|PID]\n", stderr);
    return holdwatch::kBadUse;
  }
  return holdwatch::run(argv[1], argc == 3 ? argv[2] : "");
}
