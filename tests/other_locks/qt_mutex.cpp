// Qt's mutex: one word.
#include <QMutex>

#include "stage.h"

int main() {
  static QMutex lock;
  stage::run(&lock, [](auto inside) {
    const QMutexLocker guard(&lock);
    inside();
  });
}
