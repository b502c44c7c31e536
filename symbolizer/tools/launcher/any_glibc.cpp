// Linked into the helpers that must start with every glibc since 2.17, whatever they were built with.
// crt1.o, which calls main, needs the __libc_start_main of the glibc that it belongs to: version 2.34 today. The
// definition here takes its place and calls the first version, which every glibc has.
namespace {

using Main = int (*)(int, char**, char**);
using Initializer = void (*)(int, char**, char**);
using Function = void (*)();

}  // namespace

extern "C" {

extern const Initializer __init_array_start[], __init_array_end[];

int first_libc_start_main(Main, int, char**, Initializer, Function, Function, void*);
__asm__(".symver first_libc_start_main, __libc_start_main@GLIBC_2.2.5");

[[gnu::visibility("hidden")]] int __libc_start_main(Main, int, char**, Initializer, Function, Function, void*);
}

// glibc before 2.34 runs the program's initializers through a function that crt1.o passes; a newer crt1.o passes none.
static void initialize(int count, char** arguments, char** environment) {
  for (const Initializer* each = __init_array_start; each != __init_array_end; ++each)
    (*each)(count, arguments, environment);
}

int __libc_start_main(Main main, int count, char** arguments, Initializer handed_over, Function at_end,
                      Function at_end_of_loader, void* stack_end) {
  return first_libc_start_main(main, count, arguments, handed_over == nullptr ? initialize : handed_over, at_end,
                               at_end_of_loader, stack_end);
}
