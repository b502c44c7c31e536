// Reads /proc/PID/maps, and the ELF headers of what is mapped from the process's memory, into Modules.
// Cold context only. The headers are another's bytes: every count, size and address of them is checked before use.
#include "symbolizer/unwind/modules.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace holdwatch {

namespace {

constexpr size_t kMaxProgramHeaders = 128;
constexpr size_t kMaxNoteBytes = 4096;
constexpr uintptr_t kMaxModuleSpan = uintptr_t{1} << 36;  // far beyond any real object, far below an overflow
constexpr uintptr_t kPageSize = 4096;
constexpr size_t kVanishedKept = 64;
constexpr std::string_view kDeletedSuffix = " (deleted)";

// Takes a number in `base` off the front of `text`, and the character `terminator` after it.
bool take_number(std::string_view& text, int base, char terminator, uint64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (text.empty() || text.front() != terminator) return false;
  text.remove_prefix(1);
  return true;
}

// The kernel writes a newline in a path as \012 and nothing else in another way (seq_file_path in fs/proc/task_mmu.c).
std::string unescape(std::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path.substr(i, 4) == "\\012") {
      out += '\n';
      i += 3;
    } else {
      out += path[i];
    }
  }
  return out;
}

// 55d0c8000000-55d0c8021000 r-xp 00001000 fd:01 1234   /path
std::optional<Mapping> parse_line(std::string_view line) {
  Mapping mapping;
  uint64_t start = 0, end = 0, offset = 0, major_number = 0, minor_number = 0;
  if (!take_number(line, 16, '-', start) || !take_number(line, 16, ' ', end) || end <= start) return std::nullopt;
  if (line.size() < 5 || line[4] != ' ') return std::nullopt;
  mapping.readable = line[0] == 'r';
  mapping.writable = line[1] == 'w';
  mapping.executable = line[2] == 'x';
  line.remove_prefix(5);
  if (!take_number(line, 16, ' ', offset) || !take_number(line, 16, ':', major_number)) return std::nullopt;
  if (!take_number(line, 16, ' ', minor_number)) return std::nullopt;
  auto [after, error] = std::from_chars(line.data(), line.data() + line.size(), mapping.inode, 10);
  if (error != std::errc()) return std::nullopt;
  line.remove_prefix(static_cast<size_t>(after - line.data()));
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.start = start;
  mapping.end = end;
  mapping.offset = offset;
  mapping.device = makedev(static_cast<unsigned>(major_number), static_cast<unsigned>(minor_number));
  mapping.path = unescape(line);
  return mapping;
}

bool same_file(const Mapping& a, const Mapping& b) {
  return a.inode == b.inode && a.device == b.device && a.path == b.path;
}

// What an object's program headers say, as run-time addresses.
struct Layout {
  uintptr_t bias = 0;
  uintptr_t end = 0;
  uintptr_t entry = 0;
  uintptr_t eh_frame_hdr = 0;
  size_t eh_frame_hdr_size = 0;
  std::string build_id;
};

uintptr_t round_up(uintptr_t value, uintptr_t unit) {
  return (value + unit - 1) / unit * unit;
}

// The build id among the notes at `address`, as hex; empty if it is not there.
std::string find_build_id(MemoryReader& memory, uintptr_t address, size_t size) {
  std::vector<char> notes(std::min(size, kMaxNoteBytes));
  notes.resize(memory.read(address, notes.data(), notes.size()));
  size_t at = 0;
  while (at + sizeof(Elf64_Nhdr) <= notes.size()) {
    Elf64_Nhdr header;
    std::memcpy(&header, notes.data() + at, sizeof header);
    if (header.n_namesz > kMaxNoteBytes || header.n_descsz > kMaxNoteBytes) break;
    const size_t name = at + sizeof header;
    const size_t description = name + round_up(header.n_namesz, 4);
    if (description + header.n_descsz > notes.size()) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(notes.data() + name, "GNU", 4) == 0) {
      static constexpr char kDigits[] = "0123456789abcdef";
      std::string hex;
      for (size_t i = 0; i < header.n_descsz; ++i) {
        const auto byte = static_cast<unsigned char>(notes[description + i]);
        hex += kDigits[byte >> 4];
        hex += kDigits[byte & 15];
      }
      return hex;
    }
    at = description + round_up(header.n_descsz, 4);
  }
  return {};
}

std::vector<Elf64_Phdr> read_program_headers(MemoryReader& memory, uintptr_t base, Elf64_Ehdr& header) {
  const auto read = memory.read_value<Elf64_Ehdr>(base);
  if (!read) return {};
  header = *read;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) return {};
  if (header.e_machine != EM_X86_64 || header.e_phentsize != sizeof(Elf64_Phdr)) return {};
  if (header.e_phnum > kMaxProgramHeaders || header.e_phoff > kMaxModuleSpan) return {};
  std::vector<Elf64_Phdr> headers(header.e_phnum);
  const size_t bytes = headers.size() * sizeof(Elf64_Phdr);
  if (memory.read(base + header.e_phoff, headers.data(), bytes) != bytes) return {};
  return headers;
}

// The layout of the object whose file offset 0 is mapped at `base`; nothing if there is no ELF header that makes sense.
std::optional<Layout> read_layout(MemoryReader& memory, uintptr_t base) {
  Elf64_Ehdr header;
  const std::vector<Elf64_Phdr> headers = read_program_headers(memory, base, header);
  auto load_of_offset_zero = std::find_if(headers.begin(), headers.end(), [](const Elf64_Phdr& segment) {
    return segment.p_type == PT_LOAD && segment.p_offset < kPageSize;
  });
  if (load_of_offset_zero == headers.end()) return std::nullopt;

  Layout layout;
  layout.bias = base - (load_of_offset_zero->p_vaddr - load_of_offset_zero->p_offset);
  layout.end = base;
  for (const Elf64_Phdr& segment : headers) {
    if (segment.p_type != PT_LOAD) continue;
    const uintptr_t start = layout.bias + segment.p_vaddr;
    if (start < base || start - base > kMaxModuleSpan || segment.p_memsz > kMaxModuleSpan) return std::nullopt;
    layout.end = std::max(layout.end, round_up(start + segment.p_memsz, kPageSize));
  }
  auto inside = [&](uintptr_t start, size_t size) {
    return start >= base && start < layout.end && size <= layout.end - start;
  };
  for (const Elf64_Phdr& segment : headers) {
    const uintptr_t start = layout.bias + segment.p_vaddr;
    if (!inside(start, segment.p_memsz)) continue;
    if (segment.p_type == PT_GNU_EH_FRAME) {
      layout.eh_frame_hdr = start;
      layout.eh_frame_hdr_size = segment.p_memsz;
    } else if (segment.p_type == PT_NOTE && layout.build_id.empty()) {
      layout.build_id = find_build_id(memory, start, segment.p_memsz);
    }
  }
  if (header.e_entry != 0 && inside(layout.bias + header.e_entry, 1)) layout.entry = layout.bias + header.e_entry;
  return layout;
}

// The mappings from index `first` on that an object reaching up to `limit` consists of: its file's, and anonymous ones
// between and behind them (.bss, or code that the program has moved to huge pages). Sets end and executable ranges.
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

size_t build_module(const std::vector<Mapping>& mappings, size_t first, MemoryReader& memory, Module& module) {
  std::optional<Layout> layout;
  if (mappings[first].offset == 0 && mappings[first].readable) layout = read_layout(memory, mappings[first].start);
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

// The module of `modules` that is still mapped just as it was, from index `first` of `mappings` on.
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

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::optional<Mapping> mapping = parse_line(text.substr(0, end));
    // The kernel sorts them; a line that does not fit in would break every search by address.
    if (mapping && (mappings.empty() || mappings.back().end <= mapping->start)) mappings.push_back(std::move(*mapping));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return mappings;
}

// Of our own process the calling thread's file is read: the main thread's is empty once that has called pthread_exit.
bool Modules::refresh() {
  std::optional<std::string> text =
      read_file(pid_ == getpid() ? "/proc/thread-self/maps" : "/proc/" + std::to_string(pid_) + "/maps");
  if (!text) return false;
  update(std::move(*text));
  return true;
}

void Modules::update(std::string text) {
  if (text == text_) return;
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
    if (!module) {
      Module fresh = module_of_file(mappings_[i]);
      next = build_module(mappings_, i, memory_, fresh);
      module = std::make_shared<const Module>(std::move(fresh));
    }
    // A file that is mapped to be read only (a database, a debug file) is no module.
    if (!module->executable.empty()) modules_.push_back(std::move(module));
    i = next;
  }
  if (modules_ == before) return;
  ++generation_;
  remember_vanished(before);
}

void Modules::remember_vanished(const std::vector<std::shared_ptr<const Module>>& before) {
  for (const auto& module : before) {
    if (std::find(modules_.begin(), modules_.end(), module) == modules_.end()) vanished_.push_back(module);
  }
  if (vanished_.size() > kVanishedKept) {
    vanished_.erase(vanished_.begin(), vanished_.end() - static_cast<std::ptrdiff_t>(kVanishedKept));
  }
}

const Module* Modules::find(uintptr_t address) const {
  auto after = std::upper_bound(modules_.begin(), modules_.end(), address,
                                [](uintptr_t value, const auto& module) { return value < module->start; });
  if (after != modules_.begin() && (*std::prev(after))->contains(address)) return std::prev(after)->get();
  if (mapping(address) != nullptr) return nullptr;
  auto gone = std::find_if(vanished_.rbegin(), vanished_.rend(),
                           [address](const auto& module) { return module->contains(address); });
  return gone == vanished_.rend() ? nullptr : gone->get();
}

const Mapping* Modules::mapping(uintptr_t address) const {
  auto after = std::upper_bound(mappings_.begin(), mappings_.end(), address,
                                [](uintptr_t value, const Mapping& mapping) { return value < mapping.start; });
  if (after == mappings_.begin()) return nullptr;
  const Mapping& found = *std::prev(after);
  return address < found.end ? &found : nullptr;
}

}  // namespace holdwatch
