// Loads libholdwatch.so into a process, by remote calls in one of its threads.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/tools/attach/remote_call.h"
#include "symbolizer/tools/attach/target.h"

namespace holdwatch::attach {

// What the library must be told if the process cannot read the symbolizer's own file.
struct HandedSymbolizer {
  std::string path;  // empty: the library finds it by itself
  int descriptor = -1;
};

// Files in the process's memory with the contents of files that it cannot read.
struct MemoryCopies {
  int library = -1, symbolizer = -1;
  bool has_library = false;  // only the symbolizer is needed
};

// What a killed command has left open in the process.
struct CopiesLeft {
  std::vector<int> libraries, symbolizers;
};
CopiesLeft find_copies_left(int pid);
// Closes them. A symbolizer that the library has yet to load is handed over and left open.
HandedSymbolizer clear_up(AttachTarget& target, RemoteCall& thread, const CopiesLeft& left);

// Whether that path leads the process to the same file as us.
bool sees_the_same_file(int pid, const std::string& path);

// Empty, or why the process cannot load the file, in the loader's words.
std::string load_library(AttachTarget& target, RemoteCall& thread, const std::string& path);

// The other way, in three steps, so that the thread need not be stopped during the second. Throws Refusal.
MemoryCopies make_copies(RemoteCall& thread);
// For a library that is a copy already: whether its symbolizer could not be loaded when it was handed over.
bool needs_symbolizer_again(AttachTarget& target);
MemoryCopies make_copy_of_symbolizer(RemoteCall& thread);
void fill_copies(AttachTarget& target, const MemoryCopies& copies, const std::string& library);
HandedSymbolizer load_copies(AttachTarget& target, RemoteCall& thread, const MemoryCopies& copies);

}  // namespace holdwatch::attach
