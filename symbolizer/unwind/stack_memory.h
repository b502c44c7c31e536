// The memory of one unwind: first the snapshot's copy of the stack, then the live process, whose stack is read in large
// pieces.
// Cold context only. A live stack changes: begin() drops all of it, so that no unwind sees bytes read for another.
#pragma once

#include <array>
#include <vector>

#include "shim/common/contract/finding.h"
#include "symbolizer/unwind/memory.h"

namespace holdwatch {

class StackMemory final : public MemoryReader {
 public:
  explicit StackMemory(MemoryReader& live) : live_(live) {}

  // Starts the unwind of `snapshot`, whose copy must stay valid while it is in use.
  void begin(const Snapshot& snapshot);

  size_t read(uintptr_t address, void* out, size_t size) override;
  size_t read_constant(uintptr_t address, void* out, size_t size) override {
    return live_.read_constant(address, out, size);
  }

 private:
  struct Piece {
    uintptr_t address = 0;
    std::vector<unsigned char> bytes;  // empty: unused
  };
  Piece& fetch(uintptr_t address);

  MemoryReader& live_;
  const unsigned char* copy_ = nullptr;
  uintptr_t copy_address_ = 0;
  size_t copy_size_ = 0;
  uintptr_t closed_end_ = 0;  // below this address nothing is read from the live stack; see Snapshot::copy_is_old
  std::array<Piece, 4> pieces_;
  size_t next_piece_ = 0;
  size_t piece_size_ = 0;
};

}  // namespace holdwatch
