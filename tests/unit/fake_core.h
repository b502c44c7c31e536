// A core file made of byte arrays, for tests of what reads one: two threads, a mapped file and memory. Test code only.
#pragma once

#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "tests/unit/fake_process.h"

namespace holdwatch::test {

// That of a core file whose program headers follow at once.
inline Elf64_Ehdr core_header(Elf64_Half program_headers) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_type = ET_CORE;
  header.e_machine = EM_X86_64;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = program_headers;
  return header;
}

struct FakeCore {
  static constexpr uintptr_t kText = 0x400000, kData = 0x600000, kVdso = 0x7fff00000000;
  static constexpr size_t kPage = 4096;

  int pid = 4700;
  std::string program = "server";
  std::string path = "/bin/server";
  ByteVector notes;
  std::vector<Elf64_Phdr> segments;
  ByteVector memory;  // of all segments, in order

  // Thread 4700 is in futex(0x600100, FUTEX_WAIT_PRIVATE, 2), 4701 runs.
  FakeCore() {
    add_process();
    add_thread(4700, 202, -512, 0x600100, 128, 2);
    add_thread(4701, -1, 0, 0, 0, 0);
    add_auxiliary();
    add_files({{kText, kText + 2 * kPage, 0}, {kData, kData + kPage, 2}});
    add_segment(kText, 2 * kPage, kPage, PF_R | PF_X);
    add_segment(kData, kPage, kPage, PF_R | PF_W);
    add_segment(kVdso, kPage, kPage, PF_R | PF_X);
    for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<unsigned char>(i / kPage + 1);
  }

  ByteVector bytes() const {
    ByteVector out;
    const Elf64_Ehdr header = core_header(static_cast<Elf64_Half>(segments.size() + 1));
    append_value(out, header);
    const size_t notes_at = sizeof header + header.e_phnum * sizeof(Elf64_Phdr);
    append_value(out, Elf64_Phdr{PT_NOTE, 0, notes_at, 0, 0, notes.size(), 0, 1});
    uint64_t offset = notes_at + notes.size();
    for (Elf64_Phdr segment : segments) {
      segment.p_offset = offset;
      offset += segment.p_filesz;
      append_value(out, segment);
    }
    append(out, notes);
    append(out, memory);
    return out;
  }

  void add_segment(uintptr_t start, size_t size, size_t stored, unsigned flags) {
    segments.push_back({PT_LOAD, flags, 0, start, 0, stored, size, 1});
    memory.resize(memory.size() + stored);
  }

  void add_note(uint32_t type, const ByteVector& description) {
    append_value(notes, Elf64_Nhdr{5, static_cast<Elf64_Word>(description.size()), type});
    append(notes, {'C', 'O', 'R', 'E', 0, 0, 0, 0});
    append(notes, description);
    notes.resize((notes.size() + 3) / 4 * 4);
  }

  void add_thread(int tid, long number, long result, uint64_t first, uint64_t second, uint64_t third) {
    user_regs_struct registers{};
    registers.orig_rax = static_cast<unsigned long long>(number);
    registers.rax = static_cast<unsigned long long>(result);
    registers.rdi = first;
    registers.rsi = second;
    registers.rdx = third;
    registers.rip = kText + 0x10;
    registers.rsp = kData + 0x800;
    registers.rbp = 0xb0;
    elf_prstatus status{};
    status.pr_pid = tid;
    std::memcpy(&status.pr_reg, &registers, sizeof registers);
    ByteVector note;
    append_value(note, status);
    add_note(NT_PRSTATUS, note);
  }

 private:
  struct FileRow {
    uint64_t start, end, page_offset;
  };

  void add_process() {
    elf_prpsinfo process{};
    process.pr_pid = pid;
    std::memcpy(process.pr_fname, program.data(), program.size());
    ByteVector note;
    append_value(note, process);
    add_note(NT_PRPSINFO, note);
  }

  void add_auxiliary() {
    ByteVector note;
    append_value(note, Elf64_auxv_t{AT_SYSINFO_EHDR, {kVdso}});
    append_value(note, Elf64_auxv_t{AT_ENTRY, {kText + 0x40}});
    append_value(note, Elf64_auxv_t{AT_NULL, {0}});
    add_note(NT_AUXV, note);
  }

  void add_files(const std::vector<FileRow>& rows) {
    ByteVector note;
    append_value<uint64_t>(note, rows.size());
    append_value<uint64_t>(note, kPage);
    for (const FileRow& row : rows) append_value(note, row);
    for (size_t i = 0; i < rows.size(); ++i) note.insert(note.end(), path.c_str(), path.c_str() + path.size() + 1);
    add_note(NT_FILE, note);
  }
};

// A file by offset, as a memory that begins at 0.
inline FakeMemory file_of(const ByteVector& bytes) {
  FakeMemory file;
  file.regions[0] = bytes;
  return file;
}

}  // namespace holdwatch::test
