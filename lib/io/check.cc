#include "io/check.h"

#include "base/suggest.h"
#include "io/dataset.h"
#include "io/ensemble.h"
#include "io/likelihood.h"
#include "io/model.h"
#include "io/samples.h"

namespace sde::io {
namespace {

void require(const Reader& reader, const std::string& path) {
  if (!reader.exists(path)) reader.refuse(path, "is missing");
}

// Shapes alone: the values have been read once already, and may not fit into memory at once.
void check_ensemble(const Reader& r) {
  const std::size_t d = r.texts_attribute("/", "columns").size();
  if (!r.exists("/trajectories/value"))
    return require(r, r.exists("/sweep") ? "/sweep/parameters" : "/statistics");
  r.check_shape("/trajectories/time", {kAny});
  r.check_shape("/trajectories/value", {kAny, r.shape("/trajectories/time")[0], d});
  const std::uint64_t paths = r.shape("/trajectories/value")[0];
  r.check_shape("/path_id", {paths});
  r.check_shape("/status", {paths});
}

void check_samples(const Reader& r) {
  const std::size_t d = r.texts_attribute("/", "columns").size();
  r.check_shape("/samples/x", {kAny, d});
  const std::uint64_t n = r.shape("/samples/x")[0];
  r.check_shape("/sample_id", {n});
  if (r.exists("/samples/trajectory")) r.check_shape("/samples/trajectory", {n, kAny, d});
  (void)r.attribute<double>("/", "nfe");
}

void check_likelihood(const Reader& r) {
  r.check_shape("/loglik/value", {kAny});
  const std::uint64_t n = r.shape("/loglik/value")[0];
  r.check_shape("/loglik/stderr", {n});
  r.check_shape("/loglik/nfe", {n});
}

}  // namespace

std::string check_file(const std::string& path) {
  const Input input(path);
  const Reader reader(input);
  reader.read_everything();
  const std::string& kind = reader.kind();
  if (kind != "dataset") (void)read_provenance(reader);
  if (kind == "dataset") {
    (void)read_dataset(input);
  } else if (kind == "ensemble") {
    check_ensemble(reader);
  } else if (kind == "model") {
    (void)read_model(input);
  } else if (kind == "samples") {
    check_samples(reader);
  } else if (kind == "likelihood") {
    check_likelihood(reader);
  } else if (kind == "bench") {
    require(reader, "/runs");
  } else {
    const std::string hint =
        suggestion(kind, {"dataset", "ensemble", "model", "samples", "likelihood", "bench"});
    reader.refuse("/@kind", fmt::format("unknown kind \"{}\"{}", kind, hint));
  }
  return kind;
}

}  // namespace sde::io
