// A reader gives its guard up and takes the lock for writing, under which it blocks. Of another lock, the reader that wants to write
// has given up reading and waits behind one that reads still.
#include <mutex>
#include <shared_mutex>

#include "stage.h"

namespace {

struct Document {
  std::shared_mutex mutex;
  int version = 1;
};
Document g_first, g_second;

NOINLINE int wait_for(int pipe) {
  char byte = 0;
  return static_cast<int>(read(pipe, &byte, 1));
}

NOINLINE void view(Document& document, int pipe) {
  std::shared_lock lock(document.mutex);
  sink = document.version + wait_for(pipe);
}

NOINLINE void edit(Document& document, int pipe) {
  std::shared_lock reading(document.mutex);
  if (document.version == 99) return;
  reading.unlock();
  std::unique_lock writing(document.mutex);
  document.version += wait_for(pipe);
}

void* views(void* document) {
  view(*static_cast<Document*>(document), stage_pipe());
  return nullptr;
}

void* edits(void* document) {
  edit(*static_cast<Document*>(document), stage_pipe());
  return nullptr;
}

}  // namespace

int main() {
  stage_start("edits_first", edits, &g_first);
  stage_start("views_second", views, &g_second);
  const stage_holder first = {"edits_first", "edit", "guard", 1};
  const stage_holder second = {"views_second", "view", "guard", 1};
  stage_answer("first", &g_first.mutex, STAGE_WRITE, &first, 1);
  stage_answer("second", &g_second.mutex, STAGE_READ, &second, 1);
  stage_start("views_first", views, &g_first);
  stage_start("edits_second", edits, &g_second);
  stage_ready();
}
