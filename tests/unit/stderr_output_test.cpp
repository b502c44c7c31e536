// The rules of symbolizer/outputs/stderr_output.h.
#include "symbolizer/outputs/stderr_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "tests/catch.h"
#include "tests/unit/output_samples.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

// A descriptor that stands for standard error: the test's own is not to be closed.
int open_file(const std::string& path) {
  return open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
}

}  // namespace

TEST_CASE("text goes to the descriptor as it was at the start") {
  const TestDirectory directory;
  const int descriptor = open_file(directory.file("err"));
  StderrOutput output(descriptor);
  output.write({"hello\n"});
  CHECK_FALSE(output.failing());
  CHECK(content(directory.file("err")) == "hello\n");
  close(descriptor);
}

TEST_CASE("a file that the program has opened under the same number is never written to") {
  const TestDirectory directory;
  const Report report = sample_report();
  const int descriptor = open_file(directory.file("err"));
  StderrOutput output(descriptor);
  const int data = open_file(directory.file("data"));
  const int kept = dup(descriptor);
  dup2(data, descriptor);
  output.write({"lost\n", Severity::warning, &report});
  CHECK(output.failing());
  CHECK(content(directory.file("data")).empty());
  CHECK(content(directory.file("err")).empty());

  SECTION("and when it is redirected back, writing goes on, and the loss is known") {
    dup2(kept, descriptor);
    output.write({"back\n", Severity::warning, &report});
    CHECK(content(directory.file("err")) == "back\n");
    const Output::Losses losses = output.take_losses(false);
    CHECK(losses.reports == 1);
    CHECK(losses.reason == EBADF);
  }
  for (const int open_one : {descriptor, data, kept}) close(open_one);
}

TEST_CASE("a descriptor that is closed, then or from the start, is an error") {
  const TestDirectory directory;
  const int descriptor = open_file(directory.file("err"));
  StderrOutput output(descriptor);
  close(descriptor);
  output.write({"lost\n"});
  CHECK(output.failing());
  StderrOutput never(descriptor);
  open_file(directory.file("data"));  // gets the same number
  never.write({"lost\n"});
  CHECK(never.failing());
  CHECK(content(directory.file("data")).empty());
  close(descriptor);
}
