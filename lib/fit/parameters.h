// The coordinates the optimiser works in: which parameters are free, and on which scale each moves.
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

#include "fit/density.h"
#include "fit/optimize.h"
#include "fit/options.h"
#include "sde/expressions.h"

namespace sde {

struct FreeParameter {
  std::string name;
  std::size_t index = 0;  // in SdeExpressions::parameters
  double start = 0;
  bool logarithmic = false;  // keeps the sign of its start: the coordinate is log |p|
  double lower = 0,
         upper = 0;  // natural units; infinite where open (0 on the side of the sign where logarithmic)
  bool bounded_below = false, bounded_above = false;  // by the user
};

// Parameters of `density` whose sign cannot change along a path on which it stays defined: factors of a row
// of the noise, of a condition, of the argument of a logarithm, square root or fractional power.
std::vector<bool> sign_kept(const SdeExpressions& ito, const TransitionDensity& density);

class ParameterSpace {
 public:
  // Checks names, values and bounds in `options`; Error(usage) says which. `ignored` receives the parameters
  // that the density does not depend on and that were not asked for by name: they stay fixed.
  ParameterSpace(const SdeExpressions& ito, const TransitionDensity& density, const FitOptions& options,
                 std::vector<std::string>& ignored);

  std::size_t size() const { return free_.size(); }
  const std::vector<FreeParameter>& free() const { return free_; }
  std::vector<std::size_t> indices() const;
  const Box& box() const { return box_; }
  const Eigen::VectorXd& start() const { return start_; }
  // Whether the lower (else the upper) end of coordinate i's box is a bound that the user gave, not the end
  // of the range that a logarithmic coordinate is followed over.
  bool bound_is_given(std::size_t i, bool lower) const;

  // The full vector of parameters at coordinates y.
  std::vector<double> natural(const Eigen::VectorXd& y) const;
  // dp/dy of the free parameters.
  Eigen::VectorXd slope(const Eigen::VectorXd& y) const;
  // Starting point number i of the design, the first being start().
  Eigen::VectorXd design_point(int i, std::uint64_t seed) const;

 private:
  std::vector<double> values_;
  std::vector<FreeParameter> free_;
  Box box_;
  Eigen::VectorXd start_;
};

}  // namespace sde
