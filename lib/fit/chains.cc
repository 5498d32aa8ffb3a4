#include "fit/chains.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "fit/diagnostics.h"

namespace sde {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Chains = std::vector<std::vector<double>>;

// Every chain as two: an odd draw in the middle is left out.
Chains split(std::span<const double> x, std::size_t chains, std::size_t draws) {
  const std::size_t half = draws / 2;
  Chains result;
  for (std::size_t c = 0; c < chains; ++c) {
    const auto first = x.begin() + static_cast<std::ptrdiff_t>(c * draws);
    const auto end = first + static_cast<std::ptrdiff_t>(draws);
    result.emplace_back(first, first + static_cast<std::ptrdiff_t>(half));
    result.emplace_back(end - static_cast<std::ptrdiff_t>(half), end);
  }
  return result;
}

// The normal scores of the ranks over all chains, equal draws sharing the mean of theirs (Blom 1958).
Chains normalised(const Chains& x) {
  const std::size_t n = x[0].size(), total = n * x.size();
  const auto at = [&](std::size_t i) { return x[i / n][i % n]; };
  std::vector<std::size_t> order(total);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return at(a) < at(b); });
  Chains z(x.size(), std::vector<double>(n));
  for (std::size_t first = 0; first < total;) {
    std::size_t last = first + 1;
    while (last < total && at(order[last]) == at(order[first])) ++last;
    const double rank = 0.5 * static_cast<double>(first + 1 + last);
    const double score = normal_quantile((rank - 0.375) / (static_cast<double>(total) + 0.25));
    for (std::size_t i = first; i < last; ++i) z[order[i] / n][order[i] % n] = score;
    first = last;
  }
  return z;
}

double mean_of(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double variance_of(const std::vector<double>& x) {
  const double mean = mean_of(x);
  double sum = 0;
  for (double v : x) sum += (v - mean) * (v - mean);
  return sum / static_cast<double>(x.size() - 1);
}

struct Spread {
  double within = 0, total = 0;  // var+ of the paper
};
Spread spread_of(const Chains& x) {
  const auto n = static_cast<double>(x[0].size());
  std::vector<double> means;
  Spread s;
  for (const auto& chain : x) {
    means.push_back(mean_of(chain));
    s.within += variance_of(chain) / static_cast<double>(x.size());
  }
  s.total = (n - 1) / n * s.within + variance_of(means);
  return s;
}

double r_hat(const Chains& x) {
  const Spread s = spread_of(x);
  return s.within > 0 ? std::sqrt(s.total / s.within) : kNaN;
}

// From the autocorrelations, summed over Geyer's initial monotone sequence of pairs (1992).
double effective_size(const Chains& x) {
  const std::size_t n = x[0].size();
  const Spread s = spread_of(x);
  if (!(s.total > 0)) return kNaN;
  std::vector<double> means;
  for (const auto& chain : x) means.push_back(mean_of(chain));
  const auto correlation = [&](std::size_t lag) {
    double covariance = 0;
    for (std::size_t c = 0; c < x.size(); ++c) {
      double sum = 0;
      for (std::size_t i = 0; i + lag < n; ++i) sum += (x[c][i] - means[c]) * (x[c][i + lag] - means[c]);
      covariance += sum / static_cast<double>(n);
    }
    return 1 - (s.within - covariance / static_cast<double>(x.size())) / s.total;
  };
  double sum = 0, last = std::numeric_limits<double>::infinity();
  for (std::size_t lag = 0; lag + 1 < n; lag += 2) {
    const double pair = (lag == 0 ? 1 : correlation(lag)) + correlation(lag + 1);
    if (!(pair > 0)) break;
    last = std::min(last, pair);
    sum += last;
  }
  const double total = static_cast<double>(n * x.size());
  // Draws that alternate are worth more than as many independent ones, up to a limit.
  const double time = std::max(2 * sum - 1, 1 / std::log10(total));
  return total / time;
}

}  // namespace

ChainDiagnostics diagnose_chains(std::span<const double> x, std::size_t chains, std::size_t draws) {
  ChainDiagnostics result{kNaN, kNaN, kNaN, kNaN};
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const bool finite = std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
  if (draws < 4 || !finite || *low == *high) return result;
  const Chains halves = split(x, chains, draws);
  const Chains z = normalised(halves);
  std::vector<double> sorted(x.begin(), x.end());
  std::sort(sorted.begin(), sorted.end());
  const auto quantile = [&](double p) {
    const double place = p * static_cast<double>(sorted.size() - 1);
    const auto i = static_cast<std::size_t>(place);
    const double next = sorted[std::min(i + 1, sorted.size() - 1)];
    return sorted[i] + (place - std::floor(place)) * (next - sorted[i]);
  };
  const auto mapped = [&](auto&& f) {
    Chains y = halves;
    for (auto& chain : y)
      for (double& v : chain) v = f(v);
    return y;
  };
  const double median = quantile(0.5), q05 = quantile(0.05), q95 = quantile(0.95);
  result.r_hat =
      std::max(r_hat(z), r_hat(normalised(mapped([&](double v) { return std::fabs(v - median); }))));
  result.ess_bulk = effective_size(z);
  result.ess_tail = std::min(effective_size(mapped([&](double v) { return v <= q05 ? 1.0 : 0.0; })),
                             effective_size(mapped([&](double v) { return v <= q95 ? 1.0 : 0.0; })));
  result.error = std::sqrt(variance_of(std::vector<double>(x.begin(), x.end())) / effective_size(halves));
  return result;
}

}  // namespace sde
