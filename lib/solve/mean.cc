#include "solve/mean.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>

#include "expr/expr.h"

namespace sde {
namespace {

// Scaling and squaring of the Taylor series; 18 terms at norms below 1/2 leave 1e-22.
Eigen::MatrixXd exponential(Eigen::MatrixXd a) {
  int squarings = 0;
  for (double norm = a.cwiseAbs().rowwise().sum().maxCoeff(); norm > 0.5; norm /= 2) ++squarings;
  a *= std::ldexp(1.0, -squarings);
  Eigen::MatrixXd result = Eigen::MatrixXd::Identity(a.rows(), a.cols()), term = result;
  for (int k = 1; k <= 18; ++k) {
    term = term * a / k;
    result += term;
  }
  for (int i = 0; i < squarings; ++i) result = result * result;
  return result;
}

}  // namespace

std::optional<std::vector<double>> exact_mean(const SdeExpressions& given,
                                              const std::vector<double>& start_mean, double duration,
                                              std::string& reason) {
  const SdeExpressions sde = converted(given, Calculus::ito);
  std::map<std::string, double, std::less<>> values;
  for (std::size_t i = 0; i < sde.parameters.size(); ++i) values[sde.parameters[i]] = sde.parameter_values[i];
  const std::size_t D = sde.dimension();
  const auto n = static_cast<Eigen::Index>(D);
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(n + 1, n + 1);
  Eigen::VectorXd m(n + 1);
  for (std::size_t i = 0; i < D; ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    const Boundary boundary = sde.domains[i].boundary;
    if (boundary == Boundary::reflect || boundary == Boundary::absorb) {
      reason = fmt::format("\"{}\" has a boundary", sde.states[i]);
      return {};
    }
    if (!std::isfinite(start_mean[i])) {
      reason = fmt::format("the mean of the initial \"{}\" is not known", sde.states[i]);
      return {};
    }
    if (expr::depends_on(sde.drift[i], "t")) {
      reason = fmt::format("the drift of \"{}\" depends on t", sde.states[i]);
      return {};
    }
    const std::optional<expr::Affine> form = expr::affine(sde.drift[i], sde.states);
    if (!form) {
      reason = fmt::format("the drift of \"{}\" is not affine", sde.states[i]);
      return {};
    }
    for (std::size_t j = 0; j < D; ++j)
      a(row, static_cast<Eigen::Index>(j)) = expr::evaluate(form->coefficients[j], values);
    a(row, n) = expr::evaluate(form->constant, values);
    m[row] = start_mean[i];
  }
  m[n] = 1;
  const Eigen::VectorXd end = exponential(a * duration) * m;
  if (!end.allFinite()) {
    reason = "its exact mean is not finite";
    return {};
  }
  return std::vector<double>(end.data(), end.data() + n);
}

}  // namespace sde
