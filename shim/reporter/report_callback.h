// The program's own callback for reports (holdwatch_on_report in holdwatch.h).
// Cold context: set by any thread of the program, called by the reporter.
#pragma once

namespace holdwatch {

using ReportCallback = void (*)(const char* text, const char* json, void* context);

void set_report_callback(ReportCallback callback, void* context);
void call_report_callback(const char* text, const char* json);

// Stops calls of the callback: the data that it uses are about to be destroyed. Any thread.
void close_report_callback();

}  // namespace holdwatch
