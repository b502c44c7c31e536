// See exported_functions.h.
#include "shim/common/elf/exported_functions.h"

namespace holdwatch {

ExportedFunctions::ExportedFunctions(uintptr_t bias, const Elf64_Dyn* dynamic) : bias_(bias) {
  for (const Elf64_Dyn* entry = dynamic; entry->d_tag != DT_NULL; ++entry) {
    // The loader has made addresses of the offsets, but for the kernel's own module.
    const uintptr_t address = entry->d_un.d_ptr < bias_ ? entry->d_un.d_ptr + bias_ : entry->d_un.d_ptr;
    if (entry->d_tag == DT_SYMTAB) symbols_ = reinterpret_cast<const Elf64_Sym*>(address);
    if (entry->d_tag == DT_STRTAB) strings_ = reinterpret_cast<const char*>(address);
    if (entry->d_tag == DT_VERSYM) versions_ = reinterpret_cast<const Elf64_Half*>(address);
    if (entry->d_tag == DT_GNU_HASH) hashes_ = reinterpret_cast<const uint32_t*>(address);
  }
}

namespace {

uint32_t hash_of(std::string_view name) {
  uint32_t hash = 5381;
  for (const char character : name) hash = hash * 33 + static_cast<unsigned char>(character);
  return hash;
}

}  // namespace

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

// Older versions are marked as hidden.
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

}  // namespace holdwatch
