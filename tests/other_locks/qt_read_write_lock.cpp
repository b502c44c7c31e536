// Qt's rwlock: a std::mutex and conditions in memory that it allocates.
#include <QReadWriteLock>

#include "stage.h"

int main() {
  static QReadWriteLock lock;
  const auto read = [](auto inside) {
    const QReadLocker guard(&lock);
    inside();
  };
  const auto write = [](auto inside) {
    const QWriteLocker guard(&lock);
    inside();
  };
  stage::run(nullptr, read, write);
}
