#include "solve/symbolic_step.h"

#include <string>

#include "expr/factor.h"

namespace sde {
namespace {

using expr::Expr;

const char* const kStep = "#h";
std::string increment_name(std::size_t k) {
  return "#dW" + std::to_string(k);
}
std::string space_time_name(std::size_t k) {
  return "#H" + std::to_string(k);
}
std::string space_time_time_name(std::size_t k) {
  return "#K" + std::to_string(k);
}
std::string memory_name(std::size_t i) {
  return "#m" + std::to_string(i);
}
std::string area_name(std::size_t j, std::size_t k) {
  return "#A" + std::to_string(j) + "_" + std::to_string(k);
}

std::vector<std::string> area_names(std::size_t noises) {
  std::vector<std::string> names;
  for (std::size_t j = 0; j < noises; ++j)
    for (std::size_t k = j + 1; k < noises; ++k) names.push_back(area_name(j, k));
  return names;
}

class SymbolicStepper final : public Stepper {
 public:
  SymbolicStepper(const SdeExpressions& sde, const SymbolicStep& step, bool per_lane)
      : dimension_(sde.dimension()),
        noises_(sde.noises.size()),
        evaluations_(step.evaluations),
        needs_(step.needs),
        memory_(step.memory ? sde.dimension() : 0),
        has_error_(step.error.has_value()),
        per_lane_(per_lane),
        parameters_(sde.parameter_values) {
    std::vector<std::string> lanes = sde.states, uniforms = sde.parameters;
    for (std::size_t i = 0; i < memory_; ++i) lanes.push_back(memory_name(i));
    for (std::size_t k = 0; k < noises_; ++k) lanes.push_back(increment_name(k));
    for (std::size_t k = 0; needs_.space_time && k < noises_; ++k) lanes.push_back(space_time_name(k));
    for (std::size_t k = 0; needs_.space_time_time && k < noises_; ++k)
      lanes.push_back(space_time_time_name(k));
    if (needs_.levy_area)
      for (std::string& name : area_names(noises_)) lanes.push_back(std::move(name));
    (per_lane ? lanes : uniforms).insert((per_lane ? lanes : uniforms).end(), {"t", kStep});
    std::vector<Expr> outputs = step.next, dense_outputs;
    if (step.memory) outputs.insert(outputs.end(), step.memory->begin(), step.memory->end());
    next_ = expr::compile_factored(outputs, lanes, uniforms);
    for (const std::vector<Expr>& power : step.dense)
      dense_outputs.insert(dense_outputs.end(), power.begin(), power.end());
    dense_degree_ = step.dense.size();
    if (dense_degree_ > 0) dense_ = expr::Program(dense_outputs, lanes, uniforms);
    if (!step.error) return;
    outputs.insert(outputs.end(), step.error->begin(), step.error->end());
    next_and_error_ = expr::Program(outputs, lanes, uniforms);
  }

  std::size_t dimension() const override { return dimension_; }
  std::size_t noises() const override { return noises_; }
  BrownianNeeds needs() const override { return needs_; }
  std::size_t memory() const override { return memory_; }
  bool has_error_estimate() const override { return has_error_; }
  std::size_t evaluations() const override { return evaluations_; }
  std::size_t operations() const override { return next_.lane_operations(); }

  std::size_t dense_degree() const override { return dense_degree_; }

  void step(const StepInput& in, Block next, Block* error, StepWorkspace& w) const override {
    prepare(in, w);
    for (std::size_t i = 0; i < dimension_ + memory_; ++i) w.outputs.push_back(next.row(i));
    for (std::size_t i = 0; error && i < dimension_; ++i) w.outputs.push_back(error->row(i));
    (error ? next_and_error_ : next_)
        .run(w.inputs.data(), w.uniforms, w.outputs.data(), in.x.lanes, w.sde.program);
  }

  void dense(const StepInput& in, Block powers, StepWorkspace& w) const override {
    prepare(in, w);
    for (std::size_t i = 0; i < dense_degree_ * dimension_; ++i) w.outputs.push_back(powers.row(i));
    dense_.run(w.inputs.data(), w.uniforms, w.outputs.data(), in.x.lanes, w.sde.program);
  }

 private:
  void prepare(const StepInput& in, StepWorkspace& w) const {
    const std::size_t lanes = in.x.lanes, rows = dimension_ + memory_;
    w.inputs.clear();
    for (std::size_t i = 0; i < rows; ++i) w.inputs.push_back(in.x.row(i));
    for (std::size_t k = 0; k < noises_; ++k) w.inputs.push_back(in.dW + k * lanes);
    for (std::size_t k = 0; needs_.space_time && k < noises_; ++k) w.inputs.push_back(in.H + k * lanes);
    for (std::size_t k = 0; needs_.space_time_time && k < noises_; ++k) w.inputs.push_back(in.K + k * lanes);
    for (std::size_t k = 0; needs_.levy_area && k < noises_ * (noises_ - 1) / 2; ++k)
      w.inputs.push_back(in.area + k * lanes);
    w.uniforms.assign(parameters_.begin(), parameters_.end());
    if (per_lane_) {
      w.inputs.push_back(in.t.lanes);
      w.inputs.push_back(in.h.lanes);
    } else {
      w.uniforms.push_back(in.t.value);
      w.uniforms.push_back(in.h.value);
    }
    w.outputs.clear();
  }

  std::size_t dimension_, noises_, evaluations_;
  BrownianNeeds needs_;
  std::size_t memory_, dense_degree_ = 0;
  bool has_error_, per_lane_;
  std::vector<double> parameters_;
  expr::Program next_, next_and_error_, dense_;
};

}  // namespace

Expr step_symbol() {
  return Expr::symbol(kStep);
}
Expr increment_symbol(std::size_t k) {
  return Expr::symbol(increment_name(k));
}
Expr space_time_symbol(std::size_t k) {
  return Expr::symbol(space_time_name(k));
}
Expr space_time_time_symbol(std::size_t k) {
  return Expr::symbol(space_time_time_name(k));
}
Expr memory_symbol(std::size_t i) {
  return Expr::symbol(memory_name(i));
}
Expr area_symbol(std::size_t j, std::size_t k) {
  return Expr::symbol(area_name(j, k));
}

std::unique_ptr<Stepper> make_symbolic_stepper(const SdeExpressions& sde, const SymbolicStep& step,
                                               bool per_lane) {
  return std::make_unique<SymbolicStepper>(sde, step, per_lane);
}

}  // namespace sde
