#include "sde/transition.h"

#include <cmath>
#include <optional>

#include "base/error.h"

namespace sde {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

std::map<std::string, double, std::less<>> named(const SdeExpressions& sde, std::span<const double> values) {
  std::map<std::string, double, std::less<>> result;
  for (std::size_t i = 0; i < sde.parameters.size(); ++i) result[sde.parameters[i]] = values[i];
  return result;
}

Eigen::Index index(std::size_t i) {
  return static_cast<Eigen::Index>(i);
}

// Value and, where wanted, derivative, carried through the same recursion.
struct Pair {
  GaussianTransition value, slope;
};

// sum_k (Ah)^k / k! and its kin; with |A| h <= 1/4 twenty terms are below rounding.
constexpr int kTerms = 20;

Pair short_transition(const LinearSystem& s, const LinearSystem* d, double h) {
  const Eigen::Index n = s.slope.rows();
  const MatrixXd zero = MatrixXd::Zero(n, n), &A = s.slope;
  const MatrixXd dA = d ? d->slope : zero;
  MatrixXd F = MatrixXd::Identity(n, n), dF = zero;
  VectorXd m = h * s.intercept, dm = d ? VectorXd(h * d->intercept) : VectorXd::Zero(n);
  MatrixXd P = h * s.scale * s.scale.transpose(), dP = zero;
  if (d) dP = h * (d->scale * s.scale.transpose() + s.scale * d->scale.transpose());
  Pair total{{F, m, P}, {dF, dm, dP}};
  for (int k = 1; k <= kTerms; ++k) {
    const double a = h / k, b = h / (k + 1);
    if (d) {
      dF = a * (dA * F + A * dF);
      dm = b * (dA * m + A * dm);
      const MatrixXd half = dA * P + A * dP;
      dP = b * (half + half.transpose());
      total.slope.growth += dF;
      total.slope.shift += dm;
      total.slope.covariance += dP;
    }
    F = a * (A * F);
    m = b * (A * m);
    const MatrixXd half = A * P;
    P = b * (half + half.transpose());
    total.value.growth += F;
    total.value.shift += m;
    total.value.covariance += P;
  }
  return total;
}

Pair long_transition(const LinearSystem& system, const LinearSystem* direction, double h) {
  const double size = system.slope.cwiseAbs().rowwise().sum().maxCoeff() * h;
  const int doublings = size > 0.25 ? static_cast<int>(std::ceil(std::log2(4 * size))) : 0;
  Pair p = short_transition(system, direction, std::ldexp(h, -doublings));
  for (int i = 0; i < doublings; ++i) {
    GaussianTransition &v = p.value, &d = p.slope;
    const MatrixXd& F = v.growth;
    if (direction) {
      const MatrixXd moved = d.growth * v.covariance * F.transpose();
      d.covariance += moved + moved.transpose() + (F * d.covariance * F.transpose()).eval();
      d.shift += (d.growth * v.shift + F * d.shift).eval();
      d.growth = (d.growth * F + F * d.growth).eval();
    }
    v.covariance += (F * v.covariance * F.transpose()).eval();
    v.shift += (F * v.shift).eval();
    v.growth = (F * F).eval();
  }
  for (GaussianTransition* t : {&p.value, &p.slope})
    t->covariance = (0.5 * (t->covariance + t->covariance.transpose())).eval();
  return p;
}

// (e^{ah} - 1)/a, h where a = 0.
double growth_integral(double a, double h) {
  return a == 0 ? h : std::expm1(a * h) / a;
}

}  // namespace

LinearSystem linear_system(const SdeExpressions& sde, const LawGroup& group,
                           std::span<const double> parameters) {
  const auto values = named(sde, parameters);
  const std::size_t n = group.size(), noises = group.noises.size();
  LinearSystem system{MatrixXd(index(n), index(n)), VectorXd(index(n)), MatrixXd(index(n), index(noises))};
  for (std::size_t i = 0; i < n; ++i) {
    system.intercept[index(i)] = expr::evaluate(group.intercept[i], values);
    for (std::size_t j = 0; j < n; ++j)
      system.slope(index(i), index(j)) = expr::evaluate(group.slope[i][j], values);
    for (std::size_t k = 0; k < noises; ++k)
      system.scale(index(i), index(k)) = expr::evaluate(group.scale[i][k], values);
  }
  return system;
}

GaussianTransition transition(const LinearSystem& system, double h) {
  return long_transition(system, nullptr, h).value;
}

GaussianTransition transition_derivative(const LinearSystem& system, const LinearSystem& direction,
                                         double h) {
  return long_transition(system, &direction, h).slope;
}

StateMoments propagate(const SdeExpressions& given, const LawRecognition& law, double start, double end,
                       const StateMoments& initial) {
  const auto values = named(given, given.parameter_values);
  const auto number = [&](const expr::Expr& e) { return expr::evaluate(e, values); };
  const double h = end - start;
  StateMoments result{VectorXd(initial.mean.size()),
                      MatrixXd::Zero(initial.covariance.rows(), initial.covariance.cols())};
  // d E[X_i | x] / d x_i of the groups where it is linear in the state's own value alone; what correlates the
  // start of two groups reaches the end through these.
  MatrixXd flow = MatrixXd::Zero(initial.covariance.rows(), initial.covariance.cols());
  for (const LawGroup& group : law.groups) {
    const std::size_t n = group.size();
    const auto at = [&](std::size_t i) { return index(group.states[i]); };
    if (group.kind == LawKind::ornstein_uhlenbeck) {
      const GaussianTransition step = transition(linear_system(given, group, given.parameter_values), h);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) {
          flow(at(i), at(j)) = step.growth(index(i), index(j));
          result.covariance(at(i), at(j)) = step.covariance(index(i), index(j));
        }
      for (std::size_t i = 0; i < n; ++i) result.mean[at(i)] = step.shift[index(i)];
      continue;
    }
    for (std::size_t i = 0; i < n; ++i) {
      double& mean = result.mean[at(i)];
      switch (group.kind) {
        case LawKind::square_root: {
          const double a = number(group.slope[0][0]), b = number(group.intercept[0]),
                       s = number(group.scalar_scale()), phi = growth_integral(a, h);
          const double x = initial.mean[at(0)];
          flow(at(0), at(0)) = std::exp(a * h);
          mean = b * phi;
          // Var[X | x] = s^2 phi (x e^{ah} + b phi / 2), linear in x
          result.covariance(at(0), at(0)) = s * s * phi * (x * std::exp(a * h) + 0.5 * b * phi);
          break;
        }
        case LawKind::brownian_bridge: {
          const double left = number(group.end) - start;
          double u = h / left;
          if (!(left > 0) || u > 1 + 1e-9)
            fail(Status::usage, "/time/end: the bridge ends at {} (got an end of {})", number(group.end),
                 end);
          u = std::min(u, 1.0);
          flow(at(i), at(i)) = 1 - u;
          mean = u * number(group.intercept[i]);
          for (std::size_t j = 0; j < n; ++j)
            for (std::size_t k = 0; k < group.noises.size(); ++k)
              result.covariance(at(i), at(j)) +=
                  number(group.scale[i][k]) * number(group.scale[j][k]) * h * (1 - u);
          break;
        }
        default: {  // geometric: E X_i X_j = E[x_i x_j] e^{(a_i + a_j + (SS')_ij) h}
          mean = 0;
          flow(at(i), at(i)) = std::exp(number(group.slope[i][i]) * h);
          for (std::size_t j = 0; j < n; ++j) {
            double joint = 0;
            for (std::size_t k = 0; k < group.noises.size(); ++k)
              joint += number(group.scale[i][k]) * number(group.scale[j][k]);
            const double second =
                initial.covariance(at(i), at(j)) + initial.mean[at(i)] * initial.mean[at(j)];
            result.covariance(at(i), at(j)) =
                second * std::expm1(joint * h) *
                std::exp((number(group.slope[i][i]) + number(group.slope[j][j])) * h);
          }
          break;
        }
      }
    }
  }
  result.mean += flow * initial.mean;
  result.covariance += (flow * initial.covariance * flow.transpose()).eval();
  return result;
}

}  // namespace sde
