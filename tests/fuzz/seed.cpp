// The object that the symbols target damages: small, but with all that names and lines are made of, and with what locks are found in.
// Compiled without the C library, so that nothing else is in it.
union pthread_mutex_t {
  char size[40];
  long align;
};

namespace chat {
namespace {

volatile int sink;

[[gnu::noinline]] int weigh(const char* text) {
  int sum = 0;
  for (; *text != 0; ++text) sum += *text;
  return sink = sum;
}

[[gnu::always_inline]] inline int weigh_twice(const char* text) {
  return weigh(text) + weigh(text);
}

}  // namespace

struct Guarded {
  union {
    long number;
    struct {
      pthread_mutex_t mutex;
    } lock;
  };
};

Guarded rooms[3];

template <typename Value>
struct Room : Guarded {
  struct Member {
    Value value;
    [[gnu::noinline]] int send(const char* text) { return weigh_twice(text) + static_cast<int>(value); }
  };
  Member first;
  Guarded* others[2];

  template <typename Visit>
  int each(Visit visit) {
    return visit(first);
  }
};

[[gnu::visibility("default")]] int broadcast(Room<long>& room, const char* text);

int broadcast(Room<long>& room, const char* text) {
  return room.each([&](auto& member) {
    struct Local {
      [[gnu::noinline]] static int greet(int value) { return sink = value; }
    };
    return Local::greet(member.send(text));
  });
}

}  // namespace chat

extern "C" int imported(int value);
extern "C" [[gnu::visibility("default")]] int plain(int value);

extern "C" int plain(int value) {
  return imported(value) + 1;
}
