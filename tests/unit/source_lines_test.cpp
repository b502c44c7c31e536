// The rules of source_line.
#include "symbolizer/symbols/source_lines.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/catch.h"

namespace holdwatch {
namespace {

// A directory for one test, and files in it that were last changed at second 1000.
class Files {
 public:
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "source_lines.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    directory_ = name;
  }
  ~Files() { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ / name; }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    const timespec changed[2] = {{1000, 0}, {1000, 0}};
    REQUIRE(utimensat(AT_FDCWD, path(name).c_str(), changed, 0) == 0);
    return path(name);
  }

 private:
  std::filesystem::path directory_;
};

constexpr timespec kBuilt = {1000, 0};

TEST_CASE("a line is found by its number, without the white space around it") {
  Files files;
  const std::string path = files.write("room.cpp", "first\n\t  std::lock_guard lock(mutex);  \r\n\nlast");
  CHECK(source_line(path, 1, kBuilt) == "first");
  CHECK(source_line(path, 2, kBuilt) == "std::lock_guard lock(mutex);");
  CHECK(source_line(path, 3, kBuilt) == "");
  CHECK(source_line(path, 4, kBuilt) == "last");
}

TEST_CASE("a line that is not there is empty") {
  Files files;
  const std::string path = files.write("room.cpp", "first\n");
  CHECK(source_line(path, 0, kBuilt) == "");
  CHECK(source_line(path, -1, kBuilt) == "");
  CHECK(source_line(path, 3, kBuilt) == "");
  CHECK(source_line(files.path("none.cpp"), 1, kBuilt) == "");
  CHECK(source_line("", 1, kBuilt) == "");
}

TEST_CASE("a file that was changed after the build is not quoted") {
  Files files;
  const std::string path = files.write("room.cpp", "first\n");
  CHECK(source_line(path, 1, {999, 999'999'999}) == "");
  CHECK(source_line(path, 1, {1000, 0}) == "first");
  CHECK(source_line(path, 1, {1000, 1}) == "first");
}

TEST_CASE("a relative path is not quoted: its directory is not known") {
  CHECK(source_line("room.cpp", 1, {INT32_MAX, 0}) == "");
}

TEST_CASE("a long line is cut, but never within a UTF-8 character") {
  Files files;
  const std::string ascii = files.write("ascii.cpp", std::string(5000, 'x') + "\n");
  CHECK(source_line(ascii, 1, kBuilt) == std::string(kMaxSourceText, 'x'));
  const std::string utf8 = files.write("utf8.cpp", std::string(kMaxSourceText - 1, 'x') + "\xc3\xa4 end\n");
  CHECK(source_line(utf8, 1, kBuilt) == std::string(kMaxSourceText - 1, 'x'));
}

TEST_CASE("lines are found across the blocks in which the file is read") {
  Files files;
  std::string text;
  for (int i = 1; i <= 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  const std::string path = files.write("long.cpp", text);
  for (int line : {1, 1499, 1500, 1501, 9'999, 20'000}) {
    CHECK(source_line(path, line, kBuilt) == "line " + std::to_string(line));
  }
}

TEST_CASE("control characters are kept for the renderer to escape") {
  Files files;
  CHECK(source_line(files.write("odd.cpp", "a\x1b[31mb\n"), 1, kBuilt) == "a\x1b[31mb");
}

TEST_CASE("what is no regular file, or too large a one, is left alone") {
  Files files;
  const std::string fifo = files.path("fifo");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(source_line(fifo, 1, {INT32_MAX, 0}) == "");  // and does not wait for a writer
  const std::string large = files.write("large.cpp", "first\n");
  std::filesystem::resize_file(large, (16u << 20) + 1);
  CHECK(source_line(large, 1, {INT32_MAX, 0}) == "");
}

}  // namespace
}  // namespace holdwatch
