// See libc_functions.h. libc's table of symbols is read here, not asked for by dlsym: that allocates when it fails, is some
// programs' own function, and knows only libraries that were asked for by dlopen.
#include "shim/base/libc_functions.h"

#include <elf.h>

#include <atomic>
#include <string_view>

#include "shim/base/clock.h"
#include "shim/base/libc_threads.h"

namespace holdwatch {

const link_map* module_of(void* function) {
  Dl_info info;
  link_map* module = nullptr;
  void** const out = reinterpret_cast<void**>(&module);
  return ::dladdr1(function, &info, out, RTLD_DL_LINKMAP) == 0 ? nullptr : module;
}

namespace {

LibcFunctions g_functions;
std::atomic<bool> g_known{false};  // written last: whoever sees it sees the functions

bool is_libc(const char* path) {
  std::string_view name(path == nullptr ? "" : path);
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  return name == "libc.so.6";
}

const link_map* first_module() {
  const link_map* module = module_of(reinterpret_cast<void*>(&first_module));
  while (module != nullptr && module->l_prev != nullptr) module = module->l_prev;
  return module;
}

const link_map* find_libc() {
  const link_map* module = first_module();
  while (module != nullptr && !is_libc(module->l_name)) module = module->l_next;
  return module != nullptr ? module : module_of(reinterpret_cast<void*>(&::dladdr1));
}

// The exported functions of a module, by its hash table (DT_GNU_HASH; a module without one shows none).
class ExportedFunctions {
 public:
  explicit ExportedFunctions(const link_map& module);
  void* find(const char* name) const;

 private:
  bool is(uint32_t index, std::string_view name) const;
  void* address_of(const Elf64_Sym& symbol) const;

  uintptr_t bias_;
  const Elf64_Sym* symbols_ = nullptr;
  const char* strings_ = nullptr;
  const Elf64_Half* versions_ = nullptr;
  const uint32_t* hashes_ = nullptr;
};

ExportedFunctions::ExportedFunctions(const link_map& module) : bias_(module.l_addr) {
  for (const Elf64_Dyn* entry = module.l_ld; entry->d_tag != DT_NULL; ++entry) {
    // The loader has made addresses of the offsets, but for the kernel's own module.
    const uintptr_t address = entry->d_un.d_ptr < bias_ ? entry->d_un.d_ptr + bias_ : entry->d_un.d_ptr;
    if (entry->d_tag == DT_SYMTAB) symbols_ = reinterpret_cast<const Elf64_Sym*>(address);
    if (entry->d_tag == DT_STRTAB) strings_ = reinterpret_cast<const char*>(address);
    if (entry->d_tag == DT_VERSYM) versions_ = reinterpret_cast<const Elf64_Half*>(address);
    if (entry->d_tag == DT_GNU_HASH) hashes_ = reinterpret_cast<const uint32_t*>(address);
  }
}

uint32_t hash_of(std::string_view name) {
  uint32_t hash = 5381;
  for (const char character : name) hash = hash * 33 + static_cast<unsigned char>(character);
  return hash;
}

void* ExportedFunctions::find(const char* name) const {
  if (hashes_ == nullptr) return nullptr;
  // Four numbers, the bloom filter, the buckets, and from there on a hash for each symbol, the last of a chain marked by
  // its lowest bit.
  const uint32_t bucket_count = hashes_[0], first_symbol = hashes_[1], bloom_words = hashes_[2];
  const uint32_t* const buckets = hashes_ + 4 + bloom_words * (sizeof(uintptr_t) / sizeof(uint32_t));
  const uint32_t* const chains = buckets + bucket_count;
  const uint32_t hash = hash_of(name);
  uint32_t index = buckets[hash % bucket_count];
  if (index == 0) return nullptr;
  for (;; ++index) {
    const uint32_t found = chains[index - first_symbol];
    if ((found | 1) == (hash | 1) && is(index, name)) return address_of(symbols_[index]);
    if ((found & 1) != 0) return nullptr;
  }
}

// The version that a program built today would get: older ones are marked as hidden.
bool ExportedFunctions::is(uint32_t index, std::string_view name) const {
  constexpr Elf64_Half kHidden = 0x8000;
  const bool is_hidden = versions_ != nullptr && (versions_[index] & kHidden) != 0;
  return !is_hidden && symbols_[index].st_shndx != SHN_UNDEF && name == strings_ + symbols_[index].st_name;
}

void* ExportedFunctions::address_of(const Elf64_Sym& symbol) const {
  const uintptr_t address = bias_ + symbol.st_value;
  using Chooser = void* (*)();
  return ELF64_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC ? reinterpret_cast<Chooser>(address)()
                                                        : reinterpret_cast<void*>(address);
}

[[gnu::noinline, gnu::cold]] void look_up_slow() {
  const ExportedFunctions functions(*find_libc());
#define HOLDWATCH_LIBC_FUNCTION(name) \
  g_functions.name = reinterpret_cast<decltype(g_functions.name)>(functions.find(#name));
#include "shim/base/libc_functions.def"
#undef HOLDWATCH_LIBC_FUNCTION
  if (void* clock = functions.find("clock_gettime"); clock != nullptr)
    g_clock.store(reinterpret_cast<ClockFunction>(clock), std::memory_order_relaxed);
  g_libc_thread_count = static_cast<unsigned*>(functions.find("__nptl_nthreads"));
  g_known.store(true, std::memory_order_release);
}

}  // namespace

const LibcFunctions& libc() {
  if (!g_known.load(std::memory_order_acquire)) look_up_slow();
  return g_functions;
}

bool some_module_exports(const char* name) {
  for (const link_map* module = first_module(); module != nullptr; module = module->l_next)
    if (ExportedFunctions(*module).find(name) != nullptr) return true;
  return false;
}

}  // namespace holdwatch
