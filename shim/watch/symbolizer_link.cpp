// See symbolizer_link.h.
#include "shim/watch/symbolizer_link.h"

#include <dlfcn.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shim/base/control_block.h"
#include "shim/base/libc_functions.h"
#include "shim/base/library_start.h"
#include "shim/base/say.h"
#include "shim/base/system_call.h"
#include "shim/base/text_buffer.h"
#include "shim/watch/clean_pages.h"

namespace holdwatch {

void (*g_before_libraries_start)() = nullptr;
void (*g_hear_complaint)(std::string_view line) = nullptr;

namespace {

char g_own_path[PATH_MAX];

// Installed the symbolizer lies beside the shim; in the build tree, in the neighbouring folder.
constexpr const char* kPlaces[] = {"/libholdwatch-symbolizer.so", "/../symbolizer/libholdwatch-symbolizer.so"};

// Whoever attached has left it as a file in our memory, since this process cannot read it where it lies. Once it is loaded
// the name stays, for the loader finds it again by that; else the name would lead to whatever has the descriptor's number
// by the next attachment, which hands it over anew.
void* open_handed_symbolizer(TextBuffer& tried) {
  ControlBlock& block = holdwatch_control_block;
  void* handle = libc().dlopen(block.symbolizer, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    tried << "cannot load libholdwatch-symbolizer.so: " << libc().dlerror();
    block.symbolizer[0] = '\0';
  }
  if (block.symbolizer_descriptor != 0) system_call(SYS_close, block.symbolizer_descriptor - 1);
  block.symbolizer_descriptor = 0;
  return handle;
}

void* open_symbolizer(TextBuffer& tried) {
  if (holdwatch_control_block.symbolizer[0] != '\0') return open_handed_symbolizer(tried);
  const char* slash = strrchr(g_own_path, '/');
  const size_t folder = slash == nullptr ? 0 : static_cast<size_t>(slash - g_own_path);
  // dlerror's text goes with the next dlopen: what is to be said of this one is copied at once.
  Line<512> reason;
  reason << "not found";
  for (const char* place : kPlaces) {
    Line<PATH_MAX + 64> path;
    path << std::string_view(g_own_path, folder) << place;
    // RTLD_LOCAL keeps libunwind's _Unwind_* and everything else out of the program's scope.
    if (void* handle = libc().dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL); handle != nullptr) return handle;
    const char* error = libc().dlerror();
    const long looked = system_call(SYS_access, path.c_str(), F_OK);
    if (looked == 0 && error != nullptr) {
      reason.clear();
      reason << error;
    } else if (looked == -EACCES) {
      reason.clear();
      reason << "its folder is closed to this user";
    }
  }
  tried << "cannot load libholdwatch-symbolizer.so beside " << std::string_view(g_own_path) << ": "
        << std::string_view(reason);
  return nullptr;
}

void* create(const SymbolizerApi& api, const Settings& settings, const HostCalls& host, char (&why)[kNoteSize]) {
  if (g_before_libraries_start != nullptr) {
    g_before_libraries_start();
    g_libraries_start_unseen.store(true, std::memory_order_relaxed);
  }
  void* const self = api.create(&settings, &host, why, sizeof why);
  g_libraries_start_unseen.store(false, std::memory_order_relaxed);
  return self;
}

}  // namespace

void remember_own_path() {
  Dl_info info;
  if (libc().dladdr(reinterpret_cast<void*>(&remember_own_path), &info) == 0 || info.dli_fname == nullptr) return;
  TextBuffer path(g_own_path, sizeof g_own_path);
  if (info.dli_fname[0] != '/' && system_call(SYS_getcwd, g_own_path, sizeof g_own_path) > 0) {
    char folder[PATH_MAX];
    strncpy(folder, g_own_path, sizeof folder);
    path.clear();
    path << folder << "/";
  }
  path << info.dli_fname;
}

const char* own_path() {
  return g_own_path;
}

LoadedSymbolizer load_symbolizer(const Settings& settings, const HostCalls& host) {
  Line<1024> complaint;
  void* handle = open_symbolizer(complaint);
  if (handle != nullptr) {
    const auto entry = reinterpret_cast<SymbolizerEntry>(libc().dlsym(handle, kSymbolizerEntryName));
    const SymbolizerApi* api = entry == nullptr ? nullptr : entry();
    if (api != nullptr && api->version == kSymbolizerApiVersion && api->size == sizeof(SymbolizerApi)) {
      char why[kNoteSize] = "";
      if (void* self = create(*api, settings, host, why); self != nullptr) {
        note_clean_pages(handle);
        return {api, self};
      }
      complaint << "libholdwatch-symbolizer.so does not start: " << why;
    } else {
      complaint << "libholdwatch-symbolizer.so beside " << own_path() << " belongs to another version";
    }
  }
  const bool silent = strcmp(settings.log, "none") == 0;
  complaint << (silent ? "; with LOG=none nothing is reported" : "; reports go to stderr without function names");
  say(complaint);
  if (g_hear_complaint != nullptr) g_hear_complaint(complaint);
  return {nullptr, nullptr};
}

}  // namespace holdwatch
