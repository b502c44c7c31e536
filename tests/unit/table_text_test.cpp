#include "symbolizer/tools/top/table_text.h"

#include "tests/catch.h"
#include "tests/unit/lock_list_scene.h"

namespace holdwatch::top {
namespace {

std::string heading_of(const std::vector<Cells>& cells, size_t width) {
  return Table(cells, width).heading(Order::roots).text();
}

Cells long_cells() {
  return {"12m03s",
          "1000+3",
          "59.9s",
          "3d04h",
          "L12 a_lock_with_a_long_name",
          "12345 a-thread-name",
          "Room::broadcast room.cpp:41",
          "sendto(fd 41 -> 10.2.3.4:443, 96 KiB unsent)"};
}

TEST_CASE("durations are short, and never rounded up") {
  CHECK(short_duration(0) == "0us");
  CHECK(short_duration(999'999) == "999us");
  CHECK(short_duration(1'000'000) == "1ms");
  CHECK(short_duration(999'999'999) == "999ms");
  CHECK(short_duration(12 * kSecond + 499'999'999) == "12.4s");
  CHECK(short_duration(60 * kSecond - 1) == "59.9s");
  CHECK(short_duration(843 * kSecond) == "14m03s");
  CHECK(short_duration(7500 * kSecond) == "2h05m");
  CHECK(short_duration(76 * 3600 * kSecond) == "3d04h");
}

TEST_CASE("every line fits, whatever the width, and the more important columns stay") {
  const std::vector<Cells> cells = {long_cells()};
  for (size_t width = 16; width < 240; ++width) {
    const Table table(cells, width);
    CHECK(width_of(table.heading(Order::roots).text()) <= width);
    CHECK(width_of(table.line(cells[0]).text()) <= width);
  }
  CHECK(heading_of(cells, 200).find("WAITED") != std::string::npos);
  CHECK(heading_of(cells, 80).find("WAITED") == std::string::npos);
  CHECK(heading_of(cells, 80).find("TAKEN IN") == std::string::npos);
  CHECK(heading_of(cells, 100).find("TAKEN IN") != std::string::npos);
  CHECK(heading_of(cells, 80).find("DOING") != std::string::npos);
  CHECK(heading_of(cells, 44) == "  HELD WAITERS  LOCK            HOLDER");
  CHECK(heading_of(cells, 10).find("LOCK") != std::string::npos);
}

TEST_CASE("what fits is shown whole, and lines do not end in spaces") {
  const std::vector<Cells> cells = {long_cells()};
  const Line line = Table(cells, kUnlimited).line(cells[0]);
  for (const std::string& cell : {cells[0].lock, cells[0].taken_in, cells[0].doing})
    CHECK(line.text().find(cell) != std::string::npos);
  Cells without_end = long_cells();
  without_end.doing = "";
  CHECK(Table({without_end}, kUnlimited).line(without_end).text().back() != ' ');
}

TEST_CASE("numbers are never cut") {
  const std::vector<Cells> cells = {long_cells()};
  CHECK(Table(cells, 60).line(cells[0]).text().find("12m03s") == 0);
}

TEST_CASE("the column that rows are sorted by is marked") {
  const Line line = Table({long_cells()}, 200).heading(Order::lost);
  for (const Span& span : line.spans)
    CHECK((span.style == Style::sorted) == (span.text.find("LOST") != std::string::npos));
}

TEST_CASE("a row says who, what and for how long") {
  ListScene scene;
  scene.lock("rooms").held_by(390, 12 * kSecond).held_by(391, kSecond).waited_for_by(5, kSecond);
  auto rows = rows_of(*scene.list);
  const RowFacts facts{"rooms", "alice", "Room::broadcast room.cpp:41", "sendto(fd 4)"};
  Cells cells = cells_of(rows[0], 0, facts);
  CHECK(cells.held == "12.0s");
  CHECK(cells.waiters == "1");
  CHECK(cells.waited == "1.0s");
  CHECK(cells.lost == "1.0s");
  CHECK(cells.lock == "L1 rooms");
  CHECK(cells.holder == "390 alice +1");
  CHECK(cells.taken_in == facts.taken_in);
  CHECK(cells.doing == facts.doing);
  CHECK(cells.style == Style::warning);
}

TEST_CASE("what is not certain is called so") {
  ListScene scene;
  scene.lock("").held_by(390, 12 * kSecond);
  scene.last_hold().likely = true;
  scene.last_hold().site_count = 0;
  Cells cells = cells_of(rows_of(*scene.list)[0], 0, {});
  CHECK(cells.holder == "likely 390");
  CHECK(cells.held == ">12.0s");
  CHECK(cells.waiters.empty());
  CHECK(cells.lost.empty());
  CHECK(cells.lock == "L1 mutex");
  CHECK(cells_of(rows_of(*scene.list)[0], 0, {"g_rooms", "", "", ""}).lock == "L1 g_rooms");
}

TEST_CASE("a lock without a known holder") {
  ListScene scene;
  scene.lock("rooms").waited_for_by(5, 3 * kSecond);
  const Cells cells = cells_of(rows_of(*scene.list)[0], 0, {});
  CHECK(cells.held == "-");
  CHECK(cells.holder == "unknown");
  CHECK(cells.waited == "3.0s");
}

TEST_CASE("what is below a root is set in, and a deep tree only so far") {
  ListScene scene;
  scene.lock("a").held_by(1, kSecond);
  const auto rows = rows_of(*scene.list);
  CHECK(cells_of(rows[0], 1, {}).lock == "└ L1 mutex");
  CHECK(cells_of(rows[0], 2, {}).lock == "  └ L1 mutex");
  CHECK(cells_of(rows[0], 200, {}).lock == cells_of(rows[0], 6, {}).lock);
}

TEST_CASE("what can never end is an alarm") {
  ListScene scene;
  scene.lock("a").held_by(1, kSecond / 2);
  scene.last_hold().gone = true;
  CHECK(cells_of(rows_of(*scene.list)[0], 0, {}).style == Style::alarm);
  scene.last_hold().gone = false;
  CHECK(cells_of(rows_of(*scene.list)[0], 0, {}).style == Style::plain);
  scene.last().in_deadlock = true;
  const Cells cells = cells_of(rows_of(*scene.list)[0], 0, {"", "", "", "waits for L2"});
  CHECK(cells.style == Style::alarm);
  CHECK(cells.doing == "DEADLOCK: waits for L2");
}

TEST_CASE("names that the program chose cannot control the terminal") {
  ListScene scene;
  scene.lock("a").held_by(1, kSecond);
  const Cells cells = cells_of(rows_of(*scene.list)[0], 0, {"a\033[2J", "n\nm", "f\r", "d\t"});
  for (const std::string& cell : {cells.lock, cells.holder, cells.taken_in, cells.doing})
    for (const char byte : cell) CHECK(static_cast<unsigned char>(byte) >= ' ');
}

}  // namespace
}  // namespace holdwatch::top
