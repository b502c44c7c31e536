// The lock is an element that is found through several pointers, and its address only in a register that no frame saves; one thread
// is in a call that sends, for which nobody stops it.
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "stage.h"

namespace {

struct Shards {
  std::vector<std::unique_ptr<std::shared_mutex>> locks;
};
Shards g_shards;

NOINLINE void read_shard(Shards& shards, int number, int pipe) {
  std::shared_lock lock(*shards.locks[static_cast<size_t>(number)]);
  char byte = 0;
  sink = static_cast<int>(read(pipe, &byte, 1));
}

NOINLINE void send_shard(Shards& shards, int number, int socket) {
  std::shared_lock lock(*shards.locks[static_cast<size_t>(number)]);
  const char bytes[999] = {0};
  sink = static_cast<int>(send(socket, bytes, sizeof bytes, MSG_NOSIGNAL));
}

void* reads(void* shards) {
  read_shard(*static_cast<Shards*>(shards), one, stage_pipe());
  return nullptr;
}

void* sends(void* shards) {
  send_shard(*static_cast<Shards*>(shards), one + 1, stage_full_socket());
  return nullptr;
}

void* writes(void* mutex) {
  std::unique_lock lock(*static_cast<std::shared_mutex*>(mutex));
  sink = 2;
  return nullptr;
}

}  // namespace

int main() {
  for (int i = 0; i < 4; ++i) g_shards.locks.push_back(std::make_unique<std::shared_mutex>());
  stage_start("reader", reads, &g_shards);
  stage_start("sender", sends, &g_shards);
  const stage_holder reader = {"reader", "read_shard", "guard", 1};
  const stage_holder sender = {"sender", "send_shard", "code", 1};  // likely only: see above
  stage_answer("1", g_shards.locks[1].get(), STAGE_READ, &reader, 1);
  stage_answer("2", g_shards.locks[2].get(), STAGE_READ, &sender, 1);
  stage_start("writer_1", writes, g_shards.locks[1].get());
  stage_start("writer_2", writes, g_shards.locks[2].get());
  stage_ready();
}
