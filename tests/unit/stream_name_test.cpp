#include "symbolizer/waits/stream_name.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "symbolizer/unwind/process_memory.h"
#include "tests/catch.h"

namespace holdwatch {
namespace {

std::string name_of(FILE* stream) {
  ProcessMemory memory(getpid());
  Modules modules(getpid(), memory);
  modules.refresh();
  return stream_name(reinterpret_cast<uintptr_t>(stream->_lock), modules, memory);
}

std::string with_descriptor(FILE* stream) {
  return "the stream of descriptor " + std::to_string(fileno(stream));
}

TEST_CASE("the streams of libc have their names, whatever descriptor they have") {
  CHECK(name_of(stdin) == "stdin, " + with_descriptor(stdin));
  CHECK(name_of(stdout) == "stdout, " + with_descriptor(stdout));
  CHECK(name_of(stderr) == "stderr, " + with_descriptor(stderr));
}

TEST_CASE("a stream that was opened is named by its descriptor, however it was opened") {
  FILE* const file = std::fopen("/dev/null", "r");
  FILE* const pipe = popen("exit", "r");
  CHECK(name_of(file) == with_descriptor(file));
  CHECK(name_of(pipe) == with_descriptor(pipe));
  pclose(pipe);
  std::fclose(file);
}

TEST_CASE("a stream in memory has no descriptor") {
  char* text = nullptr;
  size_t size = 0;
  char buffer[16];
  FILE* const growing = open_memstream(&text, &size);
  FILE* const fixed = fmemopen(buffer, sizeof buffer, "w");
  CHECK(name_of(growing) == "a stream without a descriptor");
  CHECK(name_of(fixed) == "a stream without a descriptor");
  std::fclose(fixed);
  std::fclose(growing);
  std::free(text);
}

TEST_CASE("a lock of no stream has no name") {
  static long nothing[64] = {};
  ProcessMemory memory(getpid());
  Modules modules(getpid(), memory);
  modules.refresh();
  CHECK(stream_name(reinterpret_cast<uintptr_t>(&nothing[32]), modules, memory).empty());
  CHECK(stream_name(0, modules, memory).empty());
}

}  // namespace
}  // namespace holdwatch
