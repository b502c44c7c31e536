// See program_file.h.
#include "symbolizer/symbols/program_file.h"

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "shim/common/glibc/hooked_functions.h"
#include "shim/common/glibc/version_names.h"
#include "symbolizer/symbols/debug_search.h"

namespace holdwatch {
namespace {

// If Rust's compiler leaves no comment, its library's source paths are among the texts of panics.
constexpr std::string_view kRustPath = "library/std/src/";

constexpr std::string_view kPushRbpMoveRsp = "\x55\x48\x89\xe5";

bool acquires_a_lock(std::string_view name) {
  return std::any_of(std::begin(kHookedFunctions), std::end(kHookedFunctions), [name](const HookedFunction& function) {
    return acquires_lock(function.role) && name == function.name;
  });
}

std::string_view text_at(std::string_view strings, size_t offset) {
  if (offset >= strings.size()) return {};
  return strings.substr(offset, strings.find('\0', offset) - offset);
}

template <typename Entry>
Entry entry_at(std::string_view table, size_t index) {
  Entry entry;
  memcpy(&entry, table.data() + index * sizeof entry, sizeof entry);
  return entry;
}

}  // namespace

ProgramFile::ProgramFile(const std::string& path) : file_(ElfSections::open(path)) {}

bool ProgramFile::is_go() const {
  return file_->has(".note.go.buildid") || file_->has(".go.buildinfo");
}

bool ProgramFile::is_rust() const {
  return file_->contents(".comment").find("rustc") != std::string_view::npos ||
         file_->contents(".rodata").find(kRustPath) != std::string_view::npos;
}

std::vector<std::string> ProgramFile::lock_functions(bool imported) const {
  const std::string_view symbols = file_->contents(".dynsym"), strings = file_->contents(".dynstr");
  std::vector<std::string> found;
  for (size_t index = 0; index < symbols.size() / sizeof(Elf64_Sym); ++index) {
    const auto symbol = entry_at<Elf64_Sym>(symbols, index);
    const std::string_view name = text_at(strings, symbol.st_name);
    if ((symbol.st_shndx == SHN_UNDEF) == imported && acquires_a_lock(name)) found.emplace_back(name);
  }
  return found;
}

ProgramFile::DebugData ProgramFile::debug_data() const {
  if (file_->has(".debug_info")) return DebugData::lines;
  const DebugSearch search;
  const std::unique_ptr<ElfSections> separate = find_debug_file(*file_, search);
  if (separate != nullptr && separate->has(".debug_info")) return DebugData::lines;
  const bool has_symbols = file_->has(".symtab") || file_->has(".gnu_debugdata");
  if (has_symbols) return DebugData::symbols;
  return exports_functions() ? DebugData::exported : DebugData::none;
}

// Not counting those that every program exports for the C library.
bool ProgramFile::exports_functions() const {
  constexpr size_t kOfEveryProgram = 8;
  const std::string_view symbols = file_->contents(".dynsym");
  size_t exported = 0;
  for (size_t index = 0; index < symbols.size() / sizeof(Elf64_Sym); ++index) {
    const auto symbol = entry_at<Elf64_Sym>(symbols, index);
    if (symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC) ++exported;
  }
  return exported > kOfEveryProgram;
}

// Enumerates the functions by the search table of the unwind tables.
bool ProgramFile::keeps_frame_pointers() const {
  constexpr size_t kCountOffset = 8;
  constexpr char kCountEncoding = 0x03;  // DW_EH_PE_udata4
  const std::string_view header = file_->contents(".eh_frame_hdr"), code = file_->contents(".text");
  if (header.size() < kCountOffset + sizeof(uint32_t) || header[2] != kCountEncoding) return false;
  const auto functions = entry_at<uint32_t>(header.substr(kCountOffset), 0);
  size_t saving = 0;
  for (size_t at = code.find(kPushRbpMoveRsp); at != std::string_view::npos; at = code.find(kPushRbpMoveRsp, at + 1))
    ++saving;
  return saving > functions / 2;
}

unsigned ProgramFile::glibc_minor() const {
  return highest_glibc_minor(file_->contents(".dynstr"));
}

}  // namespace holdwatch
