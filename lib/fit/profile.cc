// Intervals from the profile likelihood (Venzon & Moolgavkar, Applied Statistics 37, 1988).
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "fit/diagnostics.h"
#include "fit/fit.h"
#include "fit/objective.h"

namespace sde {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr int kExpansions = 60;     // steps away from the optimum, each twice as far
constexpr int kBisections = 60;     // of the bracket of an end
constexpr double kAccuracy = 1e-7;  // of sqrt(deviance) at an end

struct Point {
  VectorXd y;
  double root = 0;  // of the deviance 2 (l_max - l)
};

class OneProfile {
 public:
  OneProfile(const FitProblem& problem, const ConstrainedResult& best, std::size_t parameter)
      : problem_(problem), best_(best), at_(static_cast<Index>(parameter)), parameter_(parameter) {}

  // The maximum over the others with coordinate at_ at `place`, followed from a neighbour; false where it is
  // not found.
  bool compute(double place, const Point& from, Point& point) {
    Box box = problem_.space().box();
    box.lower[at_] = box.upper[at_] = place;
    VectorXd start = predicted(place, from).cwiseMax(box.lower).cwiseMin(box.upper);
    FunctionValue value;
    problem_.function()(start, 2, value);
    if (!value.finite(problem_.likelihood().smooth() ? 2 : 1)) {
      start = from.y.cwiseMax(box.lower).cwiseMin(box.upper);
      start[at_] = place;
    }
    const ConstrainedResult end = problem_.refine(start, box);
    if (!std::isfinite(end.at.value) || end.end == MinimizeResult::End::stopped) return false;
    if (end.end != MinimizeResult::End::converged && !(end.decrement < 1e-3)) return false;
    point.y = end.y;
    const double fall = end.at.value - best_.at.value;
    higher_ = std::min(higher_, fall);
    point.root = std::sqrt(2 * std::max(0.0, fall));
    const std::vector<double> natural = problem_.space().natural(end.y);
    value_.push_back(natural[problem_.space().free()[parameter_].index]);
    loglik_.push_back(-end.at.value);
    return true;
  }

  // The end towards `side` (-1, +1) where the root of the deviance reaches `level`; `unit` is a standard
  // error of the coordinate.
  ProfileEnd search(double side, double unit, double level) {
    const double limit = side < 0 ? problem_.space().box().lower[at_] : problem_.space().box().upper[at_];
    Point inside{best_.y, 0}, outside;
    double step = level * unit;
    bool bracketed = false, reached = false;
    for (int i = 0; i < kExpansions && !bracketed && !reached; ++i) {
      double place = inside.y[at_] + side * step;
      if (side * place >= side * limit) {
        place = limit;
        reached = true;
      }
      if (place == inside.y[at_]) break;
      Point next;
      if (!compute(place, inside, next)) {
        // Beyond the domain, or too far to follow: nearer, until nothing is left between.
        reached = false;
        step *= 0.25;
        if (step < 1e-6 * unit)
          return {NAN, fmt::format("the profile could not be followed beyond {:.6g}", value_of(inside))};
        continue;
      }
      if (next.root >= level) {
        outside = next;
        bracketed = true;
      } else {
        inside = next;
        step *= 2;
      }
    }
    if (!bracketed) return open_end(side, reached || inside.y[at_] == limit);
    return crossing(inside, outside, level);
  }

  double higher() const { return -higher_; }
  std::vector<double>& value() { return value_; }
  std::vector<double>& loglik() { return loglik_; }

 private:
  VectorXd predicted(double place, const Point& from) const {
    VectorXd y = from.y;
    const double move = place - y[at_];
    const Index n = y.size();
    y[at_] = place;
    if (n < 2 || best_.curvature.rows() != n || !best_.active.empty()) return y;
    // The others follow along the ridge of the quadratic at the optimum.
    MatrixXd others(n - 1, n - 1);
    VectorXd cross(n - 1);
    std::vector<Index> rest;
    for (Index i = 0; i < n; ++i)
      if (i != at_) rest.push_back(i);
    for (Index i = 0; i + 1 < n; ++i) {
      cross[i] = best_.curvature(rest[static_cast<std::size_t>(i)], at_);
      for (Index j = 0; j + 1 < n; ++j)
        others(i, j) = best_.curvature(rest[static_cast<std::size_t>(i)], rest[static_cast<std::size_t>(j)]);
    }
    const VectorXd along = -others.completeOrthogonalDecomposition().solve(cross) * move;
    if (!along.allFinite()) return y;
    for (Index i = 0; i + 1 < n; ++i) y[rest[static_cast<std::size_t>(i)]] += along[i];
    return y;
  }

  double value_of(const Point& point) const {
    return problem_.space().natural(point.y)[problem_.space().free()[parameter_].index];
  }

  // Between two points whose roots lie on either side of the level: Illinois' false position, on a root that
  // is nearly linear in the coordinate.
  ProfileEnd crossing(Point inside, Point outside, double level) {
    double low = inside.root - level, high = outside.root - level;
    int kept = 0;
    for (int i = 0; i < kBisections; ++i) {
      const double a = inside.y[at_], b = outside.y[at_];
      double place = (a * high - b * low) / (high - low);
      if (!(place > std::min(a, b) && place < std::max(a, b))) place = 0.5 * (a + b);
      Point next;
      if (!compute(place, std::fabs(place - a) < std::fabs(place - b) ? inside : outside, next))
        return {NAN, fmt::format("the maximum over the other parameters was not found near {:.6g}",
                                 value_of(inside))};
      const double miss = next.root - level;
      if (std::fabs(miss) < kAccuracy || std::fabs(b - a) < 1e-13 * std::max(std::fabs(a), std::fabs(b)))
        return {value_of(next), ""};
      if (miss < 0) {
        inside = next;
        low = miss;
        if (kept == -1) high *= 0.5;
        kept = -1;
      } else {
        outside = next;
        high = miss;
        if (kept == 1) low *= 0.5;
        kept = 1;
      }
    }
    return {value_of(inside), "found roughly"};
  }

  // The profile stays above the level as far as the parameter can go.
  ProfileEnd open_end(double side, bool at_limit) const {
    const FreeParameter& p = problem_.space().free()[parameter_];
    // A negative parameter with a logarithmic coordinate falls as the coordinate rises.
    const bool falls = p.logarithmic && p.start < 0 ? side > 0 : side < 0;
    if (at_limit && problem_.space().bound_is_given(parameter_, side < 0)) {
      const double bound = falls ? p.lower : p.upper;
      return {bound, fmt::format("the profile does not fall below the level before the bound {:.6g}", bound)};
    }
    if (p.logarithmic && side < 0)
      return {0, fmt::format("the profile does not fall below the level as {} goes to 0", p.name)};
    return {falls ? -INFINITY : INFINITY,
            fmt::format("the profile does not fall below the level as {} goes to {}infinity", p.name,
                        falls ? "-" : "")};
  }

  const FitProblem& problem_;
  const ConstrainedResult& best_;
  Index at_;
  std::size_t parameter_;
  double higher_ = 0;
  std::vector<double> value_, loglik_;
};

}  // namespace

void add_profiles(const FitProblem& problem, const ConstrainedResult& best, const FitOptions& options,
                  FitResult& result) {
  const ParameterSpace& space = problem.space();
  const double level = normal_quantile(0.5 + 0.5 * options.confidence);
  const VectorXd slope = space.slope(best.y);
  for (std::size_t i = 0; i < space.size(); ++i) {
    Estimate& estimate = result.estimates[i];
    const auto at = static_cast<Index>(i);
    double unit = estimate.se / std::fabs(slope[at]);
    if (!std::isfinite(unit) || unit <= 0)
      unit = space.free()[i].logarithmic ? 0.1 : 0.1 * std::max(1e-3, std::fabs(best.y[at]));
    OneProfile one(problem, best, i);
    Profile profile;
    profile.name = estimate.name;
    const ProfileEnd down = one.search(-1, unit, level), up = one.search(1, unit, level);
    // The coordinate of a negative parameter is the logarithm of its size.
    const bool turned = slope[at] < 0;
    profile.low = turned ? up : down;
    profile.high = turned ? down : up;
    estimate.low = profile.low.value;
    estimate.high = profile.high.value;
    if (one.higher() > 1e-6)
      result.warnings.push_back(fmt::format(
          "the profile of {} found a likelihood higher by {:.3g}: the fit is not at the maximum; try more "
          "starts",
          estimate.name, one.higher()));
    for (const auto& [end, which] : {std::pair{&profile.low, "lower"}, {&profile.high, "upper"}})
      if (!end->note.empty())
        result.warnings.push_back(
            fmt::format("{} end of the interval of {}: {}", which, estimate.name, end->note));
    std::vector<std::pair<double, double>> points;
    points.emplace_back(estimate.value, -best.at.value);
    for (std::size_t j = 0; j < one.value().size(); ++j) points.emplace_back(one.value()[j], one.loglik()[j]);
    std::sort(points.begin(), points.end());
    for (const auto& [value, loglik] : points) {
      profile.value.push_back(value);
      profile.loglik.push_back(loglik);
    }
    result.inference.profiles.push_back(std::move(profile));
    if (problem.limits().stop && problem.limits().stop->requested()) return;
  }
}

}  // namespace sde
