#include "shim/reporter/report_callback.h"

#include <string>

#include "tests/catch.h"

namespace holdwatch {
namespace {

struct Heard {
  std::string text, json;
  int calls = 0;
};

void hear(const char* text, const char* json, void* context) {
  auto& heard = *static_cast<Heard*>(context);
  heard.text = text;
  heard.json = json;
  ++heard.calls;
}

TEST_CASE("a report without a callback goes nowhere") {
  set_report_callback(nullptr, nullptr);
  call_report_callback("text", "{}");
  SUCCEED("it did not crash");
}

TEST_CASE("the callback gets each report's text, its JSON and the program's context") {
  Heard heard;
  set_report_callback(hear, &heard);
  call_report_callback("thread 1 has held L1", R"({"lock": 1})");
  CHECK(heard.text == "thread 1 has held L1");
  CHECK(heard.json == R"({"lock": 1})");
  call_report_callback("", "");
  CHECK(heard.calls == 2);
  set_report_callback(nullptr, nullptr);
}

TEST_CASE("the last callback that was set is the one that is called, as often as it is changed") {
  Heard heard[5];
  for (Heard& one : heard) set_report_callback(hear, &one);
  call_report_callback("text", "{}");
  for (int i = 0; i < 4; ++i) CHECK(heard[i].calls == 0);
  CHECK(heard[4].calls == 1);
  set_report_callback(nullptr, nullptr);
  call_report_callback("text", "{}");
  CHECK(heard[4].calls == 1);
}

}  // namespace
}  // namespace holdwatch
