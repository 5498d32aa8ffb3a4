#include "io/likelihood.h"

#include <optional>

#include "io/rows.h"
#include "io/table.h"

namespace sde::io {

struct LikelihoodWriter::Impl {
  std::uint64_t n = 0;
  std::optional<Writer> hdf5;
  std::optional<TableWriter> table;
  std::optional<InOrder<TableWriter>> ordered;
  Coverage coverage;

  const std::string& name() const { return hdf5 ? hdf5->name() : table->name(); }
};

LikelihoodWriter::LikelihoodWriter(const std::string& path, OutputForm form, std::uint64_t n,
                                   const Provenance& provenance, const OutputOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->n = n;
  if (form == OutputForm::json) {
    fail(Status::usage, "{}: JSON holds a summary, not one value a datum; use --format h5 or csv", path);
  }
  if (form == OutputForm::csv) {
    impl_->table.emplace(path, std::vector<std::string>{"id", "value", "stderr", "nfe"}, options);
    impl_->ordered.emplace(*impl_->table);
    return;
  }
  Writer& w = impl_->hdf5.emplace(path, "likelihood", options);
  write_provenance(w, provenance);
  Layout layout;
  layout.shape = {n};
  layout.dims = {"datum"};
  for (const char* name : {"value", "stderr", "nfe"})
    w.create(std::string("/loglik/") + name, Element::f64, layout);
  w.attribute("/loglik/value", "unit", "nat");
  w.attribute("/loglik/stderr", "unit", "nat");
}

LikelihoodWriter::~LikelihoodWriter() = default;

void LikelihoodWriter::write(std::uint64_t first, std::span<const double> value,
                             std::span<const double> standard_error, std::span<const double> nfe) {
  const std::size_t n = value.size();
  if (standard_error.size() != n || nfe.size() != n || first + n > impl_->n ||
      !impl_->coverage.add(first, n)) {
    fail(Status::bug, "{}: {} rows at {} do not fit or were written twice", impl_->name(), n, first);
  }
  if (impl_->table) {
    std::string lines;
    for (std::size_t i = 0; i < n; ++i) {
      append_number(lines, first + i);
      for (const double v : {value[i], standard_error[i], nfe[i]}) {
        lines += ',';
        append_number(lines, v);
      }
      lines += '\n';
    }
    impl_->ordered->add(first, n, std::move(lines));
    return;
  }
  impl_->hdf5->write_rows("/loglik/value", first, value);
  impl_->hdf5->write_rows("/loglik/stderr", first, standard_error);
  impl_->hdf5->write_rows("/loglik/nfe", first, nfe);
}

void LikelihoodWriter::transitions(std::span<const double> value, std::span<const std::uint64_t> first) {
  if (first.size() != impl_->n + 1 || first.back() != value.size()) {
    fail(Status::bug, "{}: {} transitions do not fit {} data", impl_->name(), value.size(), impl_->n);
  }
  if (!impl_->hdf5) return;
  impl_->hdf5->write("/loglik/transition", value, {value.size()}, {"transition"});
  impl_->hdf5->attribute("/loglik/transition", "unit", "nat");
  impl_->hdf5->write("/loglik/first_transition", first, {first.size()}, {"datum"});
}

void LikelihoodWriter::bound(std::span<const double> importance, std::span<const double> time,
                             std::span<const double> term, std::span<const double> standard_error) {
  if (importance.size() != impl_->n || term.size() != time.size() || standard_error.size() != time.size()) {
    fail(Status::bug, "{}: {} weighted values and {} terms do not fit {} data and {} times", impl_->name(),
         importance.size(), term.size(), impl_->n, time.size());
  }
  if (!impl_->hdf5) return;
  Writer& w = *impl_->hdf5;
  w.write("/loglik/importance_weighted", importance, {importance.size()}, {"datum"});
  w.attribute("/loglik/importance_weighted", "unit", "nat");
  w.write("/bound/time", time, {time.size()}, {"level"});
  w.write("/bound/term", term, {term.size()}, {"level"});
  w.write("/bound/stderr", standard_error, {term.size()}, {"level"});
  for (const char* name : {"/bound/term", "/bound/stderr"}) w.attribute(name, "unit", "nat");
}

void LikelihoodWriter::shard(const Shard& shard, const LikelihoodShard& made) {
  if (!impl_->hdf5) fail(Status::bug, "{}: a shard is HDF5", impl_->name());
  Writer& writer = *impl_->hdf5;
  write_shard(writer, shard);
  writer.attribute("/shard", "model", made.model);
  writer.attribute("/shard", "unit", made.unit);
  writer.attribute("/shard", "choice", made.choice);
  writer.attribute("/shard", "budget", std::vector<double>{made.ode, made.cutoff, made.prior});
}

LikelihoodShard read_likelihood_shard(const Reader& reader) {
  const auto budget = reader.attribute<double>("/shard", "budget");
  if (budget.size() != 3) reader.refuse("/shard", "@budget must be three numbers");
  return {reader.text_attribute("/shard", "model"),
          reader.text_attribute("/shard", "unit"),
          reader.text_attribute("/shard", "choice"),
          budget[0],
          budget[1],
          budget[2]};
}

void LikelihoodWriter::attribute(const std::string& name, double value) {
  if (impl_->hdf5) impl_->hdf5->attribute("/", name, value);
}

void LikelihoodWriter::finish() {
  if (!impl_->coverage.complete(impl_->n)) {
    fail(Status::bug, "{}: row {} was never written", impl_->name(), impl_->coverage.missing());
  }
  if (impl_->table) return impl_->table->finish();
  impl_->hdf5->finish();
}

Likelihood read_likelihood(const Input& input) {
  const Reader reader(input, {"likelihood"});
  Likelihood l;
  l.provenance = read_provenance(reader);
  l.value = reader.read<double>("/loglik/value", {kAny});
  l.standard_error = reader.read<double>("/loglik/stderr", {l.value.size()});
  l.nfe = reader.read<double>("/loglik/nfe", {l.value.size()});
  return l;
}

}  // namespace sde::io
