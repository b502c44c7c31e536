// Which variable or object a lock is part of, by the debug data of this program. Those of other threads' frames are in
// tests/programs/lock_names.cpp.
#include <unistd.h>

#include <mutex>
#include <shared_mutex>
#include <string>

#include "symbolizer/symbols/symbols.h"
#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"

namespace lock_owner_test {

struct Pair {
  int number;
  std::mutex first, second;
};

struct Base {
  long size;
  std::mutex mutex;
};

union Either {
  long number;
  Pair pair;
};

struct Holder : Base {
  Pair pairs[3];
  Pair grid[2][2];
  Either either;
  struct {
    int number;
    pthread_rwlock_t lock;
  };
  pthread_mutex_t* elsewhere;
  std::shared_mutex shared;
};

Holder holder{};
std::mutex stripes[4];

}  // namespace lock_owner_test

namespace holdwatch {
namespace {

using lock_owner_test::holder;
using lock_owner_test::stripes;

class Self {
 public:
  Self() { REQUIRE(modules_.refresh()); }

  std::string variable(const void* lock, LockKind kind) {
    const auto address = reinterpret_cast<uintptr_t>(lock);
    return symbols_.lock_variable({address, kind}, module(), code(), true, module());
  }

 private:
  static uintptr_t code();
  const Module* module() const { return modules_.find(code()); }

  ProcessMemory memory_{getpid()};
  Modules modules_{getpid(), memory_};
  Symbols symbols_{Symbolize::full};
};

uintptr_t Self::code() {
  return reinterpret_cast<uintptr_t>(&Self::code);
}

TEST_CASE_METHOD(Self, "a lock in a variable has the way to it as its name") {
  const std::string name = "lock_owner_test::holder";
  CHECK(variable(&holder.mutex, LockKind::mutex) == name + ".mutex");
  CHECK(variable(&holder.pairs[2].second, LockKind::mutex) == name + ".pairs[2].second");
  CHECK(variable(&holder.either.pair.first, LockKind::mutex) == name + ".either.pair.first");
  CHECK(variable(&holder.lock, LockKind::rwlock) == name + ".lock");
  CHECK(variable(&holder.shared, LockKind::rwlock) == name + ".shared");
  CHECK(variable(&stripes[0], LockKind::mutex) == "lock_owner_test::stripes[0]");
  CHECK(variable(&stripes[3], LockKind::mutex) == "lock_owner_test::stripes[3]");
}

TEST_CASE_METHOD(Self, "where no lock of that kind begins, the name has an offset in bytes") {
  const std::string name = "lock_owner_test::holder";
  const auto offset = [&](const void* place) {
    return "+" + std::to_string(reinterpret_cast<uintptr_t>(place) - reinterpret_cast<uintptr_t>(&holder));
  };
  const char* const inside = reinterpret_cast<const char*>(&holder.mutex) + 8;
  CHECK(variable(inside, LockKind::mutex) == name + offset(inside));
  CHECK(variable(&holder.mutex, LockKind::rwlock) == name + offset(&holder.mutex));
  CHECK(variable(&holder.elsewhere, LockKind::mutex) == name + offset(&holder.elsewhere));
  CHECK(variable(&holder, LockKind::mutex) == name);
  // Of an array with several dimensions, the element is not told.
  CHECK(variable(&holder.grid[1][0].first, LockKind::mutex) == name + offset(&holder.grid[1][0].first));
}

}  // namespace
}  // namespace holdwatch
