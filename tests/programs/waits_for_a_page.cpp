// A thread that waits for a page which nobody supplies is in no system call: a report says that it is in a page fault, at
// which address, and what is mapped there; of one that is in a system call too, that as well. Pages that are not there are
// not read by the watch either.
// RUN-ENV: HOLDWATCH_LIMIT=200ms HOLDWATCH_RATE=1000
// EXPECT-JSON: doing("direct", r"page fault at 0x200000000005 \(userfaultfd region\)")
// EXPECT-JSON: doing("argument", r"page fault at 0x200000001018 \(userfaultfd region\)")
// EXPECT-JSON: doing("store", r"page fault at 0x200000002008 \(userfaultfd region\)")
// EXPECT-JSON: doing("copy", r"page fault at 0x200000003000 \(userfaultfd region\)")
// EXPECT-JSON: doing("loop", r"page fault( at 0x200000005000)? \(userfaultfd region\)")
// EXPECT-JSON: doing("call", r"read\(fd \d+ pipe:\[\d+\]\), in a page fault at 0x200000006000 \(userfaultfd region\)")
// EXPECT-JSON: doing("path", r"openat\(\?\), in a page fault at 0x200000007000 \(userfaultfd region\)")
// EXPECT-JSON: doing("file", r"page fault at 0x200000100003 \(/\S+/mounted/file\)")
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>
#include <list>
#include <mutex>

#include "tests/programs/harness.h"
using namespace harness;

constexpr size_t kPage = 4096;
constexpr size_t kPages = 16;
char* const g_memory = reinterpret_cast<char*>(0x200000000000);
char* const g_file = reinterpret_cast<char*>(0x200000100000);
volatile long g_sink;

void* map_at(char* address, size_t size, int descriptor) {
  return mmap(address, size, PROT_READ | PROT_WRITE,
              (descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE) | MAP_FIXED_NOREPLACE, descriptor, 0);
}

// Nobody reads the descriptor: whoever touches a page that is not there waits.
void map_withheld_memory() {
  const auto descriptor = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
  if (descriptor < 0) skip("userfaultfd is not allowed here");
  uffdio_api api{};
  api.api = UFFD_API;
  CHECK(ioctl(descriptor, UFFDIO_API, &api) == 0);
  CHECK(map_at(g_memory, kPages * kPage, -1) == g_memory);
  g_memory[4 * kPage] = 1;
  uffdio_register range{};
  range.range = {reinterpret_cast<uintptr_t>(g_memory), kPages * kPage};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  CHECK(ioctl(descriptor, UFFDIO_REGISTER, &range) == 0);
}

// A file system of one file, which never answers a read. Served by a child: with the thread that waits for it in the same
// process, that could never end (a request that was handed out is waited for until the device is closed).
class SilentFiles {
 public:
  explicit SilentFiles(const std::string& path) : device_(open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    if (device_ < 0 || unshare(CLONE_NEWNS) != 0) skip("no file system can be mounted here");
    CHECK(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 && mkdir(path.c_str(), 0700) == 0);
    const std::string options = "fd=" + std::to_string(device_) + ",rootmode=40000,user_id=0,group_id=0";
    if (mount("silent", path.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) skip("no fuse here");
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
      serve();
      _exit(0);
    }
    close(device_);
  }

 private:
  void serve() {
    alignas(8) static char request[FUSE_MIN_READ_BUFFER * 20];
    while (read(device_, request, sizeof request) > 0) {
      fuse_in_header header;
      memcpy(&header, request, sizeof header);
      if (header.opcode == FUSE_INIT) {
        fuse_init_out out{};
        out.major = FUSE_KERNEL_VERSION;
        out.minor = FUSE_KERNEL_MINOR_VERSION;
        out.max_write = kPage;
        answer(header.unique, out);
      } else if (header.opcode == FUSE_LOOKUP) {
        fuse_entry_out out{};
        out.nodeid = 2;
        out.attr_valid = 3600;
        out.entry_valid = 3600;
        out.attr = attributes();
        answer(header.unique, out);
      } else if (header.opcode == FUSE_GETATTR) {
        fuse_attr_out out{};
        out.attr_valid = 3600;
        out.attr = attributes();
        if (header.nodeid == FUSE_ROOT_ID) out.attr.mode = S_IFDIR | 0700;
        answer(header.unique, out);
      } else if (header.opcode == FUSE_OPEN) {
        answer(header.unique, fuse_open_out{});
      } else if (header.opcode != FUSE_READ && header.opcode != FUSE_FORGET) {
        answer_with(header.unique, -ENOSYS, nullptr, 0);
      }
    }
  }

  static fuse_attr attributes() {
    fuse_attr attributes{};
    attributes.ino = 2;
    attributes.size = kPage;
    attributes.mode = S_IFREG | 0600;
    attributes.nlink = 1;
    return attributes;
  }

  template <typename T>
  void answer(uint64_t unique, const T& out) {
    answer_with(unique, 0, &out, sizeof out);
  }
  void answer_with(uint64_t unique, int error, const void* out, size_t size) {
    char bytes[256];
    const fuse_out_header header = {static_cast<uint32_t>(sizeof header + size), error, unique};
    memcpy(bytes, &header, sizeof header);
    if (size != 0) memcpy(bytes + sizeof header, out, size);
    CHECK(write(device_, bytes, header.len) == header.len || errno == ENOENT);
  }

  int device_;
};

OWN_FRAME long read_argument(const long* numbers) {
  return numbers[3];
}

OWN_FRAME long store_argument(long* numbers, size_t index) {
  numbers[index] = 7;
  return 1;
}

OWN_FRAME void add_up(const char* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) g_sink = g_sink + bytes[i];
}

void read_pipe_to(char* memory) {
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "12345", 5) == 5);
  if (read(ends[0], memory, 5) < 0) _exit(1);
}

int main() {
  if (!is_watched()) return 0;  // nothing would end the waiting
  const std::string folder = temporary_path("mounted");
  const SilentFiles files(folder);
  map_withheld_memory();
  const int file = open((folder + "/file").c_str(), O_RDONLY | O_CLOEXEC);
  CHECK(file >= 0 && map_at(g_file, kPage, file) == g_file);

  static char copied[kPage];
  const struct {
    const char* name;
    std::function<void()> block;
  } kinds[] = {
      {"direct", [] { g_sink = g_memory[5]; }},
      {"argument", [] { g_sink = read_argument(reinterpret_cast<long*>(g_memory + kPage)) + 1; }},
      {"store", [] { g_sink = store_argument(reinterpret_cast<long*>(g_memory + 2 * kPage), 1) + 1; }},
      {"copy", [] { memcpy(copied, g_memory + 3 * kPage, 40); }},
      {"loop", [] { add_up(g_memory + 4 * kPage, 2 * kPage); }},
      {"call", [] { read_pipe_to(g_memory + 6 * kPage); }},
      {"path", [] { open(g_memory + 7 * kPage, O_RDONLY | O_CLOEXEC); }},
      {"file", [] { g_sink = g_file[3]; }},
  };
  std::list<std::mutex> locks;
  std::list<Thread> holders;
  for (const auto& kind : kinds) {
    std::mutex& lock = locks.emplace_back();
    holders.emplace_back(kind.name, [&] {
      const std::lock_guard guard(lock);
      kind.block();
    });
  }
  for (const auto& kind : kinds) await_report_of("over", kind.name, 1);
  std::fflush(stdout);
  _exit(0);
}
