// Threads of this process that have an rwlock, though no record says so: found by their code, now or by a later search.
#include "symbolizer/holders_by_code.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <shared_mutex>
#include <thread>

#include "symbolizer/symbols/symbols.h"
#include "symbolizer/unwind/process_memory.h"
#include "symbolizer/waits/thread_snapshot.h"
#include "tests/catch.h"

using namespace holdwatch;

namespace {

// A thread that reads from a pipe while it has the lock for reading.
class Reader {
 public:
  Reader() {
    REQUIRE(pipe(ends_) == 0);
    thread_ = std::thread([this] { hold(); });
    while (!is_blocked()) std::this_thread::yield();
  }
  ~Reader() {
    close(ends_[1]);
    thread_.join();
    close(ends_[0]);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  int tid() const { return tid_; }
  uintptr_t lock() { return reinterpret_cast<uintptr_t>(lock_.native_handle()); }

 private:
  [[gnu::noinline]] void hold() {
    const std::shared_lock<std::shared_mutex> guard(lock_);
    tid_ = static_cast<int>(syscall(SYS_gettid));
    char byte;
    received_ = read(ends_[0], &byte, 1);
  }
  bool is_blocked() const {
    const auto look = tid_ == 0 ? std::nullopt : look_at_thread(ThreadFiles::of_ours(tid_));
    return look && look->snapshot.call.known && look->snapshot.call.number == SYS_read;
  }

  int ends_[2];
  std::shared_mutex lock_;
  std::atomic<int> tid_{0};
  std::atomic<ssize_t> received_{0};
  std::thread thread_;
};

// What a report's search needs, of this process.
struct Search {
  bool lacks_names = false;
  ProcessMemory memory{getpid()};
  Modules modules{getpid(), memory};
  Unwinder unwinder{modules, memory};
  Symbols symbols{Symbolize::names};
  ResolveFrames resolve = [this](uintptr_t pc, bool exact) {
    const Module* const module = lacks_names ? nullptr : modules.find(exact ? pc : pc - 1);
    return symbols.resolve(pc, exact, module);
  };
  HoldersByCode holders{
      modules, memory, unwinder, resolve, [this] { modules.refresh(); }, [this] { return lacks_names; }};

  std::vector<int> readers(uintptr_t lock) {
    std::vector<int> tids;
    for (const FoundReader& one :
         holders.find_readers(lock, {{}, 0}, [](const Snapshot&) { return std::optional<LockRef>(); }))
      tids.push_back(one.tid);
    return tids;
  }
};

}  // namespace

TEST_CASE("readers that there was no time to find are found by the next search") {
  Reader reader;
  Search search;
  search.holders.set_timeout(std::chrono::nanoseconds(0));
  CHECK(search.readers(reader.lock()).empty());
  CHECK(search.holders.take_cut_short());
  search.holders.set_timeout(std::chrono::minutes(1));
  CHECK(search.readers(reader.lock()) == std::vector{reader.tid()});
  CHECK_FALSE(search.holders.take_cut_short());
}

TEST_CASE("what has been found of a thread is known until it runs") {
  Reader reader;
  Search search;
  search.holders.set_timeout(std::chrono::minutes(1));
  CHECK(search.readers(reader.lock()) == std::vector{reader.tid()});
  search.holders.set_timeout(std::chrono::nanoseconds(0));
  CHECK(search.readers(reader.lock()) == std::vector{reader.tid()});
}

TEST_CASE("calls whose names could not be looked up in time are looked up again for the next search") {
  Reader reader;
  Search search;
  search.holders.set_timeout(std::chrono::minutes(1));
  search.lacks_names = true;
  CHECK(search.readers(reader.lock()).empty());
  CHECK(search.holders.take_cut_short());
  search.lacks_names = false;
  CHECK(search.readers(reader.lock()) == std::vector{reader.tid()});
}
