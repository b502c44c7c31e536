// A system call made by an instruction of our own. libc's functions of the same names are the program's to replace: a
// sandbox, a fake clock or a fake root may take locks of its own in them, for which our threads must not wait.
// Any context. errno is left alone: the kernel's answer is returned as it is.
#pragma once

#include <type_traits>

namespace holdwatch {

// One argument as the kernel takes it: a whole register.
template <typename T>
[[gnu::always_inline]] inline long system_word(T value) {
  if constexpr (std::is_null_pointer_v<T>)
    return 0;
  else if constexpr (std::is_pointer_v<T>)
    return reinterpret_cast<long>(value);
  else
    return static_cast<long>(value);
}

// No template: gcc 10 forgets there which registers the variables are to be in.
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

// What the call returns, or its error number negated (-4095 to -1; see syscall(2)).
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
