// The threads of a process by the ids that they have in its own pid namespace, which are others in a container.
#pragma once

#include <map>

namespace holdwatch::top {

class ProcessThreads {
 public:
  explicit ProcessThreads(int pid) : pid_(pid) {}

  // The id here; 0 if there is no such thread.
  int id_here(int namespace_tid);
  bool is_in_our_namespace();

 private:
  void look_again();

  const int pid_;
  std::map<int, int> ids_;  // only for another namespace
};

}  // namespace holdwatch::top
