#include "fit/parameters.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/suggest.h"
#include "expr/node.h"
#include "random/stream.h"

namespace sde {

using expr::Expr;
using expr::Op;

const std::vector<std::string>& optimizer_names() {
  static const std::vector<std::string> names = {"auto", "newton", "lbfgs", "slsqp", "bobyqa", "subplex"};
  return names;
}

namespace {

// A logarithmic coordinate is kept within this factor of its start: beyond, the parameter is said to run to 0
// or infinity.
constexpr double kLogRange = 16;  // e^16 = 9e6

// The symbols that are factors of e: those at which it vanishes or has a pole.
void collect_factors(const Expr& e, std::set<std::string>& into) {
  const expr::Node& n = e.node();
  switch (n.op) {
    case Op::symbol:
      into.insert(n.name);
      break;
    case Op::multiply:
    case Op::divide:
      collect_factors(n.argument(0), into);
      collect_factors(n.argument(1), into);
      break;
    case Op::negate:
    case Op::sqrt:
    case Op::power:
    case Op::abs:
      collect_factors(n.argument(0), into);
      break;
    default:
      break;
  }
}

}  // namespace

std::vector<bool> sign_kept(const SdeExpressions& ito, const TransitionDensity& density) {
  std::set<std::string> names;
  for (const auto& row : density.scales) {
    // A factor of every entry of the row scales the noise of that component.
    std::set<std::string> common;
    for (std::size_t k = 0; k < row.size(); ++k) {
      std::set<std::string> here;
      collect_factors(row[k], here);
      if (k == 0) {
        common = here;
      } else {
        std::erase_if(common, [&](const std::string& name) { return !here.contains(name); });
      }
    }
    names.insert(common.begin(), common.end());
  }
  for (const Condition& condition : density.conditions) collect_factors(condition.positive, names);

  std::vector<Expr> roots = ito.drift;
  for (const auto& row : ito.diffusion) roots.insert(roots.end(), row.begin(), row.end());
  for (const expr::Node* n : expr::postorder(roots)) {
    const bool restricts =
        n->op == Op::log || n->op == Op::sqrt ||
        (n->op == Op::power &&
         !(n->argument(1).is_number() && std::floor(n->argument(1).number()) == n->argument(1).number()));
    if (restricts) collect_factors(n->argument(0), names);
  }
  std::vector<bool> kept;
  for (const std::string& parameter : ito.parameters) kept.push_back(names.contains(parameter));
  return kept;
}

ParameterSpace::ParameterSpace(const SdeExpressions& ito, const TransitionDensity& density,
                               const FitOptions& options, std::vector<std::string>& ignored)
    : values_(ito.parameter_values) {
  const auto index_of = [&](const std::string& pointer, const std::string& name) {
    const auto place = std::find(ito.parameters.begin(), ito.parameters.end(), name);
    if (place == ito.parameters.end())
      fail(Status::usage, "{}: unknown parameter \"{}\"{}", pointer, name, suggestion(name, ito.parameters));
    return static_cast<std::size_t>(place - ito.parameters.begin());
  };
  const std::size_t n = ito.parameters.size();
  std::vector<bool> wanted(n, options.estimate.empty()), named(n, false), fixed(n, false);
  for (const std::string& name : options.estimate) {
    const std::size_t i = index_of("/estimate", name);
    if (named[i]) fail(Status::usage, "/estimate: \"{}\" is listed twice", name);
    wanted[i] = named[i] = true;
  }
  for (const auto& [name, value] : options.fix) {
    const std::size_t i = index_of("/fix", name);
    if (named[i])
      fail(Status::usage, "/fix: \"{}\" is in /estimate as well; leave it out of one of them", name);
    if (!std::isfinite(value)) fail(Status::usage, "/fix/{}: must be finite (got {})", name, value);
    wanted[i] = false;
    fixed[i] = true;
    values_[i] = value;
  }
  for (const auto& [name, bound] : options.bounds) index_of("/bounds", name);

  std::set<std::string> used;
  for (const Expr& e : density.ingredients()) used.merge(expr::symbols(e));
  const std::vector<bool> kept = sign_kept(ito, density);
  for (std::size_t i = 0; i < n; ++i) {
    const std::string& name = ito.parameters[i];
    if (!wanted[i]) continue;
    if (!used.contains(name)) {
      if (named[i])
        fail(Status::usage, "/estimate: the likelihood does not depend on \"{}\"; leave it out", name);
      ignored.push_back(name);
      continue;
    }
    FreeParameter p;
    p.name = name;
    p.index = i;
    p.start = values_[i];
    p.logarithmic = kept[i];
    p.lower = p.logarithmic && p.start > 0 ? 0 : -INFINITY;
    p.upper = p.logarithmic && p.start < 0 ? 0 : INFINITY;
    if (p.logarithmic && p.start == 0)
      fail(Status::usage, "/parameters/{}: the density vanishes at 0, start from another value", name);
    if (const auto bound = options.bounds.find(name); bound != options.bounds.end()) {
      const auto [low, high] = bound->second;
      if (!(low < high))
        fail(Status::usage, "/bounds/{}: the lower end must be below the upper (got [{}, {}])", name, low,
             high);
      if (p.start < low || p.start > high)
        fail(Status::usage, "/bounds/{}: the start {} lies outside [{}, {}]; change one of them", name,
             p.start, low, high);
      p.bounded_below = low > p.lower;
      p.bounded_above = high < p.upper;
      p.lower = std::max(p.lower, low);
      p.upper = std::min(p.upper, high);
    }
    free_.push_back(p);
  }
  if (free_.empty())
    fail(Status::usage, "{}",
         options.fix.empty() ? "/parameters: there is no parameter to estimate"
                             : "/fix: leaves no parameter to estimate");

  const auto size = static_cast<Eigen::Index>(free_.size());
  start_.resize(size);
  box_.lower.resize(size);
  box_.upper.resize(size);
  for (Eigen::Index i = 0; i < size; ++i) {
    const FreeParameter& p = free_[static_cast<std::size_t>(i)];
    start_[i] = p.logarithmic ? std::log(std::fabs(p.start)) : p.start;
    double low = p.lower, high = p.upper;
    if (p.logarithmic) {
      const double near = std::min(std::fabs(low), std::fabs(high)),
                   far = std::max(std::fabs(low), std::fabs(high));
      low = near > 0 ? std::log(near) : start_[i] - kLogRange;
      high = std::isfinite(far) ? std::log(far) : start_[i] + kLogRange;
    }
    box_.lower[i] = low;
    box_.upper[i] = high;
  }
}

std::vector<std::size_t> ParameterSpace::indices() const {
  std::vector<std::size_t> result;
  for (const FreeParameter& p : free_) result.push_back(p.index);
  return result;
}

std::vector<double> ParameterSpace::natural(const Eigen::VectorXd& y) const {
  std::vector<double> result = values_;
  for (std::size_t i = 0; i < free_.size(); ++i) {
    const FreeParameter& p = free_[i];
    double value = y[static_cast<Eigen::Index>(i)];
    if (p.logarithmic) value = std::copysign(std::exp(value), p.start);
    // exp(log(bound)) may miss the bound by its rounding.
    result[p.index] = std::clamp(value, p.lower, p.upper);
  }
  return result;
}

Eigen::VectorXd ParameterSpace::slope(const Eigen::VectorXd& y) const {
  Eigen::VectorXd result = Eigen::VectorXd::Ones(y.size());
  for (Eigen::Index i = 0; i < y.size(); ++i) {
    const FreeParameter& p = free_[static_cast<std::size_t>(i)];
    if (p.logarithmic) result[i] = std::copysign(std::exp(y[i]), p.start);
  }
  return result;
}

bool ParameterSpace::bound_is_given(std::size_t i, bool lower) const {
  const FreeParameter& p = free_[i];
  const bool natural_lower =
      p.logarithmic && p.start < 0 ? !lower : lower;  // |p| falls as a negative p rises
  return natural_lower ? p.bounded_below : p.bounded_above;
}

Eigen::VectorXd ParameterSpace::design_point(int number, std::uint64_t seed) const {
  if (number == 0) return start_;
  static constexpr int primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53};
  const Stream stream = make_stream(seed, Purpose::start);
  Eigen::VectorXd y(start_.size());
  for (Eigen::Index i = 0; i < y.size(); ++i) {
    const FreeParameter& p = free_[static_cast<std::size_t>(i)];
    // Halton's radical inverse, shifted at random (Cranley & Patterson 1976); beyond the table plain random
    // numbers.
    double u = uniform_pair(stream, static_cast<std::uint64_t>(i), 0)[0];
    if (static_cast<std::size_t>(i) < std::size(primes)) {
      double digit = 1, inverse = 0;
      for (int k = number; k > 0; k /= primes[i]) inverse += (k % primes[i]) * (digit /= primes[i]);
      u += inverse;
      u -= std::floor(u);
    } else {
      u = uniform_pair(stream, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(number))[0];
    }
    // Between the user's bounds where there are two, else a factor of ten, or twice its size, to either side.
    const double reach = p.logarithmic ? std::log(10.0) : p.start != 0 ? 2 * std::fabs(p.start) : 1;
    double low = start_[i] - reach, high = start_[i] + reach;
    if (p.bounded_below && p.bounded_above) {
      low = box_.lower[i];
      high = box_.upper[i];
    }
    y[i] = std::clamp(low + u * (high - low), box_.lower[i], box_.upper[i]);
  }
  return y;
}

}  // namespace sde
