// A system call made by an instruction of our own. The program may replace libc's functions of the same names: a
// sandbox, a fake clock or a fake root may take locks of its own in them, for which our threads must not wait.
// Any context. errno is left alone: the kernel's result is returned unchanged.
#pragma once

#include <type_traits>

namespace holdwatch {

// One argument in the form that the kernel expects: a whole register.
template <typename T>
[[gnu::always_inline]] inline long system_word(T value) {
  if constexpr (std::is_null_pointer_v<T>)
    return 0;
  else if constexpr (std::is_pointer_v<T>)
    return reinterpret_cast<long>(value);
  else
    return static_cast<long>(value);
}

// Not a template: in templates, gcc 10 ignores which registers the variables are assigned to.
[[gnu::always_inline]] inline long system_call_of_words(long number, long a, long b, long c, long d, long e, long f) {
  long result = number;
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  register long sixth __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return result;
}

// Returns the call's result, or its error number negated (-4095 to -1; see syscall(2)).
template <typename A = long, typename B = long, typename C = long, typename D = long, typename E = long,
          typename F = long>
[[gnu::always_inline]] inline long system_call(long number, A a = {}, B b = {}, C c = {}, D d = {}, E e = {},
                                               F f = {}) {
  return system_call_of_words(number, system_word(a), system_word(b), system_word(c), system_word(d), system_word(e),
                              system_word(f));
}

// For a call whose result may be an address.
constexpr bool failed(long result) {
  constexpr long kSmallestError = -4095;
  return result < 0 && result >= kSmallestError;
}

}  // namespace holdwatch
