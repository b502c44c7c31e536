// The reader of symbolizer/proc/proc_text.h, on files of this very process.
#include "symbolizer/proc/proc_text.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tests/catch.h"

using namespace holdwatch;

TEST_CASE("a file that is longer than one read is read to its end") {
  const std::string text = read_text(process_file(getpid(), "smaps"));
  CHECK(text.size() > 16384);
  CHECK(text.ends_with('\n'));
}

TEST_CASE("a file that cannot be read says why, and one that can says so too") {
  int error = 0;
  CHECK(read_text("/proc/self/no-such-file", &error).empty());
  CHECK(error == ENOENT);
  CHECK(read_text("/proc/self/task", &error).empty());
  CHECK(error == EISDIR);
  CHECK(read_text(current_process_thread_file(gettid(), "comm"), &error) ==
        read_text(thread_file(getpid(), gettid(), "comm")));
  CHECK(error == 0);
}

TEST_CASE("a process's threads are listed, and one that is not there has none") {
  const auto ids = thread_ids(getpid());
  CHECK(std::count(ids.begin(), ids.end(), gettid()) == 1);
  CHECK(thread_ids(0x7fffffff).empty());
}
