// See report_program.h.
//
// An ordinary child would be the watched program's child too: its exit raises SIGCHLD there, and a wait for any child
// returns it. A child made by clone without an exit signal does neither (clone(2), __WCLONE in wait(2)), but execve
// sets its exit signal to SIGCHLD again. So there are two: a supervisor without exit signal, which never execs and
// which we reap, and its child, which does exec. This way, a program that is process 1 of a container does not get an
// orphan either.
//
// The supervisor shares our memory (a fork would copy the page tables of a server with many gigabytes while its threads
// wait), so it may use only its own stack and plain system calls, and not even errno, which is the reporter thread's.
// The same applies to the program until its execve. Its stack, path and environment must stay valid even if the
// supervisor is killed meanwhile: before Linux 5.16 the core dump of a crash kills all processes that share the memory.
#include "symbolizer/outputs/report_program.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <fstream>
#include <new>

#include "shim/common/kernel/system_call_numbers.h"
#include "symbolizer/outputs/descriptor.h"

namespace holdwatch {

// What supervisor and program need, in memory that stays valid until the program has begun and the supervisor has
// exited.
struct ReportProgram::ProgramStart {
  const char* path;
  char* arguments[2];
  char** environment;
  unsigned char* program_stack_top;
  int input;
  bool has_begun;  // the program has its own memory, or does not exist
};

namespace {

constexpr size_t kStackSize = 32 * 1024;  // for each of the two
constexpr size_t kStartSize = 4096;
constexpr long kTimeoutSeconds = 30;
constexpr size_t kKernelSignalSet = 8;  // sizeof(sigset_t) in the kernel
constexpr int kNoExec = 127;            // the exit status that shells use

// The kernel's struct sigaction on x86-64.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

// A system call that leaves errno unchanged; negative results are errors. This and everything else that runs in the two
// processes is not sanitized: AddressSanitizer tracks stacks, and does not know theirs.
[[gnu::no_sanitize_address]] long call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  long result;
  register long r10 asm("r10") = d;
  asm volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

long pointer(const void* address) {
  return reinterpret_cast<long>(address);
}

[[gnu::no_sanitize_address]] void close_from(unsigned first) {
  if (call(SYS_close_range, first, ~0u, 0) == 0) return;
  constexpr long kOldKernels = 65536;  // close_range came with Linux 5.9
  for (long descriptor = first; descriptor < kOldKernels; ++descriptor) call(SYS_close, descriptor);
}

// Ignored signals stay ignored across execve: if the watched program ignores SIGPIPE, ours would inherit that.
[[gnu::no_sanitize_address]] void default_dispositions() {
  const KernelSigaction action{};
  for (long number = 1; number <= 64; ++number) call(SYS_rt_sigaction, number, pointer(&action), 0, kKernelSignalSet);
}

template <typename ProgramStart>
[[gnu::no_sanitize_address]] int become_program(void* argument) {
  const auto* start = static_cast<const ProgramStart*>(argument);
  const uint64_t none = 0;
  call(SYS_setsid);
  call(SYS_rt_sigprocmask, SIG_SETMASK, pointer(&none), 0, kKernelSignalSet);
  call(SYS_execve, pointer(start->path), pointer(start->arguments), pointer(start->environment));
  call(SYS_exit_group, kNoExec);
  return 0;
}

// Standard input is the report; the program's output is discarded, since the descriptors 1 and 2 of the watched program
// may be its data. All others are closed: otherwise a socket that the watched program closes would stay open here.
[[gnu::no_sanitize_address]] void arrange_descriptors(int input) {
  if (input == 0) {
    call(SYS_fcntl, 0, F_SETFD, 0);  // if the watched program has closed its own
  } else {
    call(SYS_dup3, input, 0, 0);
  }
  close_from(1);
  const long null = call(SYS_open, pointer("/dev/null"), O_RDWR, 0);
  if (null == 1) call(SYS_dup3, 1, 2, 0);
}

[[gnu::no_sanitize_address]] void await_program(pid_t program) {
  uint64_t child_ended = uint64_t{1} << (SIGCHLD - 1);
  timespec timeout{kTimeoutSeconds, 0};
  if (call(SYS_rt_sigtimedwait, pointer(&child_ended), 0, pointer(&timeout), kKernelSignalSet) < 0) {
    call(SYS_kill, -program, SIGKILL);
    call(SYS_kill, program, SIGKILL);
  }
  while (call(SYS_wait4, program, 0, __WALL, 0) == -EINTR) {
  }
}

// Runs with all signals blocked, from its first instruction on.
template <typename ProgramStart>
[[gnu::no_sanitize_address]] int supervise(void* argument) {
  auto* start = static_cast<ProgramStart*>(argument);
  // Killed together with the watched program, so that the supervisor does not keep its memory in use.
  call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  default_dispositions();
  arrange_descriptors(start->input);
  const int program =
      clone(become_program<ProgramStart>, start->program_stack_top, CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
  __atomic_store_n(&start->has_begun, true, __ATOMIC_RELEASE);
  if (program > 0) await_program(program);
  call(SYS_exit_group, 0);
  return 0;
}

// The environment from the kernel's copy: another thread may change `environ` during the read. Variables added later by
// setenv are missing, and not needed.
std::vector<std::string> environment_at_start() {
  std::vector<std::string> variables;
  std::ifstream file("/proc/self/environ");
  for (std::string variable; std::getline(file, variable, '\0');) {
    if (!variable.starts_with("LD_PRELOAD=")) variables.push_back(variable);
  }
  return variables;
}

// The file from which the program reads the report: with a file, nothing needs to feed it, and nothing waits.
int report_file(std::string_view json, int* descriptor) {
  *descriptor = memfd_create("holdwatch-report", MFD_CLOEXEC);
  if (*descriptor < 0) return errno;
  size_t written = 0;
  int reason = write_all(*descriptor, json, &written);
  if (reason == 0) reason = write_all(*descriptor, "\n", &written);
  if (reason == 0 && lseek(*descriptor, 0, SEEK_SET) != 0) reason = errno;
  if (reason != 0) close(*descriptor);
  return reason;
}

}  // namespace

ReportProgram::ReportProgram(std::string path)
    : text_(std::make_unique<Text>(Text{std::move(path), environment_at_start(), {}})) {
  for (std::string& variable : text_->environment) text_->environment_pointers.push_back(variable.data());
  text_->environment_pointers.push_back(nullptr);
  void* memory = mmap(nullptr, kStartSize + 2 * kStackSize, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return;
  start_ = new (memory) ProgramStart{
      text_->path.c_str(), {text_->path.data(), nullptr}, text_->environment_pointers.data(), nullptr, -1, true};
  stack_ = static_cast<unsigned char*>(memory) + kStartSize;
  start_->program_stack_top = stack_ + 2 * kStackSize;
}

ReportProgram::~ReportProgram() {
  const bool has_begun = await_begin();
  if (!reap()) {
    kill(supervisor_, SIGKILL);
    while (waitpid(supervisor_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }
  if (!has_begun)
    static_cast<void>(text_.release());  // the program may still need all of it
  else if (start_ != nullptr)
    munmap(start_, kStartSize + 2 * kStackSize);
}

// False: the program has not begun within a second. Reading its file may take as long as the file system needs.
bool ReportProgram::await_begin() const {
  constexpr timespec kStep{0, 1'000'000};
  constexpr int kSteps = 1000;
  for (int step = 0; start_ != nullptr && !__atomic_load_n(&start_->has_begun, __ATOMIC_ACQUIRE); ++step) {
    if (step == kSteps) return false;
    nanosleep(&kStep, nullptr);
  }
  return true;
}

int ReportProgram::start(std::string_view json) {
  if (start_ == nullptr) return ENOMEM;
  if (!reap()) return EBUSY;
  const int reason = report_file(json, &start_->input);
  if (reason != 0) return reason;
  start_->has_begun = false;
  // No handler of the watched program may run in the supervisor, which shares its memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  supervisor_ = clone(supervise<ProgramStart>, stack_ + kStackSize, CLONE_VM, start_);
  const int failed = supervisor_ < 0 ? errno : 0;
  if (failed != 0) start_->has_begun = true;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(start_->input);
  return failed;
}

// True if no supervisor is left.
bool ReportProgram::reap() {
  if (supervisor_ < 0) return true;
  const pid_t ended = waitpid(supervisor_, nullptr, WNOHANG | __WALL);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return false;
  supervisor_ = -1;
  return true;
}

bool ReportProgram::wait(int timeout_ms) {
  constexpr timespec kStep{0, 2'000'000};
  for (int waited_ms = 0; !reap(); waited_ms += 2) {
    if (waited_ms >= timeout_ms) return false;
    nanosleep(&kStep, nullptr);
  }
  return true;
}

}  // namespace holdwatch
