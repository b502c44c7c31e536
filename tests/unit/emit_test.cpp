// The rules of symbolizer/outputs/emit.h.
#include "symbolizer/outputs/emit.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/unit/output_samples.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

Settings settings(const std::string& log, const std::string& json, uint64_t rate = 60,
                  const std::string& on_report = "log") {
  Settings out{};
  std::strcpy(out.log, log.c_str());
  std::strcpy(out.json, json.c_str());
  std::strcpy(out.on_report, on_report.c_str());
  out.rate = rate;
  return out;
}

size_t lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string tag() {
  return "holdwatch[" + std::to_string(getpid()) + "]: ";
}

// What `action` writes to standard error.
template <typename Action>
std::string on_stderr(const TestDirectory& directory, Action action) {
  const std::string path = directory.file("captured-stderr");
  const int kept = dup(2);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(file, 2);
  action();
  dup2(kept, 2);
  close(kept);
  close(file);
  return content(path);
}

}  // namespace

namespace {

// What is in both files when a report begins to be written, and when it has been.
struct BothFiles {
  std::string log, json;
  std::vector<std::string> seen;
  void look() { seen.push_back(content(log) + "|" + content(json)); }
};
BothFiles* g_files = nullptr;

}  // namespace

TEST_CASE("the end of the process gets text and JSON of a report, or neither") {
  const TestDirectory directory;
  BothFiles files{directory.file("log"), directory.file("json"), {}};
  g_files = &files;
  const WritingCalls calls = {[] { g_files->look(); }, [] { g_files->look(); }};
  Emitter emitter(settings(files.log, files.json), {}, calls);
  std::string text, json;
  CHECK(emitter.emit(sample_report(), &text, &json));
  CHECK(files.seen == std::vector<std::string>{"|", text + "|" + json + "\n"});
}

TEST_CASE("text and JSON go where LOG and JSON say, and back to the caller") {
  const TestDirectory directory;
  Emitter emitter(settings(directory.file("log"), directory.file("json")));
  std::string text, json;
  CHECK(emitter.emit(sample_report(), &text, &json));
  CHECK(text == render_text(sample_report()));
  CHECK(json == render_json(sample_report()));
  CHECK(content(directory.file("log")) == text);
  CHECK(content(directory.file("json")) == json + "\n");
}

TEST_CASE("LOG=none leaves JSON alone, and no JSON leaves LOG alone") {
  const TestDirectory directory;
  CHECK(Emitter(settings("none", directory.file("json"))).emit(sample_report(), nullptr, nullptr));
  CHECK(lines(content(directory.file("json"))) == 1);
  CHECK(Emitter(settings(directory.file("log"), "")).emit(sample_report(), nullptr, nullptr));
  CHECK(content(directory.file("log")) == render_text(sample_report()));
}

TEST_CASE("placeholders in paths are filled in") {
  const TestDirectory directory;
  Emitter(settings(directory.file("log.%p"), "")).emit(sample_report(), nullptr, nullptr);
  CHECK_FALSE(content(directory.file("log." + std::to_string(getpid()))).empty());
}

TEST_CASE("a log that cannot be written: one line at the start, and reports go to stderr") {
  const TestDirectory directory;
  const std::string path = directory.file("none/log");
  const std::string said = on_stderr(directory, [&] {
    Emitter emitter(settings(path, ""));
    CHECK(lines(content(directory.file("captured-stderr"))) == 1);
    emitter.emit(sample_report(), nullptr, nullptr);
  });
  CHECK(said == tag() + "HOLDWATCH_LOG: cannot write to " + path +
                    ": No such file or directory; reports go to stderr\n" + render_text(sample_report()));
}

TEST_CASE("JSON that cannot be written: one line, and the text goes on") {
  const TestDirectory directory;
  const std::string said = on_stderr(directory, [&] {
    Emitter(settings(directory.file("log"), directory.path())).emit(sample_report(), nullptr, nullptr);
  });
  CHECK(said ==
        tag() + "HOLDWATCH_JSON: cannot write to " + directory.path() + ": Is a directory; no JSON is written\n");
  CHECK(content(directory.file("log")) == render_text(sample_report()));
}

TEST_CASE("a full disk is mentioned once in the text, not for every report") {
  const TestDirectory directory;
  Emitter emitter(settings(directory.file("log"), "/dev/full"));
  Report report = sample_report();
  report.phase = Phase::released;
  for (int i = 0; i < 3; ++i) CHECK(emitter.emit(report, nullptr, nullptr));
  const std::string loss = "1 report could not be written to /dev/full: No space left on device\n";
  const std::string text = content(directory.file("log"));
  CHECK(lines(text) == 4);
  CHECK(text.find(tag() + loss) != std::string::npos);
  emitter.flush();
  CHECK(content(directory.file("log"))
            .ends_with(tag() + "2 reports could not be written to /dev/full: No space left on "
                               "device\n"));
  emitter.flush();
  CHECK(lines(content(directory.file("log"))) == 5);
}

TEST_CASE("a log whose disk is full is mentioned on stderr once, and in the log when it works again") {
  const TestDirectory directory;
  const std::string inside = directory.file("logs");
  REQUIRE(mkdir(inside.c_str(), 0700) == 0);
  std::optional<Emitter> emitter(settings(inside + "/log", ""));
  REQUIRE(rmdir(inside.c_str()) == 0);
  const std::string said = on_stderr(directory, [&] {
    for (int i = 0; i < 3; ++i) emitter->emit(sample_report(), nullptr, nullptr);
  });
  const std::string reason = " could not be written to " + inside + "/log: No such file or directory\n";
  CHECK(said == tag() + "1 report" + reason);
  REQUIRE(mkdir(inside.c_str(), 0700) == 0);
  emitter->emit(sample_report(), nullptr, nullptr);
  CHECK(content(inside + "/log") == render_text(sample_report()) + tag() + "2 reports" + reason);
}

TEST_CASE("without a syslog daemon: one line at the start, and reports go to stderr") {
  if (access("/dev/log", F_OK) == 0) return;
  const TestDirectory directory;
  const std::string said =
      on_stderr(directory, [&] { Emitter(settings("syslog", "")).emit(sample_report(), nullptr, nullptr); });
  CHECK(said == tag() + "HOLDWATCH_LOG: cannot write to syslog: No such file or directory; reports go to stderr\n" +
                    render_text(sample_report()));
}

TEST_CASE("RATE leaves reports out, says how many, and lets a story end") {
  const TestDirectory directory;
  Emitter emitter(settings(directory.file("log"), directory.file("json"), 1));
  Report report = sample_report();
  CHECK(emitter.emit(report, nullptr, nullptr));
  report.phase = Phase::still;
  CHECK_FALSE(emitter.emit(report, nullptr, nullptr));
  report.phase = Phase::released;
  CHECK(emitter.emit(report, nullptr, nullptr));
  emitter.flush();
  CHECK(lines(content(directory.file("json"))) == 2);
  CHECK(content(directory.file("log")).ends_with(tag() + "1 report suppressed in the last minute (RATE=1)\n"));
}

TEST_CASE("ON_REPORT=abort ends the program after the report is written") {
  const TestDirectory directory;
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    Emitter(settings(directory.file("log"), directory.file("json"), 60, "abort"))
        .emit(sample_report(), nullptr, nullptr);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK(content(directory.file("log")) == render_text(sample_report()));
  CHECK(lines(content(directory.file("json"))) == 1);
}

TEST_CASE("ON_REPORT=exec runs the program with the JSON line") {
  const TestDirectory directory;
  const std::string script = directory.file("script");
  std::ofstream(script) << "#!/bin/sh\ncat > " << directory.file("part") << "; mv " << directory.file("part") << " "
                        << directory.file("got") << "\n";
  REQUIRE(chmod(script.c_str(), 0755) == 0);
  Emitter emitter(settings("none", "", 60, "exec:" + script));
  emitter.emit(sample_report(), nullptr, nullptr);
  for (int i = 0; i < 2000 && access(directory.file("got").c_str(), F_OK) != 0; ++i) usleep(10'000);
  CHECK(content(directory.file("got")) == render_json(sample_report()) + "\n");
}

TEST_CASE("a program that is still busy with four reports is not run for a fifth, with a message") {
  const TestDirectory directory;
  const std::string script = directory.file("script");
  // It ends with the test, also where it has not looked before the directory is gone.
  std::ofstream(script) << "#!/bin/sh\nwhile [ -e $0 ]; do sleep 0.01; done\n";
  REQUIRE(chmod(script.c_str(), 0755) == 0);
  Emitter emitter(settings(directory.file("log"), "", 60, "exec:" + script));
  for (int i = 0; i < 4; ++i) emitter.emit(sample_report(), nullptr, nullptr);
  CHECK(content(directory.file("log")).find("ON_REPORT") == std::string::npos);
  for (int i = 0; i < 2; ++i) emitter.emit(sample_report(), nullptr, nullptr);
  const std::string text = content(directory.file("log"));
  const std::string said = tag() + "ON_REPORT: the program was not run: it is still running for earlier reports\n";
  CHECK(text.find(said) != std::string::npos);
  CHECK(text.find(said) == text.rfind(said));
}

TEST_CASE("a program that cannot be run: one line, and reports are only logged") {
  const TestDirectory directory;
  const std::string said = on_stderr(directory, [&] {
    Emitter(settings(directory.file("log"), "", 60, "exec:/none")).emit(sample_report(), nullptr, nullptr);
    Emitter(settings(directory.file("log"), "", 60, "exec:true")).emit(sample_report(), nullptr, nullptr);
  });
  CHECK(said == tag() + "HOLDWATCH_ON_REPORT: cannot run /none: No such file or directory; reports are only logged\n" +
                    tag() +
                    "HOLDWATCH_ON_REPORT: cannot run true: the path must be absolute; reports are only logged\n");
}

TEST_CASE("a report whose first line was written early is the same text in the end") {
  const TestDirectory directory;
  Emitter emitter(settings(directory.file("log"), ""));
  const Report report = sample_report();
  REQUIRE(emitter.admit(report.event, report.phase, report.episode));
  CHECK(emitter.write_first_line(report));
  const std::string whole = render_text(report);
  CHECK(content(directory.file("log")) == whole.substr(0, whole.find('\n') + 1));
  CHECK_FALSE(emitter.write_first_line(report));
  CHECK(emitter.emit(report, nullptr, nullptr));
  CHECK(content(directory.file("log")) == whole);
  CHECK(emitter.emit(report, nullptr, nullptr));
  CHECK(content(directory.file("log")) == whole + whole);
}

TEST_CASE("nothing comes between the first line and the rest, which has that line in its texts too") {
  const TestDirectory directory;
  Emitter emitter(settings(directory.file("log"), "", 1));
  Report report = sample_report();
  CHECK(emitter.emit(report, nullptr, nullptr));
  CHECK_FALSE(emitter.admit(report.event, report.phase, report.episode + 1));
  report.phase = Phase::released;  // always admitted, if its beginning was
  REQUIRE(emitter.admit(report.event, report.phase, report.episode));
  CHECK(emitter.write_first_line(report));
  const std::string said = content(directory.file("log"));
  report.lost_ns += 1'000'000'000'000;
  std::string text;
  CHECK(emitter.emit(report, &text, nullptr));
  CHECK(content(directory.file("log")).starts_with(said));
  CHECK(said.ends_with(text.substr(0, text.find('\n') + 1)));
}

TEST_CASE("a report that RATE suppresses has no first line") {
  const TestDirectory directory;
  Emitter emitter(settings(directory.file("log"), "", 1));
  Report report = sample_report();
  CHECK(emitter.emit(report, nullptr, nullptr));
  const std::string before = content(directory.file("log"));
  report.episode += 1;
  CHECK_FALSE(emitter.admit(report.event, report.phase, report.episode));
  CHECK_FALSE(emitter.write_first_line(report));
  CHECK(content(directory.file("log")) == before);
}

TEST_CASE("an episode whose beginning was admitted but not written begins with the next report") {
  const TestDirectory directory;
  Emitter emitter(settings(directory.file("log"), "", 1));
  Report report = sample_report();
  const std::string whole = render_text(report);
  REQUIRE(emitter.admit(report.event, report.phase, report.episode));
  report.phase = Phase::still;
  REQUIRE(emitter.admit(report.event, report.phase, report.episode));
  CHECK(emitter.emit(report, nullptr, nullptr));
  CHECK(content(directory.file("log")) == whole);
}
