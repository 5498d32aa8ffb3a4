#include "fit/tape.h"

#include <algorithm>
#include <array>
#include <map>
#include <numbers>

#include "base/error.h"

namespace sde {

using expr::Expr;
using expr::Op;

namespace {

double sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

// d op(a) / da_i, `value` being op(a). Kinks have the derivative of the branch taken.
double partial(Op op, std::size_t i, const double* a, double value) {
  switch (op) {
    case Op::add:
      return 1;
    case Op::subtract:
      return i == 0 ? 1 : -1;
    case Op::multiply:
      return a[1 - i];
    case Op::divide:
      return i == 0 ? 1 / a[1] : -value / a[1];
    case Op::negate:
      return -1;
    case Op::power:
      return i == 0 ? a[1] * std::pow(a[0], a[1] - 1) : value * std::log(a[0]);
    case Op::exp:
      return value;
    case Op::log:
      return 1 / a[0];
    case Op::sqrt:
      return 0.5 / value;
    case Op::abs:
      return a[0] < 0 ? -1 : 1;
    case Op::sin:
      return std::cos(a[0]);
    case Op::cos:
      return -std::sin(a[0]);
    case Op::tan:
      return 1 + value * value;
    case Op::sinh:
      return std::cosh(a[0]);
    case Op::cosh:
      return std::sinh(a[0]);
    case Op::tanh:
      return 1 - value * value;
    case Op::asin:
      return 1 / std::sqrt(1 - a[0] * a[0]);
    case Op::acos:
      return -1 / std::sqrt(1 - a[0] * a[0]);
    case Op::atan:
      return 1 / (1 + a[0] * a[0]);
    case Op::sigmoid:
      return value * (1 - value);
    case Op::softplus:
      return sigmoid(a[0]);
    case Op::erf:
      return 2 * std::numbers::inv_sqrtpi * std::exp(-a[0] * a[0]);
    case Op::expm1:
      return value + 1;
    case Op::log1p:
      return 1 / (1 + a[0]);
    case Op::minimum:
      return (a[1] < a[0]) == (i == 1) ? 1 : 0;
    case Op::maximum:
      return (a[1] > a[0]) == (i == 1) ? 1 : 0;
    case Op::select:
      return i == 0 ? 0 : (a[0] != 0) == (i == 1) ? 1 : 0;
    default:
      return 0;  // comparisons, sign
  }
}

// Arguments beyond the arity are not read; those that are constant have no slope.
double apply_to(Op op, const std::array<const double*, 3>& a, std::size_t arity, const bool*) {
  return expr::apply(op, *a[0], arity > 1 ? *a[1] : 0, arity > 2 ? *a[2] : 0);
}

Dual<4> apply_to(Op op, const std::array<const Dual<4>*, 3>& a, std::size_t arity, const bool* constant) {
  const double values[] = {a[0]->value, a[1]->value, a[2]->value};
  Dual<4> r(apply_to(op, {values, values + 1, values + 2}, arity, constant));
  for (std::size_t i = 0; i < arity; ++i) {
    if (constant[i]) continue;
    const double slope = partial(op, i, values, r.value);
    for (std::size_t j = 0; j < 4; ++j)
      if (const double d = a[i]->slope[j]; d != 0) r.slope[j] += slope * d;
  }
  return r;
}

}  // namespace

Tape::Tape(const std::vector<Expr>& outputs, const std::vector<std::string>& fixed,
           const std::vector<std::string>& varying) {
  const std::vector<const expr::Node*> nodes = expr::postorder(outputs);
  const auto place = [](const std::vector<std::string>& names, const std::string& name) {
    return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  std::map<const expr::Node*, bool> varies;
  for (const expr::Node* n : nodes) {
    bool v = n->op == Op::symbol && place(varying, n->name) < varying.size();
    for (std::size_t i = 0; i < n->arity; ++i) v = v || varies.at(n->arguments[i].get());
    varies[n] = v;
  }
  std::map<const expr::Node*, std::uint32_t> index;
  for (const bool pass : {false, true}) {
    for (const expr::Node* n : nodes) {
      if (varies.at(n) != pass) continue;
      Step step;
      step.op = n->op;
      step.number = n->value;
      step.arity = n->arity;
      if (n->op == Op::symbol) {
        const std::size_t input = pass ? place(varying, n->name) : place(fixed, n->name);
        if (!pass && input == fixed.size()) fail(Status::bug, "Tape: unknown symbol \"{}\"", n->name);
        step.input = static_cast<std::uint32_t>(input);
      }
      for (std::size_t i = 0; i < n->arity; ++i) {
        step.from[i] = index.at(n->arguments[i].get());
        step.constant[i] = n->arguments[i]->op == Op::number;
      }
      index[n] = static_cast<std::uint32_t>(steps_.size());
      steps_.push_back(step);
    }
    if (!pass) fixed_end_ = steps_.size();
  }
  for (const Expr& e : outputs) outputs_.push_back(index.at(&e.node()));
}

template <class T>
void Tape::evaluate(std::size_t first, std::size_t last, std::span<const T> inputs,
                    std::vector<T>& node) const {
  for (std::size_t k = first; k < last; ++k) {
    const Step& s = steps_[k];
    switch (s.op) {
      case Op::number:
        node[k] = T(s.number);
        break;
      case Op::symbol:
        node[k] = inputs[s.input];
        break;
      case Op::add:
        node[k] = node[s.from[0]] + node[s.from[1]];
        break;
      case Op::subtract:
        node[k] = node[s.from[0]] - node[s.from[1]];
        break;
      case Op::multiply:
        node[k] = node[s.from[0]] * node[s.from[1]];
        break;
      default:
        node[k] = apply_to(s.op, {&node[s.from[0]], &node[s.from[1]], &node[s.from[2]]}, s.arity, s.constant);
    }
  }
}

template <class T>
void Tape::start(std::span<const T> fixed, Memory<T>& memory) const {
  memory.node.resize(steps_.size());
  evaluate<T>(0, fixed_end_, fixed, memory.node);
}

template <class T>
void Tape::run(std::span<const T> varying, T* out, Memory<T>& memory) const {
  evaluate<T>(fixed_end_, steps_.size(), varying, memory.node);
  for (std::size_t i = 0; i < outputs_.size(); ++i) out[i] = memory.node[outputs_[i]];
}

template void Tape::start(std::span<const double>, Memory<double>&) const;
template void Tape::run(std::span<const double>, double*, Memory<double>&) const;
template void Tape::start(std::span<const Dual<4>>, Memory<Dual<4>>&) const;
template void Tape::run(std::span<const Dual<4>>, Dual<4>*, Memory<Dual<4>>&) const;

}  // namespace sde
