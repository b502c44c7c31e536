// The guard is a member: of an object on the stack, and of one on the heap.
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "stage.h"

namespace {

struct Table {
  std::shared_mutex first, second;
  int rows = 1;
};
Table g_table;

class Cursor {
 public:
  explicit Cursor(std::shared_mutex& mutex) : lock_(mutex) {}
  virtual ~Cursor() { sink = position_; }
  NOINLINE void fetch() {
    const timespec hours = {100000, 0};
    position_ += nanosleep(&hours, nullptr);
  }

 private:
  int position_ = 1;
  std::shared_lock<std::shared_mutex> lock_;
};

NOINLINE void scan_on_stack(Table& table) {
  Cursor cursor(table.first);
  for (int i = 0; i < table.rows; ++i) cursor.fetch();
}

NOINLINE void scan_on_heap(Table& table) {
  const auto cursor = std::make_unique<Cursor>(table.second);
  for (int i = 0; i < table.rows; ++i) cursor->fetch();
}

void* scans_on_stack(void* table) {
  scan_on_stack(*static_cast<Table*>(table));
  return nullptr;
}

void* scans_on_heap(void* table) {
  scan_on_heap(*static_cast<Table*>(table));
  return nullptr;
}

void* writes(void* mutex) {
  std::unique_lock lock(*static_cast<std::shared_mutex*>(mutex));
  sink = 2;
  return nullptr;
}

}  // namespace

int main() {
  stage_start("on_stack", scans_on_stack, &g_table);
  stage_start("on_heap", scans_on_heap, &g_table);
  const stage_holder on_stack = {"on_stack", "scan_on_stack", "guard", 1};
  const stage_holder on_heap = {"on_heap", "scan_on_heap", "guard", 1};
  stage_answer("first", &g_table.first, STAGE_READ, &on_stack, 1);
  stage_answer("second", &g_table.second, STAGE_READ, &on_heap, 1);
  stage_start("writer_first", writes, &g_table.first);
  stage_start("writer_second", writes, &g_table.second);
  stage_ready();
}
