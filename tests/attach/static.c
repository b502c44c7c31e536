// Linked statically: there is no loader to load anything into it.
#include <unistd.h>

int main(void) {
  pause();
}
