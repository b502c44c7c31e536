// Problems that the reporter finds while an attachment begins, for the user who attaches: that reports cannot be written to
// their destination, which ends the attachment, or that they will have no names.
// Cold context; written by the reporter's thread, read by the attaching thread.
#pragma once

#include <string_view>

namespace holdwatch {

struct StartupMessages {
  const char* refusal;  // each null if there is none
  const char* remark;
};

// Messages are kept from now on. Called before watching begins.
void listen_for_startup_messages();
bool is_listening_for_startup_messages();

// Waits, for a bounded time, until the reporter has checked its outputs; later messages go to standard error.
StartupMessages hear_startup_messages();

// Reporter: reports cannot be written to `what`, and go to `instead`; or another line, already written to standard error.
void add_startup_refusal(const char* what, const char* instead);
void add_startup_remark(std::string_view line);

}  // namespace holdwatch
