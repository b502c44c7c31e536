// process_vm_readv, its replacement, and the page cache for bytes that do not change.
// Cold context only.
#include "symbolizer/unwind/process_memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "shim/common/proc/thread_files.h"
#include "symbolizer/proc/proc_text.h"

namespace holdwatch {
namespace {

bool has_seccomp_filter() {
  return may_have_seccomp_filter(read_text("/proc/thread-self/status"));
}

}  // namespace

void ProcessMemory::forget() {
  cache_.clear();
  method_ = Method::unknown;
}

// For our own process, reads through the calling thread and not the main thread, which has no memory any more after it
// has called pthread_exit (the kernel then returns ESRCH).
size_t ProcessMemory::read(uintptr_t address, void* out, size_t size) {
  if (method_ == Method::unknown) method_ = has_seccomp_filter() ? Method::proc : Method::system_call;
  if (method_ == Method::proc) return read_through_proc(address, out, size);
  const pid_t target = pid_ == getpid() ? gettid() : pid_;
  size_t done = 0;
  while (done < size) {
    const iovec local{static_cast<char*>(out) + done, size - done};
    // An address in the other process, never used as a pointer here.
    const iovec remote{reinterpret_cast<void*>(address + done), size - done};  // NOLINT(performance-no-int-to-ptr)
    const ssize_t got = process_vm_readv(target, &local, 1, &remote, 1, 0);
    if (got > 0) {
      done += static_cast<size_t>(got);
    } else if (got < 0 && (errno == ENOSYS || errno == EPERM)) {
      method_ = Method::proc;  // a security module, or a kernel built without it
      return read_through_proc(address, out, size);
    } else {
      break;
    }
  }
  return done;
}

size_t ProcessMemory::read_through_proc(uintptr_t address, void* out, size_t size) const {
  const std::string path = pid_ == getpid() ? "/proc/thread-self/mem" : "/proc/" + std::to_string(pid_) + "/mem";
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  size_t done = 0;
  while (done < size) {
    const ssize_t got = pread(file, static_cast<char*>(out) + done, size - done, static_cast<off_t>(address + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  close(file);
  return done;
}

const ProcessMemory::Page* ProcessMemory::cached_page(uintptr_t page_address) {
  if (cache_.empty()) cache_.resize(kCachedPages);
  std::unique_ptr<Page>& slot = cache_[page_address / kPageSize % kCachedPages];
  if (slot && slot->address == page_address) return slot.get();
  if (!slot) slot = std::make_unique<Page>();
  slot->address = page_address;
  if (read(page_address, slot->bytes.data(), kPageSize) == kPageSize) return slot.get();
  slot.reset();
  return nullptr;
}

size_t ProcessMemory::read_constant(uintptr_t address, void* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    const uintptr_t at = address + done;
    const uintptr_t page_address = at / kPageSize * kPageSize;
    const Page* page = cached_page(page_address);
    if (page == nullptr) break;
    const size_t offset = at - page_address;
    const size_t part = std::min(size - done, kPageSize - offset);
    std::memcpy(static_cast<char*>(out) + done, page->bytes.data() + offset, part);
    done += part;
  }
  return done;
}

}  // namespace holdwatch
