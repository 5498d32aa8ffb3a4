// Gaussian mixtures fitted to data, as models whose score is known.
#pragma once

#include <cstdint>
#include <vector>

#include "base/hooks.h"
#include "score/mixture.h"

namespace sde {

struct MixtureFit {
  std::vector<MixtureModel::Component> components;
  double loglik = 0;  // mean of a datum, nats
  double bic = 0;     // -2 n loglik + ln n (numbers estimated): the least is best
  std::uint64_t iterations = 0;
};

// Maximum likelihood by expectation maximisation (Dempster, Laird & Rubin 1977) from `count` centres spread
// by k-means++ (Arthur & Vassilvitskii 2007). data is [n][dimension]; covariances gain 1e-6 of the data's
// mean variance on their diagonal, so that no component collapses on a datum. Throws Error(Status::bad_data)
// for data that are not finite, have no spread, or are fewer than `count`; Error(Status::usage) for more than
// 128 dimensions.
MixtureFit fit_mixture(const std::vector<double>& data, std::size_t dimension, std::size_t count,
                       std::uint64_t seed, const Hooks& hooks = {});

// With as many components as the criterion likes best of 1, 2, 4, ... up to `most`.
MixtureFit choose_mixture(const std::vector<double>& data, std::size_t dimension, std::size_t most,
                          std::uint64_t seed, const Hooks& hooks = {});

}  // namespace sde
