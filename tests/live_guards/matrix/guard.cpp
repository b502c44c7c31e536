// A reader with a guard of its own writes to a socket that nobody reads, as in the chat room; a writer waits behind it.
#include <mutex>
#include <shared_mutex>

#include "stage.h"

namespace {

struct Room {
  std::shared_mutex members;
  int count = 1;
};
Room g_room;

NOINLINE void send_all(int socket) {
  char bytes[999] = {0};
  if (send(socket, bytes, sizeof bytes, MSG_NOSIGNAL) < 0) sink = 1;
}

NOINLINE void broadcast(Room& room, int socket) {
  std::shared_lock lock(room.members);
  for (int i = 0; i < room.count; ++i) send_all(socket);
}

NOINLINE void add(Room& room) {
  std::unique_lock lock(room.members);
  ++room.count;
}

void* speaks(void* room) {
  broadcast(*static_cast<Room*>(room), stage_full_socket());
  return nullptr;
}

void* joins(void* room) {
  add(*static_cast<Room*>(room));
  return nullptr;
}

}  // namespace

int main() {
  stage_start("alice", speaks, &g_room);
  const stage_holder alice = {"alice", "broadcast", "guard", 1};
  stage_answer("members", &g_room.members, STAGE_READ, &alice, 1);
  stage_start("carol", joins, &g_room);
  stage_ready();
}
