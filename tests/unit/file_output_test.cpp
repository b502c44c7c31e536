// The rules of symbolizer/outputs/file_output.h.
#include "symbolizer/outputs/file_output.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "tests/catch.h"
#include "tests/unit/output_samples.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;

namespace {

const Report kReport = sample_report();

Message about_report(std::string_view text) {
  return {text, Severity::warning, &kReport};
}

int reason(FileOutput& output) {
  return output.take_losses(true).reason;
}

// The descriptor that this process has open on `path`.
int descriptor_on(const std::string& path) {
  for (int descriptor = 3; descriptor < 256; ++descriptor) {
    if (identity_of(descriptor) && identity_of(descriptor) == identity_of(path.c_str())) return descriptor;
  }
  return -1;
}

// A directory in which everybody may create names, as /tmp.
std::string public_directory(const TestDirectory& directory) {
  const std::string path = directory.file("public");
  REQUIRE(mkdir(path.c_str(), 0700) == 0);
  REQUIRE(chmod(path.c_str(), 01777) == 0);
  return path;
}

// While it lives no file may become longer than this, as on a disk that is full from there on.
class LongestFile {
 public:
  explicit LongestFile(rlim_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit shorter{size, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &shorter) == 0);
  }
  LongestFile(const LongestFile&) = delete;
  LongestFile& operator=(const LongestFile&) = delete;
  ~LongestFile() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_;
};

}  // namespace

TEST_CASE("a file is created with the first report, for its owner only, and appended to") {
  const TestDirectory directory;
  const std::string path = directory.file("log");
  FileOutput output(path);
  CHECK(output.probe() == 0);
  CHECK(access(path.c_str(), F_OK) != 0);
  output.write({"one\n"});
  output.write({"two\n"});
  CHECK(content(path) == "one\ntwo\n");
  struct stat status;
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  FileOutput(path).write({"three\n"});
  CHECK(content(path) == "one\ntwo\nthree\n");
}

TEST_CASE("a file that was rotated away or deleted is opened anew") {
  const TestDirectory directory;
  const std::string path = directory.file("log");
  FileOutput output(path);
  output.write({"old\n"});
  SECTION("renamed") {
    REQUIRE(rename(path.c_str(), directory.file("log.1").c_str()) == 0);
  }
  SECTION("deleted") {
    REQUIRE(unlink(path.c_str()) == 0);
  }
  SECTION("replaced") {
    std::ofstream(directory.file("new")) << "";
    REQUIRE(rename(directory.file("new").c_str(), path.c_str()) == 0);
  }
  output.write({"new\n"});
  CHECK(content(path) == "new\n");
}

TEST_CASE("when a rotated file cannot be created anew, the one that has only been renamed goes on") {
  const TestDirectory directory;
  const std::string inside = directory.file("logs");
  REQUIRE(mkdir(inside.c_str(), 0700) == 0);
  FileOutput output(inside + "/log");
  output.write({"old\n"});
  REQUIRE(rename((inside + "/log").c_str(), directory.file("log.1").c_str()) == 0);
  REQUIRE(rmdir(inside.c_str()) == 0);
  output.write({"new\n"});
  CHECK(content(directory.file("log.1")) == "old\nnew\n");
  CHECK_FALSE(output.failing());

  SECTION("but one that has no name any more is a loss") {
    REQUIRE(unlink(directory.file("log.1").c_str()) == 0);
    output.write(about_report("lost\n"));
    CHECK(output.failing());
    CHECK(reason(output) == ENOENT);
  }
}

TEST_CASE("a descriptor that the program has closed and used again is neither written to nor closed") {
  const TestDirectory directory;
  const std::string path = directory.file("log");
  std::optional<FileOutput> output(path);
  output->write({"one\n"});
  const int ours = descriptor_on(path);
  REQUIRE(ours >= 0);
  const int data = open(directory.file("data").c_str(), O_WRONLY | O_CREAT, 0600);
  dup2(data, ours);
  close(data);
  output->write({"two\n"});
  CHECK(content(path) == "one\ntwo\n");
  CHECK(content(directory.file("data")).empty());
  output.reset();
  CHECK(fcntl(ours, F_GETFD) >= 0);
  close(ours);
}

TEST_CASE("the numbers of standard input, output and error are never used") {
  const TestDirectory directory;
  const int kept = fcntl(0, F_DUPFD_CLOEXEC, 3);
  close(0);
  FileOutput output(directory.file("log"));
  output.write({"one\n"});
  CHECK(fcntl(0, F_GETFD) == -1);
  CHECK(descriptor_on(directory.file("log")) > 2);
  CHECK(content(directory.file("log")) == "one\n");
  dup2(kept, 0);
  close(kept);
}

TEST_CASE("a relative path is meant from where the program was at the start") {
  const TestDirectory directory;
  char before[4096];
  REQUIRE(getcwd(before, sizeof before) != nullptr);
  REQUIRE(chdir(directory.path().c_str()) == 0);
  FileOutput output("log");
  REQUIRE(chdir(before) == 0);
  output.write({"here\n"});
  CHECK(content(directory.file("log")) == "here\n");
  CHECK(output.name() == directory.file("log"));
}

TEST_CASE("a full disk is counted with its reason, and reported once") {
  FileOutput output("/dev/full");
  output.write(about_report("x\n"));
  output.write(about_report("x\n"));
  CHECK(output.failing());
  Output::Losses losses = output.take_losses(false);
  CHECK(losses.reports == 2);
  CHECK(losses.reason == ENOSPC);
  output.write(about_report("x\n"));
  CHECK(output.take_losses(false).reports == 0);
  CHECK(output.take_losses(true).reports == 1);
}

TEST_CASE("a line that is cut short leaves nothing behind") {
  const TestDirectory directory;
  const std::string path = directory.file("log");
  FileOutput output(path);
  output.write({"one\n"});
  {
    const LongestFile limit(6);
    output.write(about_report("two\n"));
    output.write({"\n"});
  }
  output.write({"three\n"});
  CHECK(content(path) == "one\n\nthree\n");
  CHECK(reason(output) == EFBIG);
}

TEST_CASE("what another process has left within a line does not spoil the next one") {
  const TestDirectory directory;
  const std::string path = directory.file("log");
  std::ofstream(path) << "one\ntw";
  FileOutput output(path);
  output.write({"three\n"});
  output.write({"four\n"});
  CHECK(content(path) == "one\ntw\nthree\nfour\n");
}

TEST_CASE("the first loss after a success is reported again") {
  const TestDirectory directory;
  const std::string inside = directory.file("logs");
  FileOutput output(inside + "/log");
  output.write(about_report("lost\n"));
  CHECK(output.take_losses(false).reports == 1);
  output.write(about_report("lost\n"));
  CHECK(output.take_losses(false).reports == 0);
  REQUIRE(mkdir(inside.c_str(), 0700) == 0);
  output.write(about_report("back\n"));
  CHECK(output.take_losses(false).reports == 1);
  CHECK(content(inside + "/log") == "back\n");
}

TEST_CASE("a probe returns what an open would, and creates nothing") {
  const TestDirectory directory;
  CHECK(FileOutput(directory.file("none/log")).probe() == ENOENT);
  CHECK(FileOutput(directory.path()).probe() == EISDIR);
  std::ofstream(directory.file("file")) << "";
  CHECK(FileOutput(directory.file("file/log")).probe() == ENOTDIR);
  CHECK(FileOutput(directory.file("file")).probe() == 0);
}

TEST_CASE("in a directory that all users can write to, another user's link or file is not followed") {
  const TestDirectory directory;
  const std::string open_to_all = public_directory(directory);
  std::ofstream(directory.file("victim")) << "precious";
  FileOutput output(open_to_all + "/log");

  SECTION("a symbolic link") {
    REQUIRE(symlink(directory.file("victim").c_str(), (open_to_all + "/log").c_str()) == 0);
    CHECK(output.probe() == ELOOP);
    output.write(about_report("x\n"));
    CHECK(reason(output) == ELOOP);
  }
  SECTION("a hard link") {
    REQUIRE(link(directory.file("victim").c_str(), (open_to_all + "/log").c_str()) == 0);
    output.write(about_report("x\n"));
    CHECK(reason(output) == EPERM);
  }
  SECTION("another user's file") {
    if (geteuid() == 0) {
      std::ofstream(open_to_all + "/log") << "precious";
      REQUIRE(chown((open_to_all + "/log").c_str(), 65534, 65534) == 0);
      output.write(about_report("x\n"));
      CHECK(output.failing());
      CHECK(content(open_to_all + "/log") == "precious");
    }
  }
  SECTION("but a file of one's own is written to") {
    output.write({"x\n"});
    CHECK(content(open_to_all + "/log") == "x\n");
  }
  CHECK(content(directory.file("victim")) == "precious");
}

TEST_CASE("an administrator's link in a directory of his own is followed") {
  const TestDirectory directory;
  REQUIRE(symlink(directory.file("target").c_str(), directory.file("log").c_str()) == 0);
  FileOutput output(directory.file("log"));
  output.write({"one\n"});
  output.write({"two\n"});
  CHECK(content(directory.file("target")) == "one\ntwo\n");
}
