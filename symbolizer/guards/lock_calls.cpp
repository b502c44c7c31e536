// See lock_calls.h.
#include "symbolizer/guards/lock_calls.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace holdwatch {
namespace {

constexpr size_t kMaxKnown = 1u << 14;

struct Row {
  std::string_view name;
  CallEffect effect;
  LockKind kind = LockKind::mutex;
};

// libc's functions; those of libstdc++ and of the C++ ABI as linkage stubs name them.
constexpr Row kRows[] = {{"pthread_mutex_lock", CallEffect::acquires},
                         {"pthread_mutex_trylock", CallEffect::tries},
                         {"pthread_mutex_timedlock", CallEffect::tries},
                         {"pthread_mutex_clocklock", CallEffect::tries},
                         {"pthread_mutex_unlock", CallEffect::releases},
                         {"mtx_lock", CallEffect::acquires},
                         {"mtx_trylock", CallEffect::tries},
                         {"mtx_timedlock", CallEffect::tries},
                         {"mtx_unlock", CallEffect::releases},
                         {"pthread_rwlock_rdlock", CallEffect::acquires, LockKind::rwlock},
                         {"pthread_rwlock_tryrdlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_timedrdlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_clockrdlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_wrlock", CallEffect::acquires, LockKind::rwlock},
                         {"pthread_rwlock_trywrlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_timedwrlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_clockwrlock", CallEffect::tries, LockKind::rwlock},
                         {"pthread_rwlock_unlock", CallEffect::releases, LockKind::rwlock},
                         {"pthread_cond_wait", CallEffect::waits},
                         {"pthread_cond_timedwait", CallEffect::waits},
                         {"pthread_cond_clockwait", CallEffect::waits},
                         {"cnd_wait", CallEffect::waits},
                         {"cnd_timedwait", CallEffect::waits},
                         {"_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE", CallEffect::waits},
                         {"pthread_cond_signal", CallEffect::signals},
                         {"pthread_cond_broadcast", CallEffect::signals},
                         {"cnd_signal", CallEffect::signals},
                         {"cnd_broadcast", CallEffect::signals},
                         {"sem_post", CallEffect::signals},
                         {"_ZNSt18condition_variable10notify_oneEv", CallEffect::signals},
                         {"_ZNSt18condition_variable10notify_allEv", CallEffect::signals},
                         {"std::condition_variable::notify_one()", CallEffect::signals},
                         {"std::condition_variable::notify_all()", CallEffect::signals},
                         {"__cxa_begin_catch", CallEffect::catches},
                         {"_Unwind_Resume", CallEffect::ends},
                         {"__cxa_rethrow", CallEffect::ends},
                         {"__cxa_throw", CallEffect::ends},
                         {"__cxa_call_unexpected", CallEffect::ends},
                         {"_ZSt9terminatev", CallEffect::terminates},
                         {"std::terminate()", CallEffect::terminates},
                         {"__clang_call_terminate", CallEffect::terminates},
                         {"abort", CallEffect::terminates},
                         {"exit", CallEffect::ends},
                         {"_exit", CallEffect::ends},
                         {"pthread_exit", CallEffect::ends},
                         {"longjmp", CallEffect::ends},
                         {"siglongjmp", CallEffect::ends},
                         {"__stack_chk_fail", CallEffect::ends},
                         {"__assert_fail", CallEffect::ends},
                         {"_ZSt21__glibcxx_assert_failPKciS0_S0_", CallEffect::ends}};

// "pthread_mutex_unlock" of "__pthread_mutex_unlock@plt": libc has several names for one function.
std::string_view plain(std::string_view name) {
  name = name.substr(0, name.find('@'));
  const std::string_view bare = name.substr(std::min(name.find_first_not_of('_'), name.size()));
  return bare.starts_with("pthread_") ? bare : name;
}

// libstdc++'s functions that throw have names of this form: std::__throw_system_error(int).
bool is_throwing(std::string_view name) {
  return name.find("__throw_") != std::string_view::npos;
}

std::optional<CallTarget> effect_of(std::string_view name) {
  name = plain(name);
  for (const Row& row : kRows) {
    if (row.name == name) return CallTarget{row.effect, row.kind};
  }
  if (is_throwing(name)) return CallTarget{CallEffect::ends};
  return std::nullopt;
}

}  // namespace

const CallTarget& LockCalls::of(uintptr_t target) {
  if (const auto found = known_.find(target); found != known_.end()) return found->second;
  if (known_.size() == kMaxKnown) known_.clear();
  return known_.emplace(target, look_up(target)).first->second;
}

// Where a linkage stub leads, once it is bound; any other function is its own.
uintptr_t LockCalls::behind_stub(uintptr_t target) {
  uintptr_t pc = target;
  if (const DecodedInstruction& first = code_.at(pc); first.action == Action::nothing) pc += first.length;
  const DecodedInstruction& jump = code_.at(pc);
  const Operand& slot = jump.operands[0];
  if (jump.action != Action::jump || slot.kind != Operand::Kind::memory || !slot.is_relative) return target;
  const auto address = pc + jump.length + static_cast<uintptr_t>(slot.displacement);
  return memory_.read_value<uintptr_t>(address).value_or(target);
}

CallTarget LockCalls::look_up(uintptr_t target) {
  if (const auto known = effect_of(resolve_(target, true).back().function)) return *known;
  const uintptr_t function = behind_stub(target);
  const Module* const module = modules_.find(function);
  if (module == nullptr) return {};
  if (function != target) {
    if (const auto known = effect_of(resolve_(function, true).back().function)) return *known;
    // A slot that is not bound leads back into the module's own linkage table.
    if (module == modules_.find(target)) return {};
  }
  if (is_runtime_library(module)) return {CallEffect::unknown, LockKind::mutex, 0, true};
  return {CallEffect::unknown, LockKind::mutex, function};
}

}  // namespace holdwatch
