#include "symbolizer/unwind/process_memory.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "tests/catch.h"

using namespace holdwatch;

namespace {

constexpr size_t kPage = 4096;

// Two pages, the second of which cannot be read.
class Edge {
 public:
  Edge() {
    memory_ = static_cast<unsigned char*>(
        mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    for (size_t i = 0; i < kPage; ++i) memory_[i] = static_cast<unsigned char>(i);
    REQUIRE(munmap(memory_ + kPage, kPage) == 0);
  }
  ~Edge() { munmap(memory_, kPage); }
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;

  unsigned char* bytes() { return memory_; }
  uintptr_t address() const { return reinterpret_cast<uintptr_t>(memory_); }

 private:
  unsigned char* memory_;
};

bool refuse_process_vm_readv() {
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter{4, program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

int exit_status(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("own memory is read up to the first byte that is not there") {
  Edge edge;
  ProcessMemory memory(getpid());
  std::array<unsigned char, 2 * kPage> out{};
  CHECK(memory.read(edge.address(), out.data(), out.size()) == kPage);
  CHECK(memory.read(edge.address() + kPage - 3, out.data(), 8) == 3);
  CHECK(out[0] == static_cast<unsigned char>(kPage - 3));
  CHECK(memory.read(edge.address() + kPage, out.data(), 8) == 0);
  CHECK(memory.read(8, out.data(), 8) == 0);
  CHECK(memory.read(~uintptr_t{0} - 7, out.data(), 64) == 0);
}

TEST_CASE("constant bytes stop at the last page that is there") {
  Edge edge;
  ProcessMemory memory(getpid());
  std::array<unsigned char, 16> out{};
  CHECK(memory.read_constant(edge.address() + kPage - 3, out.data(), out.size()) == 3);
  CHECK(memory.read_constant(edge.address() + kPage, out.data(), out.size()) == 0);
}

TEST_CASE("constant bytes are kept until they are forgotten, others are never kept") {
  Edge edge;
  ProcessMemory memory(getpid());
  CHECK(memory.read_constant_value<unsigned char>(edge.address() + 5) == 5);
  edge.bytes()[5] = 77;
  CHECK(memory.read_constant_value<unsigned char>(edge.address() + 5) == 5);
  CHECK(memory.read_value<unsigned char>(edge.address() + 5) == 77);
  memory.forget();
  CHECK(memory.read_constant_value<unsigned char>(edge.address() + 5) == 77);
}

TEST_CASE("a page that shares its place in the cache with another is not mistaken for it") {
  constexpr size_t kSize = 300 * kPage;
  auto* bytes =
      static_cast<uint32_t*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(bytes != MAP_FAILED);
  for (uint32_t page = 0; page < 300; ++page) bytes[page * kPage / 4] = page;
  ProcessMemory memory(getpid());
  bool right = true;
  for (int round = 0; round < 2; ++round) {
    for (uint32_t page = 0; page < 300; ++page) {
      right = right && memory.read_constant_value<uint32_t>(reinterpret_cast<uintptr_t>(bytes) + page * kPage) == page;
    }
  }
  CHECK(right);
  munmap(bytes, kSize);
}

TEST_CASE("another process's memory is read, not one's own") {
  static volatile int value = 1;
  int ready[2], done[2];
  REQUIRE(pipe(ready) == 0);
  REQUIRE(pipe(done) == 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    value = 2;
    const bool told = write(ready[1], &byte, 1) == 1;
    close(done[1]);
    while (told && read(done[0], &byte, 1) > 0) {
    }
    _exit(0);
  }
  REQUIRE(child > 0);
  char byte;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  ProcessMemory memory(child);
  CHECK(memory.read_value<int>(reinterpret_cast<uintptr_t>(&value)) == 2);
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) close(fd);
  CHECK(exit_status(child) == 0);
  CHECK_FALSE(memory.read_value<int>(reinterpret_cast<uintptr_t>(&value)).has_value());
}

// Exit status of the child: a bit for each thing that went wrong, so that the parent's message can tell.
TEST_CASE("where process_vm_readv is refused, /proc is read, to the same edge") {
  Edge edge;
  const pid_t child = fork();
  if (child == 0) {
    std::array<unsigned char, 2 * kPage> out{};
    ProcessMemory memory(getpid());
    int wrong = refuse_process_vm_readv() ? 0 : 1;
    if (memory.read(edge.address() + 7, out.data(), 1) != 1 || out[0] != 7) wrong |= 2;
    if (memory.read(edge.address(), out.data(), out.size()) != kPage) wrong |= 4;
    if (memory.read(8, out.data(), 8) != 0) wrong |= 8;
    _exit(wrong);
  }
  REQUIRE(child > 0);
  CHECK(exit_status(child) == 0);
}
