#include "fit/step_bias.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "fit/likelihood.h"

namespace sde {

namespace {

constexpr double kWorthSaying = 0.5;  // of a standard error

}  // namespace

void add_step_bias(const SdeExpressions& ito, const TransitionDensity& used, const Observations& data,
                   const ParameterSpace& space, const std::vector<double>& parameters, const Refit& refit,
                   FitResult& result) {
  // From the least accurate to the most; a density is held against those behind it alone.
  static constexpr const char* kLadder[] = {"euler",     "ozaki",       "milstein",    "kessler",
                                            "simulated", "shoji-ozaki", "ait-sahalia", "exact"};
  const auto place = [](std::string_view name) {
    return std::find(std::begin(kLadder), std::end(kLadder), name) - std::begin(kLadder);
  };
  for (const char* name : {"exact", "ait-sahalia", "shoji-ozaki"}) {
    if (place(name) <= place(used.name)) return;
    std::string why_not;
    const std::vector<TransitionDensity> better = find_density(name)->make(ito, why_not);
    if (better.empty()) continue;
    // A law on positive values says nothing of data that are not.
    bool outside = false;
    for (std::size_t d = 0; d < data.dimension(); ++d)
      for (double x : data.column(d)) outside = outside || (better[0].positive_state[d] && !(x > 0));
    if (outside) continue;
    const auto likelihood = make_likelihood(better[0], data, space.indices());
    LikelihoodValue at;
    likelihood->evaluate(parameters, 1, at);
    if (!at.finite()) continue;
    bool large = false;
    for (std::size_t i = 0; i < result.estimates.size(); ++i) {
      Estimate& estimate = result.estimates[i];
      if (std::isnan(estimate.se)) continue;
      double bias = 0;
      for (std::size_t j = 0; j < result.estimates.size(); ++j) {
        const double c = result.covariance(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
        if (!std::isnan(c)) bias -= c * at.gradient[static_cast<Eigen::Index>(j)];
      }
      estimate.step_bias = bias;
      large = large || std::fabs(bias) > kWorthSaying * estimate.se;
    }
    const std::vector<double> others = large ? refit(*likelihood) : std::vector<double>{};
    std::string moves;
    for (std::size_t i = 0; i < result.estimates.size(); ++i) {
      Estimate& estimate = result.estimates[i];
      if (std::isnan(estimate.se)) continue;
      if (!others.empty()) estimate.step_bias = estimate.value - others[space.indices()[i]];
      if (std::fabs(estimate.step_bias) > kWorthSaying * estimate.se)
        moves += fmt::format("{}{} by {:.2g} ({:.1f} standard errors)", moves.empty() ? "" : ", ",
                             estimate.name, -estimate.step_bias, std::fabs(estimate.step_bias) / estimate.se);
    }
    result.step_bias_density = name;
    if (!moves.empty())
      result.warnings.push_back(fmt::format(
          "the step is coarse for the density \"{}\": \"{}\" would move {}; use it", used.name, name, moves));
    return;
  }
}

}  // namespace sde
