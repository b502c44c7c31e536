// See core_file.h. The layout of notes: core(5), elf(5), and struct elf_prstatus of sys/procfs.h.
#include "symbolizer/tools/inspect/core_file.h"

#include <elf.h>
#include <sys/procfs.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "shim/common/elf/headers.h"
#include "shim/common/elf/notes.h"
#include "symbolizer/unwind/auxiliary.h"
#include "symbolizer/unwind/user_registers.h"

namespace holdwatch {
namespace {

constexpr uint64_t kMaxCoreSegments = uint64_t{1} << 20;
constexpr size_t kMaxNoteBytes = size_t{256} << 20;  // some 4 KiB per thread, including its vector registers
constexpr size_t kMaxThreads = size_t{1} << 20;
constexpr uint64_t kMaxPage = uint64_t{1} << 30;
constexpr size_t kNoteAlignment = 4;

// Internal to the kernel: the result of an interrupted system call before it is restarted or ends with EINTR.
constexpr long kRestartFirst = -516;  // -ERESTART_RESTARTBLOCK
constexpr long kRestartLast = -512;   // -ERESTARTSYS

std::string read_bytes(MemoryReader& file, uint64_t offset, uint64_t size) {
  constexpr size_t kStep = size_t{1} << 20;  // read in pieces, so that no more is allocated than the file has
  std::string bytes;
  while (bytes.size() < size) {
    const size_t had = bytes.size();
    const size_t wanted = std::min<uint64_t>(kStep, size - had);
    bytes.resize(had + wanted);
    const size_t got = file.read(offset + had, bytes.data() + had, wanted);
    bytes.resize(had + got);
    if (got < wanted) break;
  }
  return bytes;
}

template <typename T>
bool take(std::string_view bytes, size_t at, T& out) {
  if (at > bytes.size() || bytes.size() - at < sizeof out) return false;
  std::memcpy(&out, bytes.data() + at, sizeof out);
  return true;
}

// A text that ends with a zero, or at the end of the bytes; moves `at` behind it.
std::string take_text(std::string_view bytes, size_t& at) {
  const size_t start = std::min(at, bytes.size());
  const size_t end = std::min(bytes.find('\0', start), bytes.size());
  at = end + 1;
  return std::string(bytes.substr(start, end - start));
}

template <size_t Size>
std::string bounded(const char (&text)[Size]) {
  return std::string(text, strnlen(text, Size));
}

CoreThread thread_from(const elf_prstatus& status) {
  user_regs_struct from;
  static_assert(sizeof from == sizeof status.pr_reg);
  std::memcpy(&from, &status.pr_reg, sizeof from);
  CoreThread thread;
  thread.tid = status.pr_pid;
  thread.descriptor = from.fs_base;
  thread.registers = registers_from(from);
  const auto result = static_cast<long>(from.rax);
  const bool was_cut = result == -EINTR || (result >= kRestartFirst && result <= kRestartLast);
  if (static_cast<long>(from.orig_rax) < 0 || !was_cut) return thread;
  thread.call = {true, static_cast<long>(from.orig_rax), {from.rdi, from.rsi, from.rdx, from.r10, from.r8, from.r9}};
  return thread;
}

// NT_FILE: the count, the page size, start, end and offset of each, and then their names.
void take_mappings(std::string_view note, CoreFile& core) {
  struct Row {
    uint64_t start, end, page_offset;
  };
  uint64_t count = 0, page_size = 0;
  if (!take(note, 0, count) || !take(note, 8, page_size) || page_size == 0 || page_size > kMaxPage) return;
  if (count > (note.size() - 16) / sizeof(Row)) return;
  size_t name_at = 16 + count * sizeof(Row);
  for (uint64_t i = 0; i < count; ++i) {
    Row row{};
    take(note, 16 + i * sizeof row, row);
    std::string path = take_text(note, name_at);
    if (row.end <= row.start || row.page_offset > UINT64_MAX / page_size || path.empty()) continue;
    core.mappings.push_back({row.start, row.end, row.page_offset * page_size, std::move(path)});
  }
}

void take_auxiliary(std::string_view vector, CoreFile& core) {
  core.vdso = auxiliary_value(vector, AT_SYSINFO_EHDR).value_or(0);
  core.entry = auxiliary_value(vector, AT_ENTRY).value_or(0);
  core.started_as = auxiliary_value(vector, AT_EXECFN).value_or(0);
}

void take_note(uint32_t type, std::string_view note, CoreFile& core) {
  elf_prstatus status;
  elf_prpsinfo process;
  switch (type) {
    case NT_PRSTATUS:
      if (take(note, 0, status) && core.threads.size() < kMaxThreads) core.threads.push_back(thread_from(status));
      break;
    case NT_PRPSINFO:
      if (!take(note, 0, process)) break;
      core.pid = process.pr_pid;
      core.program = bounded(process.pr_fname);
      core.by_kernel = !core.threads.empty();  // which begins with a thread; gdb begins with the process
      break;
    case NT_FILE:
      take_mappings(note, core);
      break;
    case NT_AUXV:
      take_auxiliary(note, core);
      break;
    default:
      break;
  }
}

void take_notes(std::string_view notes, CoreFile& core) {
  visit_notes(notes, kNoteAlignment, [&](const ElfNote& note) {
    if (note.owner.starts_with("CORE")) take_note(note.type, note.description, core);
    return false;
  });
}

// Ranges that overlap an earlier one would break every search by address.
template <typename Range>
void sort_and_thin(std::vector<Range>& ranges) {
  std::stable_sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.start < b.start; });
  uintptr_t end = 0;
  std::erase_if(ranges, [&end](const Range& range) {
    if (range.start < end) return true;
    end = range.end;
    return false;
  });
}

std::string why_no_core(ElfKind kind, const Elf64_Ehdr& header) {
  if (kind == ElfKind::none) return "is not a core file";
  if (kind != ElfKind::ours) return "is of another architecture: only x86-64 programs can be inspected";
  if (header.e_type != ET_CORE) return "is not a core file, but a program or library";
  if (!has_known_segments(header)) return "is damaged: its program headers have an unknown size";
  return "";
}

void take_segment(MemoryReader& file, const Elf64_Phdr& segment, uint64_t& room_for_notes, CoreFile& core) {
  if (segment.p_type == PT_NOTE) {
    const auto notes = read_bytes(file, segment.p_offset, std::min<uint64_t>(segment.p_filesz, room_for_notes));
    room_for_notes -= notes.size();
    take_notes(notes, core);
  } else if (segment.p_type == PT_LOAD && segment.p_memsz != 0 && segment.p_vaddr <= UINTPTR_MAX - segment.p_memsz) {
    core.segments.push_back({segment.p_vaddr, segment.p_vaddr + segment.p_memsz, segment.p_offset,
                             std::min(segment.p_filesz, segment.p_memsz), (segment.p_flags & PF_R) != 0,
                             (segment.p_flags & PF_W) != 0, (segment.p_flags & PF_X) != 0});
  }
}

// Because of a full disk, a limit (ulimit -c), or an aborted copy.
bool is_cut_short(MemoryReader& file, const Elf64_Phdr& segment) {
  if (segment.p_filesz == 0 || segment.p_offset > UINT64_MAX - segment.p_filesz) return false;
  return !file.read_value<unsigned char>(segment.p_offset + segment.p_filesz - 1);
}

}  // namespace

CoreFile read_core_file(MemoryReader& file) {
  CoreFile core;
  Elf64_Ehdr header;
  const ElfKind kind = read_elf_header(file, 0, &header);
  core.fault = why_no_core(kind, header);
  if (!core.fault.empty()) return core;
  const uint64_t count = count_core_segments(file, header, kMaxCoreSegments);
  uint64_t seen = 0, room_for_notes = kMaxNoteBytes;
  visit_core_segments(file, header, count, [&](const Elf64_Phdr& segment) {
    ++seen;
    take_segment(file, segment, room_for_notes, core);
    core.cut_short = core.cut_short || is_cut_short(file, segment);
    return false;
  });
  core.cut_short = core.cut_short || seen < count;
  sort_and_thin(core.segments);
  sort_and_thin(core.mappings);
  if (!core.threads.empty()) return core;
  core.fault =
      core.cut_short ? "is truncated: no thread's registers are left" : "is damaged: it has no thread's registers";
  return core;
}

std::vector<CoreMapping> left_out(const CoreFile& core) {
  std::vector<CoreMapping> parts;
  auto segment = core.segments.begin();
  for (const CoreMapping& mapping : core.mappings) {
    uintptr_t at = mapping.start;
    const auto add_up_to = [&](uintptr_t end) {
      if (at < end) parts.push_back({at, end, mapping.offset + (at - mapping.start), mapping.path});
    };
    while (segment != core.segments.end() && segment->end <= at) ++segment;
    for (auto inside = segment; inside != core.segments.end() && inside->start < mapping.end; ++inside) {
      add_up_to(inside->start);
      at = std::max(at, inside->end);
    }
    add_up_to(mapping.end);
  }
  return parts;
}

std::string maps_text(const CoreFile& core) {
  std::string text;
  auto mapping = core.mappings.begin();
  for (const CoreSegment& segment : core.segments) {
    while (mapping != core.mappings.end() && mapping->end <= segment.start) ++mapping;
    const bool in_file =
        mapping != core.mappings.end() && mapping->start <= segment.start && mapping->end >= segment.end;
    const uint64_t offset = in_file ? mapping->offset + (segment.start - mapping->start) : 0;
    char line[96];
    std::snprintf(line, sizeof line, "%" PRIxPTR "-%" PRIxPTR " %c%c%cp %08" PRIx64 " 00:00 0 ", segment.start,
                  segment.end, segment.readable ? 'r' : '-', segment.writable ? 'w' : '-',
                  segment.executable ? 'x' : '-', offset);
    text += line;
    if (in_file) {
      for (const char c : mapping->path) text += c == '\n' ? std::string("\\012") : std::string(1, c);
    } else if (core.vdso != 0 && segment.start == core.vdso) {
      text += "[vdso]";
    }
    text += '\n';
  }
  return text;
}

}  // namespace holdwatch
