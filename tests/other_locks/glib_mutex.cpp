// GLib's mutex: one word.
#include <glib.h>

#include "stage.h"

int main() {
  static GMutex lock;
  stage::run(&lock, [](auto inside) {
    g_mutex_lock(&lock);
    inside();
    g_mutex_unlock(&lock);
  });
}
