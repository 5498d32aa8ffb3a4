#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "random/stream.h"
#include "solve/ensemble.h"

namespace sde {
namespace {

double evaluate_at(const std::string& pointer, const std::string& text, const SdeDocument& document) {
  std::vector<std::string> names;
  std::map<std::string, double, std::less<>> values;
  for (const auto& [name, value] : document.parameters) {
    names.push_back(name);
    values[name] = value;
  }
  double result;
  try {
    result = expr::evaluate(expr::parse(text, names), values);
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", pointer, error.what());
  }
  if (!std::isfinite(result))
    fail(Status::usage, "{}: must be a finite number (got {} = {})", pointer, text, result);
  return result;
}

}  // namespace

InitialStates::InitialStates(const SdeDocument& document, std::vector<std::vector<double>> data)
    : data_(std::move(data)) {
  for (const StateDocument& state : document.states) {
    const std::string pointer = "/initial/" + state.name;
    Law law{state.initial.kind, 0, 0};
    if (law.kind == InitialLaw::Kind::data) {
      if (data_.empty()) fail(Status::bad_data, "{}: {} has no rows", pointer, state.initial.data);
    } else {
      law.first = evaluate_at(pointer, state.initial.first, document);
      if (law.kind != InitialLaw::Kind::expression)
        law.second = evaluate_at(pointer, state.initial.second, document);
      if (law.kind == InitialLaw::Kind::normal && law.second < 0)
        fail(Status::usage, "{}: the standard deviation must be >= 0 (got {})", pointer, law.second);
      if (law.kind == InitialLaw::Kind::uniform && law.second < law.first)
        fail(Status::usage, "{}: the upper end must not be below the lower (got {} and {})", pointer,
             law.first, law.second);
    }
    laws_.push_back(law);
  }
}

StateMoments InitialStates::moments(std::uint64_t paths) const {
  const auto n = static_cast<Eigen::Index>(laws_.size());
  StateMoments result{Eigen::VectorXd::Zero(n), Eigen::MatrixXd::Zero(n, n)};
  const auto from_data = [&](Eigen::Index i) {
    return laws_[static_cast<std::size_t>(i)].kind == InitialLaw::Kind::data;
  };
  for (Eigen::Index i = 0; i < n; ++i) {
    const Law& law = laws_[static_cast<std::size_t>(i)];
    double& mean = result.mean[i];
    double& variance = result.covariance(i, i);
    if (law.kind == InitialLaw::Kind::expression) {
      mean = law.first;
    } else if (law.kind == InitialLaw::Kind::normal) {
      mean = law.first;
      variance = law.second * law.second;
    } else if (law.kind == InitialLaw::Kind::uniform) {
      mean = 0.5 * (law.first + law.second);
      variance = (law.second - law.first) * (law.second - law.first) / 12;
    }
  }
  // Rows taken in turn: each as often as its share of the paths.
  const std::uint64_t rows = data_.size();
  for (const bool second : {false, true})
    for (std::uint64_t row = 0; row < std::min(rows, paths); ++row) {
      const double times = static_cast<double>(paths / rows + (row < paths % rows ? 1 : 0));
      const double weight = times / static_cast<double>(paths);
      const std::vector<double>& x = data_[row];
      for (Eigen::Index i = 0; i < n; ++i) {
        if (!from_data(i)) continue;
        const double xi = x[static_cast<std::size_t>(i)];
        if (!second) result.mean[i] += weight * xi;
        for (Eigen::Index j = 0; second && j < n; ++j)
          if (from_data(j))
            result.covariance(i, j) +=
                weight * (xi - result.mean[i]) * (x[static_cast<std::size_t>(j)] - result.mean[j]);
      }
    }
  return result;
}

void InitialStates::fill(std::uint64_t seed, std::uint64_t first_id, Block x, bool antithetic) const {
  AlignedVector<double> draw(x.lanes), spare(x.lanes);
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const Law& law = laws_[i];
    const Stream stream = make_stream(seed, Purpose::initial, static_cast<std::uint32_t>(i));
    double* out = x.row(i);
    switch (law.kind) {
      case InitialLaw::Kind::expression:
        std::fill_n(out, x.lanes, law.first);
        break;
      case InitialLaw::Kind::normal:
        fill_normals(stream, first_id, x.lanes, 0, draw.data(), spare.data());
        for (std::size_t lane = 0; lane < x.lanes; ++lane) out[lane] = law.first + law.second * draw[lane];
        break;
      case InitialLaw::Kind::uniform:
        fill_uniforms(stream, first_id, x.lanes, 0, draw.data(), spare.data());
        for (std::size_t lane = 0; lane < x.lanes; ++lane)
          out[lane] = law.first + (law.second - law.first) * draw[lane];
        break;
      case InitialLaw::Kind::data:
        for (std::size_t lane = 0; lane < x.lanes; ++lane)
          out[lane] = data_[(first_id + lane) % data_.size()][i];
        break;
    }
    if (!antithetic || (law.kind != InitialLaw::Kind::normal && law.kind != InitialLaw::Kind::uniform))
      continue;
    const double twice_mean = law.kind == InitialLaw::Kind::normal ? 2 * law.first : law.first + law.second;
    for (std::size_t lane = 1; lane < x.lanes; lane += 2) out[lane] = twice_mean - out[lane - 1];
  }
}

std::vector<double> InitialStates::mean() const {
  std::vector<double> result;
  for (const Law& law : laws_) {
    result.push_back(law.kind == InitialLaw::Kind::data      ? std::nan("")
                     : law.kind == InitialLaw::Kind::uniform ? 0.5 * (law.first + law.second)
                                                             : law.first);
  }
  return result;
}

}  // namespace sde
