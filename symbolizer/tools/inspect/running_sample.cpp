// See running_sample.h. For the layout of the records see perf_event_open(2), "PERF_RECORD_SAMPLE"; for the numbers of
// the registers, arch/x86/include/uapi/asm/perf_regs.h.
#include "symbolizer/tools/inspect/running_sample.h"

#include <asm/perf_regs.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace holdwatch {
namespace {

constexpr uint64_t kPeriodNs = 1'000'000;  // of its own processor time
constexpr int kTimeoutMs = 200;
constexpr uint32_t kStackSize = 56 * 1024;  // a record is smaller than 64 KiB
constexpr size_t kPage = 4096;
constexpr size_t kRing = 128 * 1024;

constexpr uint64_t bit(unsigned which) {
  return uint64_t{1} << which;
}

// In the order of their numbers, in which the kernel writes them.
struct SampledRegisters {
  uint64_t bx, bp, sp, ip, r12, r13, r14, r15;
};
constexpr uint64_t kRegisters = bit(PERF_REG_X86_BX) | bit(PERF_REG_X86_BP) | bit(PERF_REG_X86_SP) |
                                bit(PERF_REG_X86_IP) | bit(PERF_REG_X86_R12) | bit(PERF_REG_X86_R13) |
                                bit(PERF_REG_X86_R14) | bit(PERF_REG_X86_R15);

perf_event_attr timer() {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = kPeriodNs;
  attributes.sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
  attributes.sample_regs_user = kRegisters;
  attributes.sample_stack_user = kStackSize;
  attributes.wakeup_events = 1;
  attributes.exclude_kernel = 1;
  return attributes;
}

// One event, and the ring buffer for its records.
class Sampler {
 public:
  explicit Sampler(int tid) {
    perf_event_attr attributes = timer();
    event_ = static_cast<int>(syscall(SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC));
    if (event_ < 0) return;
    ring_ = mmap(nullptr, kPage + kRing, PROT_READ | PROT_WRITE, MAP_SHARED, event_, 0);
  }
  ~Sampler() {
    if (ring_ != MAP_FAILED) munmap(ring_, kPage + kRing);
    if (event_ >= 0) close(event_);
  }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  bool is_open() const { return ring_ != MAP_FAILED; }

  // Waits for the first record; false if there is none, or it is not a sample.
  bool wait(Capture& out) {
    pollfd ready = {event_, POLLIN, 0};
    if (poll(&ready, 1, kTimeoutMs) <= 0) return false;
    auto* control = static_cast<perf_event_mmap_page*>(ring_);
    // Written by the kernel, after the record.
    const uint64_t head = std::atomic_ref(control->data_head).load(std::memory_order_acquire);
    const unsigned char* record = static_cast<const unsigned char*>(ring_) + kPage;
    perf_event_header header{};
    if (head < sizeof header) return false;
    std::memcpy(&header, record, sizeof header);
    // The ring buffer is larger than any record: the first one is at its start, in one piece.
    if (header.type != PERF_RECORD_SAMPLE || header.size > head) return false;
    return take(record + sizeof header, header.size - sizeof header, out);
  }

 private:
  static bool take(const unsigned char* bytes, size_t size, Capture& out) {
    uint64_t abi = 0, stack_size = 0, used = 0;
    SampledRegisters from{};
    const size_t before_stack = sizeof abi + sizeof from + sizeof stack_size;
    if (size < before_stack) return false;
    std::memcpy(&abi, bytes, sizeof abi);
    std::memcpy(&from, bytes + sizeof abi, sizeof from);
    std::memcpy(&stack_size, bytes + sizeof abi + sizeof from, sizeof stack_size);
    if (abi != PERF_SAMPLE_REGS_ABI_64 || stack_size == 0 || stack_size > size - before_stack - sizeof used)
      return false;
    std::memcpy(&used, bytes + before_stack + stack_size, sizeof used);
    if (used > stack_size) return false;
    out.stack.assign(bytes + before_stack, bytes + before_stack + used);
    out.snapshot.registers = {from.ip,
                              from.sp,
                              from.bp,
                              from.bx,
                              from.r12,
                              from.r13,
                              from.r14,
                              from.r15,
                              Registers::kIpIsKnown | Registers::kSpIsKnown | Registers::kBpIsKnown |
                                  Registers::kBxIsKnown | Registers::kR12IsKnown | Registers::kR13IsKnown |
                                  Registers::kR14IsKnown | Registers::kR15IsKnown,
                              true};
    return true;
  }

  int event_ = -1;
  void* ring_ = MAP_FAILED;
};

}  // namespace

Sampled sample_running(Capture& out) {
  Sampler sampler(out.snapshot.tid);
  if (!sampler.is_open()) return Sampled::not_allowed;
  if (!sampler.wait(out)) return Sampled::not_running;
  out.snapshot.copy = out.stack.data();
  out.snapshot.copy_address = out.snapshot.registers.sp;
  out.snapshot.copy_size = out.stack.size();
  out.snapshot.copy_is_old = true;
  return Sampled::yes;
}

}  // namespace holdwatch
