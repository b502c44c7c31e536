// The rules of symbolizer/report/program_path.h.
#include "symbolizer/report/program_path.h"

#include <filesystem>
#include <fstream>

#include "tests/catch.h"

using namespace holdwatch;
namespace fs = std::filesystem;

namespace {

// A directory with a file, a link to it and another file.
class Directory {
 public:
  Directory() {
    char name[] = "/tmp/holdwatch-path-XXXXXX";
    path_ = mkdtemp(name);
    std::ofstream(path_ / "file") << "x";
    std::ofstream(path_ / "other") << "y";
    fs::create_symlink("file", path_ / "link");
    fs::create_hard_link(path_ / "file", path_ / "hard");
  }
  ~Directory() { fs::remove_all(path_); }
  std::string operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("a program is known by the link that it was started by") {
  const Directory at;
  CHECK(known_program_path(at / "file", at / "file", at / "link", "") == at / "link");
  CHECK(known_program_path(at / "file", at / "file", at / "hard", "") == at / "hard");
  CHECK(known_program_path(at / "file", at / "file", at / "file", "") == at / "file");
}

TEST_CASE("of a relative path only the name is used, if it is beside the file") {
  const Directory at;
  CHECK(known_program_path(at / "file", at / "file", "./link", "") == at / "link");
  CHECK(known_program_path(at / "file", at / "file", "link", "") == at / "link");
  CHECK(known_program_path(at / "file", at / "file", "../elsewhere/missing", "") == at / "file");
}

TEST_CASE("a path that leads to another file, or nowhere, does not count") {
  const Directory at;
  CHECK(known_program_path(at / "file", at / "file", at / "other", "") == at / "file");
  CHECK(known_program_path(at / "file", at / "file", at / "missing", "") == at / "file");
  CHECK(known_program_path(at / "file", at / "file", "", "") == at / "file");
  CHECK(known_program_path(at / "file", at / "file", "/", "") == at / "file");
  // Replaced since: the process runs a file that has no name any more.
  CHECK(known_program_path((at / "file") + " (deleted)", at / "other", at / "link", "") ==
        (at / "file") + " (deleted)");
}

TEST_CASE("a link of the kernel's is no name") {
  const Directory at;
  for (const char* link : {"/proc/self/exe", "/dev/fd/3", "/proc/self/fd/3"})
    CHECK(known_program_path(at / "file", link, link, "") == at / "file");
}

TEST_CASE("the path is looked up below the process's root") {
  const Directory at;
  CHECK(known_program_path("/file", at / "file", "/link", at / "") == "/link");
}

TEST_CASE("this program is known by its own name") {
  CHECK(fs::equivalent(current_program_path(), "/proc/self/exe"));
}
