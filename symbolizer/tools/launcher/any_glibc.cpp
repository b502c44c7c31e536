// Linked into the helpers that have to start with every glibc since 2.17, whatever they were built with.
// crt1.o, which calls main, asks for the __libc_start_main of the glibc that it belongs to: 2.34 today. The one here stands in for
// that and calls the first one, which every glibc has.
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

// glibc before 2.34 leaves a program's initializers to what crt1.o hands over; a newer crt1.o hands over nothing.
static void initialize(int count, char** arguments, char** environment) {
  for (const Initializer* each = __init_array_start; each != __init_array_end; ++each)
    (*each)(count, arguments, environment);
}

int __libc_start_main(Main main, int count, char** arguments, Initializer handed_over, Function at_end,
                      Function at_end_of_loader, void* stack_end) {
  return first_libc_start_main(main, count, arguments, handed_over == nullptr ? initialize : handed_over, at_end,
                               at_end_of_loader, stack_end);
}
