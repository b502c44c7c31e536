// Matches each PLT stub's jump with the relocation of the slot that it jumps through. See plt.h.
// Cold context only. x86-64: a stub contains "jmp *slot(%rip)", bytes ff 25 and a 32-bit distance (psABI, "Procedure
// Linkage Table"); with -fcf-protection, an endbr64 precedes it.
#include "symbolizer/symbols/plt.h"

#include <gelf.h>

#include <cstring>
#include <map>

namespace holdwatch {
namespace {

using Slots = std::map<uintptr_t, std::string>;  // address of the GOT slot -> the function it will hold

void read_slots(const ElfImage& image, const char* section_name, Slots& slots) {
  Elf_Scn* section = image.section(section_name);
  GElf_Shdr header;
  if (section == nullptr || gelf_getshdr(section, &header) == nullptr) return;
  Elf_Scn* symbols = elf_getscn(image.elf(), header.sh_link);
  GElf_Shdr symbols_header;
  if (symbols == nullptr || gelf_getshdr(symbols, &symbols_header) == nullptr) return;
  Elf_Data* relocations = image.data(section);
  Elf_Data* symbol_data = image.data(symbols);
  if (relocations == nullptr || symbol_data == nullptr) return;
  GElf_Rela relocation;
  for (int i = 0; gelf_getrela(relocations, i, &relocation) != nullptr; ++i) {
    const uint64_t type = GELF_R_TYPE(relocation.r_info);
    if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
    GElf_Sym symbol;
    if (gelf_getsym(symbol_data, static_cast<int>(GELF_R_SYM(relocation.r_info)), &symbol) == nullptr) continue;
    const char* name = elf_strptr(image.elf(), symbols_header.sh_link, symbol.st_name);
    if (name != nullptr && *name != 0) slots[relocation.r_offset] = name;
  }
}

}  // namespace

PltStubs::PltStubs(const ElfImage& image) {
  Slots slots;
  read_slots(image, ".rela.plt", slots);
  read_slots(image, ".rela.dyn", slots);
  for (const char* section_name : {".plt", ".plt.sec", ".plt.got"}) {
    Elf_Scn* section = image.section(section_name);
    GElf_Shdr header;
    if (section == nullptr || gelf_getshdr(section, &header) == nullptr) continue;
    const std::string_view code = image.bytes(section);
    const size_t stub_size = header.sh_entsize != 0 ? header.sh_entsize : 16;
    for (size_t at = 0; at + 6 <= code.size(); ++at) {
      if (code.substr(at, 2) != "\xff\x25") continue;
      int32_t distance;
      std::memcpy(&distance, &code[at + 2], sizeof distance);
      const auto slot = slots.find(header.sh_addr + at + 6 + static_cast<uintptr_t>(distance));
      const uintptr_t start = header.sh_addr + at / stub_size * stub_size;
      if (slot != slots.end()) stubs_.push_back({start, start + stub_size, slot->second});
    }
  }
}

std::string PltStubs::find(uintptr_t address) const {
  for (const Stub& stub : stubs_) {
    if (address >= stub.start && address < stub.end) return stub.function + "@plt";
  }
  return {};
}

}  // namespace holdwatch
