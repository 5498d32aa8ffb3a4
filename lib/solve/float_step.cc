#include "solve/float_step.h"

#include <array>
#include <cmath>
#include <map>

#include "base/error.h"
#include "expr/factor.h"
#include "expr/node.h"
#include "random/stream.h"
#include "solve/kernels.h"

namespace sde {
namespace {

using expr::Expr;

constexpr std::size_t kQuad = 4;  // steps that one Philox counter serves in f32

Expr normal(std::size_t k) {
  return Expr::symbol("#z" + std::to_string(k));
}
Expr area_normal(std::size_t k) {
  return Expr::symbol("#y" + std::to_string(k));
}
Expr deviation() {
  return Expr::symbol("#root_h");
}
Expr area_deviation() {
  return Expr::symbol("#root_h_12");
}

class FloatStepper final : public Stepper {
 public:
  FloatStepper(const SdeExpressions& sde, const SymbolicStep& step)
      : dimension_(sde.dimension()),
        noises_(sde.noises.size()),
        normals_(noises_ * (step.needs.space_time ? 2 : 1)),
        evaluations_(step.evaluations),
        memory_(step.memory ? sde.dimension() : 0),
        parameters_(sde.parameter_values) {
    std::vector<std::string> lanes = sde.states, uniforms = sde.parameters;
    for (std::size_t i = 0; i < memory_; ++i) lanes.push_back(memory_symbol(i).node().name);
    std::map<std::string, Expr, std::less<>> drawn;
    for (std::size_t k = 0; k < noises_; ++k) {
      lanes.push_back(normal(k).node().name);
      drawn.emplace(increment_symbol(k).node().name, deviation() * normal(k));
    }
    for (std::size_t k = 0; step.needs.space_time && k < noises_; ++k) {
      lanes.push_back(area_normal(k).node().name);
      drawn.emplace(space_time_symbol(k).node().name, area_deviation() * area_normal(k));
    }
    for (const Expr& e : {Expr::symbol("t"), step_symbol(), deviation(), area_deviation()})
      uniforms.push_back(e.node().name);
    std::vector<Expr> outputs;
    for (const Expr& e : step.next) outputs.push_back(expr::substitute(e, drawn));
    for (std::size_t i = 0; i < memory_; ++i) outputs.push_back(expr::substitute((*step.memory)[i], drawn));
    next_ = expr::compile_factored(outputs, lanes, uniforms);
  }

  std::size_t dimension() const override { return dimension_; }
  std::size_t noises() const override { return 0; }  // served
  std::size_t memory() const override { return memory_; }
  std::size_t evaluations() const override { return evaluations_; }
  std::size_t operations() const override { return next_.lane_operations(); }

  void step(const StepInput& in, Block next, Block*, StepWorkspace& w) const override {
    const std::size_t lanes = in.x.lanes, rows = dimension_ + memory_;
    FloatWorkspace& f = w.f32;
    if (f.state.rows() != rows || f.state.lanes() != lanes) {
      f.state.resize(rows, lanes);
      f.next.resize(rows, lanes);
    }
    draw(in, lanes, f);
    round_rows(in.x, f.state);
    f.inputs.clear();
    for (std::size_t i = 0; i < rows; ++i) f.inputs.push_back(f.state.row(i));
    for (std::size_t k = 0; k < normals_; ++k)
      f.inputs.push_back(f.normals.row(in.number % kQuad * normals_ + k));
    w.uniforms.assign(parameters_.begin(), parameters_.end());
    const double h = in.h.value;
    for (double value : {in.t.value, h, std::sqrt(h), std::sqrt(h / 12)}) w.uniforms.push_back(value);
    f.outputs.clear();
    for (std::size_t i = 0; i < rows; ++i) f.outputs.push_back(f.next.row(i));
    next_.run(f.inputs.data(), w.uniforms, f.outputs.data(), lanes, w.sde.program);
    widen_rows(f.next, next);
  }

 private:
  // The normals of the four steps around in.number, unless they are there.
  void draw(const StepInput& in, std::size_t lanes, FloatWorkspace& f) const {
    if (normals_ == 0) return;
    const std::uint64_t quad = in.number / kQuad;
    const std::array<std::uint64_t, 3> address = {in.seed, in.first_id, quad};
    if (f.normals.rows() == kQuad * normals_ && f.normals.lanes() == lanes && f.address == address) return;
    if (f.normals.rows() != kQuad * normals_ || f.normals.lanes() != lanes)
      f.normals.resize(kQuad * normals_, lanes);
    for (std::size_t k = 0; k < normals_; ++k) {
      const Stream stream = make_stream(in.seed, k < noises_ ? Purpose::brownian : Purpose::space_time,
                                        static_cast<std::uint32_t>(k % noises_));
      std::array<float*, kQuad> out;
      for (std::size_t q = 0; q < kQuad; ++q) out[q] = f.normals.row(q * normals_ + k);
      fill_normals(stream, in.first_id, lanes, quad, out);
    }
    f.address = address;
  }

  std::size_t dimension_, noises_, normals_, evaluations_, memory_;
  std::vector<double> parameters_;
  expr::Program next_;
};

}  // namespace

std::unique_ptr<Stepper> make_float_stepper(const SdeExpressions& sde, const SymbolicStep& step) {
  if (step.needs.levy_area)
    fail(Status::usage,
         "/solver/precision: Levy areas are computed in f64 only (got \"f32\"); use \"f64\", or a "
         "method without them");
  return std::make_unique<FloatStepper>(sde, step);
}

}  // namespace sde
