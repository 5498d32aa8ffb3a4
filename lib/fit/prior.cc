#include "fit/prior.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"
#include "base/suggest.h"

namespace sde {

using Eigen::Index;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kLogRoot2Pi = 0.5 * std::log(2 * std::numbers::pi);

PriorDensity gaussian(double x, double mean, double deviation) {
  const double z = (x - mean) / deviation;
  return {-0.5 * z * z - std::log(deviation) - kLogRoot2Pi, -z / deviation, -1 / (deviation * deviation)};
}

}  // namespace

std::array<double, 2> prior_support(const Prior& prior) {
  if (prior.normal) return {-kInfinity, kInfinity};
  if (prior.beta) return {0, 1};
  if (prior.uniform) return *prior.uniform;
  return {0, kInfinity};
}

PriorDensity prior_density(const Prior& prior, double x) {
  const auto [low, high] = prior_support(prior);
  // The half-normal law reaches its end at 0, the uniform law both of its.
  const bool closed = prior.half_normal || prior.uniform;
  if (!(closed ? x >= low && x <= high : x > low && x < high)) return {-kInfinity, 0, 0};
  if (prior.normal) return gaussian(x, (*prior.normal)[0], (*prior.normal)[1]);
  if (prior.lognormal) {
    const auto [mean, deviation] = *prior.lognormal;
    const double l = std::log(x);
    const PriorDensity g = gaussian(l, mean, deviation);
    return {g.value - l, (g.slope - 1) / x, (g.curvature - g.slope + 1) / (x * x)};
  }
  if (prior.gamma) {
    const auto [shape, rate] = *prior.gamma;
    return {shape * std::log(rate) - std::lgamma(shape) + (shape - 1) * std::log(x) - rate * x,
            (shape - 1) / x - rate, -(shape - 1) / (x * x)};
  }
  if (prior.beta) {
    const auto [a, b] = *prior.beta;
    const double y = 1 - x;
    return {std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + (a - 1) * std::log(x) +
                (b - 1) * std::log1p(-x),
            (a - 1) / x - (b - 1) / y, -(a - 1) / (x * x) - (b - 1) / (y * y)};
  }
  if (prior.half_normal) {
    PriorDensity g = gaussian(x, 0, *prior.half_normal);
    g.value += std::numbers::ln2;
    return g;
  }
  return {-std::log(high - low), 0, 0};
}

void check_priors(const std::map<std::string, Prior>& priors, const ParameterSpace& space) {
  std::vector<std::string> names;
  for (const FreeParameter& p : space.free()) names.push_back(p.name);
  for (const auto& [name, prior] : priors) {
    const auto place = std::find(names.begin(), names.end(), name);
    if (place == names.end())
      fail(Status::usage, "/priors/{}: is not a parameter that is estimated{}", name,
           suggestion(name, names));
    const int laws = prior.normal.has_value() + prior.lognormal.has_value() + prior.gamma.has_value() +
                     prior.beta.has_value() + prior.uniform.has_value() + prior.half_normal.has_value();
    if (laws != 1)
      fail(Status::usage,
           "/priors/{}: needs one law of normal, lognormal, gamma, beta, uniform, half-normal (got {})", name,
           laws);
    const auto positive = [&, &key = name](const char* law, const char* what, double x) {
      if (!(x > 0 && std::isfinite(x)))
        fail(Status::usage, "/priors/{}/{}: {} must be > 0 (got {})", key, law, what, x);
    };
    for (const auto& [law, pair] : {std::pair{"normal", prior.normal}, {"lognormal", prior.lognormal}}) {
      if (!pair) continue;
      if (!std::isfinite((*pair)[0]))
        fail(Status::usage, "/priors/{}/{}: the mean must be a number", name, law);
      positive(law, "the standard deviation", (*pair)[1]);
    }
    if (prior.gamma) {
      positive("gamma", "the shape", (*prior.gamma)[0]);
      positive("gamma", "the rate", (*prior.gamma)[1]);
    }
    if (prior.beta)
      for (double shape : *prior.beta) positive("beta", "a shape", shape);
    if (prior.half_normal) positive("half-normal", "the standard deviation", *prior.half_normal);
    if (prior.uniform) {
      const auto [low, high] = *prior.uniform;
      if (!(low < high && std::isfinite(low) && std::isfinite(high)))
        fail(Status::usage, "/priors/{}/uniform: the lower end must be below the upper (got [{}, {}])", name,
             low, high);
    }
    const double start = space.free()[static_cast<std::size_t>(place - names.begin())].start;
    if (!std::isfinite(prior_density(prior, start).value))
      fail(Status::usage, "/priors/{}: the start {} lies outside the support of its law; change one of them",
           name, start);
  }
}

LogPosterior::LogPosterior(const LogLikelihood& likelihood, const ParameterSpace& space,
                           const std::map<std::string, Prior>& priors)
    : likelihood_(likelihood) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    const FreeParameter& p = space.free()[i];
    if (const auto found = priors.find(p.name); found != priors.end())
      terms_.push_back({i, p.index, found->second});
  }
}

double LogPosterior::log_prior(std::span<const double> parameters) const {
  double sum = 0;
  for (const Term& term : terms_) sum += prior_density(term.prior, parameters[term.index]).value;
  return sum;
}

void LogPosterior::add(std::span<const double> parameters, int order, LikelihoodValue& result) const {
  for (const Term& term : terms_) {
    const PriorDensity d = prior_density(term.prior, parameters[term.index]);
    const auto i = static_cast<Index>(term.free);
    result.value += d.value;
    if (order >= 1) result.gradient[i] += d.slope;
    if (order >= 2) result.hessian(i, i) += d.curvature;
  }
}

void LogPosterior::evaluate(std::span<const double> parameters, int order, LikelihoodValue& result) const {
  likelihood_.evaluate(parameters, order, result);
  add(parameters, order, result);
}

void LogPosterior::evaluate_scores(std::span<const double> parameters, LikelihoodValue& result) const {
  likelihood_.evaluate_scores(parameters, result);
  if (likelihood_.smooth()) {
    add(parameters, 1, result);
    return;
  }
  const Index k = result.gradient.size();
  result.hessian = Eigen::MatrixXd::Zero(k, k);
  add(parameters, 2, result);
}

}  // namespace sde
