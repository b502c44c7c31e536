// How the start of the reporter goes: whether it is still inside the loader, and what it finds wrong.
// Cold context; the reporter's thread says it, others wait for it.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdwatch {

// Inside the loader, where it loads the symbolizer, the reporter may wait for locks of the program's, and a fork would pass on
// the loader's. The reporter: it soon will be inside; it is out, or it never came to be.
void reporter_loading_begins();
void reporter_loading_ends();

// Whether the reporter is out of the loader, now or within `timeout_ns`. Any thread.
bool wait_for_reporter_loaded(uint64_t timeout_ns);

// What it finds wrong while an attachment begins is passed on to the user who attaches: that reports cannot be written to
// their destination, which ends the attachment, or that they will have no names.
struct StartupMessages {
  const char* refusal;  // each null if there is none
  const char* remark;
};

// The attaching thread. Messages are kept from now on. Before the watch begins.
void listen_for_startup_messages();
bool is_listening_for_startup_messages();

// Waits, for a bounded time, until the reporter has looked where it will write; messages that come later go to standard error.
StartupMessages await_startup_messages();

// The reporter: reports cannot be written to `what`, and go to `instead`; or another line, which standard error has already.
void add_startup_refusal(const char* what, const char* instead);
void add_startup_remark(std::string_view line);

}  // namespace holdwatch
