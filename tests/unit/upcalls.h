// Where a sampling signal's arrival goes to in the unit tests: to the mailbox, as in the library, or to a test's own function.
#pragma once

#include <ucontext.h>

#include <atomic>
#include <cstdint>

namespace holdwatch {

using OnArrival = void (*)(uint32_t value, ucontext_t* context);
extern std::atomic<OnArrival> g_on_arrival;

// As long as it exists, arrivals go to `receiver`.
class ArrivalsGoTo {
 public:
  explicit ArrivalsGoTo(OnArrival receiver) : before_(g_on_arrival.exchange(receiver)) {}
  ~ArrivalsGoTo() { g_on_arrival.store(before_); }
  ArrivalsGoTo(const ArrivalsGoTo&) = delete;
  ArrivalsGoTo& operator=(const ArrivalsGoTo&) = delete;

 private:
  OnArrival before_;
};

}  // namespace holdwatch
