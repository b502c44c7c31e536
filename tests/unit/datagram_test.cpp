// The rules of symbolizer/outputs/datagram.h.
#include "symbolizer/outputs/datagram.h"

#include <fcntl.h>

#include <cerrno>

#include "tests/catch.h"
#include "tests/unit/output_samples.h"

using namespace holdwatch;

TEST_CASE("a datagram arrives whole") {
  const TestDirectory directory;
  FakeDaemon daemon(directory.file("socket"));
  CHECK(send_datagram(directory.file("socket"), "one\ntwo") == 0);
  CHECK(daemon.next() == "one\ntwo");
  CHECK(daemon.next() == "(nothing)");
}

TEST_CASE("a missing or closed receiver is an error without a signal") {
  const TestDirectory directory;
  CHECK(send_datagram(directory.file("socket"), "x") == ENOENT);
  { FakeDaemon daemon(directory.file("socket")); }
  CHECK(send_datagram(directory.file("socket"), "x") == ECONNREFUSED);
  CHECK(send_datagram(directory.file(std::string(200, 'x')), "x") == ENAMETOOLONG);
}

TEST_CASE("a probe shows whether there is a listener, and sends nothing") {
  const TestDirectory directory;
  CHECK(probe_socket(directory.file("socket")) == ENOENT);
  FakeDaemon daemon(directory.file("socket"));
  CHECK(probe_socket(directory.file("socket")) == 0);
  CHECK(daemon.next() == "(nothing)");
}

TEST_CASE("sending to a receiver that does not read fails in time") {
  const TestDirectory directory;
  FakeDaemon daemon(directory.file("socket"));
  int reason = 0;
  for (int i = 0; i < 10'000 && reason == 0; ++i) reason = send_datagram(directory.file("socket"), "x");
  CHECK(reason == EAGAIN);
}

TEST_CASE("what is too large for a datagram says so, and goes as a sealed file") {
  const TestDirectory directory;
  FakeDaemon daemon(directory.file("socket"));
  const std::string large(4 << 20, 'x');
  CHECK(send_datagram(directory.file("socket"), large) == EMSGSIZE);
  CHECK(send_as_file(directory.file("socket"), large) == 0);
  CHECK(daemon.next() == large);
  CHECK((daemon.seals() & F_SEAL_WRITE) != 0);
}
