#include "fit/lamperti.h"

#include <fmt/format.h>

#include <array>
#include <boost/math/quadrature/gauss.hpp>

#include "expr/node.h"
#include "fit/density.h"

namespace sde {

using expr::Expr;

namespace {

constexpr std::size_t kNodes = 7;

// Gauss-Legendre on [0, 1] with the matrix that integrates the interpolating polynomial from 0 to each node.
struct Rule {
  std::array<double, kNodes> node{}, weight{};
  std::array<std::array<double, kNodes>, kNodes> partial{};

  Rule() {
    using Gauss = boost::math::quadrature::gauss<double, kNodes>;
    constexpr std::size_t middle = kNodes / 2;
    for (std::size_t i = 0; i <= middle; ++i) {
      node[middle + i] = 0.5 * (1 + Gauss::abscissa()[i]);
      node[middle - i] = 0.5 * (1 - Gauss::abscissa()[i]);
      weight[middle + i] = weight[middle - i] = 0.5 * Gauss::weights()[i];
    }
    for (std::size_t i = 0; i < kNodes; ++i)
      for (std::size_t j = 0; j < kNodes; ++j)
        for (std::size_t q = 0; q < kNodes; ++q) {
          double lagrange = 1;
          for (std::size_t m = 0; m < kNodes; ++m)
            if (m != j) lagrange *= (node[i] * node[q] - node[m]) / (node[j] - node[m]);
          partial[i][j] += node[i] * weight[q] * lagrange;
        }
  }
};

const Rule& rule() {
  static const Rule made;
  return made;
}

// e = factor * shape, the factor free of `state`.
struct Factors {
  Expr factor, shape;
};

Factors split(const Expr& e, const std::string& state) {
  if (!expr::depends_on(e, state)) return {e, Expr(1)};
  const expr::Node& node = e.node();
  if (node.op == expr::Op::negate) {
    const Factors inner = split(node.argument(0), state);
    return {-inner.factor, inner.shape};
  }
  if (node.op != expr::Op::multiply && node.op != expr::Op::divide) return {Expr(1), e};
  const Factors a = split(node.argument(0), state), b = split(node.argument(1), state);
  if (node.op == expr::Op::multiply) return {a.factor * b.factor, a.shape * b.shape};
  return {a.factor / b.factor, a.shape / b.shape};
}

}  // namespace

int own_noise(const SdeExpressions& ito, std::size_t i) {
  int found = -1;
  for (std::size_t k = 0; k < ito.noises.size(); ++k) {
    if (ito.diffusion[i][k].is_zero()) continue;
    if (found >= 0) return -1;
    found = static_cast<int>(k);
    for (std::size_t j = 0; j < ito.dimension(); ++j)
      if (j != i && !ito.diffusion[j][k].is_zero()) return -1;
  }
  return found;
}

std::vector<LampertiComponent> lamperti_components(const SdeExpressions& ito, std::string& why_not) {
  std::vector<LampertiComponent> result;
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    const std::string& name = ito.states[i];
    const int noise = own_noise(ito, i);
    if (noise < 0) {
      why_not = fmt::format("\"{}\" is not driven by one noise of its own", name);
      return {};
    }
    LampertiComponent component;
    component.state = name;
    component.scale = ito.diffusion[i][static_cast<std::size_t>(noise)];
    if (expr::depends_on(component.scale, "t")) {
      why_not = fmt::format("the diffusion of \"{}\" depends on time", name);
      return {};
    }
    for (const std::string& other : ito.states)
      if (other != name && expr::depends_on(component.scale, other)) {
        why_not = fmt::format("the diffusion of \"{}\" depends on \"{}\"", name, other);
        return {};
      }
    const auto [factor, shape] = split(component.scale, name);
    component.factor = factor;
    component.shape = shape;
    const Expr& f = ito.drift[i];
    const Expr slope = expr::differentiate(f, name);
    // The derivative of the logarithm: 1/(2x) for a square root, g/x for a power.
    const Expr r = expr::differentiate(expr::log(shape), name), bend = expr::differentiate(r, name);
    const Expr square = factor * factor * (shape * shape);
    component.ratio = r;
    component.square = square;
    component.drift = f / (factor * shape) - Expr(0.5) * factor * (shape * r);
    component.slope = slope - f * r - Expr(0.5) * square * (bend + r * r);
    component.potential = Expr(-0.5) * (f * f / square - Expr(2) * f * r + slope -
                                        square * (Expr(0.25) * r * r + Expr(0.5) * bend));
    result.push_back(component);
  }
  return result;
}

LampertiPath::LampertiPath(const LampertiComponent& component) : state_(component.state) {
  const Expr before = Expr::symbol(state_), after = Expr::symbol(state_after(state_));
  const Expr way = after - before;
  const Rule& r = rule();
  // What does not depend on the state stays outside of the sums, and its derivatives with it.
  const Expr &factor = component.factor, &shape = component.shape;
  length = Expr(0);
  for (std::size_t q = 0; q < kNodes; ++q) {
    node.push_back(before + Expr(r.node[q]) * way);
    pace.push_back(Expr(1) / expr::substitute(shape, {{state_, node[q]}}));
    length = length + Expr(r.weight[q]) * pace[q];
  }
  for (std::size_t q = 0; q < kNodes; ++q) {
    Expr sum(0);
    for (std::size_t j = 0; j < kNodes; ++j) sum = sum + Expr(r.partial[q][j]) * pace[j];
    share.push_back(sum / length);
  }
  // Square roots and proportional noise have closed forms that do not cancel either.
  if (expr::structurally_equal(shape, expr::sqrt(before))) {
    distance = Expr(2) * way / (expr::sqrt(after) + expr::sqrt(before));
  } else if (expr::structurally_equal(shape, before)) {
    distance = expr::log(after / before);
  } else {
    distance = way * length;
  }
  distance = distance / factor;
}

Expr LampertiPath::mean_over_x(const Expr& g) const {
  Expr sum(0);
  for (std::size_t q = 0; q < kNodes; ++q)
    sum = sum + Expr(rule().weight[q]) * expr::substitute(g, {{state_, node[q]}});
  return sum;
}

Expr LampertiPath::mean_over_y(const Expr& h, const std::vector<Expr>& weight) const {
  Expr sum(0);
  for (std::size_t q = 0; q < kNodes; ++q) {
    Expr term = Expr(rule().weight[q]) * pace[q] * expr::substitute(h, {{state_, node[q]}});
    if (!weight.empty()) term = term * weight[q];
    sum = sum + term;
  }
  return sum / length;
}

}  // namespace sde
