// The rules of Lru.
#include "symbolizer/symbols/lru.h"

#include "tests/catch.h"

namespace holdwatch {
namespace {

// What the map has under the key, 0 if nothing.
int value_of(Lru<int, int>& map, int key) {
  const int* value = map.find(key);
  return value != nullptr ? *value : 0;
}

TEST_CASE("what was inserted is found until it is dropped") {
  Lru<int, int> map(2);
  CHECK(map.find(1) == nullptr);
  map.insert(1, 10);
  CHECK(value_of(map, 1) == 10);
  map.clear();
  CHECK(map.find(1) == nullptr);
  CHECK(map.size() == 0);
}

TEST_CASE("a full map drops what was used longest ago") {
  Lru<int, int> map(2);
  map.insert(1, 10);
  map.insert(2, 20);
  CHECK(value_of(map, 1) == 10);  // now 2 is the oldest
  map.insert(3, 30);
  CHECK(map.size() == 2);
  CHECK(map.find(2) == nullptr);
  CHECK(value_of(map, 1) == 10);
  CHECK(value_of(map, 3) == 30);
}

TEST_CASE("dropping the oldest of none does nothing") {
  Lru<int, int> map(2);
  map.drop_oldest();
  CHECK(map.size() == 0);
}

}  // namespace
}  // namespace holdwatch
