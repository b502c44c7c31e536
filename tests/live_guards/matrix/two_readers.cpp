// Two readers in two functions; a third one has been there, with the same function, and has left; a fourth wants to read later.
#include <mutex>
#include <shared_mutex>

#include "stage.h"

namespace {

struct Index {
  std::shared_mutex mutex;
  int size = 1;
};
Index g_index;

NOINLINE int wait_for(int pipe) {
  char byte = 0;
  return pipe < 0 ? 0 : static_cast<int>(read(pipe, &byte, 1));
}

NOINLINE void search(Index& index, int pipe) {
  std::shared_lock lock(index.mutex);
  sink = index.size + wait_for(pipe);
}

NOINLINE void dump(Index& index, int pipe) {
  std::shared_lock lock(index.mutex, std::try_to_lock);
  if (!lock.owns_lock()) return;
  sink = index.size + wait_for(pipe);
}

void* searches(void* index) {
  search(*static_cast<Index*>(index), stage_pipe());
  return nullptr;
}

void* dumps(void* index) {
  dump(*static_cast<Index*>(index), stage_pipe());
  return nullptr;
}

void* has_searched(void* index) {
  search(*static_cast<Index*>(index), -1);
  sink = wait_for(stage_pipe());
  return nullptr;
}

void* will_search(void* index) {
  sink = wait_for(stage_pipe());
  search(*static_cast<Index*>(index), -1);
  return nullptr;
}

void* writes(void* index) {
  std::unique_lock lock(static_cast<Index*>(index)->mutex);
  ++static_cast<Index*>(index)->size;
  return nullptr;
}

}  // namespace

int main() {
  stage_start("has_searched", has_searched, &g_index);
  stage_start("will_search", will_search, &g_index);
  stage_start("searches", searches, &g_index);
  stage_start("dumps", dumps, &g_index);
  const stage_holder readers[] = {{"searches", "search", "guard", 1}, {"dumps", "dump", "guard", 1}};
  stage_answer("mutex", &g_index.mutex, STAGE_READ, readers, 2);
  stage_start("writes", writes, &g_index);
  stage_ready();
}
