// The program whose addresses the symbol tests look up: the shapes of code that names and lines go wrong on.
// Built in many variants by make_fixtures.sh; never run for its result.
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

volatile int sink;

namespace {

// No linkage name in gcc's debug data: internal to this file.
[[gnu::noinline]] int weigh(std::string_view text) {
  int sum = 0;
  for (char c : text) sum += c;
  sink = sum;
  return sum + 1;
}

// Inlined everywhere, so it has no symbol at all.
[[gnu::always_inline]] inline int weigh_twice(std::string_view text) {
  int sum = weigh(text);
  sink = sum;
  return sum + weigh(text);
}

struct Quiet {
  [[gnu::always_inline]] int operator()(const std::string& text) const {
    sink = 7;
    return weigh_twice(text) - 1;
  }
};

}  // namespace

static int spin(int count) __attribute__((noinline));
static int spin(int count) {
  for (int i = 0; i < count; ++i) sink = i;
  return sink;
}

namespace chat {

class Session {
 public:
  explicit Session(std::string name) : name_(std::move(name)) {}
  virtual ~Session();
  [[gnu::noinline]] int send(const std::string& text);
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

Session::~Session() {
  sink = 3;
}

int Session::send(const std::string& text) {
  if (text.size() > 1000) throw text.size();  // gives the function a cold part
  return weigh_twice(name_) + Quiet()(text);
}

class Room {
 public:
  void broadcast(const std::string& text);
  void add(std::unique_ptr<Session> session);
  template <typename Visit>
  [[gnu::noinline]] int each(Visit visit) {
    int sum = 0;
    for (auto& member : members_) sum += visit(*member);
    return sum;
  }

 private:
  std::vector<std::unique_ptr<Session>> members_;
};

[[gnu::noinline]] void Room::broadcast(const std::string& text) {
  auto send = [&text](Session& member) {
    sink = 1;
    return member.send(text) + spin(3);
  };
  sink = each(send);
}

[[gnu::noinline]] void Room::add(std::unique_ptr<Session> session) {
  struct Local {
    [[gnu::noinline]] static int greet(Session& member) { return weigh(member.name()); }
  };
  sink = Local::greet(*session);
  members_.push_back(std::move(session));
}

}  // namespace chat

extern "C" __attribute__((noinline)) int plain_c_name(int value) {
  return spin(value) + 1;
}

int main(int argc, char** argv) {
  chat::Room room;
  for (int i = 0; i < argc; ++i) room.add(std::make_unique<chat::Session>(argv[i]));
  room.broadcast("hello");
  std::printf("%d\n", plain_c_name(argc));
}
