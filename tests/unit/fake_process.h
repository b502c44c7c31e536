// A process made of byte arrays, for tests of what reads another's memory: a module with unwind tables that a test may
// spoil, and a stack. Test code only.
#pragma once

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "symbolizer/unwind/memory.h"
#include "symbolizer/unwind/modules.h"

namespace holdwatch::test {

using ByteVector = std::vector<unsigned char>;

// Regions of bytes by address. Counts the calls, for tests of what is cached or bounded.
class FakeMemory final : public MemoryReader {
 public:
  std::map<uintptr_t, ByteVector> regions;
  size_t reads = 0;

  size_t read(uintptr_t address, void* out, size_t size) override {
    ++reads;
    auto after = regions.upper_bound(address);
    if (after == regions.begin()) return 0;
    const auto& [start, bytes] = *std::prev(after);
    if (address - start >= bytes.size()) return 0;
    const size_t got = std::min(size, bytes.size() - (address - start));
    if (got != 0) std::memcpy(out, bytes.data() + (address - start), got);
    return got;
  }
};

inline void append(ByteVector& to, const ByteVector& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

template <typename T>
void append_value(ByteVector& to, T value) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&value);
  to.insert(to.end(), bytes, bytes + sizeof value);
}

template <typename T>
void put(ByteVector& into, size_t offset, const T& value) {
  std::memcpy(into.data() + offset, &value, sizeof value);
}

// One function of a fake module: its code, the call-frame program of its FDE, and its exception table.
struct FakeFunction {
  ByteVector code;
  ByteVector program;
  ByteVector exceptions{};
};

// The function that the exception tables of a fake module are for, by its index.
struct FakePersonality {
  size_t function;
  bool is_indirect = true;  // through a pointer, as compilers write it
};

// A shared object of one page of headers and tables and one of code, mapped at `base`.
struct FakeModule {
  static constexpr size_t kPage = 4096;
  static constexpr size_t kNotes = 0x200, kPersonality = 0x280, kHeader = 0x300, kFrames = 0x400, kCode = kPage;
  static constexpr size_t kExceptions = 0xa00, kExceptionSpacing = 0x80;  // if a function has a table of them
  static constexpr size_t kFunctionSpacing = 0x100;

  uintptr_t base;
  ByteVector image = ByteVector(2 * kPage, 0);
  std::vector<size_t> descriptions;                   // offset of each FDE in the image
  ByteVector common_program = {0x0c, 7, 8, 0x90, 1};  // CFA = rsp + 8, return address at CFA - 8
  unsigned char return_column = 16;
  bool has_exceptions = false;
  std::optional<FakePersonality> personality;

  FakeModule(uintptr_t where, const std::vector<FakeFunction>& functions,
             const std::optional<FakePersonality>& the_personality = std::nullopt)
      : base(where), personality(the_personality) {
    build(functions);
  }

  uintptr_t function(size_t index) const { return base + kCode + index * kFunctionSpacing; }

  std::string maps() const {
    char text[256];
    std::snprintf(text, sizeof text,
                  "%lx-%lx r--p 00000000 08:01 77 /lib/libfake.so\n%lx-%lx r-xp 00001000 08:01 77 /lib/libfake.so\n",
                  base, base + kPage, base + kPage, base + 2 * kPage);
    return text;
  }

  void build(const std::vector<FakeFunction>& functions) {
    std::fill(image.begin() + kCode, image.end(), 0xcc);  // int3: nothing runs on from one function into the next
    has_exceptions = personality || std::any_of(functions.begin(), functions.end(), [](const FakeFunction& function) {
                       return !function.exceptions.empty();
                     });
    write_elf_headers(functions.size());
    ByteVector frames;
    write_common_information(frames);
    descriptions.clear();
    for (size_t i = 0; i < functions.size(); ++i) write_function(frames, i, functions[i]);
    append_value<uint32_t>(frames, 0);
    std::copy(frames.begin(), frames.end(), image.begin() + kFrames);
    write_search_table();
  }

 private:
  void write_elf_headers(size_t functions) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 4;
    const Elf64_Phdr segments[4] = {
        {PT_LOAD, PF_R, 0, 0, 0, kPage, kPage, kPage},
        {PT_LOAD, PF_R | PF_X, kCode, kCode, kCode, kPage, kPage, kPage},
        {PT_GNU_EH_FRAME, PF_R, kHeader, kHeader, kHeader, 12 + 8 * functions, 12 + 8 * functions, 4},
        {PT_NOTE, PF_R, kNotes, kNotes, kNotes, 20, 20, 4}};
    put(image, 0, header);
    put(image, sizeof header, segments);
    put(image, kNotes, Elf64_Nhdr{4, 4, NT_GNU_BUILD_ID});
    std::memcpy(image.data() + kNotes + 12, "GNU\0\xde\xad\xbe\xef", 8);
  }

  void write_common_information(ByteVector& frames) {
    ByteVector entry;
    append_value<uint32_t>(entry, 0);
    if (personality)
      write_personality(entry);
    else
      append(entry, has_exceptions ? ByteVector{1, 'z', 'L', 'R', 0, 1, 0x78, return_column, 2, 0x1b, 0x1b}
                                   : ByteVector{1, 'z', 'R', 0, 1, 0x78, return_column, 1, 0x1b});
    append(entry, common_program);
    append_value(frames, static_cast<uint32_t>(entry.size()));
    append(frames, entry);
  }

  void write_personality(ByteVector& entry) {
    append(entry, {1, 'z', 'P', 'L', 'R', 0, 1, 0x78, return_column, 7});
    append(entry, {static_cast<unsigned char>(personality->is_indirect ? 0x9b : 0x1b)});
    const size_t function = kCode + personality->function * kFunctionSpacing;
    put(image, kPersonality, base + function);
    const size_t target = personality->is_indirect ? kPersonality : function;
    append_value(entry, static_cast<int32_t>(target) - static_cast<int32_t>(kFrames + 4 + entry.size()));
    append(entry, {0x1b, 0x1b});
  }

  void write_function(ByteVector& frames, size_t index, const FakeFunction& function) {
    std::copy(function.code.begin(), function.code.end(),
              image.begin() + static_cast<std::ptrdiff_t>(kCode + index * kFunctionSpacing));
    const size_t at = kFrames + frames.size();
    descriptions.push_back(at);
    ByteVector entry;
    append_value(entry, static_cast<uint32_t>(frames.size() + 4));
    append_value(entry, static_cast<int32_t>(kCode + index * kFunctionSpacing) - static_cast<int32_t>(at + 8));
    append_value(entry, static_cast<uint32_t>(kFunctionSpacing));
    append(entry, {static_cast<unsigned char>(has_exceptions ? 4 : 0)});
    if (has_exceptions) write_exceptions(entry, at, index, function);
    append(entry, function.program);
    append_value(frames, static_cast<uint32_t>(entry.size()));
    append(frames, entry);
  }

  void write_exceptions(ByteVector& entry, size_t at, size_t index, const FakeFunction& function) {
    const size_t table = kExceptions + index * kExceptionSpacing;
    const size_t here = at + 4 + entry.size();
    append_value(entry, function.exceptions.empty() ? 0 : static_cast<int32_t>(table) - static_cast<int32_t>(here));
    std::copy(function.exceptions.begin(), function.exceptions.end(),
              image.begin() + static_cast<std::ptrdiff_t>(table));
  }

  void write_search_table() {
    ByteVector header = {1, 0x1b, 0x03, 0x3b};
    append_value(header, static_cast<int32_t>(kFrames) - static_cast<int32_t>(kHeader + 4));
    append_value(header, static_cast<uint32_t>(descriptions.size()));
    for (size_t i = 0; i < descriptions.size(); ++i) {
      append_value(header, static_cast<int32_t>(kCode + i * kFunctionSpacing) - static_cast<int32_t>(kHeader));
      append_value(header, static_cast<int32_t>(descriptions[i]) - static_cast<int32_t>(kHeader));
    }
    std::copy(header.begin(), header.end(), image.begin() + kHeader);
  }
};

}  // namespace holdwatch::test
