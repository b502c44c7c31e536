// See symbolizer_link.h.
#include "shim/reporter/symbolizer_link.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "shim/base/libc_functions.h"
#include "shim/common/contract/control_block.h"
#include "shim/common/elf/cut_file.h"
#include "shim/common/kernel/system_call.h"
#include "shim/common/text/missing_library.h"
#include "shim/common/text/text_buffer.h"
#include "shim/handoff/reporter_start.h"
#include "shim/own_threads/standard_error.h"
#include "shim/reporter/clean_pages.h"

namespace holdwatch {

namespace {

char g_own_path[PATH_MAX];

// When installed, the symbolizer is in the shim's directory; in the build tree, in a sibling directory.
constexpr const char* kPlaces[] = {"/libholdwatch-symbolizer.so", "/../symbolizer/libholdwatch-symbolizer.so"};

// The symbolizer, which is never unloaded. A child that was forked in the middle of a report cannot use it, because
// what its libc has locked stays locked: the child loads another copy.
void* g_handle = nullptr;
// The decoder's functions, in the symbolizer's namespace: never unloaded either.
const void* g_decoder = nullptr;
constexpr unsigned kMaxCopies = 8;  // glibc has room for 16 namespaces in all
unsigned g_copies = 0;

// A thread that walks the list of modules holds a lock, and dlmopen waits for that lock while holding two others, one
// of which pthread_create needs. A callback of such a walk that creates the first two threads would deadlock. So we
// wait here first, without holding any lock.
void wait_for_walks() {
  libc().dl_iterate_phdr([](dl_phdr_info*, size_t, void*) { return 1; }, nullptr);
}

// Into a namespace of its own: its libraries do not replace the program's, the program's do not replace its own, and
// the program cannot hold any of their locks.
void* load(const char* path) {
  wait_for_walks();
  return libc().dlmopen(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL);
}

// The loader's message, with what to do about it if that is known.
void explain(std::string_view complaint, TextBuffer& out) {
  const std::string_view missing = library_missing_according_to(complaint);
  if (!missing.empty()) {
    out << missing << " is not installed (on Debian: apt-get install ";
    write_debian_package_of(missing, out);
    out << "; to see all that is missing: holdwatch doctor)";
  } else if (complaint.find("version `GLIBC_") != std::string_view::npos) {
    out << "it needs a newer glibc than the " << libc().gnu_get_libc_version()
        << " of this system; build holdwatch on this system";
  } else {
    out << complaint;
  }
}

// The attaching command has passed the symbolizer as a file in memory, because this process cannot read the installed
// file.
void* open_handed_symbolizer(TextBuffer& tried) {
  void* handle = load(holdwatch_control_block.symbolizer.path);
  if (handle == nullptr) {
    tried << "cannot load libholdwatch-symbolizer.so: ";
    explain(libc().dlerror(), tried);
  }
  return handle;
}

// Closed, because at the next attachment the name would refer to whatever file has that descriptor number then.
void close_handed(HandedLibrary& library) {
  if (library.descriptor != 0) system_call(SYS_close, library.descriptor - 1);
  library = {};
}

void* open_symbolizer(TextBuffer& tried) {
  if (holdwatch_control_block.symbolizer.path[0] != '\0') return open_handed_symbolizer(tried);
  const char* slash = strrchr(g_own_path, '/');
  const size_t folder = slash == nullptr ? 0 : static_cast<size_t>(slash - g_own_path);
  Line<512> reason;
  reason << "not found";
  for (const char* place : kPlaces) {
    Line<PATH_MAX + 64> path;
    path << std::string_view(g_own_path, folder) << place;
    const long looked = system_call(SYS_access, path.c_str(), F_OK);
    const bool cut = looked == 0 && is_cut(path.c_str());
    if (void* handle = looked == 0 && !cut ? load(path.c_str()) : nullptr; handle != nullptr) return handle;
    if (cut) {
      reason.clear();
      reason << "the file is incomplete";
    } else if (looked == 0) {
      reason.clear();
      explain(libc().dlerror(), reason);
    } else if (looked == -EACCES) {
      reason.clear();
      reason << "permission denied";
    }
  }
  tried << "cannot load libholdwatch-symbolizer.so beside " << std::string_view(g_own_path) << ": "
        << std::string_view(reason);
  return nullptr;
}

// The consequence: where reports go without the symbolizer, written by the watcher and the fallback reporter.
void describe_what_is_lost(const Settings& settings, TextBuffer& out) {
  if (strcmp(settings.log, "none") == 0) {
    out << "; with LOG=none nothing is reported";
    return;
  }
  out << "; reports go to stderr without function names";
  const char* separator = ", and nothing is written to ";
  for (const auto& [name, value] : {std::pair{"LOG=", settings.log}, std::pair{"JSON=", settings.json}}) {
    if (value[0] == '\0' || strcmp(value, "stderr") == 0) continue;
    out << separator << name << value;
    separator = " and ";
  }
}

void* symbolizer(TextBuffer& tried) {
  if (g_handle == nullptr && g_copies == kMaxCopies) {
    tried << "this process and each of its ancestors interrupted a report by forking";
  } else if (g_handle == nullptr) {
    g_handle = open_symbolizer(tried);
    if (g_handle != nullptr) ++g_copies;
  }
  close_handed(holdwatch_control_block.symbolizer);
  return g_handle;
}

}  // namespace

void remember_own_path() {
  const char* const name = own_module().l_name;
  if (name == nullptr) return;
  TextBuffer path(g_own_path, sizeof g_own_path);
  if (name[0] != '/' && system_call(SYS_getcwd, g_own_path, sizeof g_own_path) > 0) {
    char folder[PATH_MAX];
    strncpy(folder, g_own_path, sizeof folder);
    path.clear();
    path << folder << "/";
  }
  path << name;
}

const char* own_path() {
  return g_own_path;
}

void abandon_symbolizer() {
  g_handle = nullptr;
  g_decoder = nullptr;
}

namespace {

// To the command that attaches: it is its last line.
void add_remark_without_decoder(std::string_view why) {
  Line<2 * PATH_MAX> remark;
  remark << "readers of rwlocks from before the attachment will not be named: " << why;
  add_startup_remark(remark);
}

// The file that was handed over, or the one beside the symbolizer.
void write_path_of_decoder(TextBuffer& path) {
  if (const char* handed = holdwatch_control_block.decoder.path; handed[0] != '\0') {
    path << handed;
    return;
  }
  link_map* module = nullptr;
  if (libc().dlinfo(g_handle, RTLD_DI_LINKMAP, &module) != 0) return;
  const std::string_view file = module->l_name;
  path << file.substr(0, file.rfind('/') + 1) << "libholdwatch-decoder.so";
}

// Into the symbolizer's namespace; null if that is impossible. Only for an attachment: see symbolizer/guards/capstone.h.
const void* load_decoder() {
  Lmid_t space = 0;
  if (libc().dlinfo(g_handle, RTLD_DI_LMID, &space) != 0) return nullptr;
  Line<PATH_MAX + 64> path;
  write_path_of_decoder(path);
  if (system_call(SYS_access, path.c_str(), F_OK) != 0) {
    add_remark_without_decoder("the process does not see libholdwatch-decoder.so");
    return nullptr;
  }
  wait_for_walks();
  void* const handle = libc().dlmopen(space, path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    Line<2 * PATH_MAX> reason;
    explain(libc().dlerror(), reason);
    add_remark_without_decoder(std::string_view(reason));
    return nullptr;
  }
  const auto entry = reinterpret_cast<DecoderEntry>(libc().dlsym(handle, kDecoderEntryName));
  return entry == nullptr ? nullptr : entry();
}

// It may be a copy, and another one would be another library for the loader: so it is loaded once.
const void* decoder() {
  if (g_decoder == nullptr) g_decoder = load_decoder();
  return g_decoder;
}

}  // namespace

LoadedSymbolizer load_symbolizer(const Settings& settings, const HostCalls& host) {
  Line<2 * PATH_MAX> complaint;
  void* handle = symbolizer(complaint);
  if (handle != nullptr) {
    const auto entry = reinterpret_cast<SymbolizerEntry>(libc().dlsym(handle, kSymbolizerEntryName));
    const SymbolizerApi* api = entry == nullptr ? nullptr : entry();
    if (api != nullptr && api->version == kSymbolizerApiVersion && api->size == sizeof(SymbolizerApi)) {
      char why[kNoteSize] = "";
      if (void* self = api->create(&settings, &host, why, sizeof why); self != nullptr) {
        if (settings.is_attachment) api->use_decoder(self, decoder());
        close_handed(holdwatch_control_block.decoder);
        note_clean_pages(handle);
        return {api, self};
      }
      complaint << "libholdwatch-symbolizer.so failed to start: " << why;
    } else {
      complaint << "libholdwatch-symbolizer.so beside " << own_path() << " is of another version";
    }
  }
  close_handed(holdwatch_control_block.decoder);
  describe_what_is_lost(settings, complaint);
  print_message(complaint);
  add_startup_remark(complaint);
  return {nullptr, nullptr};
}

}  // namespace holdwatch
