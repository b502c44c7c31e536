// See libc_functions.h. libc's table of symbols is read here, not asked for by dlsym (base/exported_functions).
#include "shim/base/libc_functions.h"

#include <elf.h>
#include <errno.h>

#include <atomic>
#include <cstdint>
#include <string_view>

#include "shim/base/libc_streams.h"
#include "shim/base/libc_threads.h"
#include "shim/common/elf/file_symbol.h"
#include "shim/common/glibc/stream_layout.h"
#include "shim/common/glibc/version_names.h"

// The loader's description of itself for debuggers. Weak, so that no library is needed for it: the loader is always there.
extern "C++" [[gnu::weak]] r_debug _r_debug;
// This library's dynamic section, as the linker calls it.
extern "C++" [[gnu::visibility("hidden")]] Elf64_Dyn _DYNAMIC[];

namespace holdwatch {

constinit LibcFunctions g_libc_functions{};
constinit std::atomic<bool> g_libc_functions_are_known{false};

namespace {

const link_map* find_module(std::string_view wanted) {
  for (const link_map* module = _r_debug.r_map; module != nullptr; module = module->l_next) {
    std::string_view name(module->l_name == nullptr ? "" : module->l_name);
    name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
    if (name == wanted) return module;
  }
  return nullptr;
}

// Whatever its file is called.
const link_map* find_libc() {
  const link_map* module = find_module("libc.so.6");
  if (module != nullptr) return module;
  module = _r_debug.r_map;
  while (module->l_next != nullptr && ExportedFunctions(*module).find("gnu_get_libc_version") == nullptr)
    module = module->l_next;
  return module;
}

// The libraries that libc consists of. Before glibc 2.34, libc.so.6's versions of libpthread's functions do nothing, so
// libpthread comes first.
class LibcParts {
 public:
  LibcParts() {
    for (const char* name : {"libpthread.so.0", "libdl.so.2"})
      if (const link_map* module = find_module(name); module != nullptr) parts_[count_++] = module;
    parts_[count_++] = &libc_module();
  }

  void* find(const char* name) const {
    for (size_t i = 0; i < count_; ++i)
      if (void* const function = ExportedFunctions(*parts_[i]).find(name); function != nullptr) return function;
    return nullptr;
  }

 private:
  const link_map* parts_[3] = {};
  size_t count_ = 0;
};

// Before glibc 2.34 the count is no exported symbol, but it is kept in libpthread's file, for debuggers need it
// (nptl_db/structs.def). A value that no count can have is another file's.
unsigned* find_thread_count(const LibcParts& parts) {
  if (void* const exported = parts.find("__nptl_nthreads"); exported != nullptr)
    return static_cast<unsigned*>(exported);
  const link_map* const threads = find_module("libpthread.so.0");
  if (threads == nullptr || g_libc_functions.dlmopen == nullptr) return nullptr;
  auto* const count = static_cast<unsigned*>(find_file_symbol(*threads, "__nptl_nthreads", sizeof(unsigned)));
  constexpr unsigned kMaxAtStart = 1024;
  return count != nullptr && *count >= 1 && *count <= kMaxAtStart ? count : nullptr;
}

// glibc 2.25 gave rwlocks and condition variables the fields that they have today; what is read of a lock is wrong before.
bool is_too_old() {
  return glibc_minor(libc().gnu_get_libc_version()) < 25;
}

ExportedVariable find_loader_data() {
  ExportedVariable found;
  for (const link_map* module = _r_debug.r_map; module != nullptr && found.size == 0; module = module->l_next)
    found = ExportedFunctions(*module).find_variable("_rtld_global");
  return found;
}

struct AnyModule {
  const char* name;
  unsigned long long known;
  void* found;
};

int find_in_module(dl_phdr_info* info, size_t, void* data) {
  auto& wanted = *static_cast<AnyModule*>(data);
  if (info->dlpi_adds == wanted.known) return 1;
  for (size_t i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const auto* const dynamic = reinterpret_cast<const Elf64_Dyn*>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    if (dynamic != _DYNAMIC) wanted.found = ExportedFunctions(info->dlpi_addr, dynamic).find(wanted.name);
  }
  return wanted.found != nullptr ? 1 : 0;
}

int note_count(dl_phdr_info* info, size_t, void* count) {
  *static_cast<unsigned long long*>(count) = info->dlpi_adds;
  return 1;
}

}  // namespace

[[gnu::noinline, gnu::cold]] void look_up_libc_functions_slow() {
  const LibcParts parts;
#define HOLDWATCH_LIBC_FUNCTION(name) \
  g_libc_functions.name = reinterpret_cast<decltype(g_libc_functions.name)>(parts.find(#name));
#include "shim/base/libc_functions.def"
#undef HOLDWATCH_LIBC_FUNCTION
  g_libc_thread_count = find_thread_count(parts);
  if (const auto version = g_libc_functions.gnu_get_libc_version; version != nullptr)
    g_uncounted.levels = uncounted_levels(glibc_minor(version()));
  g_libc_functions_are_known.store(true, std::memory_order_release);
}

bool libc_can_be_watched(std::string_view* why) {
  *why = {};
  const bool has_all_parts = libc().pthread_create != nullptr && libc().dlmopen != nullptr;
  if (!has_all_parts) return false;
  if (is_too_old())
    *why = "glibc before 2.25 has a different rwlock layout; this process is not watched";
  else if (g_libc_thread_count == nullptr)
    *why = "libpthread.so.0 lacks the symbol __nptl_nthreads (its thread count); this process is not watched";
  return why->empty();
}

const char* describe_error(int error) {
  if (libc().strerrordesc_np == nullptr) return error == ENOENT ? "No such file or directory" : "the kernel refused it";
  const char* const text = libc().strerrordesc_np(error);
  return text != nullptr ? text : "unknown error";
}

const link_map& own_module() {
  const link_map* module = _r_debug.r_map;
  while (module->l_ld != _DYNAMIC && module->l_next != nullptr) module = module->l_next;
  return *module;
}

const link_map& libc_module() {
  static const link_map* const found = find_libc();
  return *found;
}

ExportedVariable loader_data() {
  static const ExportedVariable found = find_loader_data();
  return found;
}

bool some_module_exports(const char* name) {
  for (const link_map* module = _r_debug.r_map; module != nullptr; module = module->l_next)
    if (ExportedFunctions(*module).find(name) != nullptr) return true;
  return false;
}

void* find_after_us(const char* name) {
  void* found = nullptr;
  for (const link_map* module = own_module().l_next; module != nullptr && found == nullptr; module = module->l_next)
    found = ExportedFunctions(*module).find(name);
  return found;
}

void* find_anywhere(const char* name, unsigned long long* known_modules) {
  AnyModule wanted{name, *known_modules, nullptr};
  libc().dl_iterate_phdr(find_in_module, &wanted);
  libc().dl_iterate_phdr(note_count, known_modules);
  return wanted.found;
}

}  // namespace holdwatch
