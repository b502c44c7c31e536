// See file_output.h.
#include "symbolizer/outputs/file_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace holdwatch {
namespace {

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool writable_by_all(const std::string& directory) {
  struct stat status;
  return stat(directory.c_str(), &status) != 0 || (status.st_mode & S_IWOTH) != 0;
}

// Opens without acquiring a controlling terminal, and without waiting for the reader of a named pipe.
constexpr int kOpenFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

// A program that closes its first three descriptors expects to get these numbers again, and prints to them: ours must
// be well above them. Returns the new number, or -1 with errno set.
int moved_away(int descriptor) {
  constexpr int kFarAway = 100;
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, kFarAway);
  if (moved < 0 && descriptor > 2) return descriptor;  // no more descriptors are allowed: better this number than none
  const int reason = errno;
  close(descriptor);
  errno = reason;
  return moved;
}

// In a directory like /tmp another user may have created, under the name that we are going to open, a symbolic or hard
// link to one of the program's own files, or a file of their own in order to read our reports.
int open_in_public_directory(const std::string& path, int* descriptor) {
  const int opened = open(path.c_str(), kOpenFlags | O_CREAT | O_NOFOLLOW, 0600);
  if (opened < 0) return errno;
  struct stat status;
  if (fstat(opened, &status) != 0 ||
      (S_ISREG(status.st_mode) && (status.st_uid != geteuid() || status.st_nlink != 1))) {
    close(opened);
    return EPERM;
  }
  *descriptor = opened;
  return 0;
}

int open_for_append(const std::string& path, int* descriptor) {
  if (writable_by_all(directory_of(path))) return open_in_public_directory(path, descriptor);
  const int opened = open(path.c_str(), kOpenFlags | O_CREAT, 0600);
  if (opened < 0) return errno;
  *descriptor = opened;
  return 0;
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char directory[PATH_MAX];
  return getcwd(directory, sizeof directory) == nullptr ? path : std::string(directory) + "/" + path;
}

}  // namespace

FileOutput::FileOutput(const std::string& path) : path_(absolute(path)) {}

FileOutput::~FileOutput() {
  give_up_descriptor();
}

int FileOutput::probe() const {
  struct stat status;
  if (lstat(path_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return EISDIR;
    if (S_ISLNK(status.st_mode) && writable_by_all(directory_of(path_))) return ELOOP;
    return faccessat(AT_FDCWD, path_.c_str(), W_OK, AT_EACCESS) == 0 ? 0 : errno;
  }
  if (errno != ENOENT) return errno;
  return faccessat(AT_FDCWD, directory_of(path_).c_str(), W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

// Closes the descriptor only if it is still ours: the program may have closed it and opened something else since.
void FileOutput::give_up_descriptor() {
  if (descriptor_ >= 0 && identity_of(descriptor_) == identity_) close(descriptor_);
  descriptor_ = -1;
}

int FileOutput::ensure_open() {
  const bool ours = descriptor_ >= 0 && identity_of(descriptor_) == identity_;
  if (ours && identity_of(path_.c_str()) == identity_) return 0;
  int opened = -1;
  int reason = open_for_append(path_, &opened);
  if (reason == 0 && (opened = moved_away(opened)) < 0) reason = errno;
  if (reason != 0) {
    // A rotated file that still has a name is better than none: the program may have given up the right to create a new
    // one, or be out of descriptors.
    struct stat status;
    if (ours && fstat(descriptor_, &status) == 0 && status.st_nlink > 0) return 0;
    give_up_descriptor();
    return reason;
  }
  // The program may have closed our old descriptor: then the new one can have the same number, and even the same file.
  if (opened != descriptor_) give_up_descriptor();
  descriptor_ = opened;
  identity_ = identity_of(opened);
  torn_ = ends_within_line();
  return 0;
}

// By the end of the process that wrote it. Another one may be writing just now: that takes a moment only.
bool FileOutput::ends_within_line() const {
  constexpr int kLooks = 5;
  constexpr useconds_t kBetweenLooksUs = 1000;
  if (!size_of(descriptor_)) return false;
  const int opened = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (opened < 0) return false;
  bool is_within = identity_of(opened) == identity_;
  for (int look = 0; is_within && look < kLooks; ++look) {
    if (look > 0) usleep(kBetweenLooksUs);
    const std::optional<off_t> size = size_of(opened);
    char last = '\n';
    is_within = size && *size > 0 && pread(opened, &last, 1, *size - 1) == 1 && last != '\n';
  }
  close(opened);
  return is_within;
}

int FileOutput::try_write(const Message& message) {
  const int unopened = ensure_open();
  if (unopened != 0) return unopened;
  size_t written = 0;
  int reason = 0;
  if (torn_) {
    reason = write_all(descriptor_, "\n", &written);
    if (reason != 0) return reason;
    torn_ = false;
  }
  const std::optional<off_t> size_before = size_of(descriptor_);
  reason = write_all(descriptor_, message.text, &written);
  if (reason != 0 && written > 0) torn_ = !size_before || !take_back(descriptor_, *size_before, written);
  return reason;
}

}  // namespace holdwatch
