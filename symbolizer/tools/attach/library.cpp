// See library.h. The process may have another file system than ours (a container), or no right to read the file (a
// server that has become an unprivileged user): then it gets the libraries as files in memory.
#include "symbolizer/tools/attach/library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "shim/common/text/digits.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/attach/resource_limits.h"
#include "symbolizer/tools/attach/watched.h"
#include "symbolizer/tools/missing_libraries.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

constexpr const char *kLibraryCopy = "libholdwatch.so", *kSymbolizerCopy = "libholdwatch-symbolizer.so";

// Its name must differ from the library's, because the loader would otherwise take it for the same file.
HandedSymbolizer handed(int descriptor) {
  return {"/proc/self//fd/" + std::to_string(descriptor), descriptor};
}

// A file in memory that the process has open; -1 if it cannot be created. Its descriptor number is high: a program that
// has closed the low ones expects to get them for its own files.
int make_memory_file(RemoteCall& thread, const std::string& name) {
  constexpr int kFarAway = 100;
  const auto made = static_cast<int>(thread.call("memfd_create", {thread.push_text(name), MFD_CLOEXEC}));
  if (made < 0) return made;
  const auto moved = static_cast<int>(thread.call("fcntl", {static_cast<uint64_t>(made), F_DUPFD_CLOEXEC, kFarAway}));
  if (moved < 0) return made;  // the limit of open descriptors is reached
  thread.call("close", {static_cast<uint64_t>(made)});
  return moved;
}

bool fill(int pid, int descriptor, const std::string& path) {
  std::ifstream from(path, std::ios::binary);
  std::ofstream to(process_file(pid, "fd/" + std::to_string(descriptor)), std::ios::binary);
  to << from.rdbuf();
  to.flush();
  return from && to;
}

// Empty, or the loader's message.
std::string open_in(AttachTarget& target, RemoteCall& thread, const std::string& path) {
  if (thread.call("dlopen", {thread.push_text(path), RTLD_NOW | RTLD_LOCAL}) != 0) return "";
  return target.read_string(thread.call("dlerror", {}));
}

}  // namespace

bool sees_the_same_file(int pid, const std::string& path) {
  struct stat here, there;
  return stat(path.c_str(), &here) == 0 && stat(process_file(pid, "root" + path).c_str(), &there) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

CopiesLeft find_copies_left(int pid) {
  CopiesLeft left;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(process_file(pid, "fd"), error)) {
    const std::string path = std::filesystem::read_symlink(entry.path(), error);
    const int descriptor = static_cast<int>(leading_number(entry.path().filename().native()));
    if (path == std::string("/memfd:") + kLibraryCopy + " (deleted)") left.libraries.push_back(descriptor);
    if (path == std::string("/memfd:") + kSymbolizerCopy + " (deleted)") left.symbolizers.push_back(descriptor);
  }
  return left;
}

HandedSymbolizer clear_up(AttachTarget& target, RemoteCall& thread, const CopiesLeft& left) {
  if (left.libraries.empty() && left.symbolizers.empty()) return {};
  auto watched = Watched::find(target);
  const bool is_handed = watched && watched->has_symbolizer();
  int needed = is_handed ? watched->symbolizer_descriptor() : -1;
  if (watched && !is_handed && !left.symbolizers.empty()) needed = left.symbolizers.back();
  const auto close_all = [&](const std::vector<int>& descriptors) {
    for (const int descriptor : descriptors)
      if (descriptor != needed) thread.call("close", {static_cast<uint64_t>(descriptor)});
  };
  close_all(left.libraries);
  close_all(left.symbolizers);
  return is_handed || needed < 0 ? HandedSymbolizer{} : handed(needed);
}

std::string load_library(AttachTarget& target, RemoteCall& thread, const std::string& path) {
  return sees_the_same_file(target.pid(), path) ? open_in(target, thread, path) : "the file is not visible to it";
}

MemoryCopies make_copies(RemoteCall& thread) {
  return {make_memory_file(thread, kLibraryCopy), make_memory_file(thread, kSymbolizerCopy)};
}

bool needs_symbolizer_again(AttachTarget& target) {
  auto watched = Watched::find(target);
  const bool is_copy =
      read_text(process_file(target.pid(), "maps")).find(std::string("/memfd:") + kLibraryCopy) != std::string::npos;
  return watched && is_copy && !watched->has_symbolizer();
}

MemoryCopies make_copy_of_symbolizer(RemoteCall& thread) {
  return {-1, make_memory_file(thread, kSymbolizerCopy), true};
}

void fill_copies(AttachTarget& target, const MemoryCopies& copies, const std::string& library) {
  const auto fill_one = [&](int descriptor, const std::string& path) {
    return descriptor >= 0 && fill(target.pid(), descriptor, path);
  };
  const bool filled = (copies.has_library || fill_one(copies.library, library)) &&
                      fill_one(copies.symbolizer, symbolizer_beside(library));
  if (!filled)
    throw Refusal(describe_process(target.pid()) + " cannot load " + library + ", nor from a copy in memory" +
                  reached_limits(target.pid()));
}

// The symbolizer is loaded later, by a thread of the library.
HandedSymbolizer load_copies(AttachTarget& target, RemoteCall& thread, const MemoryCopies& copies) {
  if (copies.has_library) return handed(copies.symbolizer);
  const std::string error = open_in(target, thread, "/proc/self/fd/" + std::to_string(copies.library));
  thread.call("close", {static_cast<uint64_t>(copies.library)});
  if (!error.empty())
    throw Refusal(describe_process(target.pid()) + " cannot load libholdwatch.so: " + error +
                  reached_limits(target.pid()));
  return handed(copies.symbolizer);
}

}  // namespace holdwatch::attach
