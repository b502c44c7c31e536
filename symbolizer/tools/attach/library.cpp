// See library.h. The process may have another file system than ours (a container), or no right to read the file (a
// server that has become an unprivileged user): then it gets the libraries as files in memory. The decoder, without which
// only the readers of rwlocks are not named, is done without if it is not there.
#include "symbolizer/tools/attach/library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "shim/common/text/digits.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/tools/attach/refusal.h"
#include "symbolizer/tools/attach/resource_limits.h"
#include "symbolizer/tools/attach/watched.h"
#include "symbolizer/tools/missing_libraries.h"
#include "symbolizer/tools/process_state.h"

namespace holdwatch::attach {
namespace {

constexpr const char *kLibraryCopy = "libholdwatch.so", *kSymbolizerCopy = "libholdwatch-symbolizer.so",
                     *kDecoderCopy = "libholdwatch-decoder.so";

// The names of the three must differ, although a descriptor that was closed may be the next one's: the loader would
// otherwise take them for the same file.
std::string name_of_library(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

HandedCopy handed(Watched::Later library, int descriptor) {
  if (descriptor < 0) return {};
  const bool is_symbolizer = library == Watched::Later::symbolizer;
  return {(is_symbolizer ? "/proc/self//fd/" : "/proc/self///fd/") + std::to_string(descriptor), descriptor};
}

HandedCopies handed(const MemoryCopies& copies) {
  return {handed(Watched::Later::symbolizer, copies.symbolizer), handed(Watched::Later::decoder, copies.decoder)};
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

void close_in(RemoteCall& thread, int descriptor) {
  thread.call("close", {static_cast<uint64_t>(descriptor)});
}

// Closes what is left of one library, but for the copy that libholdwatch.so has yet to load; returns that one unless it
// was handed over.
HandedCopy clear_up_copies(Watched::Later library, std::optional<Watched>& watched, RemoteCall& thread,
                           const std::vector<int>& left) {
  const bool is_handed = watched && watched->is_handed(library);
  int needed = is_handed ? watched->handed_descriptor(library) : -1;
  if (watched && !is_handed && !left.empty()) needed = left.back();
  for (const int descriptor : left)
    if (descriptor != needed) close_in(thread, descriptor);
  return is_handed ? HandedCopy{} : handed(library, needed);
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
    for (const auto& [name, copies] : {std::pair{kLibraryCopy, &left.libraries},
                                       {kSymbolizerCopy, &left.symbolizers},
                                       {kDecoderCopy, &left.decoders}})
      if (path == std::string("/memfd:") + name + " (deleted)") copies->push_back(descriptor);
  }
  return left;
}

HandedCopies clear_up(AttachTarget& target, RemoteCall& thread, const CopiesLeft& left) {
  if (left.libraries.empty() && left.symbolizers.empty() && left.decoders.empty()) return {};
  auto watched = Watched::find(target);
  for (const int descriptor : left.libraries) close_in(thread, descriptor);
  return {clear_up_copies(Watched::Later::symbolizer, watched, thread, left.symbolizers),
          clear_up_copies(Watched::Later::decoder, watched, thread, left.decoders)};
}

std::string load_library(AttachTarget& target, RemoteCall& thread, const std::string& path) {
  return sees_the_same_file(target.pid(), path) ? open_in(target, thread, path) : "the file is not visible to it";
}

MemoryCopies make_copies(RemoteCall& thread, const std::string& library) {
  MemoryCopies copies = make_later_copies(thread, library);
  copies.library = make_memory_file(thread, kLibraryCopy);
  copies.has_library = false;
  return copies;
}

bool needs_copies_again(AttachTarget& target) {
  auto watched = Watched::find(target);
  const bool is_copy =
      read_text(process_file(target.pid(), "maps")).find(std::string("/memfd:") + kLibraryCopy) != std::string::npos;
  return watched && is_copy && !watched->is_handed(Watched::Later::symbolizer);
}

MemoryCopies make_later_copies(RemoteCall& thread, const std::string& library) {
  MemoryCopies copies{.symbolizer = make_memory_file(thread, kSymbolizerCopy), .has_library = true};
  if (!decoder_beside(library).empty()) copies.decoder = make_memory_file(thread, kDecoderCopy);
  return copies;
}

void fill_copies(AttachTarget& target, const MemoryCopies& copies, const std::string& library) {
  const auto fill_one = [&](int descriptor, const std::string& path) {
    return descriptor >= 0 && fill(target.pid(), descriptor, path);
  };
  const bool filled = (copies.has_library || fill_one(copies.library, library)) &&
                      fill_one(copies.symbolizer, symbolizer_beside(library)) &&
                      (copies.decoder < 0 || fill_one(copies.decoder, decoder_beside(library)));
  if (!filled)
    throw Refusal(describe_process(target.pid()) + " cannot load " + library + ", nor from a copy in memory" +
                  reached_limits(target.pid()));
}

// The others are loaded later, by a thread of the library.
HandedCopies load_copies(AttachTarget& target, RemoteCall& thread, const MemoryCopies& copies) {
  if (copies.has_library) return handed(copies);
  const std::string error = open_in(target, thread, name_of_library(copies.library));
  close_in(thread, copies.library);
  if (!error.empty())
    throw Refusal(describe_process(target.pid()) + " cannot load libholdwatch.so: " + error +
                  reached_limits(target.pid()));
  return handed(copies);
}

}  // namespace holdwatch::attach
