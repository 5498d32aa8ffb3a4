// What hdf5_writer.cc and hdf5_reader.cc share: handles that close themselves, the process's lock, types,
// HDF5's errors as text. Only these include <hdf5.h>.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "io/hdf5.h"

namespace sde::io::h5 {

// Held around every HDF5 call. The first one sets the library up: no closing of files at exit (after a failed
// write it would try again), no printing of errors.
class Lock {
 public:
  Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

// Closes its identifier, unless the file it belongs to was given up: after a failed write HDF5 must not be
// called for that file again, so the identifiers are leaked.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t), const bool* given_up = nullptr)
      : id_(id), close_(close), given_up_(given_up) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept { *this = std::move(other); }
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    std::swap(given_up_, other.given_up_);
    return *this;
  }

  hid_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }
  void reset() noexcept {
    if (id_ >= 0 && !(given_up_ && *given_up_)) close_(id_);
    id_ = -1;
  }
  hid_t release() { return std::exchange(id_, -1); }

 private:
  hid_t id_ = -1;
  herr_t (*close_)(hid_t) = nullptr;
  const bool* given_up_ = nullptr;
};

inline Handle space(hid_t id) {
  return {id, H5Sclose};
}
inline Handle type(hid_t id) {
  return {id, H5Tclose};
}
inline Handle properties(hid_t id) {
  return {id, H5Pclose};
}
inline Handle object(hid_t id, const bool* given_up = nullptr) {
  return {id, H5Oclose, given_up};
}
inline Handle dataset(hid_t id, const bool* given_up = nullptr) {
  return {id, H5Dclose, given_up};
}
inline Handle attribute(hid_t id, const bool* given_up = nullptr) {
  return {id, H5Aclose, given_up};
}

// The failed call's error stack.
struct Failure {
  int error = 0;     // errno of the system call that failed, 0 where none did
  std::string text;  // what the library says, innermost first
};
Failure last_failure();

hid_t memory_type(Element element);
hid_t file_type(Element element);
std::size_t size_of(Element element);
Handle text_type();  // variable-length UTF-8
// UTF-8 padded with NUL to `size` bytes.
Handle fixed_text_type(std::size_t size);
// At least 1: HDF5 has no empty strings.
std::size_t longest(const std::vector<std::string>& texts);

}  // namespace sde::io::h5
