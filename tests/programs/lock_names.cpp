// What a lock is called that the program has given no name: the variable that contains it, with the way to the lock in it; for the
// member of an object somewhere, its class; for one on a stack, the function that has it. What contains no lock at that place does
// not lend its name, wherever it points: a lock beside objects of several classes, one in memory that only void pointers lead to.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_RATE=1000 HOLDWATCH_ONLY=all
// EXPECT: ^  lock +L\d+ mutex 0x\w+ \(anonymous namespace\)::plain$
// EXPECT-JSON: {holder(x)["thread"]: x["lock"]["name"] for x in over} == {
//     "global": "(anonymous namespace)::plain", "static": "Pool::instances_mutex",
//     "in global": "(anonymous namespace)::server.connections[2].mutex", "in array": "(anonymous namespace)::stripes[3]",
//     "member": "Room::members_mutex", "base": "Base::mutex", "nested": "Room::index.mutex", "captured": "Room::log_mutex",
//     "shared pointer": "Room::log_mutex", "local": "hold_local()::mutex", "void": "taken in hold_anonymous",
//     "beside": "taken in hold_beside"}
// EXPECT-JSON: [x["lock"]["name"] for x in released if holder(x)["thread"] == "member"] == ["Room::members_mutex"]
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "tests/programs/harness.h"
using namespace harness;

namespace {

Event all_reported;

// A function that saves registers of its callers, as the functions of a real program do.
OWN_FRAME void await_reports() {
  asm volatile("" : : : "rbx", "r12", "r13", "r14", "r15");
  all_reported.wait();
}

// Keeps what the lock belongs to in use, and out of the compiler's hands.
template <typename T>
void keep(T& object) {
  asm volatile("" : : "r"(&object) : "memory");
}

struct Connection {
  int descriptor = -1;
  std::mutex mutex;
};

struct Server {
  long served = 0;
  Connection connections[4];
};

std::mutex plain;
std::mutex stripes[8];
Server server;

}  // namespace

struct Pool {
  static std::mutex instances_mutex;
};
std::mutex Pool::instances_mutex;

struct Base {
  virtual ~Base() = default;
  OWN_FRAME void hold_base() {
    std::lock_guard guard(mutex);
    await_reports();
    keep(*this);
  }
  std::mutex mutex;
};

class Room : public Base {
 public:
  OWN_FRAME void hold_member() {
    std::shared_lock guard(members_mutex);
    await_reports();
    keep(*this);
  }
  OWN_FRAME void hold_nested() {
    std::lock_guard guard(index.mutex);
    await_reports();
    keep(*this);
  }

  struct Index {
    int size = 0;
    std::recursive_mutex mutex;
  };
  long number = 1;
  std::shared_mutex members_mutex;
  Index index;
  std::mutex log_mutex;
};

OWN_FRAME void hold(std::mutex& mutex) {
  std::lock_guard guard(mutex);
  await_reports();
  keep(mutex);
}

OWN_FRAME void hold_local() {
  std::mutex mutex;
  std::lock_guard guard(mutex);
  await_reports();
  keep(mutex);
}

OWN_FRAME void hold_anonymous(void* lock) {
  auto* const mutex = static_cast<pthread_mutex_t*>(lock);
  CHECK(pthread_mutex_lock(mutex) == 0);
  await_reports();
  CHECK(pthread_mutex_unlock(mutex) == 0);
}

// The room and the connection are on either side of the lock in one block of memory; neither contains it.
OWN_FRAME void hold_beside(Room* room, pthread_mutex_t* mutex, Connection* connection) {
  CHECK(pthread_mutex_lock(mutex) == 0);
  await_reports();
  CHECK(pthread_mutex_unlock(mutex) == 0);
  keep(room);
  keep(connection);
}

struct Block {
  Room room;
  alignas(8) unsigned char lock[sizeof(pthread_mutex_t)];
  Connection connection;
};

int main() {
  const auto room = std::make_shared<Room>();
  const auto second = std::make_shared<Room>();
  const auto third = std::make_shared<Room>();
  const auto fourth = std::make_shared<Room>();
  const auto fifth = std::make_shared<Room>();
  Block block;
  auto* const beside = reinterpret_cast<pthread_mutex_t*>(block.lock);
  CHECK(pthread_mutex_init(beside, nullptr) == 0);
  void* const anonymous = std::calloc(1, sizeof(pthread_mutex_t));
  Thread threads[] = {
      {"global", [] { hold(plain); }},
      {"static", [] { hold(Pool::instances_mutex); }},
      {"in global", [] { hold(server.connections[2].mutex); }},
      {"in array", [] { hold(stripes[3]); }},
      {"member", [&] { room->hold_member(); }},
      {"base", [&] { second->hold_base(); }},
      {"nested", [&] { third->hold_nested(); }},
      {"captured",
       [object = fourth.get()] {
         hold(object->log_mutex);
         keep(*object);
       }},
      {"shared pointer",
       [fifth] {
         hold(fifth->log_mutex);
         keep(fifth);
       }},
      {"local", hold_local},
      {"void", [anonymous] { hold_anonymous(anonymous); }},
      {"beside", [&] { hold_beside(&block.room, beside, &block.connection); }},
  };
  await_report("over", std::size(threads));
  all_reported.fire();
  for (Thread& thread : threads) thread.join();
  await_report("released", std::size(threads));
  std::free(anonymous);
}
