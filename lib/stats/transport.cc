#include "stats/transport.h"

#include <tbb/parallel_for.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "random/stream.h"

namespace sde {
namespace {

// Values of a projection in order, and which row each one is.
struct Sorted {
  std::vector<double> value;
  std::vector<std::uint32_t> row;
};

Sorted sorted_projection(const PointSet& set, const std::vector<double>& direction) {
  std::vector<double> along(set.count, 0.0);
  for (std::size_t i = 0; i < set.dimension; ++i) {
    const double* x = set.row(i);
    for (std::size_t k = 0; k < set.count; ++k) along[k] += direction[i] * x[k];
  }
  Sorted sorted;
  sorted.row.resize(set.count);
  std::iota(sorted.row.begin(), sorted.row.end(), 0u);
  std::sort(sorted.row.begin(), sorted.row.end(), [&](std::uint32_t i, std::uint32_t j) {
    return along[i] < along[j] || (along[i] == along[j] && i < j);
  });
  for (const std::uint32_t k : sorted.row) sorted.value.push_back(along[k]);
  return sorted;
}

// W_2^2 of two weighted samples in one dimension: the quantile functions are steps, and are walked along
// together. Masses are integers (of a row of a: its multiplicity times the size of b), so that both end at
// once.
double squared_distance(const Sorted& a, const std::vector<std::uint32_t>& times_a, const Sorted& b,
                        const std::vector<std::uint32_t>& times_b) {
  const std::uint64_t size_a = a.row.size(), size_b = b.row.size();
  std::size_t i = 0, j = 0;
  std::uint64_t left_a = times_a[a.row[0]] * size_b, left_b = times_b[b.row[0]] * size_a;
  double sum = 0;
  for (;;) {
    while (left_a == 0) {
      if (++i == size_a) return sum / (static_cast<double>(size_a) * static_cast<double>(size_b));
      left_a = times_a[a.row[i]] * size_b;
    }
    while (left_b == 0) left_b = times_b[b.row[++j]] * size_a;
    const std::uint64_t mass = std::min(left_a, left_b);
    const double apart = a.value[i] - b.value[j];
    sum += static_cast<double>(mass) * apart * apart;
    left_a -= mass;
    left_b -= mass;
  }
}

struct Moments2 {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
};

// Of weighted rows, taken about `centre`.
Moments2 moments_of(const PointSet& set, const Eigen::VectorXd& centre,
                    const std::vector<std::uint32_t>& times) {
  const auto D = static_cast<Eigen::Index>(set.dimension), n = static_cast<Eigen::Index>(set.count);
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Rows x = Eigen::Map<const Rows>(set.x.data(), D, n);
  x.colwise() -= centre;
  Eigen::VectorXd weight(n);
  for (Eigen::Index k = 0; k < n; ++k) weight(k) = times[static_cast<std::size_t>(k)];
  const double size = static_cast<double>(set.count);
  Moments2 m;
  m.mean = x * weight / size;
  x.colwise() -= m.mean;
  m.covariance = x * weight.asDiagonal() * x.transpose() / (size - 1);
  m.mean += centre;
  return m;
}

double frechet_of(const Moments2& a, const Moments2& b) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> of_a(a.covariance);
  const Eigen::VectorXd roots = of_a.eigenvalues().cwiseMax(0).cwiseSqrt();
  const Eigen::MatrixXd half = of_a.eigenvectors() * roots.asDiagonal() * of_a.eigenvectors().transpose();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> cross(half * b.covariance * half,
                                                             Eigen::EigenvaluesOnly);
  return (a.mean - b.mean).squaredNorm() + a.covariance.trace() + b.covariance.trace() -
         2 * cross.eigenvalues().cwiseMax(0).cwiseSqrt().sum();
}

}  // namespace

std::vector<std::vector<double>> directions(std::size_t D, std::uint64_t count, std::uint64_t seed) {
  std::vector<std::vector<double>> all;
  if (D == 1) return {{1.0}};
  if (D == 2) {
    for (std::uint64_t k = 0; k < count; ++k) {
      const double angle = std::numbers::pi * static_cast<double>(k) / static_cast<double>(count);
      all.push_back({std::cos(angle), std::sin(angle)});
    }
    return all;
  }
  const auto size = static_cast<Eigen::Index>(D);
  const Stream stream = make_stream(seed, Purpose::probe);
  for (std::uint64_t basis = 0; all.size() < count; ++basis) {
    Eigen::MatrixXd normal(size, size);
    for (Eigen::Index i = 0; i < size; ++i) {
      for (Eigen::Index j = 0; j < size; ++j)
        normal(i, j) = normal_pair(stream, basis, static_cast<std::uint64_t>(i * size + j))[0];
    }
    const Eigen::MatrixXd q = Eigen::HouseholderQR<Eigen::MatrixXd>(normal).householderQ();
    for (Eigen::Index j = 0; j < size && all.size() < count; ++j)
      all.emplace_back(q.col(j).data(), q.col(j).data() + size);
  }
  return all;
}

Estimate sliced_wasserstein(const PointSet& a, const PointSet& b, std::uint64_t projections,
                            const Bootstrap& bootstrap) {
  const auto along = directions(a.dimension, projections, bootstrap.seed);
  std::vector<std::vector<std::uint32_t>> times_a, times_b;
  for (std::uint64_t r = 0; r <= bootstrap.replicates; ++r) {
    times_a.push_back(multiplicities(bootstrap, r, 0, a.count));
    times_b.push_back(multiplicities(bootstrap, r, 1, b.count));
  }
  std::vector<std::vector<double>> squares(along.size());
  tbb::parallel_for(std::size_t{0}, along.size(), [&](std::size_t p) {
    const Sorted of_a = sorted_projection(a, along[p]), of_b = sorted_projection(b, along[p]);
    for (std::size_t r = 0; r < times_a.size(); ++r)
      squares[p].push_back(squared_distance(of_a, times_a[r], of_b, times_b[r]));
  });
  std::vector<double> values(times_a.size(), 0.0);
  for (std::size_t r = 0; r < values.size(); ++r) {
    for (const std::vector<double>& of_direction : squares) values[r] += of_direction[r];
    values[r] = std::sqrt(values[r] / static_cast<double>(along.size()));
  }
  return estimate_of(values);
}

std::uint64_t frechet_replicates(std::size_t dimension, std::uint64_t asked) {
  return dimension > 128 ? std::min<std::uint64_t>(asked, 10) : asked;
}

Estimate frechet(const PointSet& a, const PointSet& b, const Bootstrap& bootstrap) {
  const std::uint64_t replicates = frechet_replicates(a.dimension, bootstrap.replicates);
  Eigen::VectorXd centre(static_cast<Eigen::Index>(a.dimension));
  for (std::size_t i = 0; i < a.dimension; ++i) {
    centre(static_cast<Eigen::Index>(i)) =
        std::accumulate(a.row(i), a.row(i) + a.count, 0.0) / static_cast<double>(a.count);
  }
  std::vector<double> values(replicates + 1);
  tbb::parallel_for(std::uint64_t{0}, replicates + 1, [&](std::uint64_t r) {
    values[r] = frechet_of(moments_of(a, centre, multiplicities(bootstrap, r, 0, a.count)),
                           moments_of(b, centre, multiplicities(bootstrap, r, 1, b.count)));
  });
  return estimate_of(values);
}

}  // namespace sde
