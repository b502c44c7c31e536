// See room.h: the chat room as it was first written, with the lock held while sending, and mended.
#include "tests/chatroom/room.h"

#include <mutex>
#include <utility>

void Room::add(std::shared_ptr<Session> visitor) {
  std::unique_lock lock(members_mx);
  members.push_back(std::move(visitor));
}

void Room::remove(const Session& member) {
  std::unique_lock lock(members_mx);
  std::erase_if(members, [&](const auto& one) { return one.get() == &member; });
}

// The bug: one member that does not read keeps this from returning, and so the lock from everybody who comes or goes.
void Room::broadcast(const std::string& text) {
  std::shared_lock lock(members_mx);
  for (const auto& member : members) member->send(text);
}

// Copies the list and sends outside the lock. Whoever leaves in between lives on until the copy goes.
void MendedRoom::broadcast(const std::string& text) {
  std::vector<std::shared_ptr<Session>> present;
  {
    std::shared_lock lock(members_mx);
    present = members;
  }
  for (const auto& member : present) member->send(text);
}
