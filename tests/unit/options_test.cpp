// The rules of loading options: who wins, what is said when something is wrong, and what holds nevertheless.
#include "shim/common/options/options.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "shim/base/libc_functions.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

struct Loaded {
  Settings settings;
  bool is_chosen;
  std::vector<std::string> said;
};

Loaded load(const std::vector<std::string>& variables, bool secure = false) {
  std::vector<const char*> environment;
  for (const std::string& variable : variables) environment.push_back(variable.c_str());
  environment.push_back(nullptr);
  Loaded loaded;
  const auto remember = [](void* context, std::string_view line) {
    static_cast<Loaded*>(context)->said.emplace_back(line);
  };
  loaded.is_chosen =
      options_load_from(&loaded.settings, {environment.data(), "server", secure, describe_error, remember, &loaded});
  return loaded;
}

// A configuration file that lives as long as the test.
class File {
 public:
  explicit File(const std::string& text) : path_("/tmp/holdwatch-options-" + std::to_string(getpid()) + ".conf") {
    std::ofstream(path_) << text;
  }
  ~File() { unlink(path_.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::string& path() const { return path_; }
  std::string variable() const { return "HOLDWATCH_CONFIG=" + path_; }

 private:
  std::string path_;
};

using Lines = std::vector<std::string>;

TEST_CASE("without options the defaults apply and nothing is printed") {
  const Loaded loaded = load({"PATH=/bin", "HOLDWATCHER=1", "X_HOLDWATCH_LIMIT=1"});
  CHECK(loaded.said.empty());
  CHECK(loaded.is_chosen);
  CHECK(loaded.settings.limit_ns == 1'000'000'000);
  CHECK(loaded.settings.read_limit_ns == 1'000'000'000);
  CHECK(loaded.settings.wait_limit_ns == 5'000'000'000);
  CHECK(loaded.settings.only == Only::automatic);
  CHECK(std::string(loaded.settings.log) == "stderr");
  CHECK(std::string(loaded.settings.json).empty());
  CHECK(loaded.settings.stacks == Stacks::automatic);
  CHECK(loaded.settings.repeat);
  CHECK(loaded.settings.rate == 60);
  CHECK(loaded.settings.follow);
  CHECK(loaded.settings.signal == kSignalAuto);
  CHECK(loaded.settings.symbolize == Symbolize::full);
  CHECK_FALSE(loaded.settings.help);
}

TEST_CASE("the environment sets options, and the derived limits follow LIMIT") {
  const Loaded loaded = load({"HOLDWATCH_LIMIT=250ms", "HOLDWATCH_ONLY=contended", "HOLDWATCH_SIGNAL=off"});
  CHECK(loaded.said.empty());
  CHECK(loaded.settings.read_limit_ns == 250'000'000);
  CHECK(loaded.settings.wait_limit_ns == 1'250'000'000);
  CHECK(loaded.settings.only == Only::contended);
  CHECK(loaded.settings.signal == kSignalOff);
}

TEST_CASE("a derived limit that is given stays as given, also when it is off") {
  const Loaded loaded = load({"HOLDWATCH_WAIT_LIMIT=0", "HOLDWATCH_READ_LIMIT=2s", "HOLDWATCH_LIMIT=250ms"});
  CHECK(loaded.settings.read_limit_ns == 2'000'000'000);
  CHECK(loaded.settings.wait_limit_ns == 0);
}

TEST_CASE("a bad value: one line names variable, value and the default, which is kept") {
  const Loaded loaded = load({"HOLDWATCH_LIMIT=10"});
  CHECK(loaded.said == Lines{"HOLDWATCH_LIMIT=\"10\": needs a unit, as in 250ms or 1.5s (0, 1ms to 87600h); "
                             "the default, 1s, is kept"});
  CHECK(loaded.settings.limit_ns == 1'000'000'000);
}

TEST_CASE("a bad value of a derived limit leaves it derived") {
  const Loaded loaded = load({"HOLDWATCH_LIMIT=2s", "HOLDWATCH_WAIT_LIMIT=long"});
  REQUIRE(loaded.said.size() == 1);
  CHECK(loaded.said[0].find("the default, 5 x LIMIT, is kept") != std::string::npos);
  CHECK(loaded.settings.wait_limit_ns == 10'000'000'000);
}

TEST_CASE("an unknown option: one line with the nearest name, nothing else changes") {
  CHECK(load({"HOLDWATCH_LIMT=10s"}).said ==
        Lines{"unknown option HOLDWATCH_LIMT; did you mean HOLDWATCH_LIMIT? (HOLDWATCH_HELP=1 lists them all)"});
  CHECK(load({"HOLDWATCH_QUUX=1"}).said == Lines{"unknown option HOLDWATCH_QUUX (HOLDWATCH_HELP=1 lists them all)"});
}

TEST_CASE("the same mistakes give the same lines, whatever the order of the environment") {
  const Loaded one = load({"HOLDWATCH_RATE=x", "HOLDWATCH_LIMIT=x"});
  const Loaded other = load({"HOLDWATCH_LIMIT=x", "HOLDWATCH_RATE=x"});
  REQUIRE(one.said.size() == 2);
  CHECK(one.said == other.said);
}

TEST_CASE("of a variable that is there twice the first counts, and a name in lower case is not an option") {
  CHECK(load({"HOLDWATCH_LIMIT=2s", "HOLDWATCH_LIMIT=3s"}).settings.limit_ns == 2'000'000'000);
  const Loaded loaded = load({"HOLDWATCH_limit=2s"});
  CHECK(loaded.settings.limit_ns == 1'000'000'000);
  CHECK(loaded.said ==
        Lines{"unknown option HOLDWATCH_limit; did you mean HOLDWATCH_LIMIT? (HOLDWATCH_HELP=1 lists them all)"});
}

TEST_CASE("the file sets options by lower-case names, past blanks and comments") {
  const File file("# a comment\n\n  limit = 2s   # behind a value\nlog=/tmp/a#b\n\tjson = /tmp/x y.json \r\nrate=7");
  const Loaded loaded = load({file.variable()});
  CHECK(loaded.said.empty());
  CHECK(loaded.settings.limit_ns == 2'000'000'000);
  CHECK(std::string(loaded.settings.log) == "/tmp/a#b");
  CHECK(std::string(loaded.settings.json) == "/tmp/x y.json");
  CHECK(loaded.settings.rate == 7);
}

TEST_CASE("the environment wins over the file, whatever their order") {
  const File file("limit = 2s\nrate = 7\n");
  for (const Lines& variables :
       {Lines{"HOLDWATCH_LIMIT=3s", file.variable()}, Lines{file.variable(), "HOLDWATCH_LIMIT=3s"}}) {
    const Loaded loaded = load(variables);
    CHECK(loaded.settings.limit_ns == 3'000'000'000);
    CHECK(loaded.settings.rate == 7);
  }
}

TEST_CASE("a bad variable leaves the file's value, and says so") {
  const File file("\nlimit = 2s\n");
  const Loaded loaded = load({file.variable(), "HOLDWATCH_LIMIT=soon"});
  CHECK(loaded.said ==
        Lines{"HOLDWATCH_LIMIT=\"soon\": not a duration such as 250ms or 1.5s (0, 1ms to 87600h); 2s from " +
              file.path() + ":2 is kept"});
  CHECK(loaded.settings.limit_ns == 2'000'000'000);
}

TEST_CASE("errors in the file are printed with file and line, and the rest is read") {
  const File file("limt = 2s\njunk\nonly = none\n= 3\nrate = 7\n");
  const Loaded loaded = load({file.variable()});
  CHECK(loaded.said ==
        Lines{file.path() + ":1: unknown option limt; did you mean limit? (HOLDWATCH_HELP=1 lists them all)",
              file.path() + ":2: not of the form name = value: junk",
              file.path() + ":3: only = \"none\": not a valid value (all, contended, auto); the default, auto, is kept",
              file.path() + ":4: not of the form name = value: = 3"});
  CHECK(loaded.settings.rate == 7);
}

TEST_CASE("a line of any length is survived, and the next one is read") {
  const File file("log = " + std::string(100'000, 'x') + "\nrate = 7\n");
  const Loaded loaded = load({file.variable()});
  CHECK(loaded.said == Lines{file.path() + ":1: line too long; ignored"});
  CHECK(loaded.settings.rate == 7);
}

TEST_CASE("a file that cannot be read: one line, and the environment still counts") {
  const Loaded loaded = load({"HOLDWATCH_CONFIG=/nonexistent/x", "HOLDWATCH_RATE=7"});
  CHECK(loaded.said ==
        Lines{"HOLDWATCH_CONFIG=\"/nonexistent/x\": cannot be read: No such file or directory; continuing without it"});
  CHECK(loaded.settings.rate == 7);
}

TEST_CASE("a path of any length leaves room for the reason") {
  const Loaded loaded = load({"HOLDWATCH_CONFIG=/" + std::string(100'000, 'x')});
  REQUIRE(loaded.said.size() == 1);
  CHECK(loaded.said[0].find("...\": cannot be read: File name too long") != std::string::npos);
}

TEST_CASE("only a regular file is read: a directory is refused, and a FIFO without a writer is not waited for") {
  CHECK(load({"HOLDWATCH_CONFIG=/tmp"}).said ==
        Lines{"HOLDWATCH_CONFIG=\"/tmp\": cannot be read: not a regular file; continuing without it"});
  const std::string fifo = "/tmp/holdwatch-options-fifo-" + std::to_string(getpid());
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(load({"HOLDWATCH_CONFIG=" + fifo}).said ==
        Lines{"HOLDWATCH_CONFIG=\"" + fifo + "\": cannot be read: not a regular file; continuing without it"});
  unlink(fifo.c_str());
}

TEST_CASE("an empty HOLDWATCH_CONFIG names no file") {
  CHECK(load({"HOLDWATCH_CONFIG="}).said.empty());
}

TEST_CASE("an option that is not implemented yet prints one line and changes nothing") {
  const Loaded loaded = load({"HOLDWATCH_SUMMARY=1"});
  CHECK(loaded.said == Lines{"HOLDWATCH_SUMMARY=\"1\": not implemented in this version; it has no effect"});
  CHECK_FALSE(loaded.settings.summary);
  CHECK(load({"HOLDWATCH_LOCK_ORDER=1"}).said.size() == 1);
  const Loaded metrics = load({"HOLDWATCH_METRICS=/tmp/x"});
  CHECK(metrics.said.size() == 1);
  CHECK(metrics.settings.metrics[0] == '\0');
  CHECK(load({"HOLDWATCH_SUMMARY=0"}).said.empty());
}

TEST_CASE("NO_COLOR, or a terminal without colors, turns COLOR=auto off and nothing else") {
  CHECK(load({"TERM=xterm"}).settings.color == ColorWhen::automatic);
  CHECK(load({"TERM=xterm", "NO_COLOR="}).settings.color == ColorWhen::automatic);
  CHECK(load({"TERM=xterm", "NO_COLOR=1"}).settings.color == ColorWhen::never);
  CHECK(load({"TERM=dumb"}).settings.color == ColorWhen::never);
  CHECK(load({"TERMINAL=xterm"}).settings.color == ColorWhen::never);
  CHECK(load({"TERM=dumb", "NO_COLOR=1", "HOLDWATCH_COLOR=always"}).settings.color == ColorWhen::always);
}

TEST_CASE("a value that is too long is refused, and the line that says so is cut") {
  const Loaded loaded = load({"HOLDWATCH_LOG=/" + std::string(100'000, 'x')});
  REQUIRE(loaded.said.size() == 1);
  CHECK(loaded.said[0].find("...\": longer than 511 bytes") != std::string::npos);
  CHECK(loaded.said[0].find("the default, stderr, is kept") != std::string::npos);
  CHECK(loaded.said[0].size() < 400);
}

TEST_CASE("a program that EXE does not choose says nothing at all") {
  const Loaded other = load({"HOLDWATCH_LIMIT=bad", "HOLDWATCH_HELP=1", "HOLDWATCH_EXE=other*"});
  CHECK_FALSE(other.is_chosen);
  CHECK(other.said.empty());
  const Loaded chosen = load({"HOLDWATCH_LIMIT=bad", "HOLDWATCH_EXE=ser*"});
  CHECK(chosen.is_chosen);
  CHECK(chosen.said.size() == 1);
}

TEST_CASE("a program with more rights than its user takes no options, and does not open the file") {
  const File file("junk\n");
  const Loaded loaded = load({"HOLDWATCH_LIMIT=5s", "HOLDWATCH_LOG=/etc/passwd", file.variable()}, true);
  CHECK(loaded.settings.limit_ns == 1'000'000'000);
  CHECK(std::string(loaded.settings.log) == "stderr");
  CHECK(loaded.said == Lines{"this program runs with elevated privileges: HOLDWATCH_* options are ignored"});
  CHECK(load({"PATH=/bin"}, true).said.empty());
}

TEST_CASE("HELP prints every option that has an effect, its value and where it came from") {
  const File file("\nrate = 7\n");
  const Loaded loaded = load({file.variable(), "HOLDWATCH_LIMIT=250ms", "HOLDWATCH_HELP=1"});
  const auto is_printed = [&](const std::string& name, const std::string& value, const std::string& origin) {
    for (const std::string& line : loaded.said) {
      if (line.rfind("  " + name + " ", 0) == 0) {
        return line.find(" " + value + " ") != std::string::npos && line.find("(" + origin + ")") != std::string::npos;
      }
    }
    return false;
  };
  CHECK(is_printed("LIMIT", "250ms", "environment"));
  CHECK(is_printed("READ_LIMIT", "250ms", "default"));
  CHECK(is_printed("WAIT_LIMIT", "1250ms", "default"));
  CHECK(is_printed("RATE", "7", file.path() + ":2"));
  CHECK(is_printed("LOG", "stderr", "default"));
  CHECK(is_printed("REPEAT", "1", "default"));
  for (const std::string& line : loaded.said) {
    for (const char* name : {"LOCK_ORDER", "SUMMARY", "METRICS"}) CHECK(line.find(name) == std::string::npos);
  }
  CHECK(loaded.settings.limit_ns == 250'000'000);
}

TEST_CASE("errno is as it was") {
  errno = 4711;
  load({"HOLDWATCH_CONFIG=/nonexistent/x", "HOLDWATCH_LIMIT=bad"});
  CHECK(errno == 4711);
}

}  // namespace
}  // namespace holdwatch
