// A filter that was there before the program, as a service manager's: it kills for what services do not need, reading
// another process's memory among it. Reports are as full as ever.
// RUN-ENV: HOLDWATCH_LIMIT=200ms
// EXPECT: "holder" has held
// EXPECT-JSON: len(over) == 1 and has(holder(over[0])["now"], "wait") and holder(over[0])["now"]["complete"]
#include "tests/programs/filter.h"

#include "tests/programs/harness.h"
using namespace harness;

int main(int count, char** arguments) {
  if (count == 1) {
    install_filter(
        {SYS_process_vm_readv, SYS_process_vm_writev, SYS_ptrace, SYS_kcmp, SYS_perf_event_open, SYS_bpf,
         SYS_userfaultfd, SYS_mount, SYS_unshare, SYS_setns, SYS_process_madvise, SYS_pidfd_getfd, SYS_mincore},
        SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
    execl("/proc/self/exe", arguments[0], "again", nullptr);
  }
  hold_until_reported("holder");
}
