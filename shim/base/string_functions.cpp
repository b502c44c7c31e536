// The functions on bytes and strings that our code, or the compiler for it, calls; hidden from other modules. Without them
// those calls would reach replacements of libc's functions in the program: a sanitizer's check what they read.
// Any context. Only in the library: the unit tests use libc's.
#include <cstddef>

#include "shim/common/kernel/copy_bytes.h"

// Each is defined under a name of its own and known to the linker under libc's, which the compiler has declared already.
// It must not make calls of these very functions out of their loops.
#ifdef __clang__
#define HOLDWATCH_KEEP_LOOPS [[clang::no_builtin]]
#else
#define HOLDWATCH_KEEP_LOOPS [[gnu::optimize("no-tree-loop-distribute-patterns")]]
#endif
#define HOLDWATCH_OWN(result, name, parameters)                                                    \
  extern "C" [[gnu::visibility("hidden"), gnu::used]] result own_##name parameters __asm__(#name); \
  HOLDWATCH_KEEP_LOOPS result own_##name parameters

HOLDWATCH_OWN(void*, memcpy, (void* to, const void* from, size_t size)) {
  holdwatch::copy_bytes(to, reinterpret_cast<size_t>(from), size);
  return to;
}

HOLDWATCH_OWN(void*, memset, (void* to, int byte, size_t size)) {
  void* at = to;
  asm volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
  return to;
}

HOLDWATCH_OWN(void*, memmove, (void* to, const void* from, size_t size)) {
  auto* target = static_cast<unsigned char*>(to);
  const auto* source = static_cast<const unsigned char*>(from);
  if (target <= source || target >= source + size) return own_memcpy(to, from, size);
  while (size-- > 0) target[size] = source[size];
  return to;
}

HOLDWATCH_OWN(int, memcmp, (const void* one, const void* other, size_t size)) {
  const auto* a = static_cast<const unsigned char*>(one);
  const auto* b = static_cast<const unsigned char*>(other);
  for (size_t i = 0; i < size; ++i)
    if (a[i] != b[i]) return a[i] - b[i];
  return 0;
}

HOLDWATCH_OWN(void*, memchr, (const void* bytes, int byte, size_t size)) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  for (size_t i = 0; i < size; ++i)
    if (at[i] == static_cast<unsigned char>(byte)) return const_cast<unsigned char*>(at + i);
  return nullptr;
}

HOLDWATCH_OWN(size_t, strnlen, (const char* text, size_t limit)) {
  size_t length = 0;
  while (length < limit && text[length] != '\0') ++length;
  return length;
}

HOLDWATCH_OWN(size_t, strlen, (const char* text)) {
  return own_strnlen(text, SIZE_MAX);
}

HOLDWATCH_OWN(int, strcmp, (const char* one, const char* other)) {
  while (*one != '\0' && *one == *other) ++one, ++other;
  return static_cast<unsigned char>(*one) - static_cast<unsigned char>(*other);
}

HOLDWATCH_OWN(char*, strncpy, (char* to, const char* from, size_t size)) {
  const size_t length = own_strnlen(from, size);
  own_memcpy(to, from, length);
  own_memset(to + length, 0, size - length);
  return to;
}

HOLDWATCH_OWN(char*, strrchr, (const char* text, int character)) {
  for (size_t at = own_strlen(text) + 1; at-- > 0;)
    if (text[at] == static_cast<char>(character)) return const_cast<char*>(text + at);
  return nullptr;
}
