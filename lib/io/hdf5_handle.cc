#include "io/hdf5_handle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace sde::io {

std::uint64_t elements(const Shape& shape) {
  std::uint64_t n = 1;
  for (const std::uint64_t extent : shape) {
    if (__builtin_mul_overflow(n, extent, &n)) return kAny;
  }
  return n;
}

std::string to_text(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i) text += ", ";
    text += shape[i] == kAny ? "any" : std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace sde::io

namespace sde::io::h5 {
namespace {

std::recursive_mutex& mutex() {
  static std::recursive_mutex m;
  return m;
}

}  // namespace

Lock::Lock() : lock_(mutex()) {
  static const bool started = [] {
    H5dont_atexit();
    return H5open() >= 0;
  }();
  if (!started) fail(Status::bug, "the HDF5 library does not start");
  // The stack of errors, and with it the printing of them, is one a thread.
  thread_local const bool quiet = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  (void)quiet;
}

Failure last_failure() {
  Failure failure;
  const auto collect = [](unsigned, const H5E_error2_t* entry, void* data) -> herr_t {
    auto& f = *static_cast<Failure*>(data);
    const std::string text = entry->desc ? entry->desc : "";
    const std::size_t at = text.find("errno = ");
    if (at != std::string::npos && f.error == 0) f.error = std::atoi(text.c_str() + at + 8);
    if (!f.text.empty()) f.text += "; ";
    f.text += text;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect, &failure);
  H5Eclear2(H5E_DEFAULT);
  return failure;
}

hid_t memory_type(Element element) {
  switch (element) {
    case Element::f64:
      return H5T_NATIVE_DOUBLE;
    case Element::f32:
      return H5T_NATIVE_FLOAT;
    case Element::i64:
      return H5T_NATIVE_INT64;
    case Element::i32:
      return H5T_NATIVE_INT32;
    case Element::u64:
      return H5T_NATIVE_UINT64;
    case Element::u8:
      return H5T_NATIVE_UINT8;
  }
  fail(Status::bug, "unknown element type");
}

hid_t file_type(Element element) {
  switch (element) {
    case Element::f64:
      return H5T_IEEE_F64LE;
    case Element::f32:
      return H5T_IEEE_F32LE;
    case Element::i64:
      return H5T_STD_I64LE;
    case Element::i32:
      return H5T_STD_I32LE;
    case Element::u64:
      return H5T_STD_U64LE;
    case Element::u8:
      return H5T_STD_U8LE;
  }
  fail(Status::bug, "unknown element type");
}

std::size_t size_of(Element element) {
  switch (element) {
    case Element::f64:
    case Element::i64:
    case Element::u64:
      return 8;
    case Element::f32:
    case Element::i32:
      return 4;
    case Element::u8:
      return 1;
  }
  fail(Status::bug, "unknown element type");
}

Handle text_type() {
  Handle t = type(H5Tcopy(H5T_C_S1));
  H5Tset_size(t.get(), H5T_VARIABLE);
  H5Tset_cset(t.get(), H5T_CSET_UTF8);
  return t;
}

Handle fixed_text_type(std::size_t size) {
  Handle t = type(H5Tcopy(H5T_C_S1));
  H5Tset_size(t.get(), size);
  H5Tset_cset(t.get(), H5T_CSET_UTF8);
  H5Tset_strpad(t.get(), H5T_STR_NULLPAD);
  return t;
}

std::size_t longest(const std::vector<std::string>& texts) {
  std::size_t n = 1;
  for (const std::string& text : texts) n = std::max(n, text.size());
  return n;
}

}  // namespace sde::io::h5
