// The rules of symbolizer/outputs/descriptor.h.
#include "symbolizer/outputs/descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "tests/catch.h"
#include "tests/unit/output_samples.h"

using namespace holdwatch;

namespace {

// The reporter thread has it blocked too.
void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

struct Pipe {
  int ends[2];
  Pipe() { REQUIRE(pipe2(ends, O_CLOEXEC) == 0); }
  ~Pipe() {
    close(ends[0]);
    close(ends[1]);
  }
};

}  // namespace

TEST_CASE("two descriptors of one file have one identity, other files another") {
  const int null_a = open("/dev/null", O_WRONLY), null_b = open("/dev/null", O_WRONLY),
            zero = open("/dev/zero", O_RDONLY);
  CHECK(identity_of(null_a) == identity_of(null_b));
  CHECK(identity_of(null_a) == identity_of("/dev/null"));
  CHECK_FALSE(identity_of(null_a) == identity_of(zero));
  for (const int descriptor : {null_a, null_b, zero}) close(descriptor);
  CHECK_FALSE(identity_of(zero).has_value());
}

TEST_CASE("a full device is an error, not an endless loop") {
  const int full = open("/dev/full", O_WRONLY);
  size_t written = 7;
  CHECK(write_all(full, "text", &written) == ENOSPC);
  CHECK(written == 0);
  close(full);
}

TEST_CASE("writing to a pipe whose reader is stuck fails in time, though its descriptor blocks") {
  Pipe pipe_pair;
  const std::string more_than_fits(2 << 20, 'x');
  size_t written = 0;
  CHECK(write_all(pipe_pair.ends[1], more_than_fits, &written) == EAGAIN);
  CHECK(written > 0);
  CHECK(written < more_than_fits.size());
}

TEST_CASE("writing to a socket whose reader is stuck fails in time, though its descriptor blocks") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const std::string more_than_fits(8 << 20, 'x');
  size_t written = 0;
  CHECK(write_all(ends[1], more_than_fits, &written) == EAGAIN);
  close(ends[0]);
  CHECK(write_all(ends[1], "x", &written) == EPIPE);  // and no signal, blocked or not
  close(ends[1]);
}

TEST_CASE("a pipe without a reader is an error") {
  block_sigpipe();
  Pipe pipe_pair;
  close(pipe_pair.ends[0]);
  size_t written = 0;
  CHECK(write_all(pipe_pair.ends[1], "x", &written) == EPIPE);
  pipe_pair.ends[0] = -1;
}

TEST_CASE("what fits is written whole") {
  Pipe pipe_pair;
  const std::string text(20'000, 'x');
  size_t written = 0;
  CHECK(write_all(pipe_pair.ends[1], text, &written) == 0);
  CHECK(written == text.size());
  std::string got(30'000, '\0');
  CHECK(read(pipe_pair.ends[0], got.data(), got.size()) == static_cast<ssize_t>(text.size()));
}

TEST_CASE("a partial line is removed, unless another writer has appended too") {
  const TestDirectory directory;
  const int file = open(directory.file("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  REQUIRE(write(file, "one\ntw", 6) == 6);
  SECTION("alone") {
    CHECK(take_back(file, 4, 2));
    CHECK(content(directory.file("log")) == "one\n");
  }
  SECTION("not alone") {
    REQUIRE(write(file, "three\n", 6) == 6);
    CHECK_FALSE(take_back(file, 4, 2));
    CHECK(content(directory.file("log")) == "one\ntwthree\n");
  }
  SECTION("the file was emptied meanwhile") {
    REQUIRE(ftruncate(file, 0) == 0);
    CHECK_FALSE(take_back(file, 4, 2));
    CHECK(size_of(file) == 0);
  }
  close(file);
}

TEST_CASE("only regular files have a size") {
  Pipe pipe_pair;
  CHECK_FALSE(size_of(pipe_pair.ends[1]).has_value());
  CHECK_FALSE(take_back(pipe_pair.ends[1], 0, 0));
}
