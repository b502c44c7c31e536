// Text that the program chooses - a thread's name, a file's - cannot forge a line, colour a terminal or break a JSON line.
// RUN-ENV: HOLDWATCH_LIMIT=100ms
// EXPECT: has held
// FORBID: [\x00-\x08\x0b-\x1f\x7f]
// FORBID: ^(forged|holdwatch\[1\])
// EXPECT-JSON: len(over) == 1 and "\x1b" in holder(over[0])["thread"]
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  const std::string path = temporary_path("p\x1b[31m\nholdwatch[1]: \xff\xfe");
  CHECK(mkfifo(path.c_str(), 0600) == 0);
  const int file = open(path.c_str(), O_RDWR);
  CHECK(file >= 0);
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Thread holder("\x1b[2J\nforged\x80", [&] {
    CHECK(pthread_mutex_lock(&lock) == 0);
    char byte;
    CHECK(read(file, &byte, 1) == 1);
    CHECK(pthread_mutex_unlock(&lock) == 0);
  });
  await_report("over");
  CHECK(write(file, "x", 1) == 1);
  await_report("released");
  holder.join();
  close(file);
}
