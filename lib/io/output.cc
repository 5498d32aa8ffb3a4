#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "io/file.h"
#include "io/format.h"

namespace sde::io {
namespace {

constexpr std::array kStdoutNames = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};

bool is_stdout(const std::string& path) {
  for (const char* name : kStdoutNames) {
    if (path == name) return true;
  }
  return false;
}

// Names of hidden files that exist, for remove_unfinished().
std::array<std::atomic<char*>, 64> unfinished{};

int remember(const std::string& path) {
  char* copy = ::strdup(path.c_str());
  for (std::size_t i = 0; i < unfinished.size(); ++i) {
    char* empty = nullptr;
    if (unfinished[i].compare_exchange_strong(empty, copy)) return static_cast<int>(i);
  }
  std::free(copy);
  return -1;
}

void forget(int slot) {
  if (slot >= 0) std::free(unfinished[static_cast<std::size_t>(slot)].exchange(nullptr));
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string base_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

void write_fully(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      struct pollfd wait = {fd, POLLOUT, 0};
      ::poll(&wait, 1, -1);
    } else if (errno == EPIPE) {
      throw BrokenPipe(name);
    } else if (errno != EINTR) {
      fail(Status::io, "{}: write failed: {}", name, errno_text(errno));
    }
  }
}

void refuse_terminal(int fd, const OutputOptions& options, const std::string& name) {
  if (options.binary && ::isatty(fd)) {
    fail(Status::usage, "{}: is a terminal, which cannot show binary data; use -o FILE or a pipe", name);
  }
}

void sync_directory(const std::string& directory, const std::string& name) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // readable it need not be
  const bool bad = ::fsync(fd) != 0 && errno == EIO;
  ::close(fd);
  if (bad) fail(Status::io, "{}: its directory could not be synced", name);
}

enum class Target { in_place, new_file, old_file };

// What is at the path now; throws where nothing may be written there.
Target examine(const std::string& path, const OutputOptions& options, struct stat& status) {
  if (path.empty()) fail(Status::usage, "the name of the output is empty; give -o FILE or -o -");
  if (is_stdout(path)) return Target::in_place;
  if (path.back() == '/') fail(Status::cannot_create, "{}: names a directory; give a file", path);
  if (::stat(path.c_str(), &status) != 0) {
    if (base_of(path).size() > NAME_MAX) fail(Status::cannot_create, "{}: the name is too long", path);
    return Target::new_file;
  }
  if (S_ISDIR(status.st_mode)) fail(Status::cannot_create, "{}: is a directory; give a file", path);
  if (!S_ISREG(status.st_mode)) return Target::in_place;
  if (!options.force) fail(Status::cannot_create, "{}: exists; use -f to replace it", path);
  return Target::old_file;
}

[[noreturn]] void refuse_directory(const std::string& path, const std::string& directory, int error) {
  struct stat status;
  if (::stat(directory.c_str(), &status) != 0) {
    fail(Status::cannot_create, "{}: cannot be created: there is no directory {}; make it first", path,
         directory);
  }
  if (!S_ISDIR(status.st_mode))
    fail(Status::cannot_create, "{}: cannot be created: {} is no directory", path, directory);
  fail(Status::cannot_create, "{}: cannot be created: directory {} is not writable ({}); choose another",
       path, directory, errno_text(error));
}

// The file a symbolic link leads to, so that the link stays a link.
std::string follow(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (!resolved) return path;
  std::string text(resolved);
  std::free(resolved);
  return text;
}

}  // namespace

void check_output(const std::string& path, const OutputOptions& options) {
  struct stat status;
  const Target target = examine(path, options, status);
  if (is_stdout(path)) return refuse_terminal(STDOUT_FILENO, options, "standard output");
  if (target == Target::in_place) {
    if (::access(path.c_str(), W_OK) != 0) {
      fail(Status::cannot_create, "{}: cannot be opened for writing ({})", path, errno_text(errno));
    }
    return;
  }
  const std::string directory = directory_of(target == Target::old_file ? follow(path) : path);
  if (::access(directory.c_str(), W_OK | X_OK) != 0) refuse_directory(path, directory, errno);
  if (::stat(directory.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
    refuse_directory(path, directory, ENOTDIR);
}

std::optional<double> free_bytes(const std::string& path) {
  struct stat status;
  if (is_stdout(path) || (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))) return {};
  struct statvfs disk;
  if (::statvfs(directory_of(path).c_str(), &disk) != 0) return {};
  return static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
}

AtomicFile::AtomicFile(const std::string& path, const OutputOptions& options)
    : destination_(path), name_(is_stdout(path) ? "standard output" : path), force_(options.force) {
  struct stat status;
  const Target target = examine(path, options, status);
  if (is_stdout(path)) {
    descriptor_ = STDOUT_FILENO;
    refuse_terminal(descriptor_, options, name_);
    return;
  }
  if (target == Target::in_place) {
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor_ < 0) {
      fail(Status::cannot_create, "{}: cannot be opened for writing ({})", path, errno_text(errno));
    }
    owned_ = true;
    try {
      refuse_terminal(descriptor_, options, name_);
    } catch (...) {
      discard();
      throw;
    }
    return;
  }
  if (target == Target::old_file) destination_ = follow(path);
  const std::string directory = directory_of(destination_);
  // Short enough for NAME_MAX whatever the destination is called.
  const std::string stem = (directory == "/" ? "" : directory) + "/." + base_of(destination_).substr(0, 200);
  for (unsigned attempt = 0;; ++attempt) {
    temporary_ = fmt::format("{}.{}-{}.part", stem, ::getpid(), attempt);
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) break;
    if (errno != EEXIST || attempt == 10000) refuse_directory(path, directory, errno);
  }
  owned_ = true;
  slot_ = remember(temporary_);
  if (target == Target::old_file) (void)!::fchmod(descriptor_, status.st_mode & 07777);
}

AtomicFile::~AtomicFile() {
  discard();
}

void AtomicFile::discard() noexcept {
  if (!temporary_.empty()) {
    ::unlink(temporary_.c_str());
    temporary_.clear();
  }
  forget(slot_);
  slot_ = -1;
  if (owned_) ::close(descriptor_);
  owned_ = false;
  descriptor_ = -1;
}

void AtomicFile::write(std::string_view bytes) {
  write_fully(descriptor_, bytes, name_);
}

void AtomicFile::wrote(std::size_t bytes) {
  constexpr std::size_t kAtOnce = std::size_t{8} << 20;
  waiting_ += bytes;
  if (waiting_ < kAtOnce || in_place()) return;
  waiting_ = 0;
  // A hint: what it cannot do, the sync does.
  (void)::sync_file_range(descriptor_, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void AtomicFile::commit() {
  if (descriptor_ < 0) fail(Status::bug, "{}: committed twice", name_);
  if (temporary_.empty()) {
    // Some file systems tell of a lost write only at the close.
    const int last = owned_ ? descriptor_ : ::dup(descriptor_);
    owned_ = false;
    descriptor_ = -1;
    if (last >= 0 && ::close(last) != 0 && errno != EINTR) {
      fail(Status::io, "{}: write failed: {}", name_, errno_text(errno));
    }
    return;
  }
  if (::fsync(descriptor_) != 0 && errno != EINVAL) {
    fail(Status::io, "{}: write failed: {}", name_, errno_text(errno));
  }
  int bad = -1;
  if (!force_) {
    bad = ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, destination_.c_str(), RENAME_NOREPLACE);
    if (bad != 0 && errno == EEXIST) {
      // Hours of work may be in there: keep it.
      const std::string kept = std::move(temporary_);
      temporary_.clear();
      discard();
      fail(Status::cannot_create, "{}: was made by another program meanwhile; the result is in {}", name_,
           kept);
    }
  }
  if (bad != 0 && ::rename(temporary_.c_str(), destination_.c_str()) != 0) {
    fail(Status::io, "{}: cannot be renamed from {} ({})", name_, temporary_, errno_text(errno));
  }
  temporary_.clear();
  discard();
  sync_directory(directory_of(destination_), name_);
}

void write_file(const std::string& path, std::string_view bytes, const OutputOptions& options) {
  AtomicFile file(path, options);
  file.write(bytes);
  file.commit();
}

void write_stdout(std::string_view bytes) {
  std::fflush(stdout);
  write_fully(STDOUT_FILENO, bytes, "standard output");
}

void finish_stdout() {
  errno = 0;
  const bool bad = std::ferror(stdout) | (std::fflush(stdout) != 0);
  const int error = errno;
  if (bad && error == EPIPE) throw BrokenPipe("standard output");
  if (bad) fail(Status::io, "standard output: write failed: {}", errno_text(error ? error : EIO));
  const int last = ::dup(STDOUT_FILENO);
  if (last >= 0 && ::close(last) != 0 && errno != EINTR) {
    fail(Status::io, "standard output: write failed: {}", errno_text(errno));
  }
}

void remove_unfinished() noexcept {
  for (auto& slot : unfinished) {
    if (const char* path = slot.exchange(nullptr)) ::unlink(path);
  }
}

OutputForm output_form(const std::string& path, const std::string& format) {
  if (format == "h5") return OutputForm::hdf5;
  if (format == "csv") return OutputForm::csv;
  if (format == "json") return OutputForm::json;
  if (!format.empty()) fail(Status::usage, "--format: unknown format \"{}\" (known: h5, csv, json)", format);
  if (path.ends_with(".csv")) return OutputForm::csv;
  if (path.ends_with(".json")) return OutputForm::json;
  return OutputForm::hdf5;
}

}  // namespace sde::io
