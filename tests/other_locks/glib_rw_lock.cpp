// GLib's rwlock: a pthread_rwlock_t in memory that it allocates.
#include <glib.h>

#include "stage.h"

int main() {
  static GRWLock lock;
  const auto read = [](auto inside) {
    g_rw_lock_reader_lock(&lock);
    inside();
    g_rw_lock_reader_unlock(&lock);
  };
  const auto write = [](auto inside) {
    g_rw_lock_writer_lock(&lock);
    inside();
    g_rw_lock_writer_unlock(&lock);
  };
  stage::run(nullptr, write, read);
}
