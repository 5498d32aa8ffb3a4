#include "score/analytic.h"

#include <cmath>

#include "base/error.h"
#include "score/point_mixture.h"
#include "score/toys.h"

namespace sde {
namespace {

std::shared_ptr<const ScoreModel> make_empirical(const ScoreDocument& document, std::vector<double> rows,
                                                 std::size_t dimension) {
  const AnalyticOptions& o = document.score;
  if (!o.data) fail(Status::usage, "/score: must have \"data\" where type is \"empirical\"");
  if (const auto* inline_rows = std::get_if<std::vector<std::vector<double>>>(&*o.data)) {
    if (inline_rows->empty()) fail(Status::usage, "/score/data: must have at least one row");
    dimension = inline_rows->front().size();
    rows.clear();
    for (std::size_t k = 0; k < inline_rows->size(); ++k) {
      const std::vector<double>& row = (*inline_rows)[k];
      if (row.size() != dimension) {
        fail(Status::usage, "/score/data/{}: must have {} numbers as row 0 has (got {})", k, dimension,
             row.size());
      }
      rows.insert(rows.end(), row.begin(), row.end());
    }
  }
  const double bandwidth = o.bandwidth.value_or(0);
  if (!(bandwidth >= 0) || !std::isfinite(bandwidth)) {
    fail(Status::usage, "/score/bandwidth: must be >= 0 (got {})", bandwidth);
  }
  return std::make_shared<PointMixture>(make_process(document.process), std::move(rows), dimension,
                                        std::vector<double>(), bandwidth * bandwidth);
}

}  // namespace

std::shared_ptr<const ScoreModel> make_analytic(const ScoreDocument& document, std::vector<double> rows,
                                                std::size_t dimension) {
  const AnalyticOptions& o = document.score;
  const auto refuse = [&](bool there, const char* key) {
    if (there) fail(Status::usage, "/score/{}: does not belong to type \"{}\"", key, o.type);
  };
  const bool toy = o.type == "toy", empirical = o.type == "empirical";
  if (!toy) {
    refuse(o.name.has_value(), "name");
    refuse(o.scale.has_value(), "scale");
  }
  if (!empirical) {
    refuse(o.data.has_value(), "data");
    refuse(o.bandwidth.has_value(), "bandwidth");
  }
  if (!toy && !empirical) return make_mixture(document);
  refuse(o.mean.has_value(), "mean");
  refuse(o.covariance.has_value(), "covariance");
  refuse(o.weights.has_value(), "weights");
  refuse(o.means.has_value(), "means");
  refuse(o.covariances.has_value(), "covariances");
  if (empirical) return make_empirical(document, std::move(rows), dimension);
  if (!o.name) fail(Status::usage, "/score: must have \"name\" where type is \"toy\"");
  return make_toy(make_process(document.process), *o.name, o.scale.value_or(1));
}

}  // namespace sde
