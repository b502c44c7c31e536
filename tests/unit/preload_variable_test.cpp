#include "shim/base/preload_variable.h"

#include <initializer_list>
#include <string>
#include <vector>

#include "tests/catch.h"

namespace holdwatch {
namespace {

// The environment that is left of `before`.
std::vector<std::string> left_of(std::vector<std::string> before, const char* own_path = "/opt/lib/libholdwatch.so") {
  std::vector<char*> environment;
  for (std::string& variable : before) environment.push_back(variable.data());
  environment.push_back(nullptr);
  leave_preload_variable(environment.data(), own_path);
  std::vector<std::string> after;
  for (char** variable = environment.data(); *variable != nullptr; ++variable) after.emplace_back(*variable);
  return after;
}

using Variables = std::vector<std::string>;

TEST_CASE("a preload variable that names this library alone goes, the others stay in their order") {
  CHECK(left_of({"A=1", "LD_PRELOAD=/opt/lib/libholdwatch.so", "B=2"}) == Variables{"A=1", "B=2"});
  CHECK(left_of({"LD_PRELOAD=/opt/lib/libholdwatch.so"}).empty());
}

TEST_CASE("other preloaded libraries stay, whatever separates them") {
  CHECK(left_of({"LD_PRELOAD=/usr/lib/first.so /opt/lib/libholdwatch.so:second.so"}) ==
        Variables{"LD_PRELOAD=/usr/lib/first.so:second.so"});
  CHECK(left_of({"LD_PRELOAD=/opt/lib/libholdwatch.so second.so"}) == Variables{"LD_PRELOAD=second.so"});
  CHECK(left_of({"LD_PRELOAD=first.so::libholdwatch.so "}) == Variables{"LD_PRELOAD=first.so"});
}

TEST_CASE("this library is known by its file name, whatever way leads to it") {
  CHECK(left_of({"LD_PRELOAD=./build/../libholdwatch.so"}).empty());
  CHECK(left_of({"LD_PRELOAD=libholdwatch.so"}, "libholdwatch.so").empty());
}

TEST_CASE("a library with a similar name stays") {
  const Variables similar{"LD_PRELOAD=/opt/lib/libholdwatch.so.bak:/opt/libholdwatch.so/other.so:mylibholdwatch.so"};
  CHECK(left_of(similar) == similar);
}

TEST_CASE("an environment without the variable stays as it is, also one whose variables look like it") {
  const Variables unrelated{"MY_LD_PRELOAD=libholdwatch.so", "LD_PRELOADED=libholdwatch.so", "LD_PRELOAD", ""};
  CHECK(left_of(unrelated) == unrelated);
  CHECK(left_of({}).empty());
}

TEST_CASE("a variable that is there twice is cleaned twice") {
  CHECK(left_of({"LD_PRELOAD=libholdwatch.so", "LD_PRELOAD=a.so:libholdwatch.so"}) == Variables{"LD_PRELOAD=a.so"});
}

}  // namespace
}  // namespace holdwatch
