#include "symbolizer/tools/top/screen_text.h"

#include <map>

#include "tests/catch.h"
#include "tests/unit/lock_list_scene.h"

namespace holdwatch::top {
namespace {

struct ScreenScene : ListScene {
  ViewState state;
  ProcessFacts process{4711, "chatroom", "03:12:07Z", ""};
  RowFacts facts{"", "alice", "Room::broadcast room.cpp:41", "sendto(fd 4)"};
  std::vector<std::string> details = {"  taken   #0 Room::broadcast", "  now     running"};
  size_t asked = 0;

  std::vector<Line> lines(size_t width, size_t height) {
    const auto rows = rows_of(*list);
    const auto places = places_of(rows, state.order());
    return screen_of(process, totals_of(*list, rows), shown(rows, places), state, {width, height});
  }
  ShownRows shown(const std::vector<Row>& rows, const std::vector<Place>& places) {
    return {rows, places,
            [this](const Row& row) -> const RowFacts& {
              ++asked;
              facts.lock_name = row.lock->name;
              return facts;
            },
            [this](const Row&) -> const std::vector<std::string>& { return details; }};
  }
  std::string text(size_t width, size_t height) {
    std::string all;
    for (const Line& line : lines(width, height)) all += line.text() + "\n";
    return all;
  }
  void add_rows(int count) {
    for (int i = 1; i <= count; ++i)
      lock(("lock" + std::to_string(i)).c_str()).held_by(i, static_cast<uint64_t>(1000 - i) * kSecond);
  }
};

TEST_CASE("the screen has as many lines as the terminal, and none is wider") {
  ScreenScene scene;
  scene.add_rows(50);
  scene.state.handle(Key::toggle);
  for (size_t width = 1; width < 130; width += 7) {
    for (size_t height = 1; height < 40; ++height) {
      const auto lines = scene.lines(width, height);
      CHECK(lines.size() <= height);
      for (const Line& line : lines) CHECK(width_of(line.text()) <= width);
    }
  }
}

TEST_CASE("the process, the state of affairs, the table and the keys") {
  ScreenScene scene;
  scene.lock("rooms").held_by(1, 12 * kSecond).waited_for_by(2, 3 * kSecond);
  const auto lines = scene.lines(100, 24);
  REQUIRE(lines.size() == 24);
  CHECK(lines[0].text().find("holdwatch top  4711 chatroom") == 0);
  CHECK(lines[0].text().find("03:12:07Z") == 100 - 9);
  CHECK(lines[1].text() == "1 lock held over LIMIT 1.0s, 1 thread waits, 3.0s lost");
  CHECK(lines[2].text().find("HELD WAITERS") != std::string::npos);
  CHECK(lines[3].is_selected);
  CHECK(lines[3].text().find("+ ") == 0);
  CHECK(lines.back().text().find("q quit") == 0);
}

TEST_CASE("the selected row is repeated in full below a table that has room for that") {
  ScreenScene scene;
  scene.facts.doing = std::string(60, 'x');
  scene.add_rows(2);
  CHECK(scene.text(80, 24).find("doing     " + scene.facts.doing) != std::string::npos);
  CHECK(scene.text(80, 10).find("doing     ") == std::string::npos);
}

TEST_CASE("only of rows that are shown is anything asked that takes long") {
  ScreenScene scene;
  scene.add_rows(200);
  scene.lines(80, 10);
  CHECK(scene.asked < 10);
}

TEST_CASE("an unfolded row has its lines below it") {
  ScreenScene scene;
  scene.add_rows(2);
  scene.lines(80, 24);
  scene.state.handle(Key::toggle);
  const auto lines = scene.lines(80, 24);
  CHECK(lines[3].text().find("- ") == 0);
  CHECK(lines[4].text().find("Room::broadcast") != std::string::npos);
  CHECK(lines[6].text().find("lock2") != std::string::npos);
}

TEST_CASE("why the list is not of the present stands out, with the time of the list") {
  ScreenScene scene;
  scene.process.remark = "no answer for 4 s";
  CHECK(scene.text(100, 24).find("no answer for 4 s") != std::string::npos);
  CHECK(scene.lines(100, 24)[1].text().find(", at 03:12:07Z") != std::string::npos);
}

TEST_CASE("without locks that is said") {
  ScreenScene scene;
  CHECK(scene.text(80, 24).find("no lock is held for long, no thread waits") != std::string::npos);
}

TEST_CASE("help instead of the table") {
  ScreenScene scene;
  scene.add_rows(2);
  scene.state.handle(Key::help);
  CHECK(scene.text(100, 30).find("Any key returns") != std::string::npos);
  CHECK(scene.text(100, 30).find("lock1") == std::string::npos);
  for (const Line& line : scene.lines(80, 40)) CHECK(line.text().find("…") == std::string::npos);
}

TEST_CASE("lines for a pipe: no marks, no keys, as wide as they are") {
  ScreenScene scene;
  scene.facts.doing = std::string(300, 'x');
  scene.add_rows(30);
  const auto rows = rows_of(*scene.list);
  const auto places = places_of(rows, Order::roots);
  const auto lines = plain_text_of(scene.process, totals_of(*scene.list, rows), scene.shown(rows, places), 20);
  REQUIRE(lines.size() == 2 + 1 + 20 + 1);
  CHECK(lines[0].text() == "holdwatch top  4711 chatroom  03:12:07Z");
  CHECK(lines[3].text().find(scene.facts.doing) != std::string::npos);
  CHECK(lines.back().text() == "and 10 more");
}

}  // namespace
}  // namespace holdwatch::top
