// Handles descriptors that the program may close, redirect or fill up without our knowledge.
// Cold context. Never writes to a descriptor unless it is proven to refer to the same file still.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

namespace holdwatch {

// Which file a descriptor refers to.
struct FileIdentity {
  dev_t device;
  ino_t inode;
  dev_t special;  // the device itself, for a terminal or /dev/null
  bool operator==(const FileIdentity&) const = default;
};

std::optional<FileIdentity> identity_of(int descriptor);
std::optional<FileIdentity> identity_of(const char* path);  // follows symbolic links

// Writes all of `text`, in one write() unless the reader of a pipe or socket is behind. Waits for a full one for at
// most a fifth of a second, whether or not the descriptor blocks. Returns 0 or an errno value; *written is the number
// of bytes that were written.
int write_all(int descriptor, std::string_view text, size_t* written);

// The size of a regular file; nothing for any other kind.
std::optional<off_t> size_of(int descriptor);

// Truncates a file to the size that it had before `written` bytes were appended to it, if nothing else was appended
// since. Returns false and leaves the file as it is if another process has appended too or the file cannot be
// truncated.
bool take_back(int descriptor, off_t size_before, size_t written);

}  // namespace holdwatch
