// How fast coefficients grow far out.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "solve/special.h"

namespace sde {
namespace {

// |e| at r times the direction.
double size_at(const SdeExpressions& sde, const expr::Expr& e, const std::vector<double>& direction,
               double r) {
  std::map<std::string, double, std::less<>> values = {{"t", 1.0}};
  for (std::size_t i = 0; i < sde.parameters.size(); ++i) values[sde.parameters[i]] = sde.parameter_values[i];
  for (std::size_t i = 0; i < direction.size(); ++i) values[sde.states[i]] = r * direction[i];
  return std::abs(expr::evaluate(e, values));
}

}  // namespace

double growth_power(const SdeExpressions& sde) {
  const std::size_t n = sde.dimension();
  std::vector<std::vector<double>> directions;
  for (const double sign : {1.0, -1.0}) {
    for (std::size_t i = 0; i < n; ++i) {
      directions.emplace_back(n, 0.0);
      directions.back()[i] = sign;
    }
    directions.emplace_back(n, sign);
    directions.emplace_back();
    for (std::size_t i = 0; i < n; ++i)
      directions.back().push_back((i % 2 == 0 ? sign : -sign) / (1 + 0.3 * static_cast<double>(i)));
  }
  std::vector<expr::Expr> coefficients = sde.drift;
  for (const auto& row : sde.diffusion) coefficients.insert(coefficients.end(), row.begin(), row.end());
  constexpr double kNear = 1e4, kFar = 1e8;
  double power = 0;
  for (const expr::Expr& e : coefficients) {
    for (const auto& direction : directions) {
      const double near = size_at(sde, e, direction, kNear), far = size_at(sde, e, direction, kFar);
      if (std::isinf(near) || std::isinf(far))
        fail(Status::usage,
             "/solver/method: truncated-euler is for coefficients that grow as a power of the state, and {} "
             "grows "
             "faster; use tamed-euler or a drift-implicit method",
             expr::to_string(e));
      // Outside a coefficient's domain, or where it vanishes, the direction says nothing.
      if (!(near > 0) || !(far > 0)) continue;
      power = std::max(power, std::log(far / near) / std::log(kFar / kNear));
    }
  }
  // Lower terms that are still felt at the nearer point.
  return std::round(1000 * power) / 1000;
}

}  // namespace sde
