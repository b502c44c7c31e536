// An object with two locks: one thread reads under the one, another thread, which must not be named, under the other. Both have the
// object in hand, in the same registers.
#include <mutex>
#include <shared_mutex>

#include "stage.h"

namespace {

struct Account {
  std::shared_mutex balance, history;
  int value = 1;
};
Account* g_account;

NOINLINE int wait_for(int pipe) {
  char byte = 0;
  return static_cast<int>(read(pipe, &byte, 1));
}

NOINLINE void read_balance(Account& account, int pipe) {
  std::shared_lock lock(account.balance);
  sink = account.value + wait_for(pipe);
}

NOINLINE void read_history(Account& account, int pipe) {
  std::shared_lock lock(account.history);
  sink = account.value + wait_for(pipe);
}

void* reads_balance(void* account) {
  read_balance(*static_cast<Account*>(account), stage_pipe());
  return nullptr;
}

void* reads_history(void* account) {
  read_history(*static_cast<Account*>(account), stage_pipe());
  return nullptr;
}

void* writes(void* account) {
  std::unique_lock lock(static_cast<Account*>(account)->balance);
  ++static_cast<Account*>(account)->value;
  return nullptr;
}

}  // namespace

int main() {
  g_account = new Account;
  stage_start("innocent", reads_history, g_account);
  stage_start("balance", reads_balance, g_account);
  const stage_holder balance = {"balance", "read_balance", "guard", 1};
  stage_answer("balance", &g_account->balance, STAGE_READ, &balance, 1);
  stage_start("writer", writes, g_account);
  stage_ready();
}
