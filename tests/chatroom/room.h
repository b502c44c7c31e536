// Who is in the room, and how everybody hears what one of them says.
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "tests/chatroom/session.h"

class Room {
 public:
  virtual ~Room() = default;
  void add(std::shared_ptr<Session> visitor);
  void remove(const Session& member);
  virtual void broadcast(const std::string& text);

 protected:
  std::shared_mutex members_mx;
  std::vector<std::shared_ptr<Session>> members;
};

// The same room without the bug.
class MendedRoom : public Room {
 public:
  void broadcast(const std::string& text) override;
};
