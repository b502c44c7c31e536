// The rules of symbolizer/tools/command_line/argument_reader.h.
#include "symbolizer/tools/command_line/argument_reader.h"

#include <string>
#include <vector>

#include "tests/catch.h"

using namespace holdwatch;
using Options = ArgumentReader::Options;

namespace {

// What is read of `words`, each as a word of its own. --limit takes a value, --repeat is on or off.
std::vector<std::string> read(const std::vector<const char*>& words, Options where) {
  std::vector<std::string> out;
  ArgumentReader reader(static_cast<int>(words.size()), words.data(), where);
  for (Argument argument; reader.next(argument);) {
    std::string text;
    switch (argument.kind) {
      case Argument::Kind::operand:
        text = argument.text;
        break;
      case Argument::Kind::help:
        text = "help";
        break;
      case Argument::Kind::separator:
        text = "separator";
        break;
      case Argument::Kind::option:
        const bool is_known = argument.name == "limit" || argument.name == "repeat";
        const char* value = argument.name == "limit"    ? reader.value_of(argument)
                            : argument.name == "repeat" ? reader.toggle_of(argument)
                                                        : argument.value;
        text =
            (is_known ? "known " : "unknown ") + std::string(argument.name) + ":" + (value == nullptr ? "none" : value);
        break;
    }
    out.push_back(text);
  }
  return out;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a value follows = or is the next argument, whatever that looks like") {
  CHECK(read({"--limit=1s"}, Options::first) == Words{"known limit:1s"});
  CHECK(read({"--limit", "1s"}, Options::first) == Words{"known limit:1s"});
  CHECK(read({"--limit", "--repeat"}, Options::first) == Words{"known limit:--repeat"});
  CHECK(read({"--limit=a=b"}, Options::first) == Words{"known limit:a=b"});
}

TEST_CASE("an empty value is a value, and does not swallow the program") {
  CHECK(read({"--limit=", "server"}, Options::first) == Words{"known limit:", "server"});
  CHECK(read({"--limit", "", "server"}, Options::first) == Words{"known limit:", "server"});
  CHECK(read({"--limit"}, Options::first) == Words{"known limit:none"});
}

TEST_CASE("a toggle takes only 0 or 1 from the next argument") {
  CHECK(read({"--repeat", "server"}, Options::first) == Words{"known repeat:1", "server"});
  CHECK(read({"--repeat", "0", "server"}, Options::first) == Words{"known repeat:0", "server"});
  CHECK(read({"--repeat=2", "server"}, Options::first) == Words{"known repeat:2", "server"});
  CHECK(read({"--repeat"}, Options::first) == Words{"known repeat:1"});
}

TEST_CASE("what follows a program is the program's own") {
  CHECK(read({"server", "--limit", "--help", "--"}, Options::first) == Words{"server", "--limit", "--help", "--"});
  CHECK(read({"--", "--limit", "--"}, Options::first) == Words{"separator", "--limit", "--"});
}

TEST_CASE("where options may follow operands, -- ends them") {
  CHECK(read({"42", "--limit", "1s"}, Options::anywhere) == Words{"42", "known limit:1s"});
  CHECK(read({"42", "--", "--limit", "1s"}, Options::anywhere) == Words{"42", "separator", "--limit", "1s"});
}

TEST_CASE("a single dash is an operand, and no option has one dash but -h") {
  CHECK(read({"-", "-x", "-h", "--help"}, Options::anywhere) == Words{"-", "unknown :none", "help", "help"});
  CHECK(read({"--help=x"}, Options::anywhere) == Words{"unknown help:x"});
}

TEST_CASE("the position tells what is not read yet") {
  const char* const words[] = {"--limit", "1s", "--", "server"};
  ArgumentReader reader(4, words, Options::first);
  Argument argument;
  REQUIRE(reader.next(argument));
  reader.value_of(argument);
  REQUIRE(reader.next(argument));
  CHECK(argument.kind == Argument::Kind::separator);
  CHECK(reader.position() == 3);
}

TEST_CASE("a process id is a decimal number above zero") {
  int pid = 0;
  CHECK(parse_process_id("4711", pid));
  CHECK(pid == 4711);
  for (const char* text : {"", "0", "-1", "+1", " 1", "1 ", "12x", "0x10", "2147483648", "99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_process_id(text, pid));
  }
}

TEST_CASE("what is wrong names the option") {
  const auto said = [](void (*write)(const Argument&, TextBuffer&), const char* text, std::string_view name) {
    Line<128> line;
    write(Argument{Argument::Kind::option, text, name}, line);
    return std::string(line);
  };
  CHECK(said(write_unknown_option, "--frob=1", "frob") == "unknown option --frob=1");
  CHECK(said(write_needless_value, "--now=1", "now") == "--now takes no value");
  Line<128> line;
  write_missing_value(Argument{Argument::Kind::option, "--json", "json"}, "FILE", line);
  CHECK(std::string(line) == "--json requires a value: FILE");
}
