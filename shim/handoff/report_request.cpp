// See report_request.h.
#include "shim/handoff/report_request.h"

#include "shim/base/os.h"

namespace holdwatch {
namespace {

constinit JobQueue g_queue;

}  // namespace

uint32_t Job::id_of(LockWord lock) const {
  if (!is_circle(event) && lock.is_same_lock(state.lock)) return tags[0].id;
  for (size_t i = 0; is_circle(event) && i < state.holder_count; ++i)
    if (lock.is_same_lock(state.holders[i].hold.word)) return tags[i].id;
  return lock_id(lock.address());
}

bool JobQueue::start() {
  if (jobs_ == nullptr) jobs_ = static_cast<Job*>(reserve_memory(sizeof(Job) * (kJobs + 1)));
  return jobs_ != nullptr;
}

Job* JobQueue::next_free() {
  const uint32_t posted = posted_.load(std::memory_order_relaxed);
  if (posted - done_.load(std::memory_order_acquire) == kJobs) return nullptr;
  return &jobs_[posted % kJobs];
}

void JobQueue::post() {
  posted_.fetch_add(1, std::memory_order_release);
  wake(posted_);
}

Job* JobQueue::oldest() {
  const uint32_t done = done_.load(std::memory_order_relaxed);
  if (posted_.load(std::memory_order_acquire) == done) return nullptr;
  return &jobs_[done % kJobs];
}

void JobQueue::done() {
  done_.fetch_add(1, std::memory_order_release);
}

bool JobQueue::idle() const {
  return posted_.load(std::memory_order_acquire) == done_.load(std::memory_order_acquire);
}

JobQueue& report_queue() {
  return g_queue;
}

}  // namespace holdwatch
