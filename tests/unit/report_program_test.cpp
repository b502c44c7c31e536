// The rules of symbolizer/outputs/report_program.h.
#include "symbolizer/outputs/report_program.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "tests/catch.h"
#include "tests/unit/output_samples.h"

using namespace holdwatch;

namespace {

constexpr int kLongEnoughMs = 20'000;

std::string script(const TestDirectory& directory, const std::string& body) {
  const std::string path = directory.file("script");
  std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
  chmod(path.c_str(), 0755);
  return path;
}

volatile sig_atomic_t children_seen = 0;

}  // namespace

TEST_CASE("the program gets the JSON line on its standard input") {
  const TestDirectory directory;
  ReportProgram program(script(directory, "cat > " + directory.file("got")));
  REQUIRE(program.start("{\"event\":\"hold\"}") == 0);
  REQUIRE(program.wait(kLongEnoughMs));
  CHECK(content(directory.file("got")) == "{\"event\":\"hold\"}\n");
  REQUIRE(program.start("{}") == 0);
  REQUIRE(program.wait(kLongEnoughMs));
  CHECK(content(directory.file("got")) == "{}\n");
}

TEST_CASE("the watched program sees no child: no SIGCHLD, nothing to wait for, before and after") {
  const TestDirectory directory;
  children_seen = 0;
  struct sigaction count {
  }, before{};
  count.sa_handler = [](int) { children_seen = children_seen + 1; };
  sigaction(SIGCHLD, &count, &before);
  ReportProgram program(
      script(directory, "read line; while [ -e $0 ] && [ ! -e " + directory.file("go") + " ]; do sleep 0.01; done"));
  REQUIRE(program.start("{}") == 0);
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
  std::ofstream(directory.file("go")) << "";
  REQUIRE(program.wait(kLongEnoughMs));
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
  CHECK(children_seen == 0);
  sigaction(SIGCHLD, &before, nullptr);
}

TEST_CASE("it inherits no descriptor but its input, and prints nowhere") {
  const TestDirectory directory;
  const int kept_open = open(directory.file("data").c_str(), O_WRONLY | O_CREAT, 0600);
  ReportProgram program(script(directory, "echo noise; echo noise >&2; ls -l /proc/$$/fd > " + directory.file("got")));
  REQUIRE(program.start("{}") == 0);
  REQUIRE(program.wait(kLongEnoughMs));
  const std::string listing = content(directory.file("got"));
  CHECK(listing.find("memfd:holdwatch-report") != std::string::npos);
  CHECK(listing.find("1 -> /dev/null") != std::string::npos);
  CHECK(listing.find("2 -> /dev/null") != std::string::npos);
  CHECK(listing.find("/data") == std::string::npos);
  close(kept_open);
}

TEST_CASE("it gets its input also from a program that has closed its own") {
  const TestDirectory directory;
  const int kept = fcntl(0, F_DUPFD_CLOEXEC, 3);
  close(0);
  ReportProgram program(script(directory, "cat > " + directory.file("got")));
  REQUIRE(program.start("{}") == 0);
  dup2(kept, 0);
  close(kept);
  REQUIRE(program.wait(kLongEnoughMs));
  CHECK(content(directory.file("got")) == "{}\n");
}

TEST_CASE("signals that the watched program ignores or blocks are as usual in it") {
  const TestDirectory directory;
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  ReportProgram program(script(directory, "exec grep -E '^Sig(Blk|Ign)' /proc/self/status > " + directory.file("got")));
  REQUIRE(program.start("{}") == 0);
  REQUIRE(program.wait(kLongEnoughMs));
  CHECK(content(directory.file("got")) == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  sigaction(SIGPIPE, &before, nullptr);
}

TEST_CASE("one runs at a time") {
  const TestDirectory directory;
  ReportProgram program(
      script(directory, "while [ -e $0 ] && [ ! -e " + directory.file("go") + " ]; do sleep 0.01; done"));
  REQUIRE(program.start("{}") == 0);
  CHECK(program.start("{}") == EBUSY);
  CHECK_FALSE(program.wait(0));
  std::ofstream(directory.file("go")) << "";
  REQUIRE(program.wait(kLongEnoughMs));
  CHECK(program.start("{}") == 0);
  REQUIRE(program.wait(kLongEnoughMs));
}

TEST_CASE("a program that is not there does no harm") {
  ReportProgram program("/nonexistent/program");
  CHECK(program.start("{}") == 0);
  CHECK(program.wait(kLongEnoughMs));
}

TEST_CASE("it is not watched itself") {
  const TestDirectory directory;
  ReportProgram program(script(directory, "env > " + directory.file("got")));
  REQUIRE(program.start("{}") == 0);
  REQUIRE(program.wait(kLongEnoughMs));
  CHECK(content(directory.file("got")).find("PATH=") != std::string::npos);
  CHECK(content(directory.file("got")).find("LD_PRELOAD=") == std::string::npos);
}

TEST_CASE("a program that was just started begins, whenever the object goes") {
  const TestDirectory directory;
  const std::string path = script(directory, "exit 0");
  const pid_t watched = fork();
  if (watched == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);  // the program becomes our child when its supervisor is gone
    int well = 0;
    for (useconds_t moment = 0; moment < 100; ++moment) {
      {
        ReportProgram program(path);
        if (program.start("{}") != 0) _exit(1);
        usleep(moment % 40 * 15);
      }
      int status = 0;
      const pid_t ended = waitpid(-1, &status, __WALL);
      well += (ended > 0 && status == 0) || (ended < 0 && errno == ECHILD);  // none: its supervisor has seen it end
    }
    _exit(well == 100 ? 0 : 2);
  }
  int status = 0;
  REQUIRE(waitpid(watched, &status, 0) == watched);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
