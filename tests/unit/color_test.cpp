// The colors of symbolizer/report/color.h.
#include "symbolizer/report/color.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <regex>

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

std::string without_sequences(const std::string& text) {
  return std::regex_replace(text, std::regex("\033\\[[0-9;]*m"), "");
}

// Sets a variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* const old = getenv(name);
    had_one_ = old != nullptr;
    if (had_one_) old_ = old;
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Variable() { had_one_ ? setenv(name_, old_.c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  bool had_one_ = false;
  std::string old_;
};

// The terminal's side of a pseudo-terminal.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(grantpt(master_) == 0);
    REQUIRE(unlockpt(master_) == 0);
    descriptor = open(ptsname(master_), O_RDWR | O_NOCTTY);
    REQUIRE(descriptor >= 0);
  }
  ~Terminal() {
    close(descriptor);
    close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  int descriptor;

 private:
  int master_;
};

}  // namespace

TEST_CASE("without the sequences, the text is the same, and none is left open") {
  const std::string text = render_text(sample_report());
  for (const Severity severity : {Severity::error, Severity::warning, Severity::info}) {
    const std::string shown = colored(text, severity);
    CHECK(without_sequences(shown) == text);
    CHECK(shown != text);
    size_t begun = 0, ended = 0;
    for (size_t at = shown.find("\033["); at != std::string::npos; at = shown.find("\033[", at + 1))
      ++(shown.compare(at, 4, "\033[0m") == 0 ? ended : begun);
    CHECK(begun == ended);
  }
}

TEST_CASE("the first line has the color of what it is about, labels and marks have their own") {
  const std::string text =
      "holdwatch[7]: thread 8 has held mutex L1 1 s\n  taken   #0 f()  a.cpp:1\n"
      "          #1 g()  a.cpp:2  <- took L1  x();\n";
  CHECK(colored(text, Severity::error) ==
        "\033[2mholdwatch[7]: \033[0m\033[1;31mthread 8 has held mutex L1 1 s\033[0m\n"
        "  \033[36mtaken   \033[0m#0 f()  a.cpp:1\n"
        "          #1 g()  a.cpp:2  \033[1m<- took L1\033[0m  x();\n");
  CHECK(colored("holdwatch[7]: released\n", Severity::info) == "\033[2mholdwatch[7]: \033[0mreleased\n");
}

TEST_CASE("a deadlock is an error, a hold a warning, and its end neither") {
  Report report = sample_report();
  CHECK(severity_of(report) == Severity::warning);
  report.event = Event::deadlock;
  CHECK(severity_of(report) == Severity::error);
  report.phase = Phase::released;
  CHECK(severity_of(report) == Severity::info);
}

TEST_CASE("colors are for terminals, unless NO_COLOR is set") {
  const Terminal terminal;
  const int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
  const Variable kind("TERM", "xterm");
  {
    const Variable allowed("NO_COLOR", nullptr);
    CHECK(tool_uses_color(ColorWhen::automatic, terminal.descriptor));
    CHECK_FALSE(tool_uses_color(ColorWhen::automatic, file));
    CHECK(tool_uses_color(ColorWhen::always, file));
    CHECK_FALSE(tool_uses_color(ColorWhen::never, terminal.descriptor));
    const Variable dumb("TERM", "dumb");
    CHECK_FALSE(tool_uses_color(ColorWhen::automatic, terminal.descriptor));
  }
  const Variable empty("NO_COLOR", "");
  CHECK(tool_uses_color(ColorWhen::automatic, terminal.descriptor));
  const Variable refused("NO_COLOR", "1");
  CHECK(uses_color(ColorWhen::automatic, terminal.descriptor));
  CHECK_FALSE(tool_uses_color(ColorWhen::automatic, terminal.descriptor));
  CHECK(tool_uses_color(ColorWhen::always, terminal.descriptor));
  close(file);
}
