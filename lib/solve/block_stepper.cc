// Steps of any Sde: the schemes carried out on blocks, one operation after the other.
#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "solve/kernels.h"
#include "solve/scheme_table.h"
#include "solve/stepper.h"

namespace sde {
namespace {

// Vectors are slots of the workspace, taken in turn and all free again after the step.
class BlockAlgebra {
 public:
  using Vector = std::size_t;
  struct Noise {
    std::size_t slot;
  };
  using Term = scheme::Term<Vector>;
  using NoiseTerm = scheme::Term<Noise>;

  BlockAlgebra(const Sde& sde, const StepInput& input, StepWorkspace& workspace)
      : sde_(sde), in_(input), w_(workspace), state_(load(input.x.slice(0, sde.dimension()))) {}

  Vector state() const { return state_; }
  Vector memory() { return load(in_.x.slice(sde_.dimension(), sde_.dimension())); }

  Vector drift(Vector y, double c) { return evaluate(y, c).drift; }

  Noise dW() { return load_noise(in_.dW); }
  Noise H() { return load_noise(in_.H); }

  Vector apply(Vector y, double c, Noise w) {
    const Vector result = take(sde_.dimension());
    if (sde_.noises() == 0) {
      const Block zero = block(result);
      std::fill_n(zero.data, zero.rows * zero.stride, 0.0);
      return result;
    }
    const Vector g = diffusion(y, c);
    const double* noise = block(w.slot).data;
    if (sde_.diagonal_storage()) {
      multiply_rows(block(g), noise, block(result));
    } else {
      multiply_matrix(block(g), noise, sde_.noises(), block(result));
    }
    return result;
  }

  Vector milstein(Vector y, double c) {
    const Vector f = take(sde_.dimension()), g = take(sde_.dimension()), gdg = take(sde_.dimension());
    sde_.coefficients_and_milstein(stage_time(c), block(y), block(f), block(g), block(gdg), w_.sde);
    milstein_rows(block(gdg), in_.dW, sde_.calculus() == Calculus::ito ? in_.h.value : 0, block(gdg));
    return gdg;
  }

  Noise ones() {
    const Noise result{take(sde_.noises())};
    const Block one = block(result.slot);
    std::fill_n(one.data, one.rows * one.stride, 1.0);
    return result;
  }

  std::size_t noises() const { return sde_.noises(); }
  bool mixes() const { return columns_mix(sde_.noise_kind(), sde_.noises()); }

  Noise signs() {
    const Noise result = H();
    const Block s = block(result.slot);
    for (std::size_t k = 0; k < s.rows; ++k)
      for (std::size_t lane = 0; lane < s.lanes; ++lane) s.row(k)[lane] = s.row(k)[lane] < 0 ? -1.0 : 1.0;
    return result;
  }

  Noise rows(Noise w, std::size_t from, std::size_t to) {
    const Noise result{take(sde_.noises())};
    const Block out = block(result.slot), in = block(w.slot);
    for (std::size_t k = 0; k < out.rows; ++k) {
      if (k >= from && k < to) {
        std::copy_n(in.row(k), out.lanes, out.row(k));
      } else {
        std::fill_n(out.row(k), out.lanes, 0.0);
      }
    }
    return result;
  }

  Noise broadcast(Noise w, std::size_t k) {
    const Noise result{take(sde_.noises())};
    const Block out = block(result.slot), in = block(w.slot);
    for (std::size_t i = 0; i < out.rows; ++i) std::copy_n(in.row(k), out.lanes, out.row(i));
    return result;
  }

  Vector brackets(Vector, double) {
    fail(Status::usage,
         "/solver/method: log-ode needs an SDE given by expressions, whose brackets can be formed");
  }

  Vector truncated(Vector) {
    fail(Status::usage,
         "/solver/method: truncated-euler needs an SDE given by expressions, whose growth can be found");
  }

  Vector tamed(Vector v) {
    const Vector result = take(sde_.dimension());
    const Block from = block(v), to = block(result);
    for (std::size_t lane = 0; lane < from.lanes; ++lane) {
      double square = 0;
      for (std::size_t i = 0; i < from.rows; ++i) square += from.row(i)[lane] * from.row(i)[lane];
      const double factor = 1 / (1 + in_.h.at(lane) * std::sqrt(square));
      for (std::size_t i = 0; i < from.rows; ++i) to.row(i)[lane] = from.row(i)[lane] * factor;
    }
    return result;
  }

  Vector absolute(Vector v) {
    const Vector result = take(sde_.dimension());
    const Block from = block(v), to = block(result);
    for (std::size_t i = 0; i < from.rows; ++i)
      for (std::size_t lane = 0; lane < from.lanes; ++lane) to.row(i)[lane] = std::abs(from.row(i)[lane]);
    return result;
  }

  bool wants_dense() const { return false; }

  Vector combined(Vector v, Vector w) {
    const Vector result = take(sde_.dimension());
    const Block a = block(v), b = block(w), to = block(result);
    for (std::size_t i = 0; i < a.rows; ++i) {
      for (std::size_t lane = 0; lane < a.lanes; ++lane) {
        const double x = a.row(i)[lane], y = b.row(i)[lane], root = std::sqrt(x * x + 0.01 * (y * y));
        to.row(i)[lane] = root > 0 ? x * x / root : root;
      }
    }
    return result;
  }

  Vector sum(std::initializer_list<Term> terms) { return combine(std::span(terms.begin(), terms.size())); }
  Vector sum(const std::vector<Term>& terms) { return combine(terms); }

  Noise noise_sum(std::initializer_list<NoiseTerm> terms) {
    const Noise result{take(sde_.noises())};
    bool first = true;
    for (const NoiseTerm& term : terms) {
      add(term.coefficient, term.unit, term.vector.slot, first, result.slot);
      first = false;
    }
    return result;
  }

  Noise product(Noise w, Noise z) {
    const Noise result{take(sde_.noises())};
    multiply_rows(block(w.slot), block(z.slot).data, block(result.slot));
    return result;
  }

  ConstBlock value(Vector v) const { return w_.vectors[v].view(); }

 private:
  struct Evaluation {
    Vector at;
    double c;
    Vector drift, diffusion;
  };

  std::size_t take(std::size_t rows) {
    if (used_ == w_.vectors.size()) w_.vectors.emplace_back();
    StateBlock<double>& slot = w_.vectors[used_];
    if (slot.rows() != rows || slot.lanes() != in_.x.lanes) slot.resize(rows, in_.x.lanes);
    return used_++;
  }

  Vector load(ConstBlock from) {
    const Vector result = take(from.rows);
    copy(from, block(result));
    return result;
  }

  Noise load_noise(const double* rows) {
    return {load({rows, rows ? sde_.noises() : 0, in_.x.lanes, in_.x.lanes})};
  }

  Block block(std::size_t v) { return w_.vectors[v].view(); }

  Vector combine(std::span<const Term> terms) {
    const Vector result = take(sde_.dimension());
    bool first = true;
    for (const Term& term : terms) {
      add(term.coefficient, term.unit, term.vector, first, result);
      first = false;
    }
    const Block nothing = block(result);
    if (first) std::fill_n(nothing.data, nothing.rows * nothing.stride, 0.0);
    return result;
  }

  void add(double coefficient, scheme::Unit unit, std::size_t v, bool first, std::size_t result) {
    const double* per_lane = nullptr;
    if (unit != scheme::Unit::one && in_.h.lanes) {
      per_lane = in_.h.lanes;
      if (unit != scheme::Unit::h)
        fail(Status::bug, "a stochastic scheme on steps that differ from lane to lane");
    } else {
      coefficient *= of(unit, in_.h.value);
    }
    accumulate(coefficient, per_lane, block(v), !first, block(result));
  }

  static double of(scheme::Unit unit, double h) {
    switch (unit) {
      case scheme::Unit::one:
        return 1;
      case scheme::Unit::h:
        return h;
      case scheme::Unit::root_h:
        return std::sqrt(h);
      case scheme::Unit::per_h:
        return 1 / h;
      case scheme::Unit::per_root_h:
        return 1 / std::sqrt(h);
    }
    return 1;
  }

  BlockTime stage_time(double c) {
    if (!in_.t.lanes) return {in_.t.value + c * in_.h.value, nullptr};
    if (c == 0) return in_.t;
    w_.times.resize(in_.x.lanes);
    for (std::size_t i = 0; i < in_.x.lanes; ++i) w_.times[i] = in_.t.lanes[i] + c * in_.h.lanes[i];
    return {0, w_.times.data()};
  }

  // Schemes for additive noise ask for it at times where they have no use for the drift.
  Vector diffusion(Vector y, double c) {
    const auto done = [&](const Evaluation& e) { return e.at == y && e.c == c; };
    if (sde_.noise_kind() != NoiseKind::additive ||
        std::any_of(evaluations_.begin(), evaluations_.end(), done)) {
      return evaluate(y, c).diffusion;
    }
    const Vector g = take(sde_.diffusion_rows());
    sde_.diffusion(stage_time(c), block(y), block(g), w_.sde);
    return g;
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

// What a scheme costs and keeps, found by carrying it out once without numbers.
class CountingAlgebra {
 public:
  struct Nothing {};
  using Vector = Nothing;
  using Noise = Nothing;
  using Term = scheme::Term<Nothing>;

  CountingAlgebra(std::size_t noises, NoiseKind kind) : noises_(noises), mixes_(columns_mix(kind, noises)) {}

  std::size_t noises() const { return noises_; }
  bool mixes() const { return mixes_; }
  Noise signs() { return H(); }
  Noise rows(Noise, std::size_t, std::size_t) { return {}; }
  Noise broadcast(Noise, std::size_t) { return {}; }

  Vector state() { return {}; }
  Vector memory() { return {}; }
  Vector drift(Vector, double) {
    ++evaluations;
    return {};
  }
  Vector apply(Vector, double, Noise) { return {}; }
  Noise dW() { return {}; }
  Noise H() {
    needs.space_time = true;
    return {};
  }
  Noise ones() { return {}; }
  Vector brackets(Vector, double) { return {}; }
  Vector milstein(Vector, double) { return {}; }
  Vector tamed(Vector) { return {}; }
  Vector truncated(Vector) { return {}; }
  Vector absolute(Vector) { return {}; }
  Vector combined(Vector, Vector) { return {}; }
  bool wants_dense() const { return false; }
  Vector sum(std::initializer_list<Term>) { return {}; }
  Vector sum(const std::vector<Term>&) { return {}; }
  Noise noise_sum(std::initializer_list<Term>) { return {}; }
  Noise product(Noise, Noise) { return {}; }

  std::size_t evaluations = 0;
  BrownianNeeds needs;

 private:
  std::size_t noises_;
  bool mixes_;
};

class BlockStepper final : public Stepper {
 public:
  BlockStepper(std::shared_ptr<const Sde> sde, const Method& method)
      : sde_(std::move(sde)), scheme_(find_scheme<BlockAlgebra>(method, sde_->noise_kind())) {
    CountingAlgebra counting(sde_->noises(), sde_->noise_kind());
    const auto result = find_scheme<CountingAlgebra>(method, sde_->noise_kind())(counting);
    evaluations_ = counting.evaluations;
    needs_ = counting.needs;
    has_error_ = result.error.has_value();
    has_memory_ = result.memory.has_value();
  }

  std::size_t dimension() const override { return sde_->dimension(); }
  std::size_t noises() const override { return sde_->noises(); }
  BrownianNeeds needs() const override { return needs_; }
  std::size_t memory() const override { return has_memory_ ? sde_->dimension() : 0; }
  bool has_error_estimate() const override { return has_error_; }
  std::size_t evaluations() const override { return evaluations_; }

  void step(const StepInput& input, Block next, Block* error, StepWorkspace& workspace) const override {
    BlockAlgebra algebra(*sde_, input, workspace);
    const auto result = scheme_(algebra);
    copy(algebra.value(result.next), next.slice(0, sde_->dimension()));
    if (result.memory) copy(algebra.value(*result.memory), next.slice(sde_->dimension(), sde_->dimension()));
    if (error && result.error) copy(algebra.value(*result.error), *error);
    if (sde_->has_domain()) sde_->project(next.slice(0, sde_->dimension()));
  }

 private:
  std::shared_ptr<const Sde> sde_;
  Scheme<BlockAlgebra> scheme_;
  std::size_t evaluations_ = 0;
  BrownianNeeds needs_;
  bool has_error_ = false, has_memory_ = false;
};

}  // namespace

std::unique_ptr<Stepper> make_stepper(std::shared_ptr<const Sde> sde, const Method& method) {
  const std::string reason = refusal(method, sde->calculus(), sde->noise_kind());
  if (!reason.empty()) fail(Status::usage, "/solver/method: {}", reason);
  if (method.family != MethodFamily::explicit_sde && method.family != MethodFamily::explicit_ode)
    fail(Status::usage, "/solver/method: {} needs an SDE given by expressions", method.name);
  if (std::string(method.name) == "milstein" && !sde->has_milstein_term())
    fail(Status::usage,
         "/solver/method: milstein needs the derivative of the diffusion, which this SDE does not have");
  return std::make_unique<BlockStepper>(std::move(sde), method);
}

}  // namespace sde
