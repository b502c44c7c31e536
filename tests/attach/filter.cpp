// Has forbidden itself all system calls but a few, on pain of death.
#include "tests/programs/filter.h"

int main() {
  install_filter({SYS_pause, SYS_exit_group}, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
  pause();
}
