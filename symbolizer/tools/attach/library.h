// Brings libholdwatch.so into a process whose thread is remote for it.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/tools/attach/remote_call.h"
#include "symbolizer/tools/attach/target.h"

namespace holdwatch::control {

// What the library needs to know where its own file is not for the process to be read.
struct HandedSymbolizer {
  std::string path;  // empty: the library finds it by itself
  int descriptor = -1;
};

// Files in the process's memory that hold what it cannot read.
struct MemoryCopies {
  int library = -1, symbolizer = -1;
  bool has_library = false;  // only the symbolizer is needed
};

// What a command that was killed has left open in the process.
struct CopiesLeft {
  std::vector<int> libraries, symbolizers;
};
CopiesLeft find_copies_left(int pid);
// Closes them. A symbolizer that the library is still to load is handed over and left open.
HandedSymbolizer clear_up(Target& target, RemoteCall& thread, const CopiesLeft& left);

// Whether the process finds our file under that path.
bool sees_the_same_file(int pid, const std::string& path);

// Empty, or why the process cannot load the file: the loader's words.
std::string load_library(Target& target, RemoteCall& thread, const std::string& path);

// The other way, in three steps, so that the thread need not stand still for the second. Throws Refusal.
MemoryCopies make_copies(RemoteCall& thread);
// Where the library is a copy already: its symbolizer could not be loaded when it was handed over.
bool needs_symbolizer_again(Target& target);
MemoryCopies make_copy_of_symbolizer(RemoteCall& thread);
void fill_copies(Target& target, const MemoryCopies& copies, const std::string& library);
HandedSymbolizer load_copies(Target& target, RemoteCall& thread, const MemoryCopies& copies);

}  // namespace holdwatch::control
