// A program with a thread that is borrowed while it waits in a system call: with a known value in every register before the
// call, it says afterwards what has changed. It does what its standard input says, a line at a time, and answers "fine", or
// with a complaint.
//     once CALL     makes the call
//     held CALL     makes it again and again until its thread has called malloc or calloc in the middle of one; that then
//                   says "held" and waits for a byte
// With --company there is another thread, which cannot be borrowed. With --handlers it handles signals that are ignored by
// default, and none of them may come.
// The calls: read and epoll wait for a byte; sigsuspend for SIGUSR1; recv, nanosleep, futex, poll and sigtimedwait for their
// timeout; libc_sleep, libc_poll and libc_semaphore for a longer one, by libc's function and without a look at the registers.
#include <fcntl.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <cstring>

#include "tests/programs/harness.h"
using namespace harness;

struct alignas(64) Registers {
  uint64_t general[12];  // rdi, rsi, rdx, r10, r8, r9, rbx, rbp, r12 to r15
  uint64_t below_stack[16];
  uint64_t rax, flags, unused[2];
  unsigned char vectors[16][32];
};

extern "C" {
Registers g_before, g_after;
void call_with_all_registers();
}

// Sets them as g_before says, makes the call, and writes down what they are then. The call's number is g_before.rax.
asm(R"(
  .text
  .globl call_with_all_registers
  .type call_with_all_registers, @function
call_with_all_registers:
  .cfi_startproc
  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15
  .cfi_adjust_cfa_offset 48
  .macro each_vector what
    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
      \what \n
    .endr
  .endm
  .macro set_vector n
    vmovdqu g_before+256+32*\n(%rip), %ymm\n
  .endm
  .macro note_vector n
    vmovdqu %ymm\n, g_after+256+32*\n(%rip)
  .endm
  each_vector set_vector
  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    mov g_before+96+8*\n(%rip), %rax
    mov %rax, -8-8*\n(%rsp)
  .endr
  mov g_before+0(%rip), %rdi;  mov g_before+8(%rip), %rsi;  mov g_before+16(%rip), %rdx; mov g_before+24(%rip), %r10
  mov g_before+32(%rip), %r8;  mov g_before+40(%rip), %r9;  mov g_before+48(%rip), %rbx; mov g_before+56(%rip), %rbp
  mov g_before+64(%rip), %r12; mov g_before+72(%rip), %r13; mov g_before+80(%rip), %r14; mov g_before+88(%rip), %r15
  mov g_before+224(%rip), %rax
  syscall
  mov %rax, g_after+224(%rip)
  mov %rdi, g_after+0(%rip);  mov %rsi, g_after+8(%rip);  mov %rdx, g_after+16(%rip); mov %r10, g_after+24(%rip)
  mov %r8, g_after+32(%rip);  mov %r9, g_after+40(%rip);  mov %rbx, g_after+48(%rip); mov %rbp, g_after+56(%rip)
  mov %r12, g_after+64(%rip); mov %r13, g_after+72(%rip); mov %r14, g_after+80(%rip); mov %r15, g_after+88(%rip)
  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    mov -8-8*\n(%rsp), %rax
    mov %rax, g_after+96+8*\n(%rip)
  .endr
  each_vector note_vector
  vzeroupper
  pushf
  pop g_after+232(%rip)
  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx
  .cfi_adjust_cfa_offset -48
  ret
  .cfi_endproc
)");
static_assert(offsetof(Registers, below_stack) == 96 && offsetof(Registers, rax) == 224 &&
              offsetof(Registers, vectors) == 256);

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
}

namespace {

constexpr std::chrono::milliseconds kTimeout = 500ms, kLongTimeout = 2s;
constexpr unsigned kRounding = 0x5f80, kPrecision = 0x0e7f;  // neither is what a thread begins with

volatile bool held_next = false, in_call = false;
volatile bool signal_came = false;
thread_local bool makes_calls = false;

void say(const char* line) {
  CHECK(write(STDOUT_FILENO, line, strlen(line)) > 0);
}

// As std::getline, but not a byte further.
std::string read_line() {
  std::string line;
  for (char byte; read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n';) line += byte;
  return line;
}

struct Call {
  const char* name;
  uint64_t number;
  uint64_t arguments[6];
  long result;
  std::chrono::milliseconds timeout;  // 0 if there is none
  long (*by_libc)() = nullptr;        // its result, or errno negated
};

long sleep_by_libc() {
  const timespec time{kLongTimeout / 1s, 0};
  return nanosleep(&time, nullptr) == 0 ? 0 : -errno;
}

long poll_by_libc() {
  const int ready = poll(nullptr, 0, kLongTimeout / 1ms);
  return ready >= 0 ? ready : -errno;
}

long wait_by_libc() {
  sem_t semaphore;
  timespec end;
  sem_init(&semaphore, 0, 0);
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += kLongTimeout / 1s;
  return sem_timedwait(&semaphore, &end) == 0 ? 0 : -errno;
}

template <typename T>
uint64_t word(T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

Call find_call(const std::string& name) {
  static timespec timeout{0, std::chrono::nanoseconds(kTimeout).count()};
  static char byte;
  static epoll_event event;
  static uint32_t word_to_wait_for = 0;
  static uint64_t nobody = 0, only_second = uint64_t{1} << (SIGUSR2 - 1);
  static int events = -1, sockets[2];
  if (events < 0) {
    events = epoll_create1(EPOLL_CLOEXEC);
    event.events = EPOLLIN;
    CHECK(epoll_ctl(events, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    const timeval limit{0, std::chrono::microseconds(kTimeout).count()};
    CHECK(setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
  }
  const Call calls[] = {
      {"read", SYS_read, {STDIN_FILENO, word(&byte), 1}, 1, 0ms},
      {"epoll", SYS_epoll_wait, {static_cast<uint64_t>(events), word(&event), 1, ~uint64_t{0}}, 1, 0ms},
      {"sigsuspend", SYS_rt_sigsuspend, {word(&nobody), sizeof nobody}, -EINTR, 0ms},
      {"recv", SYS_recvfrom, {static_cast<uint64_t>(sockets[0]), word(&byte), 1, 0, 0, 0}, -EAGAIN, kTimeout},
      {"nanosleep", SYS_nanosleep, {word(&timeout), 0}, 0, kTimeout},
      {"futex", SYS_futex, {word(&word_to_wait_for), FUTEX_WAIT_PRIVATE, 0, word(&timeout)}, -ETIMEDOUT, kTimeout},
      {"poll", SYS_poll, {0, 0, std::chrono::milliseconds(kTimeout).count()}, 0, kTimeout},
      {"sigtimedwait", SYS_rt_sigtimedwait, {word(&only_second), 0, word(&timeout), 8}, -EAGAIN, kTimeout},
      {"libc_sleep", SYS_nanosleep, {}, 0, kLongTimeout, sleep_by_libc},
      {"libc_poll", SYS_poll, {}, 0, kLongTimeout, poll_by_libc},
      {"libc_semaphore", SYS_futex, {}, -ETIMEDOUT, kLongTimeout, wait_by_libc},
  };
  for (const Call& call : calls)
    if (name == call.name) return call;
  CHECK(!"a call that is known");
  return {};
}

void set_patterns(const Call& call) {
  memset(&g_after, 0, sizeof g_after);
  for (size_t i = 0; i < std::size(g_before.general); ++i) g_before.general[i] = 0x1111'2222'3333'0000 + i;
  for (size_t i = 0; i < std::size(call.arguments); ++i) g_before.general[i] = call.arguments[i];
  for (size_t i = 0; i < std::size(g_before.below_stack); ++i) g_before.below_stack[i] = 0x4444'5555'6666'0000 + i;
  for (size_t i = 0; i < std::size(g_before.vectors); ++i)
    memset(g_before.vectors[i], static_cast<int>(0x80 + i), sizeof g_before.vectors[i]);
  g_before.rax = call.number;
}

// The rounding modes of both floating point units.
void set_controls(unsigned rounding, uint16_t precision) {
  _mm_setcsr(rounding);
  asm volatile("fldcw %0" : : "m"(precision));
}

bool controls_are(unsigned rounding, uint16_t precision) {
  uint16_t now = 0;
  asm volatile("fnstcw %0" : "=m"(now));
  return (_mm_getcsr() & ~0x3fu) == (rounding & ~0x3fu) && now == precision;
}

uint64_t signals_blocked() {
  uint64_t now = 0;
  CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, nullptr, &now, sizeof now) == 0);
  return now;
}

// Null, or what has changed.
const char* make(const Call& call) {
  constexpr uint64_t kDirectionFlag = 1 << 10;
  stack_t stack_before{}, stack_after{};
  sigaltstack(nullptr, &stack_before);
  const uint64_t mask_before = signals_blocked();
  const auto start = std::chrono::steady_clock::now();
  set_patterns(call);
  set_controls(kRounding, kPrecision);
  errno = ERANGE;
  in_call = true;
  call_with_all_registers();
  in_call = false;
  const int error = errno;
  const bool controls_stayed = controls_are(kRounding, kPrecision);
  set_controls(0x1f80, 0x037f);
  const auto took = std::chrono::steady_clock::now() - start;
  sigaltstack(nullptr, &stack_after);
  const uint64_t mask_after = signals_blocked();
  if (static_cast<long>(g_after.rax) != call.result) return "the call's result";
  if (error != ERANGE) return "errno";
  if (memcmp(g_before.general, g_after.general, sizeof g_before.general) != 0) return "a register";
  if (memcmp(g_before.below_stack, g_after.below_stack, sizeof g_before.below_stack) != 0) return "the red zone";
  if (memcmp(g_before.vectors, g_after.vectors, sizeof g_before.vectors) != 0) return "a vector register";
  if ((g_after.flags & kDirectionFlag) != 0) return "the direction flag";
  if (!controls_stayed) return "a rounding mode";
  if (mask_before != mask_after) return "the signal mask";
  if (stack_before.ss_sp != stack_after.ss_sp || stack_before.ss_flags != stack_after.ss_flags)
    return "the signals' stack";
  if (took < call.timeout) return "the timeout, which came too soon";
  return signal_came ? "that a signal came" : nullptr;
}

const char* make_by_libc(const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  in_call = true;
  const long result = call.by_libc();
  in_call = false;
  g_after.rax = static_cast<uint64_t>(result);
  if (result != call.result) return "the call's result";
  if (std::chrono::steady_clock::now() - start < call.timeout) return "the timeout, which came too soon";
  return nullptr;
}

// A byte that epoll tells of is still to be read.
void clear(const Call& call) {
  char byte;
  if (call.number == SYS_epoll_wait) CHECK(read(STDIN_FILENO, &byte, 1) == 1);
}

void obey(const std::string& how, const Call& call) {
  held_next = how == "held";
  do {
    const char* changed = call.by_libc != nullptr ? make_by_libc(call) : make(call);
    if (changed != nullptr) {
      say((std::string("changed: ") + changed + " (" + std::to_string(static_cast<long>(g_after.rax)) + ")\n").c_str());
      return;
    }
    clear(call);
  } while (held_next);
  say("fine\n");
}

void be_held() {
  if (!in_call || !makes_calls) return;
  errno = EBADF;  // as a failed look into a cache or a directory would
  if (!held_next) return;
  held_next = false;
  char byte;
  say("held\n");
  CHECK(read(STDIN_FILENO, &byte, 1) == 1);
}

// Waits for a lock of a file that it holds itself by another descriptor: a call in which a thread is not interrupted.
void* keep_company(void* ready) {
  const int first = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), second = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  CHECK(flock(first, LOCK_EX) == 0);
  pthread_barrier_wait(static_cast<pthread_barrier_t*>(ready));
  while (flock(second, LOCK_EX) != 0) continue;
  return nullptr;
}

void start_company() {
  pthread_barrier_t ready;
  pthread_barrier_init(&ready, nullptr, 2);
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pthread_t company;
  CHECK(pthread_create(&company, nullptr, keep_company, &ready) == 0);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  pthread_barrier_wait(&ready);
}

}  // namespace

// In front of libc's, for the loader too.
extern "C" void* malloc(size_t size) {
  be_held();
  return __libc_malloc(size);
}
extern "C" void* calloc(size_t count, size_t size) {
  be_held();
  return __libc_calloc(count, size);
}

int main(int count, char** arguments) {
  makes_calls = true;
  for (int i = 1; i < count; ++i) {
    if (strcmp(arguments[i], "--company") == 0) start_company();
    if (strcmp(arguments[i], "--handlers") == 0)
      for (const int number : {SIGURG, SIGWINCH, SIGCHLD, SIGCONT}) signal(number, [](int) { signal_came = true; });
  }
  if (!__builtin_cpu_supports("avx")) skip("this processor has no AVX");
  static char signal_stack[65536];
  const stack_t stack{signal_stack, 0, sizeof signal_stack};
  sigaltstack(&stack, nullptr);
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int number : {SIGUSR1, SIGUSR2, SIGRTMIN + 3}) sigaddset(&blocked, number);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
  signal(SIGUSR1, [](int) {});
  signal(SIGALRM, [](int) {});  // not blocked
  say("ready\n");
  for (std::string line; !(line = read_line()).empty();) {
    const size_t space = line.find(' ');
    const Call call = find_call(line.substr(space + 1));
    obey(line.substr(0, space), call);
  }
}
