// Steps of any Sde: the schemes carried out on blocks, one operation after the other.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "solve/kernels.h"
#include "solve/scheme.h"
#include "solve/stepper.h"

namespace sde {
namespace {

// Vectors are slots of the workspace, taken in turn and all free again after the step.
class BlockAlgebra {
 public:
  using Vector = std::size_t;
  using Term = scheme::Term<Vector>;

  BlockAlgebra(const Sde& sde, const StepInput& input, StepWorkspace& workspace)
      : sde_(sde), in_(input), w_(workspace), state_(take(sde.dimension())) {
    copy(input.x, block(state_));
  }

  Vector state() const { return state_; }

  Vector drift(Vector y, double c) { return evaluate(y, c).drift; }

  Vector noise(Vector y, double c) {
    const Vector result = take(sde_.dimension());
    if (sde_.noises() == 0) {
      const Block zero = block(result);
      std::fill_n(zero.data, zero.rows * zero.stride, 0.0);
      return result;
    }
    const Evaluation e = evaluate(y, c);
    if (sde_.diagonal_storage()) {
      multiply_rows(block(e.diffusion), in_.dW, block(result));
    } else {
      multiply_matrix(block(e.diffusion), in_.dW, sde_.noises(), block(result));
    }
    return result;
  }

  Vector milstein() {
    const Vector f = take(sde_.dimension()), g = take(sde_.dimension()), gdg = take(sde_.dimension());
    sde_.coefficients_and_milstein(in_.t, in_.x, block(f), block(g), block(gdg), w_.sde);
    milstein_rows(block(gdg), in_.dW, sde_.calculus() == Calculus::ito ? in_.h.value : 0, block(gdg));
    return gdg;
  }

  Vector sum(std::initializer_list<Term> terms) {
    const Vector result = take(sde_.dimension());
    bool first = true;
    for (const Term& term : terms) {
      const double* per_lane = term.unit == scheme::Unit::h ? in_.h.lanes : nullptr;
      const double c =
          term.unit == scheme::Unit::h && !per_lane ? term.coefficient * in_.h.value : term.coefficient;
      accumulate(c, per_lane, block(term.vector), !first, block(result));
      first = false;
    }
    return result;
  }

  ConstBlock value(Vector v) const { return w_.vectors[v].view(); }

 private:
  struct Evaluation {
    Vector at;
    double c;
    Vector drift, diffusion;
  };

  Vector take(std::size_t rows) {
    if (used_ == w_.vectors.size()) w_.vectors.emplace_back();
    StateBlock<double>& slot = w_.vectors[used_];
    if (slot.rows() != rows || slot.lanes() != in_.x.lanes) slot.resize(rows, in_.x.lanes);
    return used_++;
  }

  Block block(Vector v) { return w_.vectors[v].view(); }

  BlockTime stage_time(double c) {
    if (!in_.t.lanes) return {in_.t.value + c * in_.h.value, nullptr};
    if (c == 0) return in_.t;
    w_.times.resize(in_.x.lanes);
    for (std::size_t i = 0; i < in_.x.lanes; ++i) w_.times[i] = in_.t.lanes[i] + c * in_.h.lanes[i];
    return {0, w_.times.data()};
  }

  Evaluation evaluate(Vector y, double c) {
    for (const Evaluation& done : evaluations_)
      if (done.at == y && done.c == c) return done;
    Evaluation e{y, c, take(sde_.dimension()), 0};
    if (sde_.noises() == 0) {
      sde_.drift(stage_time(c), block(y), block(e.drift), w_.sde);
    } else {
      e.diffusion = take(sde_.diffusion_rows());
      sde_.coefficients(stage_time(c), block(y), block(e.drift), block(e.diffusion), w_.sde);
    }
    evaluations_.push_back(e);
    return e;
  }

  const Sde& sde_;
  const StepInput& in_;
  StepWorkspace& w_;
  std::size_t used_ = 0;
  Vector state_;
  std::vector<Evaluation> evaluations_;
};

using Scheme = scheme::Result<BlockAlgebra> (*)(BlockAlgebra&);

struct Entry {
  Scheme run;
  std::size_t evaluations;
};

const Entry& find_entry(const std::string& name) {
  static const std::map<std::string, Entry, std::less<>> table = {
      {"euler-maruyama", {scheme::euler_maruyama<BlockAlgebra>, 1}},
      {"milstein", {scheme::milstein<BlockAlgebra>, 1}},
      {"heun", {scheme::heun<BlockAlgebra>, 2}},
      {"euler", {scheme::euler<BlockAlgebra>, 1}},
      {"rk4", {scheme::rk4<BlockAlgebra>, 4}},
      {"dopri5", {scheme::dopri5<BlockAlgebra>, 7}},
  };
  const auto found = table.find(name);
  if (found == table.end()) fail(Status::usage, "/solver/method: {} needs an SDE given by expressions", name);
  return found->second;
}

class BlockStepper final : public Stepper {
 public:
  BlockStepper(std::shared_ptr<const Sde> sde, const Method& method)
      : sde_(std::move(sde)), entry_(find_entry(method.name)), has_error_(method.adaptive) {}

  std::size_t dimension() const override { return sde_->dimension(); }
  std::size_t noises() const override { return sde_->noises(); }
  bool has_error_estimate() const override { return has_error_; }
  std::size_t evaluations() const override { return entry_.evaluations; }

  void step(const StepInput& input, Block next, Block* error, StepWorkspace& workspace) const override {
    BlockAlgebra algebra(*sde_, input, workspace);
    const auto result = entry_.run(algebra);
    copy(algebra.value(result.next), next);
    if (error && result.error) copy(algebra.value(*result.error), *error);
    if (sde_->has_domain()) sde_->project(next);
  }

 private:
  std::shared_ptr<const Sde> sde_;
  const Entry& entry_;
  bool has_error_;
};

}  // namespace

std::unique_ptr<Stepper> make_stepper(std::shared_ptr<const Sde> sde, const Method& method) {
  const std::string reason = refusal(method, sde->calculus(), sde->noise_kind());
  if (!reason.empty()) fail(Status::usage, "/solver/method: {}", reason);
  if (std::string(method.name) == "milstein" && !sde->has_milstein_term())
    fail(Status::usage,
         "/solver/method: milstein needs the derivative of the diffusion, which this SDE does not have");
  return std::make_unique<BlockStepper>(std::move(sde), method);
}

}  // namespace sde
