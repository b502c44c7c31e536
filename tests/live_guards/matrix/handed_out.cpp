// A helper takes the lock and hands the guard to its caller.
#include <mutex>
#include <shared_mutex>

#include "stage.h"

namespace {

struct Store {
  std::shared_mutex mutex;
  int value = 1;

  NOINLINE std::shared_lock<std::shared_mutex> for_reading() {
    std::shared_lock lock(mutex);
    sink = value;
    return lock;
  }
};
Store g_store;

NOINLINE int lookup(Store& store, int pipe) {
  const auto lock = store.for_reading();
  char byte = 0;
  const ssize_t size = read(pipe, &byte, 1);
  return static_cast<int>(size) + store.value;
}

void* reads(void* store) {
  sink = lookup(*static_cast<Store*>(store), stage_pipe());
  return nullptr;
}

void* writes(void* store) {
  std::unique_lock lock(static_cast<Store*>(store)->mutex);
  ++static_cast<Store*>(store)->value;
  return nullptr;
}

}  // namespace

int main() {
  stage_start("reader", reads, &g_store);
  const stage_holder reader = {"reader", "lookup", "guard", 1};
  stage_answer("mutex", &g_store.mutex, STAGE_READ, &reader, 1);
  stage_start("writer", writes, &g_store);
  stage_ready();
}
