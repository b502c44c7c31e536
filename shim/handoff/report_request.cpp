// See report_request.h.
#include "shim/handoff/report_request.h"

#include "shim/base/os.h"

namespace holdwatch {
namespace {

constinit ReportQueue g_queue;

}  // namespace

uint32_t ReportRequest::id_of(LockWord lock) const {
  if (!is_cycle(event) && lock.is_same_lock(state.lock)) return tags[0].id;
  for (size_t i = 0; is_cycle(event) && i < state.holder_count; ++i)
    if (lock.is_same_lock(state.holders[i].hold.word)) return tags[i].id;
  return lock_id(lock.address());
}

bool ReportQueue::start() {
  if (requests_ == nullptr)
    requests_ = static_cast<ReportRequest*>(reserve_memory(sizeof(ReportRequest) * (kRequests + 1)));
  return requests_ != nullptr;
}

ReportRequest* ReportQueue::next_free() {
  const uint32_t posted = posted_.load(std::memory_order_relaxed);
  if (posted - done_.load(std::memory_order_acquire) == kRequests) return nullptr;
  return &requests_[posted % kRequests];
}

void ReportQueue::post() {
  posted_.fetch_add(1, std::memory_order_release);
  wake(posted_);
}

ReportRequest* ReportQueue::oldest() {
  const uint32_t done = done_.load(std::memory_order_relaxed);
  if (posted_.load(std::memory_order_acquire) == done) return nullptr;
  return &requests_[done % kRequests];
}

void ReportQueue::done() {
  done_.fetch_add(1, std::memory_order_release);
}

bool ReportQueue::idle() const {
  return posted_.load(std::memory_order_acquire) == done_.load(std::memory_order_acquire);
}

ReportQueue& report_queue() {
  return g_queue;
}

}  // namespace holdwatch
