// See descriptors.h.
#include "symbolizer/activity/descriptors.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <initializer_list>

#include "symbolizer/activity/sockets.h"
#include "symbolizer/activity/words.h"

namespace holdwatch {
namespace {

// Turns "[eventfd]" and "inotify" into "eventfd" and "inotify".
std::string describe_anonymous(std::string_view name) {
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  if (name == "eventpoll") return "epoll";
  return printable(name);
}

// With or without a name. Does not use fstat, which contacts a file's server and may wait for it.
bool is_pipe(int descriptor) {
  return fcntl(descriptor, F_GETPIPE_SZ) >= 0;
}

bool is_one_of(std::string_view function, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return function.find(part) != std::string_view::npos; });
}

// ", 64 KiB unread" for a pipe with or without a name; empty for everything else.
std::string describe_unread(int descriptor) {
  int bytes = 0;
  if (!is_pipe(descriptor) || ioctl(descriptor, FIONREAD, &bytes) != 0 || bytes <= 0) return "";
  return ", " + size_in_words(static_cast<uint64_t>(bytes)) + " unread";
}

std::string describe_target(int descriptor, const std::string& link, Direction direction, const ThreadFiles& files) {
  constexpr std::string_view kAnonymous = "anon_inode:";
  if (link.starts_with(kAnonymous)) return describe_anonymous(std::string_view(link).substr(kAnonymous.size()));
  const bool is_socket = link.starts_with("socket:[");
  if (!is_socket && direction != Direction::sending) return printable(link);
  const QueryDescriptor asked(descriptor, files, link);
  // If the descriptor cannot be examined, the kernel's number in the link is all that is known.
  if (asked.descriptor() < 0) return printable(link);
  return is_socket ? describe_socket(asked.descriptor(), direction)
                   : printable(link) + describe_unread(asked.descriptor());
}

}  // namespace

std::string describe_descriptor(int descriptor, Direction direction, const ThreadFiles& files) {
  const std::string number = std::to_string(descriptor);
  const std::optional<std::string> link = files.descriptor_link(descriptor);
  if (!link) return number;
  if (link->empty()) return number + " (closed)";
  return number + " " + describe_target(descriptor, *link, direction, files);
}

bool is_of_other_file(int descriptor, std::string_view wait_channel, const ThreadFiles& files) {
  const std::optional<std::string> link = files.descriptor_link(descriptor);
  if (!link || link->empty()) return false;
  const bool is_socket = link->starts_with("socket:[");
  if (is_one_of(wait_channel, {"pipe_read", "pipe_write"})) {
    if (is_socket || link->starts_with("anon_inode:")) return true;
    const QueryDescriptor asked(descriptor, files, *link);
    return asked.descriptor() >= 0 && !is_pipe(asked.descriptor());
  }
  return !is_socket && is_one_of(wait_channel, {"skb", "sock_", "unix_stream", "inet_csk"});
}

// To examine it may take a duplicate: only of what the thread can be waiting for.
bool is_pipe_with_path(int descriptor, const std::string& path, std::string_view wait_channel,
                       const ThreadFiles& files) {
  const bool is_channel_known = !wait_channel.empty() && wait_channel != "0";
  const bool may_be_pipe = !is_channel_known || is_one_of(wait_channel, {"pipe_read", "pipe_write", "pipe_wait"});
  if (!path.starts_with('/') || !may_be_pipe) return false;
  const QueryDescriptor asked(descriptor, files, path);
  return asked.descriptor() >= 0 && is_pipe(asked.descriptor());
}

}  // namespace holdwatch
