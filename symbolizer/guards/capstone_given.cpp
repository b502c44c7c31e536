// Capstone as the shim has loaded it, or has not. See capstone.h.
#include "symbolizer/guards/capstone.h"

namespace holdwatch {
namespace {

const Capstone* g_capstone = nullptr;

}  // namespace

const Capstone* capstone() {
  return g_capstone;
}

void give_capstone(const Capstone* functions) {
  g_capstone = functions;
}

}  // namespace holdwatch
