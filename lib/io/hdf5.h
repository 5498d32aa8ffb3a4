// HDF5 files of the project, over the C API: a Writer whose file appears only when complete, a Reader that
// refuses what is truncated, foreign, newer or incomplete. HDF5's own types stay inside.
//
// Any thread may call; one lock for the process is held during each call, because the library has one of its
// own at best. Numbers are stored little-endian, strings as variable-length UTF-8. A process that limits its
// file size must ignore SIGXFSZ and SIGPIPE for errors to arrive here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"

namespace sde::io {

inline constexpr int kFormatMajor = 1;
inline constexpr int kFormatMinor = 0;

using Shape = std::vector<std::uint64_t>;

inline constexpr std::uint64_t kAny = ~std::uint64_t{0};  // in an expected shape: any extent

std::uint64_t elements(const Shape& shape);

enum class Element { f64, f32, i64, i32, u64, u8 };

template <class T>
struct ElementOf;
template <>
struct ElementOf<double> {
  static constexpr Element value = Element::f64;
};
template <>
struct ElementOf<float> {
  static constexpr Element value = Element::f32;
};
template <>
struct ElementOf<std::int64_t> {
  static constexpr Element value = Element::i64;
};
template <>
struct ElementOf<std::int32_t> {
  static constexpr Element value = Element::i32;
};
template <>
struct ElementOf<std::uint64_t> {
  static constexpr Element value = Element::u64;
};
template <>
struct ElementOf<std::uint8_t> {
  static constexpr Element value = Element::u8;
};

// A dataset that is written in parts.
struct Layout {
  Shape shape;                    // at first; dimension 0 may be 0 where extendible
  std::vector<std::string> dims;  // names of the dimensions, stored as @dims; empty: none
  bool extendible = false;        // dimension 0 grows as rows are appended
  bool chunked = false;           // in chunks, as it is where extendible or compressed
  int deflate = 0;                // 0: stored as it is; 1..9: compressed, as gzip
  Shape chunk;                    // empty: chosen, about 1 MiB each
};

class Writer {
 public:
  // "-" and pipes get the file as one image, kept in memory until finish(). Errors as of AtomicFile.
  Writer(const std::string& path, std::string_view kind, OutputOptions options = {});
  ~Writer();  // without finish(): nothing is left
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;

  const std::string& name() const;  // for messages

  // Paths are absolute ("/trajectories/value"); groups are made as needed. Everything below fails with
  // Status::io once the device is full; the file is then given up, and every later call fails in the same
  // way.
  template <class T>
  void write(const std::string& path, std::span<const T> values, const Shape& shape,
             const std::vector<std::string>& dims = {}) {
    write_array(path, ElementOf<T>::value, values.data(), values.size(), shape, dims);
  }
  template <class T>
  void write(const std::string& path, const std::vector<T>& values, const Shape& shape,
             const std::vector<std::string>& dims = {}) {
    write(path, std::span<const T>(values), shape, dims);
  }
  template <class T>
  void write_scalar(const std::string& path, T value) {
    write_array(path, ElementOf<T>::value, &value, 1, {}, {});
  }
  void write_text(const std::string& path, const std::string& text);
  void write_texts(const std::string& path, const std::vector<std::string>& texts);
  // One row an element of both columns: a compound dataset with members `first` and `second`.
  void write_text_pairs(const std::string& path, const std::string& first, const std::string& second,
                        const std::vector<std::pair<std::string, std::string>>& rows);
  void make_group(const std::string& path);

  // Attributes of any object that is already there; "/" is the file.
  template <class T>
  void attribute(const std::string& object, const std::string& name, T value) {
    write_attribute(object, name, ElementOf<T>::value, &value, 1, true);
  }
  template <class T>
  void attribute(const std::string& object, const std::string& name, const std::vector<T>& values) {
    write_attribute(object, name, ElementOf<T>::value, values.data(), values.size(), false);
  }
  void attribute(const std::string& object, const std::string& name, const std::string& text);
  void attribute(const std::string& object, const std::string& name, const char* text);
  void attribute(const std::string& object, const std::string& name, const std::vector<std::string>& texts);

  // A dataset to be filled by write_rows, write_part and append.
  void create(const std::string& path, Element element, const Layout& layout);
  // `values` are whole rows (indices of dimension 0) from `first_row` on; an extendible dataset grows to hold
  // them. Elements are converted to the type the dataset was created with.
  template <class T>
  void write_rows(const std::string& path, std::uint64_t first_row, std::span<const T> values) {
    write_rows_of(path, ElementOf<T>::value, first_row, values.data(), values.size());
  }
  template <class T>
  void append(const std::string& path, std::span<const T> values) {
    write_rows_of(path, ElementOf<T>::value, kAny, values.data(), values.size());
  }
  // The box that starts at `start` and has extent `count`.
  template <class T>
  void write_part(const std::string& path, const Shape& start, const Shape& count,
                  std::span<const T> values) {
    write_box(path, ElementOf<T>::value, start, count, values.data(), values.size());
  }
  Shape shape(const std::string& path) const;  // of a dataset made by create

  void flush();
  // Writes @complete, flushes, closes, syncs and renames (or sends the image). Nothing may be written after.
  void finish();

 private:
  struct Impl;
  void write_array(const std::string& path, Element element, const void* values, std::size_t count,
                   const Shape& shape, const std::vector<std::string>& dims);
  void write_attribute(const std::string& object, const std::string& name, Element element,
                       const void* values, std::size_t count, bool scalar);
  void write_rows_of(const std::string& path, Element element, std::uint64_t first_row, const void* values,
                     std::size_t count);
  void write_box(const std::string& path, Element element, const Shape& start, const Shape& count,
                 const void* values, std::size_t size);

  std::unique_ptr<Impl> impl_;
};

// A complete file of the same major version, opened for reading. Every failure is Status::bad_data (no_input
// where there is no file) and one sentence that names the file and the HDF5 path.
class Reader {
 public:
  // `kinds`: those the caller can use; empty: any.
  explicit Reader(const Input& input, std::initializer_list<std::string_view> kinds = {});
  explicit Reader(const std::string& path, std::initializer_list<std::string_view> kinds = {});
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  const std::string& name() const;  // for messages
  const std::string& kind() const;

  bool exists(const std::string& path) const;
  bool is_group(const std::string& path) const;
  bool is_text(const std::string& path) const;     // a dataset of strings
  bool is_numeric(const std::string& path) const;  // a dataset of integers or floating-point numbers
  std::vector<std::string> list(const std::string& group) const;  // names of members, sorted
  Shape shape(const std::string& path) const;

  // Numbers are converted to T; strings are refused. `expected` may hold kAny.
  template <class T>
  std::vector<T> read(const std::string& path) const {
    std::vector<T> values(room(path, elements(shape(path)), sizeof(T)));
    read_array(path, ElementOf<T>::value, values.data(), values.size());
    return values;
  }
  template <class T>
  std::vector<T> read(const std::string& path, const Shape& expected) const {
    check_shape(path, expected);
    return read<T>(path);
  }
  template <class T>
  T read_scalar(const std::string& path) const {
    T value{};
    read_array(path, ElementOf<T>::value, &value, 1);
    return value;
  }
  // Rows first .. first + count of dimension 0, for files larger than memory.
  template <class T>
  std::vector<T> read_rows(const std::string& path, std::uint64_t first, std::uint64_t count) const {
    std::vector<T> values(room(path, elements({row_elements(path), count}), sizeof(T)));
    read_rows_of(path, ElementOf<T>::value, first, count, values.data());
    return values;
  }
  std::string read_text(const std::string& path) const;
  std::vector<std::string> read_texts(const std::string& path) const;
  std::vector<std::pair<std::string, std::string>> read_text_pairs(const std::string& path,
                                                                   const std::string& first,
                                                                   const std::string& second) const;

  bool has_attribute(const std::string& object, const std::string& name) const;
  template <class T>
  std::vector<T> attribute(const std::string& object, const std::string& name) const {
    std::vector<T> values(attribute_size(object, name));
    read_attribute(object, name, ElementOf<T>::value, values.data());
    return values;
  }
  std::string text_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> texts_attribute(const std::string& object, const std::string& name) const;

  // Throws unless the shape fits: "traj.h5: at /trajectories/value: must have 3 dimensions (got [100, 2])".
  void check_shape(const std::string& path, const Shape& expected) const;
  // Throws Status::bad_data: "<file>: at <path>: <what>".
  [[noreturn]] void refuse(const std::string& path, const std::string& what) const;
  // Reads every attribute and dataset, in blocks, and forgets them: throws where something cannot be read.
  void read_everything() const;

 private:
  struct Impl;
  void read_array(const std::string& path, Element element, void* values, std::size_t count) const;
  void read_rows_of(const std::string& path, Element element, std::uint64_t first, std::uint64_t count,
                    void* values) const;
  // `count` as a size, where so many elements of `size` bytes may fit into memory.
  std::size_t room(const std::string& path, std::uint64_t count, std::size_t size) const;
  std::uint64_t row_elements(const std::string& path) const;
  std::size_t attribute_size(const std::string& object, const std::string& name) const;
  void read_attribute(const std::string& object, const std::string& name, Element element,
                      void* values) const;
  void read_everything_in(const std::string& path, int depth) const;
  void read_attributes(std::int64_t object, const std::string& path) const;
  void read_blocks(const std::string& path) const;

  std::unique_ptr<Impl> impl_;
};

// "[100, 2]"
std::string to_text(const Shape& shape);

}  // namespace sde::io
