// Steps of an SDE given by expressions: the scheme is carried out on symbols once, and the result is one
// program.
#include <algorithm>
#include <map>
#include <span>

#include "base/error.h"
#include "solve/exact.h"
#include "solve/float_step.h"
#include "solve/scheme_table.h"
#include "solve/special.h"
#include "solve/symbolic_step.h"

namespace sde {
namespace {

using expr::Expr;

class SymbolicAlgebra {
 public:
  using Vector = std::vector<Expr>;
  using Noise = std::vector<Expr>;
  using Term = scheme::Term<Vector>;

  SymbolicAlgebra(const SdeExpressions& sde, const MethodOptions& options)
      : sde_(sde), options_(options), h_(step_symbol()) {
    for (const std::string& name : sde.states) state_.push_back(Expr::symbol(name));
    for (std::size_t k = 0; k < sde.noises.size(); ++k) dW_.push_back(increment_symbol(k));
  }

  const Vector& state() const { return state_; }

  Vector memory() const {
    Vector result;
    for (std::size_t i = 0; i < sde_.dimension(); ++i) result.push_back(memory_symbol(i));
    return result;
  }

  Vector drift(const Vector& y, double c) {
    ++evaluations_;
    Vector result;
    for (const Expr& f : sde_.drift) result.push_back(at(f, y, c));
    return result;
  }

  const Noise& dW() const { return dW_; }

  Noise H() {
    needs_.space_time = true;
    Noise result;
    for (std::size_t k = 0; k < dW_.size(); ++k) result.push_back(space_time_symbol(k));
    return result;
  }

  Vector apply(const Vector& y, double c, const Noise& w) const {
    Vector result;
    for (std::size_t i = 0; i < sde_.dimension(); ++i) {
      Expr sum = 0;
      for (std::size_t k = 0; k < dW_.size(); ++k) sum = sum + at(sde_.diffusion[i][k], y, c) * w[k];
      result.push_back(sum);
    }
    return result;
  }

  // I_(j,k) = (dW_j dW_k - [j = k] h) / 2 + A_jk, without h in Stratonovich calculus. Where the noise
  // commutes the areas cancel.
  Vector milstein(const Vector& y, double c) {
    const std::size_t noises = dW_.size();
    const bool areas = sde_.noise_kind == NoiseKind::general;
    needs_.levy_area = needs_.levy_area || areas;
    Vector result;
    for (std::size_t i = 0; i < sde_.dimension(); ++i) {
      Expr sum = 0;
      for (std::size_t j = 0; j < noises; ++j) {
        for (std::size_t k = 0; k < noises; ++k) {
          const Expr coefficient = milstein_coefficient(sde_, i, j, k);
          if (coefficient.is_zero()) continue;
          Expr twice = dW_[j] * dW_[k];
          if (j == k && sde_.calculus == Calculus::ito) twice = twice - h_;
          if (j != k && areas) {
            const Expr area = area_symbol(std::min(j, k), std::max(j, k));
            twice = j < k ? twice + Expr(2) * area : twice - Expr(2) * area;
          }
          sum = sum + (Expr(0.5) * at(coefficient, y, c)) * twice;
        }
      }
      result.push_back(sum);
    }
    return result;
  }

  Noise ones() const { return Noise(dW_.size(), Expr(1)); }

  std::size_t noises() const { return dW_.size(); }
  bool mixes() const { return columns_mix(sde_.noise_kind, dW_.size()); }

  Noise signs() {
    Noise result;
    for (const Expr& area : H()) result.push_back(expr::select(expr::less(area, 0), -1, 1));
    return result;
  }

  Noise rows(const Noise& w, std::size_t from, std::size_t to) const {
    Noise result(w.size(), Expr(0));
    for (std::size_t k = from; k < to; ++k) result[k] = w[k];
    return result;
  }

  Noise broadcast(const Noise& w, std::size_t k) const { return Noise(w.size(), w[k]); }

  Vector brackets(const Vector& y, double c) {
    const std::size_t noises = dW_.size();
    Vector result;
    for (std::size_t i = 0; i < sde_.dimension(); ++i) {
      Expr sum = 0;
      // Where the noise commutes every bracket is 0.
      for (std::size_t j = 0; sde_.noise_kind == NoiseKind::general && j < noises; ++j) {
        for (std::size_t k = j + 1; k < noises; ++k) {
          needs_.levy_area = true;
          const Expr bracket = milstein_coefficient(sde_, i, j, k) - milstein_coefficient(sde_, i, k, j);
          sum = sum + at(bracket, y, c) * area_symbol(j, k);
        }
      }
      result.push_back(sum);
    }
    return result;
  }

  Vector tamed(const Vector& v) const {
    Expr square = 0;
    for (const Expr& e : v) square = square + e * e;
    const Expr factor = Expr(1) / (Expr(1) + h_ * expr::sqrt(square));
    Vector result;
    for (const Expr& e : v) result.push_back(e * factor);
    return result;
  }

  // The radius r h^(-1/(4 q)): with coefficients that grow as |x|^q, they grow as h^(-1/4) there (Mao 2015).
  Vector truncated(const Vector& y) const {
    const double power = growth_power(sde_);
    if (power <= 1) return y;
    Expr square = 0;
    for (const Expr& e : y) square = square + e * e;
    const Expr radius = Expr(options_.radius) * expr::pow(h_, Expr(-0.25 / power));
    const Expr outside = expr::less(radius * radius, square);
    Vector result;
    for (const Expr& e : y) result.push_back(expr::select(outside, e * (radius / expr::sqrt(square)), e));
    return result;
  }

  Vector absolute(const Vector& v) const {
    Vector result;
    for (const Expr& e : v) result.push_back(expr::call("abs", {e}));
    return result;
  }

  bool wants_dense() const { return true; }

  Vector combined(const Vector& v, const Vector& w) const {
    Vector result;
    for (std::size_t i = 0; i < v.size(); ++i) {
      const Expr square = v[i] * v[i], root = expr::sqrt(square + Expr(0.01) * (w[i] * w[i]));
      result.push_back(expr::select(expr::less(Expr(0), root), square / root, root));
    }
    return result;
  }

  Vector sum(std::initializer_list<Term> terms) const {
    return combine(std::span(terms.begin(), terms.size()), state_.size());
  }
  Vector sum(const std::vector<Term>& terms) const { return combine(terms, state_.size()); }
  Noise noise_sum(std::initializer_list<Term> terms) const {
    return combine(std::span(terms.begin(), terms.size()), dW_.size());
  }

  Noise product(const Noise& w, const Noise& z) const {
    Noise result;
    for (std::size_t k = 0; k < w.size(); ++k) result.push_back(w[k] * z[k]);
    return result;
  }

  std::size_t evaluations() const { return evaluations_; }
  BrownianNeeds needs() const { return needs_; }

 private:
  Vector combine(std::span<const Term> terms, std::size_t size) const {
    Vector result(size, Expr(0));
    for (const Term& term : terms) {
      const Expr c = Expr(term.coefficient) * unit(term.unit);
      for (std::size_t i = 0; i < size; ++i) result[i] = result[i] + c * term.vector[i];
    }
    return result;
  }

  Expr unit(scheme::Unit u) const {
    switch (u) {
      case scheme::Unit::one:
        return 1;
      case scheme::Unit::h:
        return h_;
      case scheme::Unit::root_h:
        return expr::sqrt(h_);
      case scheme::Unit::per_h:
        return Expr(1) / h_;
      case scheme::Unit::per_root_h:
        return Expr(1) / expr::sqrt(h_);
    }
    return 1;
  }

  Expr at(const Expr& e, const Vector& y, double c) const {
    std::map<std::string, Expr, std::less<>> values;
    for (std::size_t i = 0; i < y.size(); ++i) values.emplace(sde_.states[i], y[i]);
    if (c != 0) values.emplace("t", Expr::symbol("t") + Expr(c) * h_);
    return expr::substitute(sde::truncated(sde_, e), values);
  }

  const SdeExpressions& sde_;
  const MethodOptions& options_;
  Expr h_;
  Vector state_, dW_;
  std::size_t evaluations_ = 0;
  BrownianNeeds needs_;
};

}  // namespace

std::unique_ptr<Stepper> make_stepper(const SdeExpressions& sde, const Method& method, bool per_lane,
                                      Precision precision, const MethodOptions& options) {
  check_options(method, options);
  const bool explicit_method =
      method.family == MethodFamily::explicit_sde || method.family == MethodFamily::explicit_ode;
  if (precision == Precision::f32 && (!explicit_method || per_lane))
    fail(Status::usage,
         "/solver/precision: f32 is for explicit methods with fixed steps (got {}{}); use \"f64\"",
         method.name, per_lane ? ", adaptive" : "");
  if (method.family == MethodFamily::exact) return make_exact_stepper(sde);
  const std::string reason = refusal(method, sde.calculus, sde.noise_kind);
  if (!reason.empty()) fail(Status::usage, "/solver/method: {}", reason);
  if (method.family == MethodFamily::splitting) {
    const std::string name = method.name;
    if (name == "should" || name == "quicsort") return make_shifted_stepper(sde, name == "quicsort");
    return name == "align" ? make_align_stepper(sde) : make_baoab_stepper(sde);
  }
  if (std::string(method.name) == "rodas4") return make_rosenbrock_stepper(sde);
  if (method.family == MethodFamily::implicit) {
    const std::string name = method.name;
    const bool milstein = name == "implicit-milstein";
    const double usual = name == "trapezoidal" || name == "theta" ? 0.5 : 1;
    return make_theta_stepper(sde, options.theta.value_or(usual), milstein);
  }
  SymbolicAlgebra algebra(sde, options);
  auto result = find_scheme<SymbolicAlgebra>(method, sde.noise_kind)(algebra);
  SymbolicStep step{std::move(result.next), std::move(result.error), std::move(result.memory),
                    algebra.evaluations(),  algebra.needs(),         std::move(result.dense)};
  if (precision == Precision::f32) return make_float_stepper(sde, step);
  return make_symbolic_stepper(sde, step, per_lane);
}

}  // namespace sde
