// Gaussian data of one dimension, on which samplers are linear and nothing need be drawn.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "score/mixture.h"
#include "score/sampler.h"

namespace sde {

// N(0, 1/4) under vp: score is linear, so a sampler is a linear map of its prior draw and of its normals.
// Lane 0 has the prior draw 1 and no noise, lane k only draw k - 1; the squares of what comes out add up to
// the variance.
inline std::shared_ptr<const MixtureModel> quarter(ProcessType type = ProcessType::vp) {
  return std::make_shared<MixtureModel>(make_process({.type = type}),
                                        std::vector<MixtureModel::Component>{{1, {0}, {{0.25}}}});
}

inline double deviation(const SampleOptions& options, const std::shared_ptr<const ScoreModel>& model) {
  const Sampler sampler(model, options);
  const std::size_t steps = sampler.draws();
  StateBlock<double> x(1, steps + 1);
  x.row(0)[0] = model->process().prior_deviation();
  const std::size_t lanes = x.lanes();
  AlignedVector<double> evaluations(lanes, 0.0);
  SamplerWorkspace w;
  const auto unit = [&](std::uint64_t step, double* z) {
    std::fill_n(z, lanes, 0.0);
    z[step + 1] = 1;
  };
  EXPECT_TRUE(sampler.run(x, unit, evaluations.data(), w, {}));
  double squares = 0;
  for (std::size_t l = 0; l <= steps; ++l) squares += x.row(0)[l] * x.row(0)[l];
  return std::sqrt(squares);
}

inline SampleOptions options(const char* sampler, std::uint64_t steps, GridType grid = GridType::uniform) {
  SampleOptions o;
  o.sampler = sampler;
  if (!find_sampler(sampler).default_steps) return o;
  o.steps = steps;
  o.grid = grid;
  return o;
}

}  // namespace sde
