// Descriptors that the program may close, redirect or fill behind our back.
// Cold context. Never writes to a descriptor that is not proven to be still the file it was.
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

// Writes all of `text`, in one write() but where a pipe's or socket's reader is behind. One that stays full is waited for,
// for at most a fifth of a second, whether it blocks or not. Returns 0 or an errno value; *written says how far it came.
int write_all(int descriptor, std::string_view text, size_t* written);

// The size of a regular file; nothing for whatever else the descriptor may be.
std::optional<off_t> size_of(int descriptor);

// Shortens a file to the size that it had before `written` bytes were appended to it, if they alone have come since. False,
// with the file as it is, if somebody else has appended too or the file cannot be shortened.
bool take_back(int descriptor, off_t size_before, size_t written);

}  // namespace holdwatch
