// All that is known about one module's code: its symbols, its DWARF, and the frames already resolved.
// Cold context only.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "symbolizer/symbols/deadline.h"
#include "symbolizer/symbols/debug_file.h"
#include "symbolizer/symbols/dwarf_info.h"
#include "symbolizer/symbols/lru.h"
#include "symbolizer/symbols/plt.h"
#include "symbolizer/symbols/symbol_table.h"
#include "symbolizer/symbols/symbols.h"

namespace holdwatch {

class ModuleSymbols {
 public:
  // Finds and reads the module's files; keeps none open. The deadline must outlive this.
  ModuleSymbols(const Module& module, Symbolize how, const DebugSearch& search, Deadline& deadline);

  // The frames at `address` (as in the module's file): functions, lines and source text. At least one, which is empty
  // if nothing is known. After the deadline, only the function from the symbol table.
  std::vector<Frame> frames_at(uintptr_t address);

  // The variable that contains `address`: its name, and "+16" if the address is not its beginning. Empty if not known.
  std::string variable_at(uintptr_t address);

  // See Symbols. All addresses are as in the module's file, but for those in the frame and of the lock in it.
  std::string lock_variable_at(const LockRef& lock, uintptr_t code);
  std::string lock_in_frame(const LockRef& lock, uintptr_t address, const FrameValues& frame);

  // Whether there is debug data that is not used, because reading it took too long.
  bool has_given_up() const { return has_given_up_; }

  // Approximate memory use.
  size_t size_in_bytes() const;

 private:
  std::vector<Frame> resolve(uintptr_t address) const;
  std::string find_variable(uintptr_t address) const;
  std::vector<CodeScope> scopes_at(uintptr_t address) const;
  void name_by_symbol(uintptr_t address, CodeScope& function) const;

  Symbolize how_;
  Deadline& deadline_;
  timespec modified_ = {};
  bool has_given_up_ = false;
  // The images come first: the members below read from them.
  std::unique_ptr<ElfImage> main_, debug_, alternate_, mini_debug_;
  SymbolTable symbols_;
  std::optional<PltStubs> plt_;
  std::unique_ptr<DwarfInfo> dwarf_;
  Lru<uintptr_t, std::vector<Frame>> resolved_{2048};
  Lru<uintptr_t, std::string> variables_{256};
};

}  // namespace holdwatch
