// Splittings of Langevin dynamics, each as one symbolic step.
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "solve/special.h"
#include "solve/symbolic_step.h"

namespace sde {
namespace {

using expr::Expr;
using Values = std::map<std::string, Expr, std::less<>>;

[[noreturn]] void refuse(const std::string& what) {
  fail(Status::usage,
       "/solver/method: baoab, align, should and quicsort are for Langevin dynamics, dq = M p dt and dp = "
       "(F(q) - gamma p) dt + S dW, but {}; use another method, such as sra1",
       what);
}

// The parts of a Langevin equation, recognised from its expressions.
class Langevin {
 public:
  explicit Langevin(const SdeExpressions& sde) : sde_(sde) {
    for (std::size_t i = 0; i < sde.dimension(); ++i) {
      bool noisy = false;
      for (const Expr& e : sde.diffusion[i]) noisy = noisy || !e.is_zero();
      (noisy ? momenta_ : positions_).push_back(i);
    }
    if (momenta_.empty() || positions_.empty())
      refuse("it needs states without noise (positions) and states with noise (momenta)");
    for (std::size_t q : positions_) {
      for (std::size_t other : positions_)
        if (expr::depends_on(sde.drift[q], sde.states[other]))
          refuse(fmt::format("the drift of {} depends on {}", sde.states[q], sde.states[other]));
      if (!linear_in_momenta(sde.drift[q]))
        refuse(fmt::format("the drift of {} is not linear in the momenta", sde.states[q]));
    }
    for (std::size_t p : momenta_) {
      friction_.push_back(-expr::differentiate(sde.drift[p], sde.states[p]));
      if (!constant(friction_.back()))
        refuse(fmt::format("the friction of {} is not constant", sde.states[p]));
      for (std::size_t other : momenta_)
        if (other != p && expr::depends_on(sde.drift[p], sde.states[other]))
          refuse(fmt::format("the drift of {} depends on {}", sde.states[p], sde.states[other]));
      for (const Expr& e : sde.diffusion[p])
        if (!constant(e)) refuse(fmt::format("the noise of {} is not constant", sde.states[p]));
    }
  }

  std::vector<Expr> baoab() const {
    const Expr h = step_symbol(), half = Expr(0.5) * h;
    std::vector<Expr> x = states();
    kick(x, half, Expr::symbol("t"));
    drift(x, half);
    for (std::size_t k = 0; k < momenta_.size(); ++k) {
      const std::size_t p = momenta_[k];
      const Expr kick_of_noise = noise(p, increment_symbol);
      const double gamma = number(friction_[k]);
      if (gamma == 0) {
        x[p] = x[p] + kick_of_noise;
        continue;
      }
      // int e^{-gamma (h - s)} dW has variance (1 - e^{-2 gamma h}) / (2 gamma); dW supplies its normal.
      const Expr g(gamma);
      const Expr shrink = -expr::call("expm1", {Expr(-2) * g * h}) / (Expr(2) * g * h);
      x[p] = expr::exp(-g * h) * x[p] + expr::sqrt(shrink) * kick_of_noise;
    }
    drift(x, half);
    kick(x, half, Expr::symbol("t") + h);
    return x;
  }

  // x1 = x + M (a p + b h F0 + S (b dW + c H)); p1 = e^{-gamma h} p + (a - b) F0 + b F1 + S (a/h dW - gamma c
  // H), F0 at the start, F1 at x1. With k = gamma h: a = (1 - e^{-k})/gamma, b = (e^{-k} - 1 + k)/(gamma k),
  // c = 6 (e^{-k} (k + 2) + k - 2)/(gamma k^2).
  std::vector<Expr> align() const {
    const Expr h = step_symbol(), t = Expr::symbol("t");
    const std::vector<Expr> start = states(), first = forces(start, t);
    std::vector<Expr> x = start, a, b, c, W, H;
    for (std::size_t i = 0; i < momenta_.size(); ++i) {
      const std::size_t p = momenta_[i];
      const Expr k = Expr(number(friction_[i])) * h;
      a.push_back(h * decay_mean(k));
      b.push_back(h * decay_twice(k));
      c.push_back(h * decay_area(k));
      const Expr w = noise(p, increment_symbol), area = noise(p, space_time_symbol);
      W.push_back(w);
      H.push_back(area);
      // The mean momentum over the step, which the positions move by.
      x[p] = (a[i] * start[p] + b[i] * h * first[i] + b[i] * w + c[i] * area) / h;
    }
    drift(x, h);
    const std::vector<Expr> last = forces(x, t + h);
    for (std::size_t i = 0; i < momenta_.size(); ++i) {
      const Expr gamma(number(friction_[i]));
      x[momenta_[i]] = expr::exp(-gamma * h) * start[momenta_[i]] + (a[i] - b[i]) * first[i] +
                       b[i] * last[i] + (a[i] / h) * W[i] - gamma * c[i] * H[i];
    }
    return x;
  }

  // Both methods below follow the shifted ODE: a path that jumps by H + 6K, runs straight to W - 12K more and
  // jumps by 6K - H has the W, H and K of the Brownian one. Along it, with the force held, the momentum after
  // the part c of the step is e^{-gamma c h} p1 + b/(c h) ..., and the way is M times a p1 + b C, where a =
  // (1 - e^{-k})/gamma and b = (e^{-k} - 1 + k)/(gamma^2 h), k = gamma c h.
  struct Shift {
    double c;
    std::vector<Expr> decay, a, b;  // [momentum]
  };
  Shift shift(double c) const {
    Shift s{c, {}, {}, {}};
    const Expr h = step_symbol();
    for (const Expr& gamma : friction_) {
      const Expr k = Expr(number(gamma) * c) * h;
      s.decay.push_back(expr::exp(-k));
      s.a.push_back(Expr(c) * h * decay_mean(k));
      s.b.push_back(Expr(c * c) * h * decay_twice(k));
    }
    return s;
  }

  // p1 = p + S (H + 6K), C = S (W - 12K), F0 at the start, F1 at x1 = x + M (a p1 + b (h F0 + C)) for c =
  // 1/2, F2 at the end: x' = x + M (a p + b h (F0 + 2 F1)/3 + S (b W + c1 H + c2 K)), p' = e^{-k} p + h
  // (e^{-k} F0 + 4 e^{-k/2} F1 + F2)/6 + S (a/h W - gamma (c1 H + c2 K)), with c1 of align and c2 = 60
  // (e^{-k} (k^2 + 6k + 12) - k^2 + 6k - 12)/(gamma k^3).
  std::vector<Expr> should() const {
    const Expr h = step_symbol(), t = Expr::symbol("t");
    const Shift half = shift(0.5), whole = shift(1);
    const std::vector<Expr> start = states(), first = forces(start, t);
    std::vector<Expr> x = start, areas;
    for (std::size_t i = 0; i < momenta_.size(); ++i) {
      const Pulses n = pulses(momenta_[i]);
      x[momenta_[i]] = (half.a[i] * (start[momenta_[i]] + n.jump) + half.b[i] * (h * first[i] + n.ramp)) / h;
      const Expr k = Expr(number(friction_[i])) * h;
      areas.push_back(h * (decay_area(k) * noise(momenta_[i], space_time_symbol) +
                           decay_third(k) * noise(momenta_[i], space_time_time_symbol)));
    }
    drift(x, h);
    const std::vector<Expr> middle = forces(x, t + Expr(0.5) * h);
    x = start;
    for (std::size_t i = 0; i < momenta_.size(); ++i)
      x[momenta_[i]] =
          (whole.a[i] * start[momenta_[i]] +
           whole.b[i] * (h * (Expr(1.0 / 3) * first[i] + Expr(2.0 / 3) * middle[i]) + W(i)) + areas[i]) /
          h;
    drift(x, h);
    const std::vector<Expr> last = forces(x, t + h);
    for (std::size_t i = 0; i < momenta_.size(); ++i)
      x[momenta_[i]] = whole.decay[i] * start[momenta_[i]] +
                       h * (Expr(1.0 / 6) * (whole.decay[i] * first[i] + last[i]) +
                            Expr(2.0 / 3) * half.decay[i] * middle[i]) +
                       whole.a[i] / h * W(i) - Expr(number(friction_[i])) * areas[i];
    return x;
  }

  // At the Gauss points l, r = (3 -+ sqrt 3)/6 of the step: x1 = x + M (a_l p1 + b_l C), x2 = x + M (a_r p1 +
  // b_r C + a_{1/3} h F1), x' = x + M (a p1 + b C + h (a_r F1 + a_l F2)/2), p' = e^{-k} p1 + a/h C + h
  // (e^{-k_r} F1 + e^{-k_l} F2)/2 - S (H - 6K).
  std::vector<Expr> quicsort() const {
    const double root = std::sqrt(3.0) / 6;
    const Expr h = step_symbol(), t = Expr::symbol("t");
    const Shift l = shift(0.5 - root), r = shift(0.5 + root), third = shift(1.0 / 3), whole = shift(1);
    const std::vector<Expr> start = states();
    std::vector<Pulses> n;
    for (std::size_t p : momenta_) n.push_back(pulses(p));
    const auto along = [&](const Shift& s, const auto& more) {
      std::vector<Expr> x = start;
      for (std::size_t i = 0; i < momenta_.size(); ++i)
        x[momenta_[i]] = (s.a[i] * (start[momenta_[i]] + n[i].jump) + s.b[i] * n[i].ramp + more(i)) / h;
      drift(x, h);
      return x;
    };
    const std::vector<Expr> first = forces(along(l, [](std::size_t) { return Expr(0); }), t + Expr(l.c) * h);
    const std::vector<Expr> second =
        forces(along(r, [&](std::size_t i) { return third.a[i] * h * first[i]; }), t + Expr(r.c) * h);
    const Expr half_h = Expr(0.5) * h;
    std::vector<Expr> x =
        along(whole, [&](std::size_t i) { return half_h * (r.a[i] * first[i] + l.a[i] * second[i]); });
    for (std::size_t i = 0; i < momenta_.size(); ++i)
      x[momenta_[i]] = whole.decay[i] * (start[momenta_[i]] + n[i].jump) + whole.a[i] / h * n[i].ramp +
                       half_h * (r.decay[i] * first[i] + l.decay[i] * second[i]) - n[i].drop;
    return x;
  }

 private:
  // sum_n coefficient(n) k^n where |k| < 1/2, where `closed` loses digits; 20 terms are below rounding there.
  template <class Coefficient>
  static Expr series_or(const Expr& k, const Coefficient& coefficient, const Expr& closed) {
    Expr sum = coefficient(20);
    for (int n = 19; n >= 0; --n) sum = sum * k + Expr(coefficient(n));
    if (k.is_number()) return std::abs(k.number()) < 0.5 ? sum : closed;
    return expr::select(expr::less(k * k, 0.25), sum, closed);
  }
  static double factorial(int n) { return std::tgamma(n + 1.0); }
  static double sign(int n) { return n % 2 == 0 ? 1 : -1; }

  // (1 - e^{-k})/k
  static Expr decay_mean(const Expr& k) {
    return series_or(
        k, [](int n) { return sign(n) / factorial(n + 1); }, (Expr(1) - expr::exp(-k)) / safe(k));
  }
  // (e^{-k} - 1 + k)/k^2
  static Expr decay_twice(const Expr& k) {
    return series_or(
        k, [](int n) { return sign(n) / factorial(n + 2); },
        (expr::exp(-k) - Expr(1) + k) / (safe(k) * safe(k)));
  }
  // 6 (e^{-k} (k + 2) + k - 2)/k^3
  static Expr decay_area(const Expr& k) {
    return series_or(
        k, [](int n) { return 6 * sign(n) * (n + 1) / factorial(n + 3); },
        Expr(6) * (expr::exp(-k) * (k + Expr(2)) + k - Expr(2)) / (safe(k) * safe(k) * safe(k)));
  }
  // 60 (e^{-k} (k^2 + 6 k + 12) - k^2 + 6 k - 12)/k^4
  static Expr decay_third(const Expr& k) {
    const Expr square = safe(k) * safe(k);
    return series_or(
        k, [](int n) { return 60 * sign(n) * (n + 1) * n / factorial(n + 4); },
        Expr(60) * (expr::exp(-k) * (k * k + Expr(6) * k + Expr(12)) - k * k + Expr(6) * k - Expr(12)) /
            (square * square));
  }
  static Expr safe(const Expr& k) { return k.is_zero() ? Expr(1) : k; }

  bool constant(const Expr& e) const {
    if (expr::depends_on(e, "t")) return false;
    for (const std::string& state : sde_.states)
      if (expr::depends_on(e, state)) return false;
    return true;
  }

  bool linear_in_momenta(const Expr& e) const {
    Values zero;
    for (std::size_t p : momenta_) {
      if (!constant(expr::differentiate(e, sde_.states[p]))) return false;
      zero.emplace(sde_.states[p], Expr(0));
    }
    return expr::probably_equal(expr::substitute(e, zero), Expr(0));
  }

  double number(const Expr& e) const {
    std::map<std::string, double, std::less<>> values;
    for (std::size_t i = 0; i < sde_.parameters.size(); ++i)
      values[sde_.parameters[i]] = sde_.parameter_values[i];
    return expr::evaluate(e, values);
  }

  // S times the increments or areas, of momentum p.
  Expr noise(std::size_t p, Expr (*symbol)(std::size_t)) const {
    Expr sum = 0;
    for (std::size_t j = 0; j < sde_.noises.size(); ++j) sum = sum + sde_.diffusion[p][j] * symbol(j);
    return sum;
  }
  Expr W(std::size_t i) const { return noise(momenta_[i], increment_symbol); }

  // S (H + 6K), S (W - 12K) and S (H - 6K).
  struct Pulses {
    Expr jump, ramp, drop;
  };
  Pulses pulses(std::size_t p) const {
    const Expr w = noise(p, increment_symbol), area = noise(p, space_time_symbol);
    const Expr third = noise(p, space_time_time_symbol);
    return {area + Expr(6) * third, w - Expr(12) * third, area - Expr(6) * third};
  }

  std::vector<Expr> states() const {
    std::vector<Expr> x;
    for (const std::string& name : sde_.states) x.push_back(Expr::symbol(name));
    return x;
  }

  Values at(const std::vector<Expr>& x) const {
    Values values;
    for (std::size_t i = 0; i < x.size(); ++i) values.emplace(sde_.states[i], x[i]);
    return values;
  }

  // F(q, t), the drift without friction, of each momentum.
  std::vector<Expr> forces(const std::vector<Expr>& x, const Expr& t) const {
    Values values = at(x);
    values.insert_or_assign("t", t);
    for (std::size_t p : momenta_) values.insert_or_assign(sde_.states[p], Expr(0));
    std::vector<Expr> result;
    for (std::size_t p : momenta_) result.push_back(expr::substitute(sde_.drift[p], values));
    return result;
  }

  void kick(std::vector<Expr>& x, const Expr& h, const Expr& t) const {
    const std::vector<Expr> force = forces(x, t);
    for (std::size_t k = 0; k < momenta_.size(); ++k) x[momenta_[k]] = x[momenta_[k]] + h * force[k];
  }

  void drift(std::vector<Expr>& x, const Expr& h) const {
    const Values values = at(x);
    for (std::size_t q : positions_) x[q] = x[q] + h * expr::substitute(sde_.drift[q], values);
  }

  const SdeExpressions& sde_;
  std::vector<std::size_t> positions_, momenta_;
  std::vector<Expr> friction_;
};

}  // namespace

std::unique_ptr<Stepper> make_baoab_stepper(const SdeExpressions& sde) {
  return make_symbolic_stepper(sde, {Langevin(sde).baoab()});
}

std::unique_ptr<Stepper> make_align_stepper(const SdeExpressions& sde) {
  SymbolicStep step{Langevin(sde).align()};
  step.evaluations = 2;
  step.needs.space_time = true;
  return make_symbolic_stepper(sde, step);
}

std::unique_ptr<Stepper> make_shifted_stepper(const SdeExpressions& sde, bool gauss) {
  const Langevin langevin(sde);
  SymbolicStep step{gauss ? langevin.quicsort() : langevin.should()};
  step.evaluations = gauss ? 2 : 3;
  step.needs.space_time = step.needs.space_time_time = true;
  return make_symbolic_stepper(sde, step);
}

}  // namespace sde
