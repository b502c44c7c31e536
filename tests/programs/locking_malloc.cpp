// A preloaded allocator of with_other_preloads.cpp: takes a pthread mutex in every call, also in the first one, which
// comes before any constructor has run. A bump allocator that never frees: enough for a test.
#include <pthread.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace {

constexpr size_t kRoom = size_t{1} << 32;  // of addresses; memory is had when it is touched
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
char* room = nullptr;
size_t used = 0;

struct alignas(16) Header {
  size_t size;
};

void* allocate(size_t size, size_t alignment) {
  pthread_mutex_lock(&lock);
  if (room == nullptr) {
    void* mapped = mmap(nullptr, kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped != MAP_FAILED) room = static_cast<char*>(mapped);
  }
  char* found = nullptr;
  if (room != nullptr && size < kRoom) {
    const size_t begin = (used + sizeof(Header) + alignment - 1) / alignment * alignment;
    if (begin + size <= kRoom) {
      found = room + begin;
      reinterpret_cast<Header*>(found)[-1].size = size;
      used = begin + size;
    }
  }
  pthread_mutex_unlock(&lock);
  if (found == nullptr) errno = ENOMEM;
  return found;
}

}  // namespace

#define PUBLIC extern "C" [[gnu::visibility("default")]]

PUBLIC void* malloc(size_t size) noexcept {
  return allocate(size, 16);
}

PUBLIC void free(void*) noexcept {
  pthread_mutex_lock(&lock);
  pthread_mutex_unlock(&lock);
}

PUBLIC void* calloc(size_t count, size_t size) noexcept {
  return allocate(count * size, 16);  // mapped memory is zero, and none is used twice
}

PUBLIC void* realloc(void* old, size_t size) noexcept {
  void* found = allocate(size, 16);
  if (old != nullptr && found != nullptr) {
    const size_t before = static_cast<Header*>(old)[-1].size;
    std::memcpy(found, old, before < size ? before : size);
  }
  return found;
}

PUBLIC void* memalign(size_t alignment, size_t size) noexcept {
  return allocate(size, alignment < 16 ? 16 : alignment);
}

PUBLIC void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return memalign(alignment, size);
}

PUBLIC int posix_memalign(void** result, size_t alignment, size_t size) noexcept {
  *result = memalign(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}
