// Loads libholdwatch.so into a process, by remote calls in one of its threads.
#pragma once

#include <string>
#include <vector>

#include "symbolizer/tools/attach/remote_call.h"
#include "symbolizer/tools/attach/target.h"

namespace holdwatch::attach {

// What libholdwatch.so must be told of a library that it loads later, if the process cannot read that library's own file.
struct HandedCopy {
  std::string path;  // empty: it is found without
  int descriptor = -1;
};
struct HandedCopies {
  HandedCopy symbolizer, decoder;
};

// Files in the process's memory with the contents of files that it cannot read; -1 where there is none.
struct MemoryCopies {
  int library = -1, symbolizer = -1, decoder = -1;
  bool has_library = false;  // only the others are needed
};

// What a killed command has left open in the process.
struct CopiesLeft {
  std::vector<int> libraries, symbolizers, decoders;
};
CopiesLeft find_copies_left(int pid);
// Closes them. What libholdwatch.so has yet to load is handed over and left open.
HandedCopies clear_up(AttachTarget& target, RemoteCall& thread, const CopiesLeft& left);

// Whether that path leads the process to the same file as us.
bool sees_the_same_file(int pid, const std::string& path);

// Empty, or why the process cannot load the file, in the loader's words.
std::string load_library(AttachTarget& target, RemoteCall& thread, const std::string& path);

// The other way, in three steps, so that the thread need not be stopped during the second. Throws Refusal.
MemoryCopies make_copies(RemoteCall& thread, const std::string& library);
// For a library that is a copy already: whether nothing is handed over, as what was may not have been loaded.
bool needs_copies_again(AttachTarget& target);
MemoryCopies make_later_copies(RemoteCall& thread, const std::string& library);
void fill_copies(AttachTarget& target, const MemoryCopies& copies, const std::string& library);
HandedCopies load_copies(AttachTarget& target, RemoteCall& thread, const MemoryCopies& copies);

}  // namespace holdwatch::attach
