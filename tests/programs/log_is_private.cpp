// What is written belongs to nobody else: new files can be read by their owner alone, whatever the umask, and in a
// directory where everybody may write, no symbolic link is followed.
// RUN-ENV: HOLDWATCH_LIMIT=100ms HOLDWATCH_LOG={tmp}/public/link
// EXPECT: LOG.*public/link
// EXPECT-FILE: victim: ^untouched$
// EXPECT-JSON: len(over) == 1
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/programs/harness.h"
using namespace harness;

int main() {
  umask(0);
  const std::string directory = temporary_path("public"), victim = temporary_path("victim");
  CHECK(mkdir(directory.c_str(), 0777) == 0 && chmod(directory.c_str(), 01777) == 0);
  const int file = open(victim.c_str(), O_CREAT | O_WRONLY, 0600);
  CHECK(write(file, "untouched", 9) == 9 && close(file) == 0);
  CHECK(symlink(victim.c_str(), (directory + "/link").c_str()) == 0);
  hold_until_reported("holder");
  struct stat status {};
  if (is_watched()) CHECK(stat(std::getenv("HOLDWATCH_JSON"), &status) == 0 && (status.st_mode & 0777) == 0600);
  std::puts(read_file(victim).c_str());
}
