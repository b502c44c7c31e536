// Combines mappings and ELF headers into modules, and keeps track of those that are loaded and unloaded.
// Cold context only.
#include "symbolizer/unwind/modules.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "symbolizer/proc/monotonic_clock.h"
#include "symbolizer/unwind/elf_layout.h"

namespace holdwatch {

namespace {

constexpr size_t kVanishedKept = 64;
constexpr std::string_view kDeletedSuffix = " (deleted)";

bool same_file(const Mapping& a, const Mapping& b) {
  return a.inode == b.inode && a.device == b.device && a.path == b.path;
}

// Takes the mappings, starting at index `first`, of an object that extends up to `limit`: its file's, and anonymous
// ones between and after them (.bss, or code that the program has moved to huge pages). Sets end and executable ranges.
size_t take_mappings(const std::vector<Mapping>& mappings, size_t first, uintptr_t limit, Module& module) {
  size_t next = first;
  for (; next < mappings.size() && (next == first || mappings[next].start < limit); ++next) {
    const Mapping& mapping = mappings[next];
    if (!mapping.path.empty() && !same_file(mapping, mappings[first])) break;
    module.end = std::min(mapping.end, std::max(limit, mappings[first].end));
    if (!mapping.executable) continue;
    if (!module.executable.empty() && module.executable.back().second == mapping.start) {
      module.executable.back().second = module.end;
    } else {
      module.executable.emplace_back(mapping.start, module.end);
    }
  }
  return next;
}

Module module_of_file(const Mapping& mapping) {
  Module module;
  module.start = mapping.start;
  module.end = mapping.end;
  module.path = mapping.path;
  if (module.path.ends_with(kDeletedSuffix)) {
    module.path.resize(module.path.size() - kDeletedSuffix.size());
    module.deleted = true;
  }
  module.inode = mapping.inode;
  module.device = mapping.device;
  return module;
}

// A file without an ELF header in its first mapping (a JIT's memfd, a foreign format): offsets are the file's.
size_t take_plain_file(const std::vector<Mapping>& mappings, size_t first, Module& module) {
  size_t next = first;
  while (next < mappings.size() && same_file(mappings[next], mappings[first]) &&
         (next == first || (mappings[next].start == mappings[next - 1].end && mappings[next].offset != 0))) {
    const Mapping& mapping = mappings[next++];
    module.end = mapping.end;
    if (mapping.executable) module.executable.emplace_back(mapping.start, mapping.end);
  }
  module.bias = mappings[first].start - mappings[first].offset;
  return next;
}

// Whether any executable memory belongs to the file, including the anonymous memory after it. If not, the file is data
// and is not read: the page may be one that a file server has to supply, and never does.
bool may_have_code(const std::vector<Mapping>& mappings, size_t first) {
  for (size_t i = first; i < mappings.size(); ++i) {
    if (!mappings[i].path.empty() && !same_file(mappings[i], mappings[first])) break;
    if (mappings[i].executable) return true;
  }
  return false;
}

size_t build_module(const std::vector<Mapping>& mappings, size_t first, MemoryReader& memory, Module& module) {
  std::optional<ElfLayout> layout;
  if (mappings[first].offset == 0 && mappings[first].readable && may_have_code(mappings, first))
    layout = read_elf_layout(memory, mappings[first].start);
  if (!layout) return take_plain_file(mappings, first, module);
  const size_t next = take_mappings(mappings, first, layout->end, module);
  module.bias = layout->bias;
  module.build_id = layout->build_id;
  if (module.contains(layout->entry)) module.entry = layout->entry;
  if (module.contains(layout->eh_frame_hdr) && layout->eh_frame_hdr_size <= module.end - layout->eh_frame_hdr) {
    module.eh_frame_hdr = layout->eh_frame_hdr;
    module.eh_frame_hdr_size = layout->eh_frame_hdr_size;
  }
  return next;
}

bool may_start_module(const Mapping& mapping) {
  return mapping.path == "[vdso]" || (!mapping.path.empty() && mapping.path.front() != '[');
}

// The module of `modules` that is mapped unchanged, starting at index `first` of `mappings`.
std::shared_ptr<const Module> unchanged(const std::vector<std::shared_ptr<const Module>>& modules,
                                        const std::vector<Mapping>& mappings, size_t first, size_t& next) {
  const Module now = module_of_file(mappings[first]);
  auto found = std::lower_bound(modules.begin(), modules.end(), now.start,
                                [](const auto& module, uintptr_t start) { return module->start < start; });
  if (found == modules.end() || (*found)->start != now.start) return nullptr;
  const Module& old = **found;
  if (old.path != now.path || old.inode != now.inode || old.device != now.device || old.deleted != now.deleted) {
    return nullptr;
  }
  Module extent = now;
  next = take_mappings(mappings, first, old.end, extent);
  return extent.end == old.end && extent.executable == old.executable ? *found : nullptr;
}

// Whether the mapped file still has the same contents: a file that is overwritten in place keeps its name and inode.
bool has_its_headers(const Module& module, MemoryReader& memory) {
  const std::optional<ElfLayout> layout = read_elf_layout(memory, module.start);
  return layout ? layout->build_id == module.build_id && layout->bias == module.bias : module.build_id.empty();
}

std::optional<std::string> read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::string text;
  ssize_t got = 0;
  do {
    constexpr size_t kStep = 16384;
    const size_t had = text.size();
    text.resize(had + kStep);
    got = ::read(file, text.data() + had, kStep);
    text.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  } while (got > 0 || (got < 0 && errno == EINTR));
  close(file);
  if (got < 0 || text.empty()) return std::nullopt;
  return text;
}

}  // namespace

bool Module::executes(uintptr_t address) const {
  return std::any_of(executable.begin(), executable.end(),
                     [address](const auto& range) { return address >= range.first && address < range.second; });
}

// For our own process the calling thread's file is read: the main thread's is empty after it has called pthread_exit.
bool Modules::refresh() {
  const uint64_t before_ns = monotonic_now_ns();
  std::optional<std::string> text =
      read_file(pid_ == getpid() ? "/proc/thread-self/maps" : "/proc/" + std::to_string(pid_) + "/maps");
  if (!text) return false;
  update(std::move(*text), {before_ns, monotonic_now_ns()});
  return true;
}

void Modules::update(std::string text, const Period& read) {
  const Period last_seen = std::exchange(latest_, read);
  const bool is_doubtful = unloaded_ != nullptr && unloaded_(last_seen.from_ns, read.until_ns);
  if (text == text_ && !is_doubtful) return;
  text_ = std::move(text);
  mappings_ = parse_maps(text_);
  const std::vector<std::shared_ptr<const Module>> before = std::move(modules_);
  modules_.clear();
  for (size_t i = 0; i < mappings_.size();) {
    if (!may_start_module(mappings_[i])) {
      ++i;
      continue;
    }
    size_t next = i + 1;
    std::shared_ptr<const Module> module = unchanged(before, mappings_, i, next);
    if (module && is_doubtful && !has_its_headers(*module, memory_)) module = nullptr;
    if (!module) {
      Module fresh = module_of_file(mappings_[i]);
      next = build_module(mappings_, i, memory_, fresh);
      module = std::make_shared<const Module>(std::move(fresh));
    }
    // A file that is mapped only for reading (a database, a debug file) is not a module.
    if (!module->executable.empty()) modules_.push_back(std::move(module));
    i = next;
  }
  if (modules_ == before) return;
  ++generation_;
  others_then_.clear();
  for (const auto& module : modules_) seen_periods_.try_emplace(module.get(), SeenPeriods{read, read});
  remember_vanished(before, last_seen);
}

void Modules::remember_vanished(const List& before, const Period& last_seen) {
  for (const auto& module : before) {
    if (std::find(modules_.begin(), modules_.end(), module) != modules_.end()) continue;
    vanished_.push_back(module);
    seen_periods_[module.get()].last = last_seen;
  }
  while (vanished_.size() > kVanishedKept) {
    seen_periods_.erase(vanished_.front().get());
    vanished_.erase(vanished_.begin());
  }
}

uint64_t Modules::look_back(const Period& when) {
  when_ = when;
  if (unloaded_ == nullptr) return generation_;
  if (unloaded_(latest_.from_ns, monotonic_now_ns())) refresh();
  std::vector<const Module*> others;
  for (const auto& module : modules_)
    if (!was_there(*module, latest_)) others.push_back(module.get());
  for (const auto& module : vanished_)
    if (!was_there(*module, seen_periods_.at(module.get()).last)) others.push_back(module.get());
  if (others != others_then_) ++generation_;
  others_then_ = std::move(others);
  return generation_;
}

bool Modules::was_there(const Module& module, const Period& last) const {
  if (unloaded_ == nullptr || when_.until_ns == 0) return true;
  const Period& first = seen_periods_.at(&module).first;
  if (when_.from_ns < first.until_ns && unloaded_(when_.from_ns, first.until_ns)) return false;
  return when_.until_ns <= last.from_ns || !unloaded_(last.from_ns, when_.until_ns);
}

const Module* Modules::find(uintptr_t address) const {
  auto after = std::upper_bound(modules_.begin(), modules_.end(), address,
                                [](uintptr_t value, const auto& module) { return value < module->start; });
  if (after != modules_.begin() && (*std::prev(after))->contains(address)) {
    const Module* const found = std::prev(after)->get();
    return is_other_then(found) ? nullptr : found;
  }
  return mapping(address) == nullptr ? vanished_at(address) : nullptr;
}

const Module* Modules::find_then(uintptr_t address) const {
  const Module* const found = find(address);
  return found != nullptr || when_.until_ns == 0 ? found : vanished_at(address);
}

const Module* Modules::vanished_at(uintptr_t address) const {
  auto gone = std::find_if(vanished_.rbegin(), vanished_.rend(), [&](const auto& module) {
    return module->contains(address) && !is_other_then(module.get());
  });
  return gone == vanished_.rend() ? nullptr : gone->get();
}

bool Modules::is_other_then(const Module* module) const {
  return std::find(others_then_.begin(), others_then_.end(), module) != others_then_.end();
}

const Mapping* Modules::mapping(uintptr_t address) const {
  auto after = std::upper_bound(mappings_.begin(), mappings_.end(), address,
                                [](uintptr_t value, const Mapping& mapping) { return value < mapping.start; });
  if (after == mappings_.begin()) return nullptr;
  const Mapping& found = *std::prev(after);
  return address < found.end ? &found : nullptr;
}

}  // namespace holdwatch
