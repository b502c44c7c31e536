// The rules of symbolizer/tools/inspect/command_line.h.
#include "symbolizer/tools/inspect/command_line.h"

#include "tests/catch.h"

using namespace holdwatch;

namespace {

std::string g_why;

std::optional<InspectArguments> parse(const std::vector<std::string>& words) {
  g_why.clear();
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  return parse_inspect_arguments(static_cast<int>(arguments.size()), arguments.data(), g_why);
}

}  // namespace

TEST_CASE("a process id, and where the JSON goes, in any order") {
  CHECK(parse({"42"})->pid == 42);
  CHECK(parse({"42", "--json", "f"})->json == "f");
  CHECK(parse({"--json=-", "42"})->json == "-");
}

TEST_CASE("a core file, with and without its program") {
  CHECK(parse({"--core", "c"})->core == "c");
  CHECK(parse({"--core=c", "p"})->program == "p");
  CHECK(parse({"p", "--core", "c"})->program == "p");
}

TEST_CASE("what makes no sense says what to type") {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{},
                                                                                     {"x"},
                                                                                     {"0"},
                                                                                     {"-3"},
                                                                                     {"1", "2"},
                                                                                     {"--core"},
                                                                                     {"--json", "", "1"},
                                                                                     {"--core", "a", "b", "c"},
                                                                                     {"--what"}}) {
    CHECK_FALSE(parse(words));
    CHECK(g_why.find("usage: holdwatch inspect PID") != std::string::npos);
  }
}
