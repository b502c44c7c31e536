// See redirect.h.
//
// A slot is an entry of a module's global offset table, or a function's address in its data: what the loader's
// relocations of a symbol fill in (R_X86_64_JUMP_SLOT, GLOB_DAT and 64). It is redirected only from a known value: the
// function's own address, or, if the loader binds at the first call, the module's own code. So a slot that the loader
// has not reached yet, or that leads to another library's function, stays as it is. The store is a compare-and-swap of
// an aligned word: a call in another thread reaches one function or the other.
#include "shim/attach/redirect.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "shim/attach/attachment.h"
#include "shim/attach/redirected_entries.h"
#include "shim/base/libc_functions.h"
#include "shim/base/os.h"
#include "shim/common/elf/dynamic_table.h"
#include "shim/common/elf/memory_sources.h"
#include "shim/inspection/local_memory.h"
#include "shim/interpose/real_functions.h"
#include "shim/own_threads/loader_use.h"

namespace holdwatch {

namespace {

struct Hook {
  const char* name;
  uintptr_t ours;
  uintptr_t real;
};

constexpr size_t kHooks = 2  // dlopen, dlmopen
#define HOLDWATCH_FUNCTION(name, version, missing_result, role, ...) +1
#include "shim/common/glibc/hooked_functions.def"
#undef HOLDWATCH_FUNCTION
    ;
Hook g_hooks[kHooks];  // dlopen and dlmopen come first; looked up before the first call is redirected

// Both end in a jump, not in a call: the loader uses its return address to find out which module's search path applies
// (dlopen(3): the caller's DT_RUNPATH).
void* hook_dlopen(const char* file, int mode) {
  attachment_before_module_load();
  return reinterpret_cast<void* (*)(const char*, int)>(g_hooks[0].real)(file, mode);
}
void* hook_dlmopen(Lmid_t name_space, const char* file, int mode) {
  attachment_before_module_load();
  return reinterpret_cast<void* (*)(Lmid_t, const char*, int)>(g_hooks[1].real)(name_space, file, mode);
}

template <typename Function>
uintptr_t address_of(Function* function) {
  return reinterpret_cast<uintptr_t>(function);
}

// Called before the loader's list of modules is locked: a look-up takes the loader's other lock, which comes first in
// the lock order (elf/dl-open.c).
void look_hooks_up() {
  if (g_hooks[0].name != nullptr) return;
  size_t count = 0;
  g_hooks[count++] = {"dlopen", address_of(&hook_dlopen), address_of(libc().dlsym(RTLD_DEFAULT, "dlopen"))};
  g_hooks[count++] = {"dlmopen", address_of(&hook_dlmopen), address_of(libc().dlsym(RTLD_DEFAULT, "dlmopen"))};
#define HOLDWATCH_FUNCTION(name, version, missing_result, role, ...) \
  g_hooks[count++] = {#name, own_function(#name), address_of(g_real.name)};
#include "shim/common/glibc/hooked_functions.def"
#undef HOLDWATCH_FUNCTION
}

const Hook* find_hook(const char* name) {
  for (const Hook& hook : g_hooks)
    if (strcmp(hook.name, name) == 0) return hook.ours == 0 ? nullptr : &hook;
  return nullptr;
}

// The part of a loaded module's dynamic section that is needed here.
class ModuleView {
 public:
  explicit ModuleView(const dl_phdr_info& info);

  bool is_ours() const { return contains(address_of(&redirect_calls)); }
  bool is_libc() const { return contains(address_of(libc().dlopen)) || table_.strings == 0; }
  Redirected redirect();

 private:
  bool protection_is_in_force();
  bool contains(uintptr_t address) const { return address >= start_ && address < end_; }
  void redirect(const DynamicTable::Relocations& relocations, Redirected& out);
  bool redirect(uintptr_t slot, const Hook& hook, Redirected& out);

  uintptr_t bias_;
  uintptr_t start_ = UINTPTR_MAX, end_ = 0;
  uintptr_t protected_start_ = 0, protected_end_ = 0;  // PT_GNU_RELRO: read-only once the module is relocated
  enum class Protection : unsigned char { unknown, to_come, in_force } protection_ = Protection::unknown;
  DynamicTable table_;
};

ModuleView::ModuleView(const dl_phdr_info& info) : bias_(info.dlpi_addr) {
  constexpr uintptr_t page_mask = ~(uintptr_t{kPageSize} - 1);
  for (size_t i = 0; i < info.dlpi_phnum; ++i) {
    const Elf64_Phdr& segment = info.dlpi_phdr[i];
    const uintptr_t from = bias_ + segment.p_vaddr, to = from + segment.p_memsz;
    if (segment.p_type == PT_LOAD) {
      if (from < start_) start_ = from;
      if (to > end_) end_ = to;
    } else if (segment.p_type == PT_DYNAMIC) {
      table_ = read_dynamic_table(LoadedMemory{}, from, bias_);
    } else if (segment.p_type == PT_GNU_RELRO) {
      protected_start_ = from & page_mask;
      protected_end_ = to & page_mask;  // the loader protects whole pages only (elf/dl-reloc.c)
    }
  }
}

Redirected ModuleView::redirect() {
  Redirected out{};
  redirect(table_.data, out);
  redirect(table_.calls, out);
  return out;
}

void ModuleView::redirect(const DynamicTable::Relocations& relocations, Redirected& out) {
  const auto* const all = reinterpret_cast<const Elf64_Rela*>(relocations.start);
  const auto* const symbols = reinterpret_cast<const Elf64_Sym*>(table_.symbols);
  for (size_t i = 0; i < relocations.count; ++i) {
    const Elf64_Rela& relocation = all[i];
    const auto type = ELF64_R_TYPE(relocation.r_info);
    if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64) continue;
    if (type == R_X86_64_64 && relocation.r_addend != 0) continue;
    const Elf64_Sym& symbol = symbols[ELF64_R_SYM(relocation.r_info)];
    if (symbol.st_shndx != SHN_UNDEF) continue;  // its own function of that name
    const Hook* hook = find_hook(reinterpret_cast<const char*>(table_.strings + symbol.st_name));
    if (hook != nullptr && redirect(bias_ + relocation.r_offset, *hook, out)) ++out.slots;
  }
}

bool ModuleView::redirect(uintptr_t slot, const Hook& hook, Redirected& out) {
  const uintptr_t value = *reinterpret_cast<const volatile uintptr_t*>(slot);
  if (value == hook.ours || slot % sizeof(uintptr_t) != 0) return false;
  const bool is_bound_later = contains(value);
  if (value != hook.real && !is_bound_later) {
    // A value below the module is still the one in the file: its relocations have not been applied yet.
    if (value < start_) out.unsettled = true;
    return false;
  }
  const bool is_protected = slot >= protected_start_ && slot < protected_end_;
  if (is_protected && !protection_is_in_force()) {
    out.unsettled = true;
    return false;
  }
  return note_and_redirect({slot, value, hook.real, hook.ours, is_protected});
}

// The loader protects these pages last. While another thread is still relocating the module, the pages must stay
// writable: if we made them read-only after our store, the loader's next store would crash.
bool ModuleView::protection_is_in_force() {
  if (protection_ == Protection::unknown) {
    const bool is_writable = mapped_around(protected_start_, MappedAs::stack).contains(protected_start_);
    protection_ = is_writable ? Protection::to_come : Protection::in_force;
  }
  return protection_ == Protection::in_force;
}

int redirect_module(dl_phdr_info* info, size_t, void* data) {
  auto& sum = *static_cast<Redirected*>(data);
  ModuleView module(*info);
  if (module.is_ours() || module.is_libc()) return 0;
  const Redirected part = module.redirect();
  sum.slots += part.slots;
  sum.unsettled |= part.unsettled;
  return 0;
}

int restore_module(dl_phdr_info* info, size_t, void*) {
  for (size_t i = 0; i < info->dlpi_phnum; ++i) {
    const Elf64_Phdr& segment = info->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD)
      restore_redirected(info->dlpi_addr + segment.p_vaddr, info->dlpi_addr + segment.p_vaddr + segment.p_memsz);
  }
  return 0;
}

}  // namespace

// No module can be unmapped while dl_iterate_phdr calls back: the loader's list is locked.
Redirected redirect_calls() {
  const LoaderUse loader(LoaderUser::attachment);
  look_hooks_up();
  Redirected sum{};
  libc().dl_iterate_phdr(redirect_module, &sum);
  expect_known_slots();
  return sum;
}

void restore_calls() {
  const LoaderUse loader(LoaderUser::attachment);
  libc().dl_iterate_phdr(restore_module, nullptr);
  forget_slots();
}

}  // namespace holdwatch
