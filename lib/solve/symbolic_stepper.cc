// Steps of an SDE given by expressions: the scheme is carried out on symbols once, and the result is one
// program.
#include <map>

#include "base/error.h"
#include "expr/program.h"
#include "sde/law.h"
#include "solve/exact.h"
#include "solve/scheme.h"
#include "solve/stepper.h"

namespace sde {
namespace {

using expr::Expr;

// Names that no document can use.
const char* const kStep = "#h";
std::string increment_name(std::size_t k) {
  return "#dW" + std::to_string(k);
}

class SymbolicAlgebra {
 public:
  using Vector = std::vector<Expr>;
  using Term = scheme::Term<Vector>;

  explicit SymbolicAlgebra(const SdeExpressions& sde) : sde_(sde), h_(Expr::symbol(kStep)) {
    for (const std::string& name : sde.states) state_.push_back(Expr::symbol(name));
    for (std::size_t k = 0; k < sde.noises.size(); ++k) dW_.push_back(Expr::symbol(increment_name(k)));
  }

  const Vector& state() const { return state_; }

  Vector drift(const Vector& y, double c) {
    ++evaluations_;
    Vector result;
    for (const Expr& f : sde_.drift) result.push_back(at(f, y, c));
    return result;
  }

  Vector noise(const Vector& y, double c) const {
    Vector result;
    for (std::size_t i = 0; i < sde_.dimension(); ++i) {
      Expr sum = 0;
      for (std::size_t k = 0; k < dW_.size(); ++k) sum = sum + at(sde_.diffusion[i][k], y, c) * dW_[k];
      result.push_back(sum);
    }
    return result;
  }

  Vector milstein() const {
    Vector result;
    for (std::size_t i = 0; i < sde_.dimension(); ++i) {
      Expr sum = 0;
      for (std::size_t k = 0; k < dW_.size(); ++k) {
        if (sde_.diffusion[i][k].is_zero()) continue;
        const Expr square = sde_.calculus == Calculus::ito ? dW_[k] * dW_[k] - h_ : dW_[k] * dW_[k];
        sum = sum + (Expr(0.5) * at(milstein_coefficient(sde_, i, k, k), state_, 0)) * square;
      }
      result.push_back(sum);
    }
    return result;
  }

  Vector sum(std::initializer_list<Term> terms) const {
    Vector result(sde_.dimension(), Expr(0));
    for (const Term& term : terms) {
      const Expr c = term.unit == scheme::Unit::h ? Expr(term.coefficient) * h_ : Expr(term.coefficient);
      for (std::size_t i = 0; i < result.size(); ++i) result[i] = result[i] + c * term.vector[i];
    }
    return result;
  }

  std::size_t evaluations() const { return evaluations_; }

 private:
  Expr at(const Expr& e, const Vector& y, double c) const {
    std::map<std::string, Expr, std::less<>> values;
    for (std::size_t i = 0; i < y.size(); ++i) values.emplace(sde_.states[i], y[i]);
    if (c != 0) values.emplace("t", Expr::symbol("t") + Expr(c) * h_);
    return expr::substitute(truncated(sde_, e), values);
  }

  const SdeExpressions& sde_;
  Expr h_;
  Vector state_, dW_;
  std::size_t evaluations_ = 0;
};

class SymbolicStepper final : public Stepper {
 public:
  SymbolicStepper(const SdeExpressions& sde, const std::vector<Expr>& next, const std::vector<Expr>* error,
                  std::size_t evaluations, bool per_lane)
      : dimension_(sde.dimension()),
        noises_(sde.noises.size()),
        evaluations_(evaluations),
        has_error_(error != nullptr),
        per_lane_(per_lane),
        parameters_(sde.parameter_values) {
    std::vector<std::string> lanes = sde.states, uniforms = sde.parameters;
    for (std::size_t k = 0; k < noises_; ++k) lanes.push_back(increment_name(k));
    (per_lane ? lanes : uniforms).insert((per_lane ? lanes : uniforms).end(), {"t", kStep});
    next_ = expr::Program(next, lanes, uniforms);
    if (!error) return;
    std::vector<Expr> both = next;
    both.insert(both.end(), error->begin(), error->end());
    next_and_error_ = expr::Program(both, lanes, uniforms);
  }

  std::size_t dimension() const override { return dimension_; }
  std::size_t noises() const override { return noises_; }
  bool has_error_estimate() const override { return has_error_; }
  std::size_t evaluations() const override { return evaluations_; }

  void step(const StepInput& in, Block next, Block* error, StepWorkspace& w) const override {
    const std::size_t lanes = in.x.lanes;
    w.inputs.clear();
    for (std::size_t i = 0; i < dimension_; ++i) w.inputs.push_back(in.x.row(i));
    for (std::size_t k = 0; k < noises_; ++k) w.inputs.push_back(in.dW + k * lanes);
    w.uniforms.assign(parameters_.begin(), parameters_.end());
    if (per_lane_) {
      w.inputs.push_back(in.t.lanes);
      w.inputs.push_back(in.h.lanes);
    } else {
      w.uniforms.push_back(in.t.value);
      w.uniforms.push_back(in.h.value);
    }
    w.outputs.clear();
    for (std::size_t i = 0; i < dimension_; ++i) w.outputs.push_back(next.row(i));
    for (std::size_t i = 0; error && i < dimension_; ++i) w.outputs.push_back(error->row(i));
    (error ? next_and_error_ : next_)
        .run(w.inputs.data(), w.uniforms, w.outputs.data(), lanes, w.sde.program);
  }

 private:
  std::size_t dimension_, noises_, evaluations_;
  bool has_error_, per_lane_;
  std::vector<double> parameters_;
  expr::Program next_, next_and_error_;
};

using Scheme = scheme::Result<SymbolicAlgebra> (*)(SymbolicAlgebra&);

Scheme find_scheme(const std::string& name) {
  static const std::map<std::string, Scheme, std::less<>> table = {
      {"euler-maruyama", scheme::euler_maruyama<SymbolicAlgebra>},
      {"milstein", scheme::milstein<SymbolicAlgebra>},
      {"heun", scheme::heun<SymbolicAlgebra>},
      {"euler", scheme::euler<SymbolicAlgebra>},
      {"rk4", scheme::rk4<SymbolicAlgebra>},
      {"dopri5", scheme::dopri5<SymbolicAlgebra>},
  };
  const auto found = table.find(name);
  if (found == table.end()) fail(Status::bug, "method {} has no scheme", name);
  return found->second;
}

}  // namespace

std::unique_ptr<Stepper> make_stepper(const SdeExpressions& sde, const Method& method, bool per_lane) {
  if (method.family == MethodFamily::exact) return make_exact_stepper(sde);
  const std::string reason = refusal(method, sde.calculus, sde.noise_kind);
  if (!reason.empty()) fail(Status::usage, "/solver/method: {}", reason);
  SymbolicAlgebra algebra(sde);
  const auto result = find_scheme(method.name)(algebra);
  return std::make_unique<SymbolicStepper>(sde, result.next, result.error ? &*result.error : nullptr,
                                           algebra.evaluations(), per_lane);
}

// Where the transition of every component is a function of its Brownian increment, the exact step is one more
// symbolic step.
std::unique_ptr<Stepper> make_closed_form_stepper(const SdeExpressions& sde, const std::vector<Expr>& next) {
  return std::make_unique<SymbolicStepper>(sde, next, nullptr, 0, false);
}

expr::Expr step_symbol() {
  return Expr::symbol(kStep);
}
expr::Expr increment_symbol(std::size_t k) {
  return Expr::symbol(increment_name(k));
}

}  // namespace sde
