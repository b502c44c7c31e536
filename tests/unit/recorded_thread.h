// Threads with records for the tests of what reads them. The tests link no hooks: nothing is recorded but what a test
// records itself.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "shim/base/clock_line.h"
#include "shim/record/current_record.h"
#include "shim/record/thread_table.h"

namespace holdwatch {

inline void start_thread_table() {
  static const bool started = (current_record_start(), true);
  static_cast<void>(started);
}

// The tick that lock calls find, while alive.
class TickAt {
 public:
  explicit TickAt(uint64_t tick_ns) : before_(g_clock_line.tick_ns.exchange(tick_ns)) {
    g_clock_line.settled_ns.store(tick_ns);
  }
  ~TickAt() {
    g_clock_line.tick_ns.store(before_);
    g_clock_line.settled_ns.store(before_);
  }
  TickAt(const TickAt&) = delete;
  TickAt& operator=(const TickAt&) = delete;

 private:
  uint64_t before_;
};

// A thread with a record of its own, which does what it is told, one thing at a time.
class RecordedThread {
 public:
  RecordedThread() {
    start_thread_table();
    thread_ = std::thread([this] { work(); });
    run([this] { record_ = register_thread_slow(); });
  }
  ~RecordedThread() { exit(); }
  RecordedThread(const RecordedThread&) = delete;
  RecordedThread& operator=(const RecordedThread&) = delete;

  // Has the thread do `task`; returns when it is done. No assertions inside: Catch2's are for one thread.
  void run(std::function<void()> task) {
    start(std::move(task));
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return task_ == nullptr; });
  }

  // The same without waiting for its end, which may never come: then the thread is to be given nothing more.
  void start(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    task_ = std::move(task);
    changed_.notify_all();
  }

  // Ends the thread, as a thread ends.
  void exit() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      leaves_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  OwnerRecord& record() { return *record_; }
  uint32_t index() const { return index_of(*record_); }
  int tid() const { return record_->tid.load(); }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return task_ != nullptr || leaves_; });
      if (task_ == nullptr) return;
      lock.unlock();
      task_();
      lock.lock();
      task_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;
  bool leaves_ = false;
  OwnerRecord* record_ = nullptr;
  std::thread thread_;
};

}  // namespace holdwatch
