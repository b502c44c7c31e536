// A Report as one line of JSON, with the keys listed in docs/json.md.
// Pure. The library does the quoting; bytes that are not UTF-8 become U+FFFD, so that every line can be parsed.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "shim/common/text/lock_kind_name.h"
#include "symbolizer/report/ender_words.h"
#include "symbolizer/report/report.h"
#include "symbolizer/report/report_names.h"
#include "symbolizer/report/text_format.h"
#include "symbolizer/report/wait_report.h"

namespace holdwatch {
namespace {

using Json = nlohmann::ordered_json;

Json hex(uintptr_t value) {
  return fmt::format("{:#x}", value);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json frame_json(const Frame& frame) {
  return {{"ip", hex(frame.ip)},
          {"module", text_or_null(frame.module)},
          {"offset", frame.module.empty() ? Json(nullptr) : hex(frame.offset)},
          {"build_id", text_or_null(frame.build_id)},
          {"function", text_or_null(frame.function)},
          {"file", text_or_null(frame.file)},
          {"line", frame.line > 0 && !frame.file.empty() ? Json(frame.line) : Json(nullptr)},
          {"source", text_or_null(frame.source)},
          {"inlined", frame.inlined}};
}

// Lists are built here: a braced list of pairs would become an object.
template <typename Item>
Json list(const std::vector<Item>& items, Json (*convert)(const Item&)) {
  Json out = Json::array();
  for (const Item& item : items) out.push_back(convert(item));
  return out;
}

Json stack_json(const Stack& stack) {
  return {{"frames", list(stack.frames, frame_json)}, {"complete", stack.complete}, {"note", text_or_null(stack.note)}};
}

Json ender_json(const ReportEnder& ender) {
  Json object = {{"tid", ender.tid},
                 {"thread", text_or_null(ender.thread)},
                 {"evidence", evidence_name(ender.evidence)},
                 {"likely", ender.likely || is_guess(ender.evidence)}};
  if (ender.pid != 0) object["pid"] = ender.pid;
  return object;
}

Json last_ender_json(const ReportWait& wait) {
  if (wait.last.tid == 0) return nullptr;
  return {{"tid", wait.last.tid},
          {"thread", text_or_null(wait.last.thread)},
          {"at", frame_json(wait.last_at)},
          {"ago_ns", wait.last_ago_ns}};
}

Json wait_json(const ReportWait& wait) {
  return {{"kind", wait_kind_name(wait.kind)},
          {"object", wait.object == 0 ? Json(nullptr) : hex(wait.object)},
          {"name", text_or_null(wait.name)},
          {"waited_ns", wait.waited_ns},
          {"timeout_ns", wait.has_timeout ? Json(wait.timeout_ns) : Json(nullptr)},
          {"timeouts", wait.timeouts},
          {"enders", list(wait.enders, ender_json)},
          {"enders_unknown", text_or_null(why_nobody_is_named(wait))},
          {"last_ended_by", last_ender_json(wait)}};
}

// That of a hold whose call was not seen is known only if its thread has slept, or was seen before.
Json held_json(const ReportHolder& holder) {
  return holder.held_ns == 0 && holder.evidence != Evidence::recorded ? Json(nullptr) : Json(holder.held_ns);
}

// A function rather than an address.
Json place_json(const Frame& frame) {
  return {{"module", text_or_null(frame.module)},
          {"offset", frame.module.empty() || !frame.function.empty() ? Json(nullptr) : hex(frame.offset)},
          {"function", text_or_null(frame.function)},
          {"file", text_or_null(frame.file)},
          {"line", frame.line > 0 && !frame.file.empty() ? Json(frame.line) : Json(nullptr)}};
}

Json sampled_place_json(const ReportSampledPlace& place) {
  return {{"samples", place.samples},
          {"at", place_json(place.at)},
          {"within", place.within ? place_json(*place.within) : Json(nullptr)}};
}

Json sampled_function_json(const ReportSampledFunction& function) {
  Json object = {{"samples", function.samples}, {"innermost", function.innermost}};
  object.update(place_json(function.frame));
  return object;
}

Json samples_json(const ReportHolder& holder) {
  if (!holder.samples) return nullptr;
  const ReportSamples& samples = *holder.samples;
  return {{"captured", samples.captured},   {"missed", samples.missed},
          {"running", samples.running},     {"frozen", samples.is_frozen},
          {"span_ns", samples.span_ns},     {"places", list(samples.places, sampled_place_json)},
          {"elsewhere", samples.elsewhere}, {"functions", list(samples.functions, sampled_function_json)}};
}

Json holder_json(const ReportHolder& holder) {
  Json object = {{"tid", holder.tid},
                 {"thread", holder.thread},
                 {"mode", access_name(holder.access)},
                 {"held_ns", held_json(holder)},
                 {"depth", holder.depth},
                 {"taken", stack_json(holder.taken)},
                 {"now", stack_json(holder.now)},
                 {"state", holder.state == ThreadState::unknown ? Json(nullptr) : Json(state_name(holder.state))},
                 {"doing", text_or_null(holder.doing)},
                 {"moved", holder.moved ? Json(*holder.moved) : Json(nullptr)},
                 {"samples", samples_json(holder)},
                 {"waits_for", text_or_null(holder.waits_for)},
                 {"wait", holder.wait ? wait_json(*holder.wait) : Json(nullptr)},
                 {"likely", holder.likely},
                 {"evidence", evidence_name(holder.evidence)}};
  if (holder.pid != 0) object["pid"] = holder.pid;
  return object;
}

// The lock of a group of waiters, in a deadlock one of several.
ReportWait wait_of(const ReportWaiters& group, const Report& report) {
  ReportWait wait;
  wait.kind = wait_kind_of(report.lock_kind);
  wait.object = report.lock_address;
  wait.name = report.lock_name;
  wait.waited_ns = group.longest_ns;
  for (size_t i = 0; i < report.holders.size(); ++i) {
    const ReportHolder& holder = report.holders[i];
    if (i < report.cycle.size()) {
      if (report.cycle[i].holds != group.lock_id) continue;
      wait.kind = wait_kind_of(report.cycle[i].lock_kind);
      wait.object = report.cycle[i].lock_address;
      wait.name = report.cycle[i].lock_name;
    }
    add_ender(holder, wait);
  }
  return wait;
}

Json chain_json(const ReportChainStep& step, const Report& report) {
  return {{"pid", step.pid == 0 ? report.pid : step.pid},
          {"tid", step.tid},
          {"thread", step.thread},
          {"holds", text_or_null(step.holds)},
          {"wait", step.wait ? wait_json(*step.wait) : Json(nullptr)}};
}

Json root_json(const Report& report) {
  if (report.chain.empty()) return nullptr;
  const ReportChainStep& root = report.chain.front();
  return {{"pid", root.pid == 0 ? report.pid : root.pid},
          {"tid", root.tid},
          {"thread", root.thread},
          {"doing", text_or_null(root.doing)}};
}

Json waiters_json(const ReportWaiters& group, const Report& report) {
  return {{"mode", access_name(group.access)},
          {"count", group.tids.size()},
          {"longest_ns", group.longest_ns},
          {"tids", group.tids},
          {"threads", group.threads},
          {"stack", stack_json(group.stack)},
          {"polling", group.tries > 0},
          {"tries", group.tries > 0 ? Json(group.tries) : Json(nullptr)},
          {"lock", text_or_null(group.lock_id)},
          {"wait", wait_json(wait_of(group, report))}};
}

Json passed_site_json(const ReportPassedSite& site) {
  return {{"holds", site.holds},
          {"threads", site.threads},
          {"mode", access_name(site.access)},
          {"at", site.at.ip == 0 ? Json(nullptr) : frame_json(site.at)}};
}

Json passed_json(const Report& report) {
  if (!report.passed) return nullptr;
  const ReportPassed& passed = *report.passed;
  const bool has_preference = report.lock_kind == LockKind::rwlock;
  return {{"tid", passed.tid},
          {"thread", text_or_null(passed.thread)},
          {"holds", passed.holds},
          {"reads", passed.reads},
          {"prefers_readers", has_preference ? Json(passed.prefers_readers) : Json(nullptr)},
          {"sites", list(passed.sites, passed_site_json)},
          {"not_noted", passed.not_noted()}};
}

Json cycle_json(const ReportCycleStep& step) {
  Json json = {{"tid", step.tid},
               {"holds", text_or_null(step.holds)},
               {"waits_for", text_or_null(step.waits_for)},
               {"joins", step.joins == 0 ? Json(nullptr) : Json(step.joins)},
               {"waited_ns", step.waited_ns},
               {"kind", step.holds.empty() ? Json(nullptr) : Json(lock_kind_name(step.lock_kind))},
               {"address", step.holds.empty() ? Json(nullptr) : hex(step.lock_address)},
               {"name", text_or_null(step.lock_name)}};
  if (step.pid != 0) json["pid"] = step.pid;
  return json;
}

Json likely_cycle_json(const Report& report) {
  Json steps = Json::array();
  for (const ReportLikelyStep& step : report.likely_cycle) {
    steps.push_back({{"tid", step.tid},
                     {"thread", text_or_null(step.thread)},
                     {"holds", text_or_null(step.holds)},
                     {"waits_for", text_or_null(step.waits_for)}});
    if (step.pid != 0) steps.back()["pid"] = step.pid;
  }
  return steps;
}

Json lock_json(const Report& report) {
  return {{"id", report.lock_id},
          {"kind", lock_kind_name(report.lock_kind)},
          {"address", hex(report.lock_address)},
          {"name", text_or_null(report.lock_name)}};
}

Json edge_json(const ReportOrderEdge& edge) {
  return {{"first", edge.first}, {"then", edge.then}, {"tid", edge.tid}, {"stack", stack_json(edge.stack)}};
}

}  // namespace

std::string render_json(const Report& report) {
  const Json lock = report.lock_id.empty() ? Json(nullptr) : lock_json(report);
  Json waiters = Json::array();
  for (const ReportWaiters& group : report.waiters) waiters.push_back(waiters_json(group, report));
  Json chain = Json::array();
  for (const ReportChainStep& step : report.chain) chain.push_back(chain_json(step, report));
  const Json object = {{"event", event_name(report.event)},
                       {"phase", phase_name(report.phase)},
                       {"time", format_time(report.wall_clock_ns)},
                       {"host", report.host},
                       {"pid", report.pid},
                       {"exe", report.exe},
                       {"episode", report.episode},
                       {"fingerprint", report.fingerprint},
                       {"times", report.recurrence.times == 0 ? Json(nullptr) : Json(report.recurrence.times)},
                       {"limit_ns", report.limit_ns},
                       {"lock", lock},
                       {"holders", list(report.holders, holder_json)},
                       {"waiters", waiters},
                       {"lost_ns", report.lost_ns},
                       {"root", root_json(report)},
                       {"chain", chain},
                       {"tree", {{"threads", report.tree_threads}, {"lost_ns", report.tree_lost_ns}}},
                       {"cycle", list(report.cycle, cycle_json)},
                       {"likely_cycle", likely_cycle_json(report)},
                       {"edges", list(report.edges, edge_json)},
                       {"passed_by", passed_json(report)},
                       {"waiters_left_out", report.waiters_left_out},
                       {"threads_delayed", report.threads_delayed},
                       {"unrecorded_holds", report.unrecorded_holds},
                       {"unreported_holds", report.unreported_holds},
                       {"note", text_or_null(report.note)}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace holdwatch
