// The rules of symbolizer/report/json.cpp.
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/unit/report_samples.h"

using namespace holdwatch;
using Json = nlohmann::ordered_json;

namespace {

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a report is one line of JSON with every key of the interface, in its order") {
  const std::string line = render_json(sample_report());
  CHECK(line.find('\n') == std::string::npos);
  const Json report = Json::parse(line);
  CHECK(keys(report) == Names{"event",
                              "phase",
                              "time",
                              "host",
                              "pid",
                              "exe",
                              "episode",
                              "fingerprint",
                              "times",
                              "limit_ns",
                              "lock",
                              "holders",
                              "waiters",
                              "lost_ns",
                              "root",
                              "chain",
                              "tree",
                              "cycle",
                              "likely_cycle",
                              "edges",
                              "passed_by",
                              "waiters_left_out",
                              "threads_delayed",
                              "unrecorded_holds",
                              "unreported_holds",
                              "note"});
  CHECK(keys(report["lock"]) == Names{"id", "kind", "address", "name"});
  CHECK(keys(report["holders"][0]) == Names{"tid", "thread", "mode", "held_ns", "depth", "taken", "now", "state",
                                            "doing", "moved", "samples", "waits_for", "wait", "likely", "evidence"});
  CHECK(keys(report["waiters"][0]) ==
        Names{"mode", "count", "longest_ns", "tids", "threads", "stack", "polling", "tries", "lock", "wait"});
  CHECK(keys(report["holders"][0]["taken"]) == Names{"frames", "complete", "note"});
  CHECK(keys(report["holders"][0]["taken"]["frames"][0]) ==
        Names{"ip", "module", "offset", "build_id", "function", "file", "line", "source", "inlined"});
}

TEST_CASE("the samples of a holder, with the share of each place and function") {
  CHECK(Json::parse(render_json(sample_report()))["holders"][0]["samples"].is_null());
  Report report = sample_report();
  Frame nameless = sample_frame(0x401700, "", "", 0);
  Frame send = sample_frame(0x401180, "send", "/src/a.cpp", 0);
  report.holders[0].samples =
      ReportSamples{20, 3, 12, false, 19 * kSecondNs, {{send, nameless, 12}, {nameless, {}, 6}}, 2, {{send, 12, 11}}};
  const Json samples = Json::parse(render_json(report))["holders"][0]["samples"];
  CHECK(keys(samples) ==
        Names{"captured", "missed", "running", "frozen", "span_ns", "places", "elsewhere", "functions"});
  CHECK(samples["captured"] == 20);
  CHECK(samples["missed"] == 3);
  CHECK(samples["running"] == 12);
  CHECK(samples["frozen"] == false);
  CHECK(samples["elsewhere"] == 2);
  REQUIRE(samples["places"].size() == 2);
  CHECK(keys(samples["places"][0]) == Names{"samples", "at", "within"});
  CHECK(keys(samples["places"][0]["at"]) == Names{"module", "offset", "function", "file", "line"});
  CHECK(samples["places"][0]["at"]["line"].is_null());
  CHECK(samples["places"][0]["at"]["offset"].is_null());
  CHECK(samples["places"][0]["within"]["offset"] == "0x1700");
  CHECK(samples["places"][1]["within"].is_null());
  CHECK(keys(samples["functions"][0]) == Names{"samples", "innermost", "module", "offset", "function", "file", "line"});
}

TEST_CASE("the holds that passed a waiting thread by, with their places") {
  CHECK(Json::parse(render_json(sample_report()))["passed_by"].is_null());
  const Json passed = Json::parse(render_json(starving_report()))["passed_by"];
  CHECK(keys(passed) == Names{"tid", "thread", "holds", "reads", "prefers_readers", "sites", "not_noted"});
  CHECK(passed["holds"] == 37);
  CHECK(passed["reads"] == 30);
  CHECK(passed["prefers_readers"] == true);
  CHECK(passed["not_noted"] == 2);
  REQUIRE(passed["sites"].size() == 2);
  CHECK(keys(passed["sites"][0]) == Names{"holds", "threads", "mode", "at"});
  CHECK(passed["sites"][0]["mode"] == "shared");
  CHECK(passed["sites"][0]["at"]["line"] == 41);
  Report of_mutex = starving_report();
  of_mutex.lock_kind = LockKind::mutex;
  CHECK(Json::parse(render_json(of_mutex))["passed_by"]["prefers_readers"].is_null());
}

TEST_CASE("whether a group of waiters polls, and how often it has tried") {
  Report report = sample_report();
  report.waiters[0].tries = 480;
  const Json waiters = Json::parse(render_json(report))["waiters"];
  CHECK(waiters[0]["polling"] == true);
  CHECK(waiters[0]["tries"] == 480);
  CHECK(waiters[1]["polling"] == false);
  CHECK(waiters[1]["tries"].is_null());
}

TEST_CASE("durations are nanoseconds, addresses are hexadecimal strings, times are RFC 3339") {
  const Json report = Json::parse(render_json(sample_report()));
  CHECK(report["time"] == "2025-11-23T19:35:12.123Z");
  CHECK(report["limit_ns"] == 1'000'000'000);
  CHECK(report["lock"]["address"] == "0x55d0c81f20");
  CHECK(report["holders"][0]["held_ns"] == 12'400'000'000);
  CHECK(report["holders"][0]["taken"]["frames"][1]["ip"] == "0x401100");
  CHECK(report["holders"][0]["taken"]["frames"][1]["offset"] == "0x1100");
  CHECK(report["holders"][0]["taken"]["frames"][1]["line"] == 41);
  CHECK(report["waiters"][1]["count"] == 36);
  CHECK(report["waiters"][1]["tids"].size() == 36);
}

TEST_CASE("what is not known is null") {
  Report sample = sample_report();
  sample.lock_name.clear();
  sample.holders[0].doing.clear();
  sample.holders[0].now.frames[0] = Frame{};
  sample.holders[0].now.frames[0].ip = 0x1234;
  const Json report = Json::parse(render_json(sample));
  CHECK(report["lock"]["name"].is_null());
  CHECK(report["note"].is_null());
  const Json& holder = report["holders"][0];
  CHECK(holder["doing"].is_null());
  CHECK(holder["moved"].is_null());
  CHECK(holder["waits_for"].is_null());
  CHECK(holder["wait"].is_null());
  const Json& frame = holder["now"]["frames"][0];
  CHECK(frame["ip"] == "0x1234");
  for (const char* key : {"module", "offset", "build_id", "function", "file", "line", "source"}) {
    CAPTURE(key);
    CHECK(frame[key].is_null());
  }
}

TEST_CASE("a wait has its kind, its object and who can end it") {
  Report report = sample_report();
  ReportWait wait;
  wait.kind = WaitKind::local_static;
  wait.object = 0x1f;
  wait.waited_ns = 7;
  wait.has_timeout = true;
  wait.timeouts = 3;
  wait.enders = {{0, 4713, "relay", Evidence::stated}, {31, 31, "", Evidence::learnt}};
  report.holders[0].wait = wait;
  CHECK(Json::parse(render_json(report))["holders"][0]["wait"] == Json::parse(R"({
    "kind": "static", "object": "0x1f", "name": null, "waited_ns": 7, "timeout_ns": 0, "timeouts": 3,
    "enders": [{"tid": 4713, "thread": "relay", "evidence": "stated", "likely": false},
               {"tid": 31, "thread": null, "evidence": "learnt", "likely": true, "pid": 31}],
    "enders_unknown": null, "last_ended_by": null})"));
}

TEST_CASE("who can end the waiters' waits is as likely as the holder, and nobody once it has exited") {
  Report report = sample_report();
  report.waiters.resize(1);
  report.waiters[0].tids = {5};
  report.waiters[0].threads = {"waiter"};
  report.holders.resize(1);
  report.holders[0].evidence = Evidence::recorded;
  report.holders[0].likely = true;
  const auto wait = [&] { return Json::parse(render_json(report))["waiters"][0]["wait"]; };
  CHECK(wait()["enders"][0]["likely"] == true);
  CHECK(wait()["enders"][0]["evidence"] == "recorded");
  CHECK(wait()["enders_unknown"] == nullptr);
  report.holders[0].likely = false;
  CHECK(wait()["enders"][0]["likely"] == false);
  report.holders[0].state = ThreadState::gone;
  CHECK(wait()["enders"].empty());
  CHECK(wait()["enders_unknown"] == "the thread that has the lock has exited, or was not copied by a fork");
}

TEST_CASE("a wait for another process, or for time, says why nobody is named") {
  Report report = sample_report();
  const auto why = [&](const ReportWait& wait) {
    report.holders[0].wait = wait;
    return Json::parse(render_json(report))["holders"][0]["wait"]["enders_unknown"];
  };
  ReportWait wait;
  wait.kind = WaitKind::pipe;
  CHECK(why(wait) == "no process with its other end was found");
  wait.other_end_is_here = true;
  CHECK(why(wait) == "its other end is open in the waiting process only");
  wait.other_ends = 7;
  CHECK(why(wait) == "its other end is open in 7 processes");
  wait.other_ends = kEndsNotCounted;
  CHECK(why(wait) == "the search for its other end was not complete in the time that it has");
  wait = {};
  wait.kind = WaitKind::sleep;
  CHECK(why(wait) == "no thread needs to: it ends when its time is over");
  wait.kind = WaitKind::local_static;
  CHECK(why(wait) == "no single thread was found inside the initializer");
}

TEST_CASE("a wait that nobody is known to end says why, and who ended such a wait last") {
  Report report = sample_report();
  ReportWait wait;
  wait.kind = WaitKind::semaphore;
  wait.gap = EnderGap::several;
  wait.last = {0, 4713, "", Evidence::learnt};
  wait.last_at.function = "relay()";
  report.holders[0].wait = wait;
  const Json json = Json::parse(render_json(report))["holders"][0]["wait"];
  CHECK(json["enders_unknown"] == "several threads have posted it");
  CHECK(json["last_ended_by"]["tid"] == 4713);
  CHECK(json["last_ended_by"]["thread"].is_null());
  CHECK(json["last_ended_by"]["at"]["function"] == "relay()");
}

TEST_CASE("how long a hold has lasted is null where it is not known") {
  Report report = sample_report();
  const auto held = [&] { return Json::parse(render_json(report))["holders"][0]["held_ns"]; };
  report.holders[0].held_ns = 0;
  CHECK(held() == 0);  // it has just begun
  report.holders[0].evidence = Evidence::guard;
  CHECK(held().is_null());
  report.holders[0].held_ns = 7;
  CHECK(held() == 7);
}

TEST_CASE("a likely cycle consists of the holder and the thread that waits for it") {
  Report report = sample_report();
  report.likely_cycle = {{4711, "", "L1", "", false}, {4713, "relay", "", "L1", false}};
  CHECK(Json::parse(render_json(report))["likely_cycle"] == Json::parse(R"([
    {"tid": 4711, "thread": null, "holds": "L1", "waits_for": null},
    {"tid": 4713, "thread": "relay", "holds": null, "waits_for": "L1"}])"));
}

TEST_CASE("the chain begins at its root, which is named by itself") {
  Report sample = sample_report();
  sample.pid = 31;
  CHECK(Json::parse(render_json(sample))["root"].is_null());
  sample.chain = {{32, 5, "relay", "", std::nullopt, "running"}, {0, 4, "closer", "L1", ReportWait{}, ""}};
  sample.tree_threads = 3;
  sample.tree_lost_ns = 9;
  const Json report = Json::parse(render_json(sample));
  CHECK(report["root"] == Json::parse(R"({"pid": 32, "tid": 5, "thread": "relay", "doing": "running"})"));
  CHECK(report["chain"][0] == Json::parse(R"({"pid": 32, "tid": 5, "thread": "relay", "holds": null, "wait": null})"));
  CHECK(report["chain"][1]["pid"] == 31);
  CHECK(report["chain"][1]["holds"] == "L1");
  CHECK(report["chain"][1]["wait"]["kind"] == "other");
  CHECK(report["tree"] == Json::parse(R"({"threads": 3, "lost_ns": 9})"));
}

TEST_CASE("waiters wait for the lock of the report, whose holders can end that") {
  const Report sample = sample_report();
  const Json report = Json::parse(render_json(sample));
  const Json& wait = report["waiters"][0]["wait"];
  CHECK(wait["kind"] == "rwlock");
  CHECK(wait["object"] == "0x55d0c81f20");
  CHECK(wait["enders"].size() == sample.holders.size());
  CHECK(wait["enders"][0]["tid"] == sample.holders[0].tid);
}

TEST_CASE("lists are lists when they are empty or have one entry") {
  Report sample = sample_report();
  CHECK(Json::parse(render_json(sample))["cycle"] == Json::array());
  CHECK(Json::parse(render_json(sample))["edges"] == Json::array());
  sample.holders.clear();
  sample.cycle = {{4711, "L1", "L2", LockKind::rwlock, 0x10, "", 5}};
  sample.edges = {{"L1", "L2", 4711, {}}};
  const Json report = Json::parse(render_json(sample));
  CHECK(report["holders"] == Json::array());
  CHECK(report["cycle"] == Json::parse(R"([{"tid": 4711, "holds": "L1", "waits_for": "L2", "joins": null,
                                            "waited_ns": 5, "kind": "rwlock", "address": "0x10", "name": null}])"));
  CHECK(report["edges"][0]["then"] == "L2");
}

TEST_CASE("a step of a cycle that joins a thread names it, and one that holds no lock has nulls instead") {
  Report sample = sample_report();
  sample.cycle = {{4711, "L1", "", LockKind::mutex, 0x10, "", 5}, {4712, "", "L1", LockKind::mutex, 0, "", 4}};
  sample.cycle[0].joins = 4712;
  const Json cycle = Json::parse(render_json(sample))["cycle"];
  CHECK(cycle[0] == Json::parse(R"({"tid": 4711, "holds": "L1", "waits_for": null, "joins": 4712, "waited_ns": 5,
                                    "kind": "mutex", "address": "0x10", "name": null})"));
  CHECK(cycle[1] == Json::parse(R"({"tid": 4712, "holds": null, "waits_for": "L1", "joins": null, "waited_ns": 4,
                                    "kind": null, "address": null, "name": null})"));
}

TEST_CASE("whether a holder moved is true, false or null") {
  Report sample = sample_report();
  sample.holders[0].moved = false;
  CHECK(Json::parse(render_json(sample))["holders"][0]["moved"] == false);
  sample.holders[0].moved = true;
  CHECK(Json::parse(render_json(sample))["holders"][0]["moved"] == true);
}

TEST_CASE("names that are not UTF-8 or hold control characters leave a line that can be parsed") {
  Report sample = sample_report();
  sample.holders[0].thread = "a\xff\"\n\x01";
  const std::string line = render_json(sample);
  CHECK(line.find('\n') == std::string::npos);
  CHECK(Json::parse(line)["holders"][0]["thread"] == "a\xef\xbf\xbd\"\n\x01");
}
