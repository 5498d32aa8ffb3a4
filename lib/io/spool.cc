#include "io/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>

#include "io/file.h"

namespace sde::io {
namespace {

struct Header {
  std::uint64_t first, paths;
};

void read_at(int fd, std::uint64_t at, void* into, std::size_t size, const std::string& name) {
  auto* bytes = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got = ::pread(fd, bytes, size, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(Status::io, "{}: read failed: {}", name, errno_text(errno));
    if (got == 0) fail(Status::bad_data, "{}: ends early; run without --resume", name);
    bytes += got;
    at += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
}

void write_at(int fd, std::uint64_t at, const void* from, std::size_t size, const std::string& name) {
  const auto* bytes = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t put = ::pwrite(fd, bytes, size, static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(Status::io, "{}: write failed: {}", name, errno_text(errno));
    bytes += put;
    at += static_cast<std::uint64_t>(put);
    size -= static_cast<std::size_t>(put);
  }
}

}  // namespace

Spool::Spool(const std::string& path, std::size_t row, std::uint64_t length) : path_(path), row_(row) {
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(Status::cannot_create, "{}: cannot be created ({})", path, errno_text(errno));
  struct stat status;
  if (::fstat(descriptor_, &status) != 0 || static_cast<std::uint64_t>(status.st_size) < length) {
    ::close(descriptor_);
    fail(Status::bad_data, "{}: is shorter than its checkpoint says; run without --resume", path);
  }
  if (::ftruncate(descriptor_, static_cast<off_t>(length)) != 0) {
    const int error = errno;
    ::close(descriptor_);
    fail(Status::io, "{}: cannot be cut to its length ({})", path, errno_text(error));
  }
  length_ = length;
}

Spool::~Spool() {
  ::close(descriptor_);
}

void Spool::append(const EnsembleBlock& block) {
  const std::uint64_t paths = block.status.size();
  if (block.value.size() != paths * row_ || block.path_id.size() != paths)
    fail(Status::bug, "{}: a block of {} values does not fit", path_, block.value.size());
  const Header header{block.first, paths};
  const std::scoped_lock lock(mutex_);
  const auto put = [&](const void* from, std::size_t size) {
    write_at(descriptor_, length_, from, size, path_);
    length_ += size;
  };
  put(&header, sizeof header);
  put(block.value.data(), block.value.size() * sizeof(double));
  put(block.path_id.data(), paths * sizeof(std::uint64_t));
  put(block.status.data(), paths);
}

void Spool::append(std::uint64_t first, std::vector<double> rows) {
  EnsembleBlock block;
  block.first = first;
  block.value = std::move(rows);
  block.path_id.resize(block.value.size() / row_);
  std::iota(block.path_id.begin(), block.path_id.end(), first);
  block.status.resize(block.path_id.size());
  append(block);
}

std::uint64_t Spool::sync() {
  const std::scoped_lock lock(mutex_);
  if (::fdatasync(descriptor_) != 0 && errno != EINVAL)
    fail(Status::io, "{}: write failed: {}", path_, errno_text(errno));
  return length_;
}

void Spool::replay(const std::function<void(EnsembleBlock)>& take) const {
  for (std::uint64_t at = 0; at < length_;) {
    const auto get = [&](void* into, std::size_t size) {
      read_at(descriptor_, at, into, size, path_);
      at += size;
    };
    Header header;
    get(&header, sizeof header);
    const std::uint64_t each = row_ * sizeof(double) + sizeof(std::uint64_t) + 1;
    if (header.paths > (length_ - at) / each)
      fail(Status::bad_data, "{}: is not what a run left; run without --resume", path_);
    EnsembleBlock block;
    block.first = header.first;
    block.value.resize(header.paths * row_);
    block.path_id.resize(header.paths);
    block.status.resize(header.paths);
    get(block.value.data(), block.value.size() * sizeof(double));
    get(block.path_id.data(), block.path_id.size() * sizeof(std::uint64_t));
    get(block.status.data(), block.status.size());
    take(std::move(block));
  }
}

void Spool::remove() {
  ::unlink(path_.c_str());
}

}  // namespace sde::io
