// Whether holdwatch records for the calling thread, and why not.
// Any context. Thread-local with the initial-exec model: the default one calls __tls_get_addr, which may allocate.
#pragma once

#include <cerrno>
#include <cstdint>

namespace holdwatch {

#define HOLDWATCH_TLS __thread __attribute__((tls_model("initial-exec")))

enum class ThreadMode : uint8_t {
  recording,  // or about to: the record comes with the first lock call
  internal,   // a thread of ours, or one inside our code: its lock calls are passed on unrecorded
  paused,     // holdwatch_pause: acquisitions are not recorded, releases still are
  finished,   // its record is freed, it is about to exit
};

[[gnu::visibility("hidden")]] extern HOLDWATCH_TLS ThreadMode t_mode;

// While alive, the calling thread counts as internal and its errno is kept.
class Inside {
 public:
  Inside() : mode_(t_mode), errno_(errno) { t_mode = ThreadMode::internal; }
  ~Inside() {
    t_mode = mode_;
    errno = errno_;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  ThreadMode mode_;
  int errno_;
};

}  // namespace holdwatch
