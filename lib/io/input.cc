#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "io/file.h"
#include "io/sha256.h"

namespace sde::io {
namespace {

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

int open_input(const std::string& path, const std::string& name) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return fd;
  if (errno == ENOENT || errno == ENOTDIR) fail(Status::no_input, "{}: no such file", name);
  fail(Status::no_input, "{}: cannot be opened ({})", name, errno_text(errno));
}

// At most `limit` bytes.
std::string read_all(int fd, const std::string& name, std::size_t expected, std::size_t limit) {
  std::string bytes;
  std::size_t used = 0;
  bytes.resize(std::min(limit, expected + 1));
  for (;;) {
    if (used == bytes.size()) {
      if (used >= limit) break;
      bytes.resize(std::min(limit, std::max<std::size_t>(1 << 16, 2 * used)));
    }
    const ssize_t got = ::read(fd, bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(Status::io, "{}: read failed: {}", name, errno_text(errno));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  bytes.resize(used);
  return bytes;
}

// HDF5 allows a user block of 512 bytes, or any power of two above, before its signature.
bool hdf5_at_power_of_two(int fd, std::uint64_t size) {
  char found[8];
  for (std::uint64_t at = 512; at + 8 <= size; at *= 2) {
    if (::pread(fd, found, 8, static_cast<off_t>(at)) == 8 && std::string_view(found, 8) == kSignature)
      return true;
  }
  return false;
}

Form form_of(std::string_view head) {
  if (head.empty()) return Form::empty;
  if (head.starts_with(kSignature)) return Form::hdf5;
  for (std::size_t at = 512; at + 8 <= head.size(); at *= 2) {
    if (head.substr(at).starts_with(kSignature)) return Form::hdf5;
  }
  if (head.find('\0') != std::string_view::npos) return Form::binary;
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const std::size_t first = head.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (head[first] == '{' || head[first] == '[')) return Form::json;
  return Form::text;
}

}  // namespace

std::string errno_text(int error) {
  char buffer[256];
  return strerror_r(error, buffer, sizeof buffer);  // the GNU form: thread-safe, returns the text
}

Input::Input(const std::string& path) : path_(path), name_(path == "-" ? "standard input" : path) {
  if (path == "-") {
    bytes_ = std::make_shared<const std::string>(read_all(STDIN_FILENO, name_, 0, ~std::size_t{0}));
    return;
  }
  const Descriptor fd(open_input(path, name_));
  struct stat status;
  if (::fstat(fd.get(), &status) != 0) fail(Status::io, "{}: {}", name_, errno_text(errno));
  if (S_ISDIR(status.st_mode)) fail(Status::bad_data, "{}: is a directory; give a file", name_);
  regular_ = S_ISREG(status.st_mode);
  if (!regular_) bytes_ = std::make_shared<const std::string>(read_all(fd.get(), name_, 0, ~std::size_t{0}));
}

Form Input::form() const {
  if (bytes_) return form_of(*bytes_);
  const Descriptor fd(open_input(path_, name_));
  const Form form = form_of(read_all(fd.get(), name_, 4096, 4096));
  if (form == Form::hdf5 || form == Form::empty) return form;
  struct stat status;
  if (::fstat(fd.get(), &status) == 0 &&
      hdf5_at_power_of_two(fd.get(), static_cast<std::uint64_t>(status.st_size))) {
    return Form::hdf5;
  }
  return form;
}

const std::string& Input::bytes() const {
  if (!bytes_) {
    const Descriptor fd(open_input(path_, name_));
    struct stat status;
    const bool known = ::fstat(fd.get(), &status) == 0;
    bytes_ = std::make_shared<const std::string>(
        read_all(fd.get(), name_, known ? static_cast<std::size_t>(status.st_size) : 0, ~std::size_t{0}));
  }
  return *bytes_;
}

std::string Input::sha256() const {
  if (bytes_) return io::sha256(*bytes_);
  const Descriptor fd(open_input(path_, name_));
  Sha256 hash;
  std::vector<char> buffer(1 << 18);
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(Status::io, "{}: read failed: {}", name_, errno_text(errno));
    if (got == 0) return hash.finish();
    hash.update({buffer.data(), static_cast<std::size_t>(got)});
  }
}

std::string read_file(const std::string& path) {
  return Input(path).bytes();
}

}  // namespace sde::io
