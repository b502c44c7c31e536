// The stack of one unwind, in pieces that grow: most stacks are shallow, and a deep one should not cost one call per
// frame.
// Cold context only.
#include "symbolizer/unwind/stack_memory.h"

#include <algorithm>

namespace holdwatch {

namespace {
constexpr size_t kFirstPiece = 8192;
constexpr size_t kLargestPiece = 65536;
constexpr uintptr_t kBelowStack = 65536;
}  // namespace

void StackMemory::begin(const Snapshot& snapshot) {
  copy_ = snapshot.copy;
  copy_address_ = snapshot.copy_address;
  copy_size_ = copy_ == nullptr ? 0 : snapshot.copy_size;
  closed_end_ = copy_ != nullptr && snapshot.copy_is_old ? std::max(snapshot.stack_end, copy_address_ + copy_size_) : 0;
  for (Piece& piece : pieces_) piece.bytes.clear();
  piece_size_ = kFirstPiece;
  // Starts at the stack pointer, so that the frames' slots are reached in ascending order.
  if (copy_ == nullptr && (snapshot.registers.known & Registers::kSpIsKnown) != 0) fetch(snapshot.registers.sp);
}

StackMemory::Piece& StackMemory::fetch(uintptr_t address) {
  Piece& piece = pieces_[next_piece_];
  next_piece_ = (next_piece_ + 1) % pieces_.size();
  piece.address = address;
  piece.bytes.resize(piece_size_);
  piece.bytes.resize(live_.read(address, piece.bytes.data(), piece_size_));
  piece_size_ = std::min(2 * piece_size_, kLargestPiece);
  return piece;
}

size_t StackMemory::read(uintptr_t address, void* out, size_t size) {
  auto take = [&](uintptr_t start, const unsigned char* bytes, size_t count) {
    if (address < start || address - start >= count || size > count - (address - start)) return false;
    std::memcpy(out, bytes + (address - start), size);
    return true;
  };
  if (take(copy_address_, copy_, copy_size_)) return size;
  // Also a little below: later calls have overwritten what was there.
  if (address < closed_end_ && address + kBelowStack >= copy_address_) return 0;
  for (const Piece& piece : pieces_) {
    if (take(piece.address, piece.bytes.data(), piece.bytes.size())) return size;
  }
  if (size > kFirstPiece) return live_.read(address, out, size);
  const Piece& piece = fetch(address);
  const size_t got = std::min(size, piece.bytes.size());
  if (got != 0) std::memcpy(out, piece.bytes.data(), got);
  return got;
}

}  // namespace holdwatch
