// A library whose constructor does not return.
#include <unistd.h>

[[gnu::constructor]] static void wait_for_ever() {
  pause();
}
