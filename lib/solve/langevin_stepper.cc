// The splitting of Langevin dynamics, as one symbolic step.
#include <fmt/format.h>

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
       "/solver/method: baoab is for Langevin dynamics, dq = M p dt and dp = (F(q) - gamma p) dt + S dW, but "
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

  std::vector<Expr> step() const {
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

 private:
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

  // p += h F(q, t): the drift without friction.
  void kick(std::vector<Expr>& x, const Expr& h, const Expr& t) const {
    Values values = at(x);
    values.insert_or_assign("t", t);
    for (std::size_t p : momenta_) values.insert_or_assign(sde_.states[p], Expr(0));
    std::vector<Expr> forces;
    for (std::size_t p : momenta_) forces.push_back(expr::substitute(sde_.drift[p], values));
    for (std::size_t k = 0; k < momenta_.size(); ++k) x[momenta_[k]] = x[momenta_[k]] + h * forces[k];
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
  return make_symbolic_stepper(sde, {Langevin(sde).step()});
}

}  // namespace sde
