// One member's connection: lines in, lines out, over a blocking TCP socket.
#pragma once

#include <optional>
#include <string>

class Session {
 public:
  // Takes the connected socket over.
  explicit Session(int socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The next line without its end; nothing once the member has gone.
  std::optional<std::string> read_line();

  // Returns when the kernel has taken all of `text`, or the member has gone. Blocks while the member does not read.
  void send(const std::string& text);

  std::string name;

 private:
  int socket_;
  std::string unread_;
};
