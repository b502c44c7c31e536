// What AddressSanitizer's shared library asks for when it starts: it refuses a program in which another library was loaded
// before it, for that one might keep it from seeing malloc. Ours defines nothing that it stands in for without calling it, and
// without this no such program would run under the preload.
// Start context, before any constructor of ours. The program's own function of this name, and ASAN_OPTIONS, come first.

extern "C" [[gnu::visibility("default")]] const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "verify_asan_link_order=0";
}
