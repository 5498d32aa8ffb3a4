#include "stats/discrepancy.h"

#include <algorithm>
#include <cmath>

namespace sde {
namespace {

// Rows that are summed by one thread, in order.
constexpr std::size_t kRows = 64;

using Weights = std::vector<std::vector<double>>;  // [replicate][row]

Weights weights_of(const PointSet& set, const Bootstrap& bootstrap, std::uint32_t which) {
  Weights all;
  for (std::uint64_t r = 0; r <= bootstrap.replicates; ++r) {
    const auto times = multiplicities(bootstrap, r, which, set.count);
    all.emplace_back(times.begin(), times.end());
  }
  return all;
}

// sum_ij w_i v_j f(|p_i - q_j|^2) for every replicate.
template <class F>
std::vector<double> sums(const PointSet& p, const Weights& w, const PointSet& q, const Weights& v,
                         const F& f) {
  const std::size_t replicates = w.size();
  std::vector<double> of_row(p.count * replicates);
  for_each_row(p, q, [&](std::size_t i, const std::vector<double>& squared) {
    std::vector<double> value(squared.size());
    for (std::size_t j = 0; j < value.size(); ++j) value[j] = f(squared[j]);
    for (std::size_t r = 0; r < replicates; ++r) {
      // Eight sums side by side, so that the additions do not wait for one another.
      double part[8] = {};
      std::size_t j = 0;
      for (; j + 8 <= value.size(); j += 8) {
        for (std::size_t k = 0; k < 8; ++k) part[k] += v[r][j + k] * value[j + k];
      }
      for (; j < value.size(); ++j) part[0] += v[r][j] * value[j];
      const double sum =
          ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
      of_row[i * replicates + r] = w[r][i] * sum;
    }
  });
  std::vector<double> total(replicates, 0.0);
  for (std::size_t first = 0; first < p.count; first += kRows) {
    for (std::size_t r = 0; r < replicates; ++r) {
      double sum = 0;
      for (std::size_t i = first; i < std::min(p.count, first + kRows); ++i)
        sum += of_row[i * replicates + r];
      total[r] += sum;
    }
  }
  return total;
}

// E f(X, X') + E f(Y, Y') - 2 E f(X, Y), `at_zero` being f of a row and itself. A replicate's pairs of a row
// with its own copies stay in: they shift every replicate by about as much, and only the spread counts.
template <class F>
Estimate contrast(const PointSet& a, const PointSet& b, const Bootstrap& bootstrap, double at_zero,
                  double sign, const F& f) {
  const Weights of_a = weights_of(a, bootstrap, 0), of_b = weights_of(b, bootstrap, 1);
  const std::vector<double> aa = sums(a, of_a, a, of_a, f), bb = sums(b, of_b, b, of_b, f),
                            ab = sums(a, of_a, b, of_b, f);
  const double n = static_cast<double>(a.count), m = static_cast<double>(b.count);
  std::vector<double> values;
  for (std::size_t r = 0; r < aa.size(); ++r) {
    values.push_back(sign * ((aa[r] - n * at_zero) / (n * (n - 1)) + (bb[r] - m * at_zero) / (m * (m - 1)) -
                             2 * ab[r] / (n * m)));
  }
  return estimate_of(values);
}

}  // namespace

Estimate energy_distance(const PointSet& a, const PointSet& b, const Bootstrap& bootstrap) {
  return contrast(a, b, bootstrap, 0, -1, [](double squared) { return std::sqrt(squared); });
}

Estimate squared_mmd(const PointSet& a, const PointSet& b, double bandwidth, const Bootstrap& bootstrap) {
  const double factor = -0.5 / (bandwidth * bandwidth);
  return contrast(a, b, bootstrap, 1, 1, [=](double squared) { return std::exp(factor * squared); });
}

double median_distance(const PointSet& a, const PointSet& b) {
  std::vector<double> squared;
  const auto some = [](const PointSet& set) { return std::min<std::size_t>(set.count, 500); };
  const std::size_t of_a = some(a), all = of_a + some(b);
  const auto at = [&](std::size_t k, std::size_t i) {
    return k < of_a ? a.row(i)[k * a.count / of_a] : b.row(i)[(k - of_a) * b.count / (all - of_a)];
  };
  for (std::size_t k = 0; k < all; ++k) {
    for (std::size_t l = 0; l < k; ++l) {
      double sum = 0;
      for (std::size_t i = 0; i < a.dimension; ++i) sum += std::pow(at(k, i) - at(l, i), 2);
      squared.push_back(sum);
    }
  }
  const auto middle = squared.begin() + static_cast<std::ptrdiff_t>(squared.size() / 2);
  std::nth_element(squared.begin(), middle, squared.end());
  return std::sqrt(*middle);
}

}  // namespace sde
