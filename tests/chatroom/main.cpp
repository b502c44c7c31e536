// A chat server on 127.0.0.1 with one room and a thread per member. A member says JOIN name, then SAY text as often as
// it likes; what is said goes to everybody in the room. Runs until it is killed. --mended: the room without the bug.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <cstdio>
#include <memory>
#include <string_view>
#include <thread>

#include "tests/chatroom/room.h"

namespace {

void serve(Room& room, std::shared_ptr<Session> session) {
  while (const auto line = session->read_line()) {
    if (line->starts_with("JOIN ")) {
      session->name = line->substr(5);
      ::pthread_setname_np(::pthread_self(), session->name.substr(0, 15).c_str());
      room.add(session);
      session->send("* welcome, " + session->name + "\n");
    } else if (line->starts_with("SAY ")) {
      room.broadcast(session->name + ": " + line->substr(4) + "\n");
    }
  }
  room.remove(*session);
}

// Listens on a free port and says which.
int listen_on_loopback() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, size) != 0 || ::listen(listener, SOMAXCONN) != 0 ||
      ::getsockname(listener, generic, &size) != 0) {
    std::perror("chatroom");
    return -1;
  }
  std::printf("listening on 127.0.0.1:%d\n", int{::ntohs(address.sin_port)});
  std::fflush(stdout);
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  const bool mended = argc == 2 && std::string_view(argv[1]) == "--mended";
  const std::unique_ptr<Room> room = mended ? std::make_unique<MendedRoom>() : std::make_unique<Room>();
  const int listener = listen_on_loopback();
  for (int socket; (socket = ::accept(listener, nullptr, nullptr)) >= 0;) {
    std::thread(serve, std::ref(*room), std::make_shared<Session>(socket)).detach();
  }
  return 1;
}
