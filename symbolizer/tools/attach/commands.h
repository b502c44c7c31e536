// The commands, each from its checks to its one line of success.
// Throws Refusal if something prevents it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdwatch::attach {

// `options`: HOLDWATCH_NAME=value.
void attach(int pid, const std::string& library, const std::vector<std::string>& options);
void detach(int pid);
void snapshot(int pid);
void snapshot_condition_waits(int pid);
void stop(int pid);
void start(int pid);
void limit(int pid, uint64_t limit_ns, const std::string& as_given);

}  // namespace holdwatch::attach
