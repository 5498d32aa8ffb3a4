#include "sde/lamperti.h"

#include <fmt/format.h>

#include <algorithm>

#include <cmath>
#include <numbers>
#include <optional>

#include "base/error.h"

namespace sde {
namespace {

using expr::call;
using expr::exp;
using expr::Expr;
using expr::log;
using expr::pow;
using expr::sqrt;

// x -> F(x), y -> F^{-1}(y), and h(F^{-1}(y)).
struct Coordinates {
  Expr forward, inverse, diffusion;
};

// arsinh, which the language lacks, without cancellation for either sign.
Expr asinh(const Expr& z) {
  const Expr size = call("abs", {z});
  return call("sign", {z}) * log(size + sqrt(size * size + Expr(1)));
}

class Antiderivative {
 public:
  Antiderivative(const SdeExpressions& sde, const std::string& state, const Expr& h, double near,
                 const Expr& y)
      : h_(h), x_(Expr::symbol(state)), y_(y), state_(state), near_(near) {
    for (std::size_t i = 0; i < sde.parameters.size(); ++i)
      parameters_[sde.parameters[i]] = sde.parameter_values[i];
  }

  std::optional<Coordinates> find() {
    using Form = std::optional<Coordinates> (Antiderivative::*)();
    for (const Form form : {&Antiderivative::constant, &Antiderivative::power, &Antiderivative::quadratic,
                            &Antiderivative::root_of_quadratic, &Antiderivative::exponential,
                            &Antiderivative::shifted_power, &Antiderivative::cosines, &Antiderivative::sine})
      if (std::optional<Coordinates> found = (this->*form)()) return found;
    return {};
  }

 private:
  Expr at(const Expr& e, double value) const { return expr::substitute(e, {{state_, Expr(value)}}); }
  double number(const Expr& e) const { return expr::evaluate(e, parameters_); }
  bool is(const Expr& form) const { return expr::probably_equal(h_, form); }
  Expr derivative(const Expr& e) const { return expr::differentiate(e, state_); }

  std::optional<Coordinates> constant() {
    const Expr c = at(h_, 1);
    if (!is(c)) return {};
    return Coordinates{x_ / c, c * y_, c};
  }

  // c x^p, x > 0.
  std::optional<Coordinates> power() {
    const Expr c = at(h_, 1);
    if (is(c * x_)) return Coordinates{log(side() * x_) / c, side() * exp(c * y_), c * side() * exp(c * y_)};
    if (near_ < 0) return {};
    if (is(c * sqrt(x_))) {
      const Expr root = Expr(0.5) * c * y_;
      return Coordinates{Expr(2) / c * sqrt(x_), root * root, c * root};
    }
    if (number(c) == 0 || !std::isfinite(number(c))) return {};
    const Expr p = at(derivative(h_), 1) / c, q = Expr(1) - p;
    if (!is(c * pow(x_, p)) || number(q) == 0) return {};
    const Expr base = c * q * y_;
    return Coordinates{pow(x_, q) / (c * q), pow(base, Expr(1) / q), c * pow(base, p / q)};
  }

  // The sign of near_, for forms that are odd or even about 0.
  Expr side() const { return Expr(near_ < 0 ? -1.0 : 1.0); }

  // a + b x + c x^2.
  std::optional<Coordinates> quadratic() {
    const Expr slope = derivative(h_), a = at(h_, 0), b = at(slope, 0),
               c = Expr(0.5) * at(derivative(slope), 0);
    if (!is(a + b * x_ + c * x_ * x_)) return {};
    if (number(c) == 0) {  // linear: u = a + b x keeps its sign
      const Expr sign = number(a + b * Expr(near_)) < 0 ? Expr(-1) : Expr(1);
      const Expr u = sign * exp(b * y_);
      return Coordinates{log(sign * (a + b * x_)) / b, (u - a) / b, u};
    }
    const Expr middle = -b / (Expr(2) * c), z = x_ - middle;
    const Expr square = a / c - middle * middle;  // h = c (z^2 + square)
    if (number(square) == 0) {
      const Expr w = Expr(-1) / (c * y_);
      return Coordinates{Expr(-1) / (c * z), middle + w, c * w * w};
    }
    if (number(square) > 0) {
      const Expr d = sqrt(square), tan = call("tan", {c * d * y_});
      return Coordinates{call("atan", {z / d}) / (c * d), middle + d * tan,
                         c * square * (Expr(1) + tan * tan)};
    }
    const Expr d = sqrt(-square), k = -c;
    if (std::abs(near_ - number(middle)) > number(d)) {  // h = c (z^2 - d^2), w = (z - d)/(z + d)
      const Expr w = exp(Expr(2) * c * d * y_), gap = Expr(1) - w;
      return Coordinates{log((z - d) / (z + d)) / (Expr(2) * c * d), middle + d * (Expr(1) + w) / gap,
                         Expr(4) * c * d * d * w / (gap * gap)};
    }
    // h = k (d^2 - z^2), between its roots.
    const Expr tanh = call("tanh", {k * d * y_}), cosh = call("cosh", {k * d * y_});
    return Coordinates{log((d + z) / (d - z)) / (Expr(2) * k * d), middle + d * tanh,
                       k * d * d / (cosh * cosh)};
  }

  // sqrt(a + b x + c x^2).
  std::optional<Coordinates> root_of_quadratic() {
    // h = scale sqrt(s), s(x0) = 1: parameters in front keep their sign.
    Expr scale;
    for (const double point : {0.0, 1.0, 0.5, 2.0, near_}) {
      scale = at(h_, point);
      if (finite({scale}) && number(scale) != 0) break;
    }
    if (!finite({scale}) || number(scale) == 0) return {};
    const Expr s = h_ * h_ / (scale * scale), slope = derivative(s);
    const Expr a = at(s, 0), b = at(slope, 0), c = Expr(0.5) * at(derivative(slope), 0);
    if (!finite({a, b, c})) return {};
    const Expr root = sqrt(a + b * x_ + c * x_ * x_);
    if (!is(scale * root)) return {};
    if (number(c) == 0) {  // u = sqrt(a + b x)
      if (number(b) == 0) return {};
      const Expr u = Expr(0.5) * scale * b * y_;
      return Coordinates{Expr(2) * sqrt(a + b * x_) / (scale * b), (u * u - a) / b, scale * u};
    }
    const Expr middle = -b / (Expr(2) * c), z = x_ - middle, square = a / c - middle * middle;
    if (number(c) < 0) {  // sqrt(-c) sqrt(d^2 - z^2)
      const Expr d = sqrt(-square), k = scale * sqrt(-c);
      return Coordinates{call("asin", {z / d}) / k, middle + d * call("sin", {k * y_}),
                         k * d * call("cos", {k * y_})};
    }
    const Expr k = scale * sqrt(c);
    if (number(square) > 0) {
      const Expr d = sqrt(square);
      return Coordinates{asinh(z / d) / k, middle + d * call("sinh", {k * y_}),
                         k * d * call("cosh", {k * y_})};
    }
    if (number(square) == 0) return {};
    const Expr d = sqrt(-square), way = Expr(near_ < number(middle) ? -1.0 : 1.0);
    const Expr u = way * z / d;
    return Coordinates{way * log(u + sqrt(u * u - Expr(1))) / k, middle + way * d * call("cosh", {k * y_}),
                       k * d * call("abs", {call("sinh", {k * y_})})};
  }

  std::optional<Coordinates> exponential() {
    const Expr c = at(h_, 0), slope = at(derivative(h_), 0);
    if (!finite({c, slope}) || number(c) == 0) return {};
    const Expr k = slope / c;
    if (!is(c * exp(k * x_))) return {};
    const Expr u = -c * k * y_;  // exp(-k x)
    return Coordinates{-exp(-k * x_) / (c * k), -log(u) / k, c / u};
  }

  // c (s (x + a))^p, s = +-1: h/h' = (x + a)/p.
  std::optional<Coordinates> shifted_power() {
    const Expr ratio = h_ / derivative(h_);
    for (const double point : {0.0, 1.0, 2.0, -1.0}) {
      const Expr value = at(ratio, point), slope = at(derivative(ratio), point);
      if (!finite({value, slope}) || number(slope) == 0) continue;
      const Expr p = Expr(1) / slope, a = value * p - Expr(point), q = Expr(1) - p;
      const double side = near_ + number(a) < 0 ? -1 : 1;
      const Expr u = Expr(side) * (x_ + a);
      const Expr c = at(h_, point) / at(pow(u, p), point);
      if (!finite({c, a, p}) || number(q) == 0 || !is(c * pow(u, p))) continue;
      const Expr base = Expr(side) * c * q * y_;
      return Coordinates{Expr(side) * pow(u, q) / (c * q), Expr(side) * pow(base, Expr(1) / q) - a,
                         c * pow(base, p / q)};
    }
    return {};
  }

  // c times cos, cos^2, cosh, cosh^2 or 1/cosh of k x.
  std::optional<Coordinates> cosines() {
    const Expr c = at(h_, 0), curvature = at(derivative(derivative(h_)), 0);
    if (!finite({c, curvature}) || number(c) == 0 || number(curvature) == 0) return {};
    const bool down = number(curvature) / number(c) < 0;
    const Expr bend = (down ? Expr(-1) : Expr(1)) * curvature / c;
    const auto form = [&](const char* name, const Expr& k) { return call(name, {k * x_}); };
    const Expr k = sqrt(bend), half = sqrt(bend / Expr(2));
    if (down) {
      if (const Expr f = form("cos", k); is(c * f)) {
        const Expr s = c * k * y_;
        return Coordinates{asinh(call("tan", {k * x_})) / (c * k), call("atan", {call("sinh", {s})}) / k,
                           c / call("cosh", {s})};
      }
      if (const Expr f = form("cos", half); is(c * f * f)) {
        const Expr s = c * half * y_;
        return Coordinates{call("tan", {half * x_}) / (c * half), call("atan", {s}) / half,
                           c / (Expr(1) + s * s)};
      }
      if (const Expr f = form("cosh", k); is(c / f)) {
        const Expr s = c * k * y_;
        return Coordinates{call("sinh", {k * x_}) / (c * k), asinh(s) / k, c / sqrt(Expr(1) + s * s)};
      }
      return {};
    }
    if (const Expr f = form("cosh", k); is(c * f)) {
      const Expr tan = call("tan", {c * k * y_});
      return Coordinates{call("atan", {call("sinh", {k * x_})}) / (c * k), asinh(tan) / k,
                         c * sqrt(Expr(1) + tan * tan)};
    }
    if (const Expr f = form("cosh", half); is(c * f * f)) {
      const Expr s = c * half * y_;  // tanh(k x)
      return Coordinates{call("tanh", {half * x_}) / (c * half),
                         Expr(0.5) * log((Expr(1) + s) / (Expr(1) - s)) / half, c / (Expr(1) - s * s)};
    }
    return {};
  }

  // c sin(k x) between two zeros about near_ in (0, pi/k).
  std::optional<Coordinates> sine() {
    const Expr slope = derivative(h_), first = at(slope, 0), third = at(derivative(derivative(slope)), 0);
    if (!finite({first, third}) || number(first) == 0 || number(third) / number(first) >= 0) return {};
    const Expr k = sqrt(-third / first), c = first / k;
    if (!is(c * call("sin", {k * x_}))) return {};
    const double angle = number(k) * near_;
    if (!(angle > 0 && angle < std::numbers::pi)) return {};
    const Expr s = c * k * y_;
    return Coordinates{log(call("tan", {Expr(0.5) * k * x_})) / (c * k), Expr(2) * call("atan", {exp(s)}) / k,
                       c / call("cosh", {s})};
  }

  bool finite(std::initializer_list<Expr> values) const {
    for (const Expr& e : values)
      if (!std::isfinite(number(e))) return false;
    return true;
  }

  Expr h_, x_, y_;
  std::string state_;
  double near_;
  std::map<std::string, double, std::less<>> parameters_;
};

// g = c(t) h(x), c(0) = 1; nothing where time and state do not come apart.
struct Split {
  Expr time, state;
};

std::optional<Split> split_time(const Expr& g, const std::string& state) {
  if (!expr::depends_on(g, "t")) return Split{Expr(1), g};
  for (const double point : {1.0, 0.5, 2.0}) {
    const Expr here = expr::substitute(g, {{state, Expr(point)}});
    const Expr time = here / expr::substitute(here, {{"t", Expr(0)}});
    const Expr rest = expr::substitute(g, {{"t", Expr(0)}});
    if (expr::probably_equal(g, time * rest)) return Split{time, rest};
  }
  return {};
}

// The noise that drives state i; an error where it has not one of its own.
std::size_t own_noise(const SdeExpressions& sde, std::size_t i) {
  for (std::size_t k = 0; k < sde.noises.size(); ++k)
    if (!sde.diffusion[i][k].is_zero()) return k;
  fail(Status::usage, "the Lamperti transform takes diagonal noise: \"{}\" has none", sde.states[i]);
}

}  // namespace

Lamperti lamperti(const SdeExpressions& given, const std::vector<double>& near) {
  const SdeExpressions ito = converted(given, Calculus::ito);
  const std::size_t n = ito.dimension();
  const bool own = ito.noises.size() == n && [&] {
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t row = 0, column = 0;
      for (std::size_t k = 0; k < n; ++k) {
        row += !ito.diffusion[i][k].is_zero();
        column += !ito.diffusion[k][i].is_zero();
      }
      if (row != 1 || column != 1) return false;
    }
    return true;
  }();
  if (!own)
    fail(Status::usage,
         "the Lamperti transform takes diagonal noise, one noise of its own to every state; this noise is {}",
         ito.noises.size() == n ? to_string(ito.noise_kind)
                                : fmt::format("{} for {} states", ito.noises.size(), n));
  Lamperti result;
  result.sde = ito;
  std::map<std::string, Expr, std::less<>> back;
  std::vector<Coordinates> coordinates;
  std::vector<Expr> time;
  for (std::size_t i = 0; i < n; ++i) {
    const std::string& state = ito.states[i];
    const Domain& domain = ito.domains[i];
    if (domain.boundary == Boundary::reflect || domain.boundary == Boundary::absorb)
      fail(Status::usage, "the Lamperti transform does not carry the {} boundary of \"{}\"",
           to_string(domain.boundary), state);
    const Expr& g = ito.diffusion[i][own_noise(ito, i)];
    for (const std::string& other : ito.states)
      if (other != state && expr::depends_on(g, other))
        fail(Status::usage,
             "the Lamperti transform takes diagonal noise: the diffusion of \"{}\" depends on \"{}\"", state,
             other);
    const std::optional<Split> split = split_time(g, state);
    if (!split)
      fail(Status::usage,
           "the Lamperti transform needs the diffusion of \"{}\" as a product of time and state, got {}",
           state, expr::to_string(g));
    std::string name = "y_" + state;
    const auto taken = [&](const std::string& s) {
      return std::find(ito.states.begin(), ito.states.end(), s) != ito.states.end() ||
             std::find(ito.parameters.begin(), ito.parameters.end(), s) != ito.parameters.end();
    };
    while (taken(name)) name += '_';
    result.sde.states[i] = name;
    result.sde.domains[i] = {};
    const std::optional<Coordinates> found =
        Antiderivative(ito, state, split->state, near[i], Expr::symbol(name)).find();
    if (!found)
      fail(Status::usage, "the Lamperti transform knows no antiderivative of 1/({})",
           expr::to_string(split->state));
    coordinates.push_back(*found);
    time.push_back(split->time);
    back[state] = found->inverse;
    result.forward.push_back(found->forward);
    result.inverse.push_back(found->inverse);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t k = own_noise(ito, i);
    const Expr& h = coordinates[i].diffusion;
    const Expr half = Expr(0.5) * time[i] * time[i];
    // h'(x) = (dh/dy) / h. Where f/h simplifies before x is replaced, that is the shorter way to write it.
    const Expr slope = expr::differentiate(h, result.sde.states[i]);
    const Expr& g = ito.diffusion[i][k];
    const Expr h_of_x = expr::depends_on(g, "t") ? expr::substitute(g, {{"t", Expr(0)}}) : g;
    const auto shortest = [](std::initializer_list<Expr> ways) {
      return *std::min_element(ways.begin(), ways.end(), [](const Expr& a, const Expr& b) {
        return expr::to_string(a).size() < expr::to_string(b).size();
      });
    };
    const Expr correction = shortest(
        {half * slope / h, expr::substitute(half * expr::differentiate(h_of_x, ito.states[i]), back)});
    // f = r h + s, so that f/h = r + s/h.
    const auto at = [&](const Expr& e, double x) { return expr::substitute(e, {{ito.states[i], Expr(x)}}); };
    const Expr& f = ito.drift[i];
    Expr transport = shortest({expr::substitute(f, back) / h, expr::substitute(f / h_of_x, back)});
    const Expr ratio = at(f, 1) / at(h_of_x, 1);
    const Expr r = (at(f, 2) - at(f, 1)) / (at(h_of_x, 2) - at(h_of_x, 1)), s = at(f, 1) - r * at(h_of_x, 1);
    if (expr::probably_equal(f, ratio * h_of_x))
      transport = shortest({transport, ratio});
    else if (expr::probably_equal(f, r * h_of_x + s))
      transport = shortest({transport, r + s / h});
    result.sde.drift[i] = shortest({transport - correction, (expr::substitute(f, back) - half * slope) / h});
    result.sde.diffusion[i][k] = time[i];
  }
  result.sde.noise_kind = classify(result.sde.states, result.sde.diffusion);
  return result;
}

}  // namespace sde
