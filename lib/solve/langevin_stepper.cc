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
       "/solver/method: baoab and align are for Langevin dynamics, dq = M p dt and dp = (F(q) - gamma p) dt "
       "+ S dW, but "
       "{}; use another "
       "method, such as sra1",
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
    std::vector<Expr> x;
    for (const std::string& name : sde_.states) x.push_back(Expr::symbol(name));
    kick(x, half, Expr::symbol("t"));
    drift(x, half);
    for (std::size_t k = 0; k < momenta_.size(); ++k) {
      const std::size_t p = momenta_[k];
      Expr noise = 0;
      for (std::size_t j = 0; j < sde_.noises.size(); ++j)
        noise = noise + sde_.diffusion[p][j] * increment_symbol(j);
      const double gamma = number(friction_[k]);
      if (gamma == 0) {
        x[p] = x[p] + noise;
        continue;
      }
      // int e^{-gamma (h - s)} dW has variance (1 - e^{-2 gamma h}) / (2 gamma); dW supplies its normal.
      const Expr g(gamma);
      const Expr shrink = -expr::call("expm1", {Expr(-2) * g * h}) / (Expr(2) * g * h);
      x[p] = expr::exp(-g * h) * x[p] + expr::sqrt(shrink) * noise;
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
    std::vector<Expr> start;
    for (const std::string& name : sde_.states) start.push_back(Expr::symbol(name));
    const std::vector<Expr> first = forces(start, t);
    std::vector<Expr> x = start, a, b, c, W, H;
    for (std::size_t i = 0; i < momenta_.size(); ++i) {
      const std::size_t p = momenta_[i];
      const Expr k = Expr(number(friction_[i])) * h;
      a.push_back(h * decay_mean(k));
      b.push_back(h * decay_twice(k));
      c.push_back(h * decay_area(k));
      Expr w = 0, area = 0;
      for (std::size_t j = 0; j < sde_.noises.size(); ++j) {
        w = w + sde_.diffusion[p][j] * increment_symbol(j);
        area = area + sde_.diffusion[p][j] * space_time_symbol(j);
      }
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

}  // namespace sde
