// The rules of symbolizer/waits/other_end.h: the kernel's text.
#include "symbolizer/waits/other_end.h"

#include "tests/catch.h"

namespace holdwatch {
namespace {

constexpr char kTable[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0\n"
    "   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0 20 4 30 10 -1\n"
    "   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0 20 4 30 10 -1\n"
    "   3: 0100007F:C351 0100007F:1F91 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 20 4 30 10 -1\n"
    "   4: 0100007F:C352 0100007F:1F92 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0 20 4 30 10 -1\n"
    "   5: 0100007F:1F92 0100007F:C352 08 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1\n"
    "  sl  local_address                         remote_address                        st tx_queue rx_queue tr "
    "tm->when\n"
    "   0: 0000000000000000FFFF00000100007F:1F91 0000000000000000FFFF00000100007F:C351 01 00000000:00000000 "
    "00:00000000 "
    "00000000     0        0 105 1 0 20 4 30 10 -1\n";

TEST_CASE("the other end of a connection has its addresses the other way round") {
  CHECK(peer_in_tcp_table(kTable, 101) == 102);
  CHECK(peer_in_tcp_table(kTable, 102) == 101);
}

TEST_CASE("an IPv4 client and a server with an IPv6 socket are in two tables") {
  CHECK(peer_in_tcp_table(kTable, 103) == 105);
  CHECK(peer_in_tcp_table(kTable, 105) == 103);
}

TEST_CASE("no other end: one that listens, one that no process has any more, one that is not there") {
  CHECK(peer_in_tcp_table(kTable, 100) == 0);
  CHECK(peer_in_tcp_table(kTable, 104) == 0);
  CHECK(peer_in_tcp_table(kTable, 999) == 0);
  CHECK(peer_in_tcp_table(kTable, 0) == 0);
  CHECK(peer_in_tcp_table("", 1) == 0);
  CHECK(peer_in_tcp_table("1: 0100007F:1F90", 1) == 0);
}

}  // namespace
}  // namespace holdwatch
