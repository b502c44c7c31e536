// Prints the stacks of another process's blocked threads as the unwinder sees them, without stopping or signalling any:
// one JSON object a line, for compare_gdb.py.
// Usage: stacks PID
#include <dirent.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "symbolizer/unwind/modules.h"
#include "symbolizer/unwind/process_memory.h"
#include "symbolizer/unwind/unwinder.h"

namespace {

// What /proc tells of a thread that is blocked in a system call: stack and instruction pointer, and the call's arguments.
bool blocked_thread(const std::string& directory, holdwatch::Snapshot& out) {
  std::ifstream file(directory + "/syscall");
  std::string line;
  if (!std::getline(file, line) || line.empty() || line[0] == 'r') return false;  // "running"
  const size_t ip = line.rfind(' ');
  const size_t sp = line.rfind(' ', ip - 1);
  if (ip == std::string::npos || sp == std::string::npos) return false;
  out = holdwatch::Snapshot{};
  out.state = holdwatch::ThreadState::blocked;
  out.registers.sp = std::strtoull(line.c_str() + sp + 1, nullptr, 16);
  out.registers.ip = std::strtoull(line.c_str() + ip + 1, nullptr, 16);
  out.registers.known = holdwatch::Registers::kIpIsKnown | holdwatch::Registers::kSpIsKnown;
  out.registers.ip_is_exact = true;
  char* next = nullptr;
  out.call.number = std::strtol(line.c_str(), &next, 10);
  out.call.known = out.call.number >= 0;
  for (uint64_t& argument : out.call.arguments) argument = std::strtoull(next, &next, 16);
  return true;
}

void print(const char* tid, const holdwatch::RawStack& stack) {
  std::printf("{\"tid\": %s, \"complete\": %s, \"note\": \"%s\", \"pcs\": [", tid, stack.complete ? "true" : "false",
              stack.note);
  for (uint32_t i = 0; i < stack.count; ++i)
    std::printf("%s\"0x%" PRIxPTR "\"", i == 0 ? "" : ", ", stack.frames[i].pc);
  std::printf("]}\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PID\n", argv[0]);
    return 2;
  }
  const pid_t pid = std::atoi(argv[1]);
  holdwatch::ProcessMemory memory(pid);
  holdwatch::Modules modules(pid, memory);
  if (!modules.refresh()) {
    std::fprintf(stderr, "%s: the maps of process %s cannot be read\n", argv[0], argv[1]);
    return 1;
  }
  holdwatch::Unwinder unwinder(modules, memory);
  const auto stack = std::make_unique<holdwatch::RawStack>();
  const std::string tasks = std::string("/proc/") + argv[1] + "/task";
  DIR* directory = opendir(tasks.c_str());
  if (directory == nullptr) return 1;
  while (const dirent* entry = readdir(directory)) {
    holdwatch::Snapshot snapshot;
    if (entry->d_name[0] == '.' || !blocked_thread(tasks + "/" + entry->d_name, snapshot)) continue;
    unwinder.unwind(snapshot, *stack);
    print(entry->d_name, *stack);
  }
  closedir(directory);
  return 0;
}
