// Opens a module's files and combines symbols, DWARF and source text. See module_symbols.h.
// Cold context only.
#include "symbolizer/symbols/module_symbols.h"

#include <elf.h>

#include <filesystem>
#include <new>

#include "symbolizer/symbols/debug_sections.h"
#include "symbolizer/symbols/demangle.h"
#include "symbolizer/symbols/private_copy.h"
#include "symbolizer/symbols/source_lines.h"

namespace holdwatch {
namespace {

// What is read of the file goes into memory that can be unmapped, unless there is more debug data than may be read.
std::unique_ptr<ElfImage> keep(std::unique_ptr<ElfImage> image, bool with_debug_data, const DebugSearch& search) {
  const DebugData readable = with_debug_data ? readable_debug_data(*image, search.memory_limit / 2) : DebugData::none;
  return into_private_memory(std::move(image), readable);
}

}  // namespace

ModuleSymbols::ModuleSymbols(const Module& module, Symbolize how, const DebugSearch& search, Deadline& deadline)
    : how_(how), deadline_(deadline) {
  main_ = open_module_file(module, search);
  if (main_ == nullptr) return;
  modified_ = main_->modified();
  const bool wants_dwarf = how == Symbolize::full || main_->section_of_type(SHT_SYMTAB) == nullptr;
  const bool has_dwarf = main_->section(".debug_info") != nullptr || main_->section(".zdebug_info") != nullptr;
  main_ = keep(std::move(main_), wants_dwarf, search);
  symbols_.add(*main_);
  if (!has_dwarf || !symbols_.has_full_table()) debug_ = find_debug_file(*main_, search);
  if (debug_ != nullptr) {
    debug_ = keep(std::move(debug_), wants_dwarf, search);
    symbols_.add(*debug_);
  }
  if (!symbols_.has_full_table()) mini_debug_ = unpack_mini_debug(*main_);
  if (mini_debug_ != nullptr) symbols_.add(*mini_debug_);
  plt_.emplace(*main_);

  // For names alone symbols are enough: DWARF is read only if there are none.
  ElfImage* dwarf_image = has_dwarf ? main_.get() : debug_.get();
  if (dwarf_image != nullptr && (how == Symbolize::full || !symbols_.has_full_table())) {
    alternate_ = find_alternate_file(*dwarf_image, search);
    if (alternate_ != nullptr) alternate_ = keep(std::move(alternate_), true, search);
    dwarf_ = DwarfInfo::load(*dwarf_image, alternate_.get(), search.memory_limit / 2, deadline);
    has_given_up_ = dwarf_ == nullptr && deadline.look();
  }
  for (ElfImage* image : {main_.get(), debug_.get(), alternate_.get()}) {
    if (image != nullptr) image->close_file();
  }
}

// A result from after the deadline is not cached, and debug data that takes that long for one address is dropped.
std::vector<Frame> ModuleSymbols::frames_at(uintptr_t address) {
  if (const std::vector<Frame>* known = resolved_.find(address)) return *known;
  const auto start = Deadline::Clock::now();
  std::vector<Frame> frames;
  try {
    frames = resolve(address);
  } catch (const std::bad_alloc&) {
    dwarf_.reset();  // the largest part of the data, and libdw may have been interrupted in the middle of an operation
    throw;
  }
  if (!deadline_.look()) return resolved_.insert(address, std::move(frames));
  if (dwarf_ != nullptr && deadline_.is_mostly_since(start)) {
    dwarf_.reset();
    has_given_up_ = true;
  }
  return frames;
}

// Sets the function's name from the symbol at `address`; changes nothing if there is none.
void ModuleSymbols::name_by_symbol(uintptr_t address, CodeScope& function) const {
  if (std::optional<std::string> symbol = symbols_.find(address)) {
    function.function = demangle(*symbol);
    function.is_rust = is_rust_symbol(*symbol);
  } else if (plt_.has_value()) {
    if (std::string stub = plt_->find(address); !stub.empty()) function.function = std::move(stub);
  }
}

std::vector<CodeScope> ModuleSymbols::scopes_at(uintptr_t address) const {
  std::vector<CodeScope> scopes;
  const bool use_dwarf = dwarf_ != nullptr && !deadline_.look();
  if (how_ == Symbolize::full && use_dwarf) scopes = dwarf_->find(address);
  if (scopes.empty()) scopes.emplace_back();
  CodeScope& function = scopes.back();
  if (function.from_linkage) return scopes;
  // Without a linkage name the symbol is better: it has a static C++ function's parameters, a C function's public name.
  name_by_symbol(address, function);
  if (function.function.empty() && how_ == Symbolize::names && use_dwarf) {
    const std::vector<CodeScope> known = dwarf_->find(address);
    if (!known.empty()) function.function = known.back().function;
  }
  return scopes;
}

std::vector<Frame> ModuleSymbols::resolve(uintptr_t address) const {
  std::vector<Frame> frames;
  for (const CodeScope& scope : scopes_at(address)) {
    Frame& frame = frames.emplace_back();
    frame.function = scope.function;
    frame.inlined = true;
    frame.is_rust = scope.is_rust || scope.file.ends_with(".rs");
    if (scope.line == 0) continue;
    frame.file = std::filesystem::path(scope.file).lexically_normal().string();
    frame.line = scope.line;
    frame.source = source_line(scope.file, scope.line, modified_);
  }
  frames.back().inlined = false;
  return frames;
}

// A thousand threads may wait for one variable.
std::string ModuleSymbols::variable_at(uintptr_t address) {
  if (const std::string* known = variables_.find(address)) return *known;
  return variables_.insert(address, find_variable(address));
}

std::string ModuleSymbols::find_variable(uintptr_t address) const {
  const auto variable = symbols_.find_variable(address);
  if (!variable) return "";
  const std::string name = demangle(variable->symbol);
  return variable->offset == 0 ? name : name + "+" + std::to_string(variable->offset);
}

std::string ModuleSymbols::lock_variable_at(const LockRef& lock, uintptr_t code) {
  const auto variable = symbols_.find_variable(lock.address);
  const bool has_types = code != 0 && how_ == Symbolize::full && dwarf_ != nullptr && !deadline_.look();
  std::string way;
  if (variable && has_types &&
      dwarf_->lock_in_variable(code, variable->symbol, lock.address - variable->offset, lock, way))
    return demangle(variable->symbol) + way;
  return variable_at(lock.address);
}

std::string ModuleSymbols::lock_in_frame(const LockRef& lock, uintptr_t address, const FrameValues& frame) {
  if (how_ != Symbolize::full || dwarf_ == nullptr || deadline_.look()) return "";
  return dwarf_->lock_in_frame(address, frame, lock);
}

size_t ModuleSymbols::size_in_bytes() const {
  return symbols_.size_in_bytes() + (dwarf_ != nullptr ? dwarf_->size_in_bytes() : 0);
}

}  // namespace holdwatch
