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
  if (spare_ != nullptr) return true;
  size_t count = 1;
  for (const Ring& ring : rings_) count += ring.size;
  auto* place = static_cast<ReportRequest*>(reserve_memory(sizeof(ReportRequest) * count));
  if (place == nullptr) return false;
  spare_ = place++;
  for (Ring& ring : rings_) {
    ring.requests = place;
    place += ring.size;
  }
  return true;
}

ReportRequest* ReportQueue::next_free(bool is_urgent) {
  filling_ = &rings_[is_urgent ? 0 : 1];
  return filling_->is_full() ? nullptr : &filling_->at(filling_->posted.load(std::memory_order_relaxed));
}

void ReportQueue::post() {
  filling_->posted.fetch_add(1, std::memory_order_release);
  posted_.fetch_add(1, std::memory_order_release);
  wake(posted_);
}

ReportRequest* ReportQueue::oldest() {
  for (Ring& ring : rings_)
    if (!ring.is_empty()) return &ring.at(ring.done.load(std::memory_order_relaxed));
  return nullptr;
}

void ReportQueue::done(const ReportRequest& request) {
  for (Ring& ring : rings_)
    if (ring.has(request)) ring.done.fetch_add(1, std::memory_order_release);
}

bool ReportQueue::idle() const {
  for (const Ring& ring : rings_)
    if (!ring.is_empty()) return false;
  return true;
}

void ReportQueue::reset() {
  for (Ring& ring : rings_) ring.posted = ring.done = 0;
  posted_ = 0;
}

ReportQueue& report_queue() {
  return g_queue;
}

}  // namespace holdwatch
