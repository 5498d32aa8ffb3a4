#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "io/hdf5_handle.h"

namespace sde::io {

using h5::Handle;
using h5::Lock;

namespace {

constexpr std::uint64_t kChunkBytes = 1 << 20;
constexpr std::size_t kCompressedCache = 32 << 20;  // chunks that blocks of rows have filled only in part
constexpr std::size_t kImageIncrement = 4 << 20;

struct Open {
  Handle dataset;
  Element element;
  Shape shape;
  bool extendible;
};

// Whole rows, as many as fit into kChunkBytes; of longer rows, a part.
Shape choose_chunk(const Layout& layout, std::size_t element_size) {
  Shape chunk = layout.shape;
  for (auto& extent : chunk) extent = std::max<std::uint64_t>(1, extent);
  if (layout.extendible) chunk[0] = std::max<std::uint64_t>(chunk[0], kChunkBytes / element_size);
  for (auto& extent : chunk) {
    const std::uint64_t others = elements(chunk) / extent * element_size;
    extent = std::clamp<std::uint64_t>(kChunkBytes / others, 1, extent);
    if (extent > 1) break;
  }
  return chunk;
}

}  // namespace

struct Writer::Impl {
  Impl(const std::string& path, const OutputOptions& options) : file(path, options) {}
  ~Impl() {
    const Lock lock;
    open.clear();
    h5file.reset();
  }

  AtomicFile file;
  bool given_up = false;
  std::string failure;
  Handle h5file;
  std::map<std::string, Open> open;
  bool finished = false;

  void require_usable() const {
    if (given_up) throw Error(Status::io, failure);
    if (finished) fail(Status::bug, "{}: written to after finish()", file.name());
  }

  // The first failure makes the file unusable: what HDF5 still holds in memory can no longer be trusted to
  // arrive.
  [[noreturn]] void give_up(const std::string& path) {
    const h5::Failure f = h5::last_failure();
    given_up = true;
    const bool memory =
        f.text.find("memory") != std::string::npos || f.text.find("alloc") != std::string::npos;
    const std::string where = path.empty() ? file.name() : file.name() + ": at " + path;
    failure = where + ": write failed: " + (f.error ? errno_text(f.error) : f.text);
    throw Error(f.error || memory ? Status::io : Status::bug, failure);
  }
  template <class Id>
  Id check(Id id, const std::string& path) {
    if (id < 0) give_up(path);
    return id;
  }

  // Without times of creation, the same content makes the same bytes.
  void make_group(const std::string& path) {
    if (check(H5Lexists(h5file.get(), path.c_str(), H5P_DEFAULT), path) > 0) return;
    const Handle creation = h5::properties(H5Pcreate(H5P_GROUP_CREATE));
    H5Pset_obj_track_times(creation.get(), false);
    const hid_t id = H5Gcreate2(h5file.get(), path.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT);
    const Handle group(check(id, path), H5Gclose, &given_up);
  }
  void make_parents(const std::string& path) {
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
      make_group(path.substr(0, at));
    }
  }

  Handle create(const std::string& path, hid_t type, hid_t space, const Handle* creation = nullptr,
                hid_t access = H5P_DEFAULT) {
    make_parents(path);
    const Handle plain = h5::properties(H5Pcreate(H5P_DATASET_CREATE));
    const Handle& used = creation ? *creation : plain;
    H5Pset_obj_track_times(used.get(), false);
    const hid_t id = H5Dcreate2(h5file.get(), path.c_str(), type, space, H5P_DEFAULT, used.get(), access);
    return h5::dataset(check(id, path), &given_up);
  }

  void write_texts(const std::string& path, const std::vector<std::string>& texts, bool scalar) {
    require_usable();
    const std::size_t size = h5::longest(texts);
    const Handle type = h5::fixed_text_type(size);
    const hsize_t n = texts.size();
    const Handle space = h5::space(scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, nullptr));
    std::string bytes(n * size, '\0');
    for (std::size_t i = 0; i < n; ++i) texts[i].copy(bytes.data() + i * size, size);
    const Handle d = create(path, type.get(), space.get());
    if (n > 0) check(H5Dwrite(d.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), path);
  }

  void attribute(const std::string& object, const std::string& name, hid_t file_type, hid_t memory_type,
                 hid_t space, const void* data) {
    require_usable();
    const std::string path = object + "@" + name;
    const Handle o = h5::object(check(H5Oopen(h5file.get(), object.c_str(), H5P_DEFAULT), path), &given_up);
    if (check(H5Aexists(o.get(), name.c_str()), path) > 0) check(H5Adelete(o.get(), name.c_str()), path);
    const Handle a = h5::attribute(
        check(H5Acreate2(o.get(), name.c_str(), file_type, space, H5P_DEFAULT, H5P_DEFAULT), path),
        &given_up);
    if (data) check(H5Awrite(a.get(), memory_type, data), path);
  }

  void text_attribute(const std::string& object, const std::string& name,
                      const std::vector<std::string>& texts, bool scalar) {
    std::vector<const char*> pointers;
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    const hsize_t n = texts.size();
    const Handle space = h5::space(scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, nullptr));
    const Handle type = h5::text_type();
    attribute(object, name, type.get(), type.get(), space.get(), n ? pointers.data() : nullptr);
  }

  Open& find(const std::string& path) {
    const auto it = open.find(path);
    if (it == open.end()) fail(Status::bug, "{}: at {}: written to before it was created", file.name(), path);
    return it->second;
  }

  void write_box(const std::string& path, Open& o, Element element, const Shape& start, const Shape& count,
                 const void* values) {
    if (elements(count) == 0) return;
    const int rank = static_cast<int>(o.shape.size());
    const std::vector<hsize_t> s(start.begin(), start.end()), c(count.begin(), count.end());
    const Handle in_file = h5::space(check(H5Dget_space(o.dataset.get()), path));
    check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, s.data(), nullptr, c.data(), nullptr), path);
    const Handle in_memory = h5::space(check(H5Screate_simple(rank, c.data(), nullptr), path));
    check(H5Dwrite(o.dataset.get(), h5::memory_type(element), in_memory.get(), in_file.get(), H5P_DEFAULT,
                   values),
          path);
    file.wrote(elements(count) * h5::size_of(element));
  }

  void flush() { check(H5Fflush(h5file.get(), H5F_SCOPE_GLOBAL), ""); }
};

Writer::Writer(const std::string& path, std::string_view kind, OutputOptions options) {
  options.binary = true;
  impl_ = std::make_unique<Impl>(path, options);
  {
    const Lock lock;
    const Handle access = h5::properties(H5Pcreate(H5P_FILE_ACCESS));
    // Readable by HDF5 1.8 and later; metadata carries checksums.
    H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18);
    H5Pset_file_locking(access.get(), false, true);
    H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
    if (impl_->file.in_place()) H5Pset_fapl_core(access.get(), kImageIncrement, false);
    const Handle creation = h5::properties(H5Pcreate(H5P_FILE_CREATE));
    H5Pset_obj_track_times(creation.get(), false);
    const std::string name = impl_->file.in_place() ? "image" : impl_->file.temporary();
    impl_->h5file =
        Handle(impl_->check(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), ""),
               H5Fclose, &impl_->given_up);
  }
  attribute("/", "format", "sdetools");
  attribute("/", "kind", std::string(kind));
  attribute("/", "format_version", std::vector<std::int32_t>{kFormatMajor, kFormatMinor});
}

Writer::~Writer() = default;
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;

const std::string& Writer::name() const {
  return impl_->file.name();
}

void Writer::write_array(const std::string& path, Element element, const void* values, std::size_t count,
                         const Shape& shape, const std::vector<std::string>& dims) {
  const Lock lock;
  impl_->require_usable();
  if (elements(shape) != count) {
    fail(Status::bug, "{}: at {}: {} values for shape {}", name(), path, count, to_text(shape));
  }
  const std::vector<hsize_t> extent(shape.begin(), shape.end());
  const Handle space =
      h5::space(shape.empty() ? H5Screate(H5S_SCALAR)
                              : H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr));
  {
    const Handle d = impl_->create(path, h5::file_type(element), space.get());
    if (count > 0) {
      impl_->check(H5Dwrite(d.get(), h5::memory_type(element), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), path);
    }
  }
  if (!dims.empty()) attribute(path, "dims", dims);
}

void Writer::write_text(const std::string& path, const std::string& text) {
  const Lock lock;
  impl_->write_texts(path, {text}, true);
}

void Writer::write_texts(const std::string& path, const std::vector<std::string>& texts) {
  const Lock lock;
  impl_->write_texts(path, texts, false);
}

void Writer::write_text_pairs(const std::string& path, const std::string& first, const std::string& second,
                              const std::vector<std::pair<std::string, std::string>>& rows) {
  const Lock lock;
  impl_->require_usable();
  std::vector<std::string> columns[2];
  for (const auto& [a, b] : rows) {
    columns[0].push_back(a);
    columns[1].push_back(b);
  }
  const std::size_t size[2] = {h5::longest(columns[0]), h5::longest(columns[1])};
  const Handle left = h5::fixed_text_type(size[0]), right = h5::fixed_text_type(size[1]);
  const Handle pair = h5::type(H5Tcreate(H5T_COMPOUND, size[0] + size[1]));
  H5Tinsert(pair.get(), first.c_str(), 0, left.get());
  H5Tinsert(pair.get(), second.c_str(), size[0], right.get());
  const hsize_t n = rows.size();
  std::string bytes(n * (size[0] + size[1]), '\0');
  for (std::size_t i = 0; i < n; ++i) {
    char* row = bytes.data() + i * (size[0] + size[1]);
    rows[i].first.copy(row, size[0]);
    rows[i].second.copy(row + size[0], size[1]);
  }
  const Handle space = h5::space(H5Screate_simple(1, &n, nullptr));
  const Handle d = impl_->create(path, pair.get(), space.get());
  if (n > 0) impl_->check(H5Dwrite(d.get(), pair.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), path);
}

void Writer::make_group(const std::string& path) {
  const Lock lock;
  impl_->require_usable();
  impl_->make_parents(path);
  impl_->make_group(path);
}

void Writer::attribute(const std::string& object, const std::string& name, const std::string& text) {
  const Lock lock;
  impl_->text_attribute(object, name, {text}, true);
}

void Writer::attribute(const std::string& object, const std::string& name, const char* text) {
  attribute(object, name, std::string(text));
}

void Writer::attribute(const std::string& object, const std::string& name,
                       const std::vector<std::string>& texts) {
  const Lock lock;
  impl_->text_attribute(object, name, texts, false);
}

void Writer::write_attribute(const std::string& object, const std::string& name, Element element,
                             const void* values, std::size_t count, bool scalar) {
  const Lock lock;
  const hsize_t n = count;
  const Handle space = h5::space(scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, nullptr));
  impl_->attribute(object, name, h5::file_type(element), h5::memory_type(element), space.get(),
                   count ? values : nullptr);
}

void Writer::create(const std::string& path, Element element, const Layout& layout) {
  const Lock lock;
  impl_->require_usable();
  if (layout.shape.empty()) fail(Status::bug, "{}: at {}: a scalar cannot be written in parts", name(), path);
  const bool chunked =
      layout.extendible || ((layout.chunked || layout.deflate > 0) && elements(layout.shape) > 0);
  const std::vector<hsize_t> extent(layout.shape.begin(), layout.shape.end());
  std::vector<hsize_t> limit = extent;
  if (layout.extendible) limit[0] = H5S_UNLIMITED;
  const int rank = static_cast<int>(extent.size());
  const Handle space = h5::space(H5Screate_simple(rank, extent.data(), limit.data()));
  const Handle creation = h5::properties(H5Pcreate(H5P_DATASET_CREATE));
  const Handle access = h5::properties(H5Pcreate(H5P_DATASET_ACCESS));
  if (chunked) {
    const Shape chosen = layout.chunk.empty() ? choose_chunk(layout, h5::size_of(element)) : layout.chunk;
    const std::vector<hsize_t> chunk(chosen.begin(), chosen.end());
    H5Pset_chunk(creation.get(), rank, chunk.data());
    if (layout.deflate > 0) {
      // Bytes of the same significance side by side compress far better.
      H5Pset_shuffle(creation.get());
      H5Pset_deflate(creation.get(), static_cast<unsigned>(std::min(layout.deflate, 9)));
      H5Pset_chunk_cache(access.get(), 12421, kCompressedCache, 1.0);
    } else if (!layout.extendible) {
      // Past the cache: rows go to the file without a copy.
      H5Pset_chunk_cache(access.get(), 521, 0, 1.0);
    }
  }
  Open open{impl_->create(path, h5::file_type(element), space.get(), &creation, access.get()), element,
            layout.shape, layout.extendible};
  impl_->open.insert_or_assign(path, std::move(open));
  if (!layout.dims.empty()) attribute(path, "dims", layout.dims);
}

void Writer::write_rows_of(const std::string& path, Element element, std::uint64_t first_row,
                           const void* values, std::size_t count) {
  const Lock lock;
  impl_->require_usable();
  Open& o = impl_->find(path);
  std::uint64_t row = 1;
  for (std::size_t i = 1; i < o.shape.size(); ++i) row *= o.shape[i];
  if (count == 0) return;
  if (row == 0 || count % row != 0) {
    fail(Status::bug, "{}: at {}: {} values are not whole rows of {}", name(), path, count, row);
  }
  const std::uint64_t rows = count / row;
  if (first_row == kAny) first_row = o.shape[0];
  Shape start(o.shape.size(), 0), extent = o.shape;
  start[0] = first_row;
  extent[0] = rows;
  if (o.extendible && first_row + rows > o.shape[0]) {
    Shape larger = o.shape;
    larger[0] = first_row + rows;
    const std::vector<hsize_t> size(larger.begin(), larger.end());
    impl_->check(H5Dset_extent(o.dataset.get(), size.data()), path);
    o.shape = larger;
  }
  write_box(path, element, start, extent, values, count);
}

void Writer::write_box(const std::string& path, Element element, const Shape& start, const Shape& count,
                       const void* values, std::size_t size) {
  const Lock lock;
  impl_->require_usable();
  Open& o = impl_->find(path);
  bool fits = start.size() == o.shape.size() && count.size() == o.shape.size() && elements(count) == size;
  for (std::size_t i = 0; fits && i < start.size(); ++i) {
    fits = start[i] <= o.shape[i] && count[i] <= o.shape[i] - start[i];
  }
  if (!fits) {
    fail(Status::bug, "{}: at {}: {} values at {} of extent {} do not fit shape {}", name(), path, size,
         to_text(start), to_text(count), to_text(o.shape));
  }
  impl_->write_box(path, o, element, start, count, values);
}

Shape Writer::shape(const std::string& path) const {
  const Lock lock;
  return impl_->find(path).shape;
}

void Writer::flush() {
  const Lock lock;
  impl_->require_usable();
  impl_->flush();
}

void Writer::finish() {
  const Lock lock;
  impl_->require_usable();
  // All of the content is on its way before the mark that says so.
  impl_->flush();
  for (auto& [path, o] : impl_->open) impl_->check(H5Dclose(o.dataset.release()), path);
  impl_->open.clear();
  attribute("/", "complete", std::int32_t{1});
  impl_->flush();
  const hid_t file = impl_->h5file.get();
  if (impl_->file.in_place()) {
    const ssize_t size = impl_->check(H5Fget_file_image(file, nullptr, 0), "");
    void** memory = nullptr;
    impl_->check(H5Fget_vfd_handle(file, H5P_DEFAULT, reinterpret_cast<void**>(&memory)), "");
    impl_->file.write({static_cast<const char*>(*memory), static_cast<std::size_t>(size)});
    impl_->h5file.reset();
  } else {
    hsize_t size = 0;
    impl_->check(H5Fget_filesize(file, &size), "");
    impl_->check(H5Fclose(impl_->h5file.release()), "");
    // A close can lose what it wrote and yet return 0: the length tells.
    struct stat status;
    if (::fstat(impl_->file.descriptor(), &status) != 0 || static_cast<hsize_t>(status.st_size) < size) {
      impl_->given_up = true;
      impl_->failure = impl_->file.name() + ": write failed: the file is shorter than what was written";
      throw Error(Status::io, impl_->failure);
    }
  }
  impl_->file.commit();
  impl_->finished = true;
}

}  // namespace sde::io
