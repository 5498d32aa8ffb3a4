#include "io/samples.h"

#include <numeric>
#include <optional>

#include "io/rows.h"
#include "io/table.h"

namespace sde::io {
namespace {

std::vector<std::string> with_id(const std::vector<std::string>& columns) {
  std::vector<std::string> all = {"id"};
  all.insert(all.end(), columns.begin(), columns.end());
  return all;
}

}  // namespace

struct SamplesWriter::Impl {
  SamplesLayout layout;
  std::optional<Writer> hdf5;
  std::optional<TableWriter> table;
  std::optional<InOrder<TableWriter>> ordered;
  Coverage coverage, trajectories;
  double nfe = 0;

  const std::string& name() const { return hdf5 ? hdf5->name() : table->name(); }

  // The number of rows in `values`, which must be whole and fit.
  std::uint64_t rows(std::uint64_t first, std::size_t values, std::size_t row) const {
    const std::uint64_t n = row ? values / row : 0;
    if (n * row != values || first + n > layout.n) {
      fail(Status::bug, "{}: {} values at row {} do not fit", name(), values, first);
    }
    return n;
  }
};

SamplesWriter::SamplesWriter(const std::string& path, OutputForm form, SamplesLayout layout,
                             const Provenance& provenance, const OutputOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->layout = std::move(layout);
  const SamplesLayout& l = impl_->layout;
  if (form == OutputForm::json) {
    fail(Status::usage, "{}: JSON holds a summary, not samples; use --format h5 or csv", path);
  }
  if (form == OutputForm::csv) {
    if (!l.grid.empty()) fail(Status::usage, "{}: trajectories need HDF5; use --format h5", path);
    impl_->table.emplace(path, with_id(l.columns), options);
    impl_->ordered.emplace(*impl_->table);
    return;
  }
  Writer& w = impl_->hdf5.emplace(path, "samples", options);
  write_provenance(w, provenance);
  w.attribute("/", "columns", l.columns);
  Layout x;
  x.shape = {l.n, l.columns.size()};
  x.dims = {"sample", "dim"};
  x.deflate = l.deflate;
  w.create("/samples/x", l.element, x);
  w.attribute("/samples/x", "columns", l.columns);
  Layout id;
  id.shape = {l.n};
  id.dims = {"sample"};
  w.create("/sample_id", Element::u64, id);
  if (!l.grid.empty()) {
    w.write("/samples/time", l.grid, {l.grid.size()}, {"time"});
    Layout trajectory;
    trajectory.shape = {l.n, l.grid.size(), l.columns.size()};
    trajectory.dims = {"sample", "time", "dim"};
    trajectory.deflate = l.deflate;
    w.create("/samples/trajectory", l.element, trajectory);
  }
}

SamplesWriter::~SamplesWriter() = default;

void SamplesWriter::write(std::uint64_t first, std::span<const double> x,
                          std::span<const std::uint64_t> ids) {
  const std::size_t d = impl_->layout.columns.size();
  const std::uint64_t n = impl_->rows(first, x.size(), d);
  if (!ids.empty() && ids.size() != n)
    fail(Status::bug, "{}: {} ids for {} rows", impl_->name(), ids.size(), n);
  if (!impl_->coverage.add(first, n)) {
    fail(Status::bug, "{}: rows from {} on were written twice", impl_->name(), first);
  }
  if (impl_->table) {
    std::string lines;
    for (std::uint64_t i = 0; i < n; ++i) {
      append_number(lines, ids.empty() ? first + i : ids[i]);
      for (std::size_t k = 0; k < d; ++k) {
        lines += ',';
        append_number(lines, x[i * d + k]);
      }
      lines += '\n';
    }
    impl_->ordered->add(first, n, std::move(lines));
    return;
  }
  std::vector<std::uint64_t> counted;
  if (ids.empty()) {
    counted.resize(n);
    std::iota(counted.begin(), counted.end(), first);
    ids = counted;
  }
  impl_->hdf5->write_rows("/samples/x", first, x);
  impl_->hdf5->write_rows("/sample_id", first, ids);
}

void SamplesWriter::write_trajectory(std::uint64_t first, std::span<const double> x) {
  const SamplesLayout& l = impl_->layout;
  if (l.grid.empty()) fail(Status::bug, "{}: no trajectories were asked for", impl_->name());
  const std::uint64_t n = impl_->rows(first, x.size(), l.grid.size() * l.columns.size());
  if (!impl_->trajectories.add(first, n)) {
    fail(Status::bug, "{}: trajectories from {} on were written twice", impl_->name(), first);
  }
  impl_->hdf5->write_rows("/samples/trajectory", first, x);
}

void SamplesWriter::nfe(double evaluations) {
  impl_->nfe = evaluations;
}

void SamplesWriter::shard(const Shard& shard, const SampleShard& made) {
  if (!impl_->hdf5) fail(Status::bug, "{}: a shard is HDF5", impl_->name());
  Writer& writer = *impl_->hdf5;
  write_shard(writer, shard);
  writer.attribute("/shard", "evaluations", made.evaluations);
  writer.attribute("/shard", "model", made.model);
  writer.attribute("/shard", "sampler", made.sampler);
  writer.write("/shard/grid", made.grid, {made.grid.size()}, {"time"});
}

SampleShard read_sample_shard(const Reader& reader) {
  const auto evaluations = reader.attribute<std::uint64_t>("/shard", "evaluations");
  if (evaluations.size() != 1) reader.refuse("/shard", "@evaluations must be one number");
  return {reader.text_attribute("/shard", "model"), reader.text_attribute("/shard", "sampler"),
          evaluations[0], reader.read<double>("/shard/grid", {kAny})};
}

void SamplesWriter::finish() {
  const SamplesLayout& l = impl_->layout;
  if (!impl_->coverage.complete(l.n) || (!l.grid.empty() && !impl_->trajectories.complete(l.n))) {
    fail(Status::bug, "{}: row {} was never written", impl_->name(), impl_->coverage.missing());
  }
  if (impl_->table) return impl_->table->finish();
  impl_->hdf5->attribute("/", "nfe", impl_->nfe);
  impl_->hdf5->attribute("/samples/x", "nfe", impl_->nfe);
  impl_->hdf5->finish();
}

Samples read_samples(const Input& input) {
  const Reader reader(input, {"samples"});
  Samples s;
  s.provenance = read_provenance(reader);
  s.columns = reader.texts_attribute("/", "columns");
  s.x = reader.read<double>("/samples/x", {kAny, s.columns.size()});
  s.n = reader.shape("/samples/x")[0];
  s.id = reader.read<std::uint64_t>("/sample_id", {s.n});
  const auto nfe = reader.attribute<double>("/", "nfe");
  if (nfe.size() != 1) reader.refuse("/@nfe", "must be one number");
  s.nfe = nfe[0];
  return s;
}

}  // namespace sde::io
