// Copies of damaged_module.cpp's shared object, spoilt in ways that are the same at every run, and a thread that works in one.
#pragma once

#include <dlfcn.h>
#include <elf.h>
#include <sys/stat.h>

#include <cstring>
#include <string>

#include "tests/programs/harness.h"

namespace damage {

inline std::string module_beside(const std::string& program) {
  return harness::read_file(program.substr(0, program.rfind('/')) + "/libdamaged_module.so");
}

inline void write_file(const std::string& path, const std::string& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  CHECK(file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ::close(file);
}

// Calls `visit` with the name, offset and size of every section that has bytes in the file.
template <typename Visit>
void for_each_section(const std::string& elf, Visit visit) {
  Elf64_Ehdr header;
  std::memcpy(&header, elf.data(), sizeof header);
  const auto section_at = [&](size_t index) {
    Elf64_Shdr section;
    std::memcpy(&section, elf.data() + header.e_shoff + index * sizeof section, sizeof section);
    return section;
  };
  const Elf64_Shdr names = section_at(header.e_shstrndx);
  for (size_t i = 1; i < header.e_shnum; ++i) {
    const Elf64_Shdr section = section_at(i);
    const std::string name = elf.c_str() + names.sh_offset + section.sh_name;
    if (section.sh_type != SHT_NOBITS && section.sh_size != 0) visit(name, section.sh_offset, section.sh_size);
  }
}

// Spoils the sections whose names begin with `prefix`: all bytes of them with seed 0, else one in a few.
inline void garble(std::string& elf, const std::string& prefix, unsigned seed) {
  uint64_t state = seed + 1;
  const auto random = [&state] {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
    return static_cast<unsigned>(state >> 33);
  };
  size_t garbled = 0;
  const std::string whole = elf;
  for_each_section(whole, [&](const std::string& name, size_t offset, size_t size) {
    if (name.compare(0, prefix.size(), prefix) != 0) return;
    const unsigned one_in = seed == 0 ? 1 : 4 * seed;
    for (size_t i = 0; i < size; ++i)
      if (random() % one_in == 0) elf[offset + i] = static_cast<char>(random());
    ++garbled;
  });
  CHECK(garbled != 0);
}

using Works = int (*)(pthread_mutex_t*, int);

// What the module at `path` exports. It is never unloaded: each copy is a module of its own.
inline Works load(const std::string& path) {
  void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) std::printf("%s\n", ::dlerror());
  CHECK(module != nullptr);
  auto* works = reinterpret_cast<Works>(::dlsym(module, "module_works"));
  CHECK(works != nullptr);
  return works;
}

// Has a thread hold a lock in the module until that is reported, and sees that the thread comes out again.
inline void hold_in(Works works) {
  static pthread_mutex_t mutexes[32] = {};  // zeros are what PTHREAD_MUTEX_INITIALIZER is
  static size_t used = 0;
  pthread_mutex_t& mutex = mutexes[used++];
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  const size_t reports = harness::is_watched() ? harness::count_reports("over") : 0;
  int result = 0;
  {
    harness::Thread holder("holder", [&] { result = works(&mutex, ends[0]); });
    harness::await_report("over", reports + 1);
    ::close(ends[1]);
  }
  ::close(ends[0]);
  CHECK(result == 1);
  harness::await_report("released", reports + 1);
}

}  // namespace damage
