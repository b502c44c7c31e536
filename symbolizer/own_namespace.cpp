// See own_namespace.h.
//
// The symbolizer comes first in its namespace, so the functions that it exports replace those of the same names there,
// also in calls by libc. The program is not affected.
#include "symbolizer/own_namespace.h"

#include <dlfcn.h>
#include <link.h>
#include <locale.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

// Each is defined under a name of its own, because the C library's headers declare the original.
#define HOLDWATCH_REPLACEMENT(result, name, parameters)                                               \
  extern "C" [[gnu::visibility("default"),                                                            \
               gnu::force_align_arg_pointer]] result replacement_of_##name parameters __asm__(#name); \
  result replacement_of_##name parameters

namespace holdwatch {
namespace {

struct TlsIndex {
  size_t module;
  size_t offset;
};

// The thread-local variables of the namespace's libraries. The loader would allocate them at their first use in each
// thread, again after the program has loaded more libraries, and with the program's malloc: under locks that the
// program may hold. One copy is enough because only one thread at a time uses the namespace. libc's own variables are
// not among them: they are in static TLS, next to each thread's descriptor, as are those of libraries that were
// compiled for that.
class ThreadLocals {
 public:
  void* find(const TlsIndex& index) {
    note_modules();
    if (index.module < kModules && blocks_[index.module] != nullptr) return blocks_[index.module] + index.offset;
    return of_loader_(&index);
  }

  // Takes the loader's lock, once. Used first when the symbolizer is created, or earlier, in a library's constructor.
  void note_modules() {
    if (known_) return;
    known_ = true;
    of_loader_ = reinterpret_cast<void* (*)(const TlsIndex*)>(dlsym(RTLD_NEXT, "__tls_get_addr"));
    dl_iterate_phdr(note_module, this);
  }

 private:
  static constexpr size_t kModules = 256;
  static constexpr size_t kSize = 4096;  // glibc, gcc and elfutils need some hundred bytes together

  static int note_module(dl_phdr_info* info, size_t, void* self) {
    for (size_t i = 0; i < info->dlpi_phnum; ++i)
      if (info->dlpi_phdr[i].p_type == PT_TLS)
        static_cast<ThreadLocals*>(self)->make_block(info->dlpi_tls_modid, info->dlpi_addr, info->dlpi_phdr[i]);
    return 0;
  }

  void make_block(size_t module, uintptr_t bias, const ElfW(Phdr) & image) {
    const size_t start = (used_ + image.p_align - 1) / image.p_align * image.p_align;
    if (module >= kModules || image.p_align > kAlignment || start + image.p_memsz > kSize) return;
    blocks_[module] = storage_ + start;
    memcpy(blocks_[module], reinterpret_cast<const void*>(bias + image.p_vaddr), image.p_filesz);
    used_ = start + image.p_memsz;
  }

  static constexpr size_t kAlignment = 64;
  alignas(kAlignment) unsigned char storage_[kSize] = {};
  unsigned char* blocks_[kModules] = {};
  void* (*of_loader_)(const TlsIndex*) = nullptr;
  size_t used_ = 0;
  bool known_ = false;
};

constinit ThreadLocals g_thread_locals;

// `environ` points into memory that the program may free. Of its variables only the time zone matters here.
void make_own_environment() {
  static char zone[256] = "TZ=";
  static char* variables[] = {nullptr, nullptr};
  const char* const set = getenv("TZ");
  if (set != nullptr && strlen(set) < sizeof zone - 3) {
    strcpy(zone + 3, set);
    variables[0] = zone;
  }
  environ = variables;
}

struct Kept {
  Kept* next;
};
Kept* g_kept = nullptr;

void free_kept() {
  while (g_kept != nullptr) free(std::exchange(g_kept, g_kept->next));
}

size_t bytes_in_use() {
#if __GLIBC_PREREQ(2, 33)
  return mallinfo2().uordblks;
#else
  return static_cast<unsigned>(mallinfo().uordblks);  // modulo 4 GiB, which is enough to see a change
#endif
}

// Returns false if the chunk did not come from the thread's cache: only then does malloc count more bytes as in use.
bool keep_ready_chunk(size_t size) {
  const size_t in_use = bytes_in_use();
  auto* const chunk = static_cast<Kept*>(malloc(size));
  if (chunk == nullptr) return false;
  chunk->next = std::exchange(g_kept, chunk);
  return bytes_in_use() == in_use;
}

}  // namespace

void enter_own_namespace() {
  static bool entered = false;
  if (!entered) {
    make_own_environment();
    // One thread at a time allocates. By default each new one would get a heap of its own, 64 MiB of addresses.
    mallopt(M_ARENA_MAX, 1);
  }
  entered = true;
  free_kept();
  g_thread_locals.note_modules();
  uselocale(LC_GLOBAL_LOCALE);  // sets the thread's tables of characters too (locale/uselocale.c)
}

void leave_own_namespace() {
  constexpr size_t kSmallest = 24, kLargest = 1032, kStep = 16,
                   kMax = 7;  // of each size: glibc's malloc/malloc.c, tcache
  for (size_t size = kSmallest; size <= kLargest; size += kStep)
    for (size_t count = 0; count < kMax && keep_ready_chunk(size); ++count) continue;
}

}  // namespace holdwatch

// Some compilers call it with an unaligned stack (gcc bug 58066), hence force_align_arg_pointer above.
HOLDWATCH_REPLACEMENT(void*, __tls_get_addr, (const holdwatch::TlsIndex* index)) {
  return holdwatch::g_thread_locals.find(*index);
}

// libunwind calls it at startup to find out how to test whether memory is readable, which we never need. A system call
// filter such as systemd's @system-service kills the process for this call.
HOLDWATCH_REPLACEMENT(int, mincore, (void*, size_t, unsigned char*)) {
  errno = ENOSYS;
  return -1;
}

// libunwind creates a pipe at startup, for the same purpose. That would change the numbers of the program's next
// descriptors.
HOLDWATCH_REPLACEMENT(int, pipe2, (int*, int)) {
  errno = EMFILE;
  return -1;
}

// libdw opens libdebuginfod when it is loaded, to fetch debug data from the network, which we never want. Before glibc
// 2.34, a failure of dlopen outside the program's namespace ends the process.
HOLDWATCH_REPLACEMENT(void*, dlopen, (const char*, int)) {
  return nullptr;
}

// The process may exit in the middle of a report and does not wait long for it: what a report uses must not be
// destroyed.
HOLDWATCH_REPLACEMENT(int, __cxa_atexit, (void (*)(void*), void*, void*)) {
  return 0;
}

// libc's version takes the loader's lock. Few threads enter the namespace, so what stays allocated when they exit is
// little.
HOLDWATCH_REPLACEMENT(int, __cxa_thread_atexit_impl, (void (*)(void*), void*, void*)) {
  return 0;
}
