// Memory reserved in advance, so that a lock call that needs a chunk makes no system call.
// take_spare: hot context (wait-free but for a compare-and-swap loop; only in rare paths). refill_spares: cold context.
#pragma once

#include <cstdint>

namespace holdwatch {

enum class SpareKind : uint8_t { overflow, stack_copies };

// A zeroed chunk, which is never freed; null if none is left until the next refill.
void* take_spare(SpareKind kind);

// Reserves a new slab if the old one is nearly used up. Reserves stack copies only if `with_copies`: otherwise nothing
// uses them.
void refill_spares(bool with_copies);

}  // namespace holdwatch
