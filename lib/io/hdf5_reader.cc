#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "io/hdf5_handle.h"

namespace sde::io {

using h5::Handle;
using h5::Lock;

namespace {

// Lets HDF5 read a file image out of our memory without a copy. Read-only: it is never resized.
struct Image {
  void* bytes;

  static void* malloc(size_t, H5FD_file_image_op_t, void* self) { return static_cast<Image*>(self)->bytes; }
  static void* memcpy(void* to, const void* from, size_t n, H5FD_file_image_op_t, void*) {
    return to == from ? to : std::memcpy(to, from, n);
  }
  static void* realloc(void*, size_t, H5FD_file_image_op_t, void*) { return nullptr; }
  static herr_t free(void*, H5FD_file_image_op_t, void*) { return 0; }
  static void* copy(void* self) { return self; }
  static herr_t release(void*) { return 0; }
};

// A string of fixed length as it is meant: without padding.
std::string unpad(const char* bytes, std::size_t size, H5T_str_t padding) {
  std::string text(bytes, size);
  if (padding == H5T_STR_SPACEPAD) {
    text.resize(text.find_last_not_of(' ') + 1);
  } else {
    text.resize(std::min(text.find('\0'), text.size()));
  }
  return text;
}

// Reads strings of any kind through `read`(memory type, buffer).
template <class Read>
std::vector<std::string> read_strings(hid_t stored, hid_t space, std::size_t n, const Read& read) {
  std::vector<std::string> texts;
  if (n == 0) return texts;
  if (H5Tis_variable_str(stored) > 0) {
    const Handle memory = h5::text_type();
    H5Tset_cset(memory.get(), H5Tget_cset(stored));
    std::vector<char*> pointers(n, nullptr);
    if (read(memory.get(), pointers.data()) < 0) return texts;
    for (const char* p : pointers) texts.emplace_back(p ? p : "");
    H5Dvlen_reclaim(memory.get(), space, H5P_DEFAULT, pointers.data());
    return texts;
  }
  const std::size_t size = H5Tget_size(stored);
  std::vector<char> bytes(n * size);
  if (read(stored, bytes.data()) < 0) return texts;
  for (std::size_t i = 0; i < n; ++i)
    texts.push_back(unpad(bytes.data() + i * size, size, H5Tget_strpad(stored)));
  return texts;
}

bool numeric(hid_t stored) {
  const H5T_class_t c = H5Tget_class(stored);
  return c == H5T_INTEGER || c == H5T_FLOAT || c == H5T_ENUM;  // h5py stores bool as an enumeration
}

Shape extent_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> extent(rank > 0 ? static_cast<std::size_t>(rank) : 0);
  if (rank > 0) H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  return Shape(extent.begin(), extent.end());
}

std::uint64_t physical_memory() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

struct Reader::Impl {
  explicit Impl(const Input& from) : input(from) {}
  ~Impl() {
    const Lock lock;
    h5file.reset();
  }

  Input input;
  Image image{};
  Handle h5file;
  std::string kind;

  const std::string& name() const { return input.name(); }

  [[noreturn]] void refuse(const std::string& path, const std::string& what) const {
    fail(Status::bad_data, "{}: at {}: {}", name(), path, what);
  }
  template <class Id>
  Id check(Id id, const std::string& path) const {
    if (id >= 0) return id;
    const h5::Failure f = h5::last_failure();
    if (f.error) fail(Status::io, "{}: at {}: read failed: {}", name(), path, errno_text(f.error));
    refuse(path, "cannot be read (" + f.text.substr(0, f.text.find(';')) + ")");
  }

  void open() {
    const Handle access = h5::properties(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
    // Nothing here writes to the file, and read-only or network file systems may have no locks.
    H5Pset_file_locking(access.get(), false, true);
    if (!input.regular()) {
      const std::string& bytes = input.bytes();
      image.bytes = const_cast<char*>(bytes.data());
      H5FD_file_image_callbacks_t calls = {Image::malloc, Image::memcpy,  Image::realloc, Image::free,
                                           Image::copy,   Image::release, &image};
      H5Pset_fapl_core(access.get(), 1 << 20, false);
      H5Pset_file_image_callbacks(access.get(), &calls);
      H5Pset_file_image(access.get(), image.bytes, bytes.size());
    }
    h5file = Handle(H5Fopen(input.regular() ? input.path().c_str() : "image", H5F_ACC_RDONLY, access.get()),
                    H5Fclose);
    if (h5file.valid()) return;
    const h5::Failure f = h5::last_failure();
    if (f.error) fail(Status::io, "{}: cannot be opened: {}", name(), errno_text(f.error));
    if (f.text.find("truncated") != std::string::npos) {
      fail(Status::bad_data,
           "{}: is truncated (HDF5 finds it shorter than it was written); make or copy it again", name());
    }
    fail(Status::bad_data, "{}: is damaged: HDF5 cannot open it ({})", name(),
         f.text.substr(0, f.text.find(';')));
  }

  Handle open_dataset(const std::string& path) const {
    require(path);
    const Handle o = h5::object(check(H5Oopen(h5file.get(), path.c_str(), H5P_DEFAULT), path));
    if (H5Iget_type(o.get()) != H5I_DATASET) refuse(path, "must be a dataset (is a group)");
    return h5::dataset(check(H5Dopen2(h5file.get(), path.c_str(), H5P_DEFAULT), path));
  }
  Handle open_attribute(const std::string& object, const std::string& attribute_name) const {
    require(object);
    const Handle o = h5::object(check(H5Oopen(h5file.get(), object.c_str(), H5P_DEFAULT), object));
    const std::string path = object + "@" + attribute_name;
    if (check(H5Aexists(o.get(), attribute_name.c_str()), path) == 0) refuse(path, "is missing");
    return h5::attribute(check(H5Aopen(o.get(), attribute_name.c_str(), H5P_DEFAULT), path));
  }

  // Every step of the path is looked at: HDF5 calls an absent parent an error.
  bool exists(const std::string& path) const {
    if (path.empty() || path == "/") return true;
    for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
      const std::string part = path.substr(0, at);
      if (H5Lexists(h5file.get(), part.c_str(), H5P_DEFAULT) <= 0 ||
          H5Oexists_by_name(h5file.get(), part.c_str(), H5P_DEFAULT) <= 0) {
        H5Eclear2(H5E_DEFAULT);
        return false;
      }
      if (at == std::string::npos) return true;
    }
  }
  void require(const std::string& path) const {
    if (!exists(path)) refuse(path, "is missing");
  }

  Handle numeric_type(hid_t d, const std::string& path) const {
    Handle stored = h5::type(check(H5Dget_type(d), path));
    if (!numeric(stored.get())) refuse(path, "must hold numbers");
    return stored;
  }
};

Reader::Reader(const Input& input, std::initializer_list<std::string_view> kinds)
    : impl_(std::make_unique<Impl>(input)) {
  const Lock lock;
  switch (input.form()) {
    case Form::hdf5:
      break;
    case Form::empty:
      fail(Status::bad_data, "{}: is empty", input.name());
    case Form::json:
      fail(Status::bad_data, "{}: is JSON, where HDF5 is needed", input.name());
    case Form::text:
      fail(Status::bad_data, "{}: is text, where HDF5 is needed", input.name());
    case Form::binary:
      fail(Status::bad_data, "{}: is not HDF5", input.name());
  }
  impl_->open();
  const auto has = [&](const char* attribute_name) { return has_attribute("/", attribute_name); };
  if (!has("format") || text_attribute("/", "format") != "sdetools") {
    fail(Status::bad_data,
         "{}: is HDF5, but not of this format (no @format=\"sdetools\"); convert it, or give CSV", name());
  }
  const auto version = attribute<std::int32_t>("/", "format_version");
  if (version.size() != 2) impl_->refuse("/@format_version", "must be two numbers");
  if (version[0] != kFormatMajor) {
    fail(Status::bad_data, "{}: has format version {}.{}, {} than the {}.{} of this program; {}", name(),
         version[0], version[1], version[0] > kFormatMajor ? "newer" : "older", kFormatMajor, kFormatMinor,
         version[0] > kFormatMajor ? "use a newer program" : "make it again");
  }
  if (!has("complete") || attribute<std::int32_t>("/", "complete") != std::vector<std::int32_t>{1}) {
    fail(Status::bad_data, "{}: is incomplete (no @complete: its writer was stopped); make it again", name());
  }
  impl_->kind = text_attribute("/", "kind");
  if (kinds.size() > 0 && std::find(kinds.begin(), kinds.end(), impl_->kind) == kinds.end()) {
    std::string wanted;
    for (const std::string_view k : kinds) {
      if (!wanted.empty()) wanted += k == *(kinds.end() - 1) ? " or " : ", ";
      wanted += k;
    }
    fail(Status::bad_data, "{}: must be of kind {} (got {})", name(), wanted, impl_->kind);
  }
}

Reader::Reader(const std::string& path, std::initializer_list<std::string_view> kinds)
    : Reader(Input(path), kinds) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

const std::string& Reader::name() const {
  return impl_->name();
}
const std::string& Reader::kind() const {
  return impl_->kind;
}
void Reader::refuse(const std::string& path, const std::string& what) const {
  impl_->refuse(path, what);
}

bool Reader::exists(const std::string& path) const {
  const Lock lock;
  return impl_->exists(path);
}

bool Reader::is_group(const std::string& path) const {
  const Lock lock;
  if (!impl_->exists(path)) return false;
  const Handle o = h5::object(impl_->check(H5Oopen(impl_->h5file.get(), path.c_str(), H5P_DEFAULT), path));
  return H5Iget_type(o.get()) == H5I_GROUP;
}

bool Reader::is_text(const std::string& path) const {
  const Lock lock;
  if (!impl_->exists(path) || is_group(path)) return false;
  const Handle d = impl_->open_dataset(path);
  const Handle stored = h5::type(impl_->check(H5Dget_type(d.get()), path));
  return H5Tget_class(stored.get()) == H5T_STRING;
}

bool Reader::is_numeric(const std::string& path) const {
  const Lock lock;
  if (!impl_->exists(path) || is_group(path)) return false;
  const Handle d = impl_->open_dataset(path);
  const Handle stored = h5::type(impl_->check(H5Dget_type(d.get()), path));
  return numeric(stored.get());
}

std::vector<std::string> Reader::list(const std::string& group) const {
  const Lock lock;
  impl_->require(group);
  const Handle g(impl_->check(H5Gopen2(impl_->h5file.get(), group.c_str(), H5P_DEFAULT), group), H5Gclose);
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* member, const H5L_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(member);
    return 0;
  };
  impl_->check(H5Literate(g.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), group);
  return names;
}

Shape Reader::shape(const std::string& path) const {
  const Lock lock;
  const Handle d = impl_->open_dataset(path);
  const Handle space = h5::space(impl_->check(H5Dget_space(d.get()), path));
  return extent_of(space.get());
}

void Reader::check_shape(const std::string& path, const Shape& expected) const {
  const Shape found = shape(path);
  bool same = found.size() == expected.size();
  for (std::size_t i = 0; same && i < found.size(); ++i)
    same = expected[i] == kAny || expected[i] == found[i];
  if (!same) impl_->refuse(path, "must have shape " + to_text(expected) + " (got " + to_text(found) + ")");
}

std::size_t Reader::room(const std::string& path, std::uint64_t count, std::size_t size) const {
  // A damaged or foreign file may claim any extent.
  if (count > physical_memory() / size) {
    impl_->refuse(path, fmt::format("does not fit into memory ({} values)",
                                    count == kAny ? std::string("too many") : std::to_string(count)));
  }
  return static_cast<std::size_t>(count);
}

void Reader::read_array(const std::string& path, Element element, void* values, std::size_t count) const {
  const Lock lock;
  const Handle d = impl_->open_dataset(path);
  impl_->numeric_type(d.get(), path);
  const Handle space = h5::space(impl_->check(H5Dget_space(d.get()), path));
  const Shape extent = extent_of(space.get());
  if (H5Sget_simple_extent_type(space.get()) == H5S_NULL || elements(extent) != count) {
    impl_->refuse(path, fmt::format("must hold {} value{} (got shape {})", count, count == 1 ? "" : "s",
                                    to_text(extent)));
  }
  if (count > 0) {
    impl_->check(H5Dread(d.get(), h5::memory_type(element), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), path);
  }
}

std::uint64_t Reader::row_elements(const std::string& path) const {
  Shape extent = shape(path);
  if (extent.empty()) impl_->refuse(path, "must be an array (is a single value)");
  extent[0] = 1;
  return elements(extent);
}

void Reader::read_rows_of(const std::string& path, Element element, std::uint64_t first, std::uint64_t count,
                          void* values) const {
  const Lock lock;
  const Handle d = impl_->open_dataset(path);
  impl_->numeric_type(d.get(), path);
  const Handle space = h5::space(impl_->check(H5Dget_space(d.get()), path));
  const Shape extent = extent_of(space.get());
  if (extent.empty() || first > extent[0] || count > extent[0] - first) {
    impl_->refuse(path,
                  fmt::format("has no rows {} to {} (got shape {})", first, first + count, to_text(extent)));
  }
  if (count == 0 || elements(extent) == 0) return;
  std::vector<hsize_t> start(extent.size(), 0), size(extent.begin(), extent.end());
  start[0] = first;
  size[0] = count;
  impl_->check(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr),
               path);
  const Handle memory = h5::space(H5Screate_simple(static_cast<int>(size.size()), size.data(), nullptr));
  impl_->check(H5Dread(d.get(), h5::memory_type(element), memory.get(), space.get(), H5P_DEFAULT, values),
               path);
}

std::vector<std::string> Reader::read_texts(const std::string& path) const {
  const Lock lock;
  const Handle d = impl_->open_dataset(path);
  const Handle stored = h5::type(impl_->check(H5Dget_type(d.get()), path));
  if (H5Tget_class(stored.get()) != H5T_STRING) impl_->refuse(path, "must hold text");
  const Handle space = h5::space(impl_->check(H5Dget_space(d.get()), path));
  const std::size_t n =
      room(path, elements(extent_of(space.get())), std::max<std::size_t>(8, H5Tget_size(stored.get())));
  return read_strings(stored.get(), space.get(), n, [&](hid_t memory, void* to) {
    return impl_->check(H5Dread(d.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, to), path);
  });
}

std::string Reader::read_text(const std::string& path) const {
  std::vector<std::string> texts = read_texts(path);
  if (texts.size() != 1) impl_->refuse(path, fmt::format("must hold one text (got {})", texts.size()));
  return texts[0];
}

std::vector<std::pair<std::string, std::string>> Reader::read_text_pairs(const std::string& path,
                                                                         const std::string& first,
                                                                         const std::string& second) const {
  const Lock lock;
  const Handle d = impl_->open_dataset(path);
  const Handle stored = h5::type(impl_->check(H5Dget_type(d.get()), path));
  const Handle space = h5::space(impl_->check(H5Dget_space(d.get()), path));
  const hid_t table = stored.get();
  const bool compound = H5Tget_class(table) == H5T_COMPOUND;
  std::vector<std::string> columns[2];
  for (const bool right : {false, true}) {
    const std::string& member = right ? second : first;
    const int index = compound ? H5Tget_member_index(table, member.c_str()) : -1;
    const Handle inner = h5::type(index < 0 ? -1 : H5Tget_member_type(table, static_cast<unsigned>(index)));
    H5Eclear2(H5E_DEFAULT);
    if (!inner.valid() || H5Tget_class(inner.get()) != H5T_STRING) {
      impl_->refuse(path, "must be a table with text columns " + first + " and " + second);
    }
    const std::size_t size = H5Tget_size(inner.get());
    const std::size_t n = room(path, elements(extent_of(space.get())), std::max<std::size_t>(8, size));
    columns[right] = read_strings(inner.get(), space.get(), n, [&](hid_t memory, void* to) {
      const Handle one = h5::type(H5Tcreate(H5T_COMPOUND, size));
      H5Tinsert(one.get(), member.c_str(), 0, memory);
      return impl_->check(H5Dread(d.get(), one.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, to), path);
    });
  }
  std::vector<std::pair<std::string, std::string>> rows;
  for (std::size_t i = 0; i < columns[0].size(); ++i) {
    rows.emplace_back(std::move(columns[0][i]), std::move(columns[1][i]));
  }
  return rows;
}

bool Reader::has_attribute(const std::string& object, const std::string& attribute_name) const {
  const Lock lock;
  if (!impl_->exists(object)) return false;
  const Handle o =
      h5::object(impl_->check(H5Oopen(impl_->h5file.get(), object.c_str(), H5P_DEFAULT), object));
  return impl_->check(H5Aexists(o.get(), attribute_name.c_str()), object + "@" + attribute_name) > 0;
}

std::size_t Reader::attribute_size(const std::string& object, const std::string& attribute_name) const {
  const Lock lock;
  const Handle a = impl_->open_attribute(object, attribute_name);
  const Handle space = h5::space(impl_->check(H5Aget_space(a.get()), object));
  return room(object + "@" + attribute_name, elements(extent_of(space.get())), 8);
}

void Reader::read_attribute(const std::string& object, const std::string& attribute_name, Element element,
                            void* values) const {
  const Lock lock;
  const std::string path = object + "@" + attribute_name;
  const Handle a = impl_->open_attribute(object, attribute_name);
  const Handle stored = h5::type(impl_->check(H5Aget_type(a.get()), path));
  if (!numeric(stored.get())) impl_->refuse(path, "must hold numbers");
  if (attribute_size(object, attribute_name) > 0) {
    impl_->check(H5Aread(a.get(), h5::memory_type(element), values), path);
  }
}

std::vector<std::string> Reader::texts_attribute(const std::string& object,
                                                 const std::string& attribute_name) const {
  const Lock lock;
  const std::string path = object + "@" + attribute_name;
  const Handle a = impl_->open_attribute(object, attribute_name);
  const Handle stored = h5::type(impl_->check(H5Aget_type(a.get()), path));
  if (H5Tget_class(stored.get()) != H5T_STRING) impl_->refuse(path, "must hold text");
  const Handle space = h5::space(impl_->check(H5Aget_space(a.get()), path));
  const std::size_t n = room(path, elements(extent_of(space.get())), 8);
  return read_strings(stored.get(), space.get(), n, [&](hid_t memory, void* to) {
    return impl_->check(H5Aread(a.get(), memory, to), path);
  });
}

std::string Reader::text_attribute(const std::string& object, const std::string& attribute_name) const {
  std::vector<std::string> texts = texts_attribute(object, attribute_name);
  if (texts.size() != 1) impl_->refuse(object + "@" + attribute_name, "must hold one text");
  return texts[0];
}

void Reader::read_everything() const {
  const Lock lock;
  read_everything_in("/", 0);
}

void Reader::read_everything_in(const std::string& path, int depth) const {
  if (depth > 32) impl_->refuse(path, "is nested too deeply");
  const Handle o = h5::object(impl_->check(H5Oopen(impl_->h5file.get(), path.c_str(), H5P_DEFAULT), path));
  read_attributes(o.get(), path);
  if (H5Iget_type(o.get()) == H5I_DATASET) return read_blocks(path);
  if (H5Iget_type(o.get()) != H5I_GROUP) return;
  for (const std::string& member : list(path)) {
    read_everything_in(path == "/" ? "/" + member : path + "/" + member, depth + 1);
  }
}

void Reader::read_attributes(std::int64_t o, const std::string& path) const {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* found, const H5A_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(found);
    return 0;
  };
  impl_->check(H5Aiterate2(o, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), path);
  for (const std::string& found : names) {
    const Handle a = impl_->open_attribute(path, found);
    const Handle stored = h5::type(impl_->check(H5Aget_type(a.get()), path));
    if (numeric(stored.get())) (void)attribute<double>(path, found);
    if (H5Tget_class(stored.get()) == H5T_STRING) (void)texts_attribute(path, found);
  }
}

void Reader::read_blocks(const std::string& path) const {
  constexpr std::uint64_t kBytes = 8 << 20;
  const Handle d = impl_->open_dataset(path);
  const Handle space = h5::space(impl_->check(H5Dget_space(d.get()), path));
  const Shape extent = extent_of(space.get());
  const Handle stored = h5::type(impl_->check(H5Dget_type(d.get()), path));
  const Handle memory = h5::type(impl_->check(H5Tget_native_type(stored.get(), H5T_DIR_ASCEND), path));
  const std::size_t size = H5Tget_size(memory.get());
  const bool pointers =
      H5Tdetect_class(stored.get(), H5T_VLEN) > 0 || H5Tdetect_class(stored.get(), H5T_STRING) > 0;
  const std::uint64_t total = elements(extent);
  if (total == 0) return;
  const std::uint64_t rows = extent.empty() ? 1 : extent[0];
  const std::uint64_t row = room(path, total == kAny ? kAny : total / rows, size);
  const std::uint64_t step = std::clamp<std::uint64_t>(kBytes / size / row, 1, rows);
  std::vector<char> buffer(room(path, row * step, size) * size);
  for (std::uint64_t first = 0; first < rows; first += step) {
    std::vector<hsize_t> start(extent.size(), 0), count(extent.begin(), extent.end());
    if (!extent.empty()) {
      start[0] = first;
      count[0] = std::min(step, rows - first);
      impl_->check(
          H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr),
          path);
    }
    const Handle block =
        h5::space(extent.empty() ? H5Screate(H5S_SCALAR)
                                 : H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr));
    impl_->check(H5Dread(d.get(), memory.get(), block.get(), space.get(), H5P_DEFAULT, buffer.data()), path);
    if (pointers) H5Dvlen_reclaim(memory.get(), block.get(), H5P_DEFAULT, buffer.data());
  }
}

}  // namespace sde::io
