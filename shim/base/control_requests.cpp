// See control_requests.h.
#include "shim/base/control_requests.h"

#include "shim/common/text/text_buffer.h"

// Commands look for `magic` first; the rest is zero, so that it takes no space in the file.
constinit holdwatch::ControlBlock holdwatch_control_block = {"holdwatch-block",
                                                             holdwatch::kControlVersion,
                                                             sizeof(holdwatch::ControlBlock),
                                                             {},
                                                             {},
                                                             {},
                                                             {},
                                                             nullptr,
                                                             nullptr,
                                                             nullptr,
                                                             {},
                                                             {},
                                                             {},
                                                             {},
                                                             {},
                                                             {},
                                                             {}};

namespace holdwatch {

bool is_requested() {
  const ControlBlock& block = holdwatch_control_block;
  return block.requested.load(std::memory_order_acquire) != block.answered.load(std::memory_order_relaxed);
}

void answer_request(bool succeeded, std::string_view text) {
  ControlBlock& block = holdwatch_control_block;
  TextBuffer(block.answer, sizeof block.answer) << text;
  block.succeeded.store(succeeded ? 1 : 0, std::memory_order_relaxed);
  // The command reads it after it has seen `answered`.
  block.answered.store(block.requested.load(std::memory_order_relaxed), std::memory_order_release);
}

}  // namespace holdwatch
