// The rules of symbolizer/outputs/placeholders.h.
#include "symbolizer/outputs/placeholders.h"

#include <unistd.h>

#include <ctime>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

const ProcessFacts kFacts{4700, "/usr/bin/chatroom", "chatroom", "chat1", 1'763'926'512'123'000'000};

}  // namespace

TEST_CASE("each placeholder is filled in") {
  CHECK(expand_placeholders("/var/log/%e-%h-%t.%p.log", kFacts) == "/var/log/chatroom-chat1-20251123T193512Z.4700.log");
  CHECK(expand_placeholders("100%%", kFacts) == "100%");
}

TEST_CASE("what is no placeholder stays") {
  CHECK(expand_placeholders("/a/b", kFacts) == "/a/b");
  CHECK(expand_placeholders("/a/%x%", kFacts) == "/a/%x%");
  CHECK(expand_placeholders("%%p", kFacts) == "%p");
}

TEST_CASE("a program's or host's name cannot choose the directory") {
  ProcessFacts facts = kFacts;
  facts.host = "../etc";
  CHECK(expand_placeholders("/log/%h", facts) == "/log/.._etc");
}

TEST_CASE("the facts of this process are true") {
  const ProcessFacts facts = current_process_facts();
  CHECK(facts.pid == getpid());
  CHECK(facts.exe.starts_with('/'));
  CHECK(facts.exe.ends_with("/" + facts.program));
  CHECK_FALSE(facts.host.empty());
  const auto now_ns = static_cast<uint64_t>(time(nullptr)) * 1'000'000'000;
  CHECK(facts.start_wall_ns <= now_ns + 1'000'000'000);
  CHECK(facts.start_wall_ns > now_ns - uint64_t{3600} * 1'000'000'000);
}
