// See other_end.h.
#include "symbolizer/waits/other_end.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "shim/common/text/digits.h"
#include "symbolizer/proc/proc_text.h"
#include "symbolizer/waits/process_search.h"

namespace holdwatch {
namespace {

std::optional<uint64_t> inode_in(std::string_view link, std::string_view kind) {
  if (!link.starts_with(kind) || !link.ends_with(']')) return std::nullopt;
  return number_of(link.substr(kind.size(), link.size() - kind.size() - 1));
}

std::string socket_link(uint64_t inode) {
  return "socket:[" + std::to_string(inode) + "]";
}

// Of a link in /proc/PID/fd, the permissions show how the descriptor was opened (proc(5)).
bool allows(const std::filesystem::path& link, mode_t needed) {
  struct stat status {};
  return lstat(link.c_str(), &status) == 0 && (status.st_mode & needed) == needed;
}

// The lines of a descriptor's fdinfo that say which file of which mount it refers to, if its path is that of more than one. The file's
// number is there since Linux 5.14.
std::string file_of_mount(std::string_view fdinfo) {
  std::string lines;
  for (const std::string_view name : {"mnt_id:", "ino:"}) {
    const size_t at = fdinfo.find(name);
    if (at != fdinfo.npos) lines += fdinfo.substr(at, fdinfo.find('\n', at) - at);
  }
  return lines;
}

// What of a file is looked for. A path alone may be another file's for another process. To ask the file itself (stat) may take until its
// server answers.
struct OpenFile {
  std::string link;
  std::string mounts;  // the mount namespace in which the link is a path; empty: it is none
  std::string file;    // there

  bool is_open_as(const std::string& descriptor, int pid) const {
    return mounts.empty() || (mount_namespace(pid) == mounts &&
                              file_of_mount(read_text(process_file(pid, "fdinfo/" + descriptor))) == file);
  }
  static std::string mount_namespace(int pid) {
    std::error_code error;
    return std::filesystem::read_symlink(process_file(pid, "ns/mnt"), error);
  }
};

bool has_open(int pid, const OpenFile& wanted, mode_t needed, const SearchTime& time) {
  bool found = false;
  for_each_entry(process_file(pid, "fd"), time, [&](const std::filesystem::path& descriptor) {
    std::error_code error;
    found = std::filesystem::read_symlink(descriptor, error) == wanted.link && allows(descriptor, needed) &&
            wanted.is_open_as(descriptor.filename(), pid);
    return !found;
  });
  return found;
}

OtherEnd incomplete_search() {
  OtherEnd unknown;
  unknown.is_complete = false;
  return unknown;
}

OtherEnd find_processes(const OpenFile& wanted, mode_t needed, int own_process, const SearchTime& time) {
  OtherEnd found;
  for_each_entry("/proc", time, [&](const std::filesystem::path& process) {
    const auto pid = number_of(process.filename().native());
    if (!pid || !has_open(static_cast<int>(*pid), wanted, needed, time)) return true;
    if (static_cast<int>(*pid) == own_process)
      found.is_here = true;
    else
      found.processes.push_back(static_cast<int>(*pid));
    return true;
  });
  std::sort(found.processes.begin(), found.processes.end());
  return time.is_over() ? incomplete_search() : found;
}

class Netlink {
 public:
  Netlink() : descriptor_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG)) {}
  ~Netlink() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;

  // The kernel answers before sendto returns.
  template <typename Request>
  size_t ask(const Request& request, unsigned char* answer, size_t size) const {
    if (descriptor_ < 0 || sendto(descriptor_, &request, sizeof request, MSG_DONTWAIT, nullptr, 0) < 0) return 0;
    const ssize_t got = read(descriptor_, answer, size);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }

 private:
  int descriptor_;
};

// The attribute's value in the answer to a request for one unix socket (sock_diag(7)); 0 if it is not there.
uint32_t peer_in_answer(const unsigned char* answer, size_t size) {
  nlmsghdr header{};
  constexpr size_t kAttributes = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(unix_diag_msg)));
  if (size < kAttributes) return 0;
  std::memcpy(&header, answer, sizeof header);
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len > size) return 0;
  for (size_t at = kAttributes; at + sizeof(rtattr) <= header.nlmsg_len;) {
    rtattr attribute{};
    std::memcpy(&attribute, answer + at, sizeof attribute);
    uint32_t inode = 0;
    if (attribute.rta_type == UNIX_DIAG_PEER && at + RTA_LENGTH(sizeof inode) <= header.nlmsg_len) {
      std::memcpy(&inode, answer + at + RTA_LENGTH(0), sizeof inode);
      return inode;
    }
    if (attribute.rta_len < sizeof attribute) return 0;
    at += RTA_ALIGN(attribute.rta_len);
  }
  return 0;
}

// Found only in our own network namespace.
uint64_t unix_peer(uint64_t inode) {
  struct {
    nlmsghdr header;
    unix_diag_req wanted;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.wanted.sdiag_family = AF_UNIX;
  request.wanted.udiag_ino = static_cast<uint32_t>(inode);
  request.wanted.udiag_states = UINT32_MAX;
  request.wanted.udiag_show = UDIAG_SHOW_PEER;
  request.wanted.udiag_cookie[0] = request.wanted.udiag_cookie[1] = UINT32_MAX;
  unsigned char answer[1024];
  return peer_in_answer(answer, Netlink().ask(request, answer, sizeof answer));
}

// "0100007F:1F90" or, of tcp6, 32 digits; an IPv4 address within IPv6 becomes the one that the other table has.
std::string_view plain_address(std::string_view address) {
  constexpr std::string_view kMapped = "0000000000000000FFFF0000";
  return address.starts_with(kMapped) ? address.substr(kMapped.size()) : address;
}

struct TcpLine {
  std::string_view local, remote;
  uint64_t inode = 0;
};

// "0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 4711 ..."
std::optional<TcpLine> parse_tcp_line(std::string_view line) {
  constexpr size_t kLocal = 1, kRemote = 2, kInode = 9;
  TcpLine parsed;
  for (size_t field = 0; field <= kInode; ++field) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    if (field == kLocal) parsed.local = plain_address(word);
    if (field == kRemote) parsed.remote = plain_address(word);
    if (field != kInode) continue;
    const auto inode = number_of(word);
    if (!inode) return std::nullopt;
    parsed.inode = *inode;
  }
  return parsed;
}

// The first line for which `is_it` is true.
template <typename IsIt>
std::optional<TcpLine> find_line(std::string_view text, IsIt is_it) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (const auto parsed = parse_tcp_line(line); parsed && is_it(*parsed)) return parsed;
  }
  return std::nullopt;
}

uint64_t peer_of(uint64_t inode, const CallContext& context, const SearchTime& time) {
  if (const uint64_t peer = unix_peer(inode); peer != 0) return peer;
  const std::string tables = context.files.text("net/tcp") + context.files.text("net/tcp6");
  return time.is_over() ? 0 : peer_in_tcp_table(tables, inode);
}

}  // namespace

uint64_t peer_in_tcp_table(std::string_view text, uint64_t inode) {
  const auto own = find_line(text, [&](const TcpLine& line) { return line.inode == inode && inode != 0; });
  if (!own) return 0;
  const auto peer = find_line(text, [&](const TcpLine& line) {
    return line.inode != 0 && line.local == own->remote && line.remote == own->local;
  });
  return peer ? peer->inode : 0;
}

OtherEnd find_other_end(int descriptor, const std::string& link, bool reads, const CallContext& context) {
  const SearchTime time;
  if (!context.files.known()) return {};
  if (time.is_over()) return incomplete_search();
  const int own_process = context.files.process_id();
  const mode_t needed = reads ? S_IWUSR : S_IRUSR;
  if (inode_in(link, "pipe:[")) return find_processes({link, {}, {}}, needed, own_process, time);
  if (link.starts_with('/')) {
    const OpenFile fifo{link, context.files.link("ns/mnt").value_or(""),
                        file_of_mount(context.files.text("fdinfo/" + std::to_string(descriptor)))};
    return fifo.mounts.empty() || fifo.file.empty() ? OtherEnd{} : find_processes(fifo, needed, own_process, time);
  }
  const auto inode = inode_in(link, "socket:[");
  const uint64_t peer = inode ? peer_of(*inode, context, time) : 0;
  if (peer == 0) return time.is_over() ? incomplete_search() : OtherEnd{};
  return find_processes({socket_link(peer), {}, {}}, 0, own_process, time);
}

}  // namespace holdwatch
