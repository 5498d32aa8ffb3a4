#include "score/consistency.h"

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace sde {

ConsistencyScales::ConsistencyScales(double sigma, double least, double sigma_data) {
  const double away = sigma - least, sd2 = sigma_data * sigma_data, root = std::sqrt(sigma * sigma + sd2);
  skip = sd2 / (away * away + sd2);
  out = away * sigma_data / root;
  in = 1 / root;
}

ConsistencyGrid::ConsistencyGrid(const NoiseProcess& process, const ConsistencyOptions& options,
                                 double sigma_data, bool grows)
    : options_(options),
      sigma_data_(sigma_data),
      least_(std::exp(-process.half_log_snr(process.sampling_cutoff()))),
      most_(std::exp(-process.half_log_snr(kHorizon))),
      grows_(grows) {
  if (options.first_steps < 1 || options.first_steps > options.last_steps) {
    fail(Status::usage, "/consistency/first_steps: must be 1 to last_steps = {} (got {})", options.last_steps,
         options.first_steps);
  }
  if (options.last_steps > 100'000) {
    fail(Status::usage, "/consistency/last_steps: must be at most 100000 (got {})", options.last_steps);
  }
  if (!(options.rho > 0)) fail(Status::usage, "/consistency/rho: must be > 0 (got {})", options.rho);
  if (!(options.deviation > 0)) {
    fail(Status::usage, "/consistency/deviation: must be > 0 (got {})", options.deviation);
  }
  const auto probability = [&](double s) {
    return 0.5 * std::erfc(-(std::log(s) - options.mean) / (options.deviation * std::numbers::sqrt2));
  };
  probability_least_ = probability(least_);
  probability_most_ = probability(most_);
  if (!(probability_most_ - probability_least_ > 1e-6)) {
    fail(Status::usage, "/consistency/mean: the law of ln sigma has no weight between {:.3g} and {:.3g}",
         std::log(least_), std::log(most_));
  }
}

std::size_t ConsistencyGrid::steps(std::uint64_t step, std::uint64_t of) const {
  if (!grows_) return most_steps();
  const auto first = static_cast<double>(options_.first_steps),
             last = static_cast<double>(options_.last_steps);
  const double stages = std::ceil(std::log2(last / first)) + 1;
  const double stage = std::floor(2 * static_cast<double>(step) / static_cast<double>(of) * (stages - 1));
  return static_cast<std::size_t>(std::fmin(first * std::exp2(stage), last));
}

double ConsistencyGrid::sigma(double index, double steps) const {
  const double p = 1 / options_.rho, low = std::pow(least_, p), high = std::pow(most_, p);
  return std::pow(low + index / steps * (high - low), options_.rho);
}

void ConsistencyGrid::draw(double u, std::size_t steps, double& low, double& high) const {
  const double probability = probability_least_ + u * (probability_most_ - probability_least_);
  const double z = -std::numbers::sqrt2 * boost::math::erfc_inv(2 * probability);
  const double drawn = std::exp(options_.mean + options_.deviation * z), p = 1 / options_.rho;
  const double from = std::pow(least_, p), to = std::pow(most_, p), n = static_cast<double>(steps);
  const double index = std::clamp(std::floor((std::pow(drawn, p) - from) / (to - from) * n), 0.0, n - 1);
  low = index == 0 ? least_ : sigma(index, n);
  high = index + 1 == n ? most_ : sigma(index + 1, n);
}

}  // namespace sde
