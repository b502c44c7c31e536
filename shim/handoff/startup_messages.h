// What the reporter finds wrong while an attachment begins, to be passed on to the user who attaches: that reports cannot be
// written to their destination, which ends the attachment, or that they will have no names.
// Cold context; the attaching thread listens, the reporter's thread speaks.
#pragma once

#include <string_view>

namespace holdwatch {

struct StartupMessages {
  const char* refusal;  // each null if there is none
  const char* remark;
};

// Messages are kept from now on. Before the watch begins.
void listen_for_startup_messages();
bool is_listening_for_startup_messages();

// Waits, for a bounded time, until the reporter has looked where it will write; messages that come later go to standard error.
StartupMessages hear_startup_messages();

// The reporter: reports cannot be written to `what`, and go to `instead`; or another line, which standard error has already.
void add_startup_refusal(const char* what, const char* instead);
void add_startup_remark(std::string_view line);

}  // namespace holdwatch
