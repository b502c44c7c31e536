// A process with libholdwatch.so in it, as a command sees it: its control block (shim/common/contract/control_block.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/common/contract/control_block.h"
#include "symbolizer/tools/attach/target.h"

namespace holdwatch::attach {

class Watched {
 public:
  // Nothing if holdwatch is not in the process. Throws Refusal if it is another version.
  static std::optional<Watched> find(AttachTarget& target);

  ControlState state();
  bool has_watcher();
  uintptr_t attach_function();
  // Loading, attaching and detaching continue by themselves if the command that began them is killed: waits until they
  // are over, for at most that time.
  void settle(uint64_t timeout_ns);
  // False if there is none yet. A process that was attached to just now gets its watcher in a moment.
  bool wait_for_watcher(uint64_t timeout_ns);

  // One of the libraries that libholdwatch.so loads later.
  enum class Later { symbolizer, decoder };
  // Tells it where to find that library, and which descriptor to close when it has.
  void hand_over(Later library, const std::string& path, int descriptor);
  // Whether it was told, and has yet to load it.
  bool is_handed(Later library);
  // The descriptor that has yet to be closed; -1 if there is none.
  int handed_descriptor(Later library);

  struct Answer {
    bool succeeded;
    std::string text;
  };

  // Writes a request; the process finds it by itself, or must be notified.
  void send(ControlRequest request, uint64_t argument, const std::vector<std::string>& options);
  // Requests a report of what has been stuck since before the attachment.
  void send_stuck(const std::vector<EarlierSleep>& sleeps);
  // Nothing if there is no answer in time, or yet.
  std::optional<Answer> wait_for_answer(uint64_t timeout_ns);
  std::optional<Answer> answer();

  // How many requests there have been. While the number is that of a request of ours, the answer belongs to it.
  uint32_t requests();
  // What the answer to ControlRequest::list refers to. The counts are those of the arrays; all else may be anything.
  std::unique_ptr<LockList> lock_list();
  // Whether the process still has this block: it may have executed another program, or be another process by now.
  bool is_there();

 private:
  Watched(AttachTarget& target, uintptr_t address) : target_(&target), address_(address) {}

  template <typename T>
  T read(size_t offset);
  template <typename T>
  void write(size_t offset, const T& value);

  AttachTarget* target_;
  uintptr_t address_;
};

}  // namespace holdwatch::attach
