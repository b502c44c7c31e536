// Which processes have the other end of a pipe or a socket open, on this host: whoever it is that a thread waits for in read,
// write and the like.
// Cold context only. Reads links and small files in /proc of all processes, within a bounded time; opens, reads and sends nothing of theirs.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/activity/context.h"

namespace holdwatch {

struct OtherEnd {
  std::vector<int> processes;  // in ascending order, without the waiting one
  bool is_here = false;        // the waiting process has it open too
  bool is_complete = true;     // false: there was not enough time to find them
};

// `link` is the one of the descriptor that the thread waits on, "pipe:[INODE]", "socket:[INODE]" or the path of a FIFO; `reads`: it
// waits for data, otherwise for room. Empty if it cannot be found out: in another network's namespace, or of a socket without a
// peer on this host. Processes that we may not look into are missing, and so are those that have a FIFO open by another path, or
// in another mount namespace.
OtherEnd find_other_end(int descriptor, const std::string& link, bool reads, const CallContext& context);

// The inode of the other end of a TCP connection within this host, by the texts of /proc/net/tcp and tcp6 one after the other;
// 0 if there is none.
uint64_t peer_in_tcp_table(std::string_view text, uint64_t inode);

}  // namespace holdwatch
