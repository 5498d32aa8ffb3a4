#include "solve/exact.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "base/error.h"
#include "random/stream.h"
#include "sde/law.h"
#include "sde/transition.h"
#include "solve/symbolic_step.h"

namespace sde {
namespace {

using expr::Expr;

// (e^{bh} - 1) / b, h where b = 0.
Expr growth_integral(const Expr& b, const Expr& h) {
  if (b.is_zero()) return h;
  return expr::call("expm1", {b * h}) / b;
}

double evaluate_parameters(const SdeExpressions& sde, const Expr& e) {
  std::map<std::string, double, std::less<>> values;
  for (std::size_t i = 0; i < sde.parameters.size(); ++i) values[sde.parameters[i]] = sde.parameter_values[i];
  return expr::evaluate(e, values);
}

// Uniform numbers one after the other from one address: attempts of rejection samplers read as many as they
// need.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint32_t component, std::uint64_t id, std::uint64_t step)
      : stream_(make_stream(seed, Purpose::exact, component)), id_(id), step_(step) {}

  double uniform() {
    if (left_ == 0) {
      uniform_ = uniform_pair(stream_, id_, address());
      left_ = 2;
    }
    return uniform_[--left_];
  }

  double normal() {
    if (left_normals_ == 0) {
      normal_ = normal_pair(stream_, id_, address());
      left_normals_ = 2;
    }
    return normal_[--left_normals_];
  }

 private:
  // A step has room for 2^24 pairs, a path for 2^40 steps.
  std::uint64_t address() { return (step_ << 24) + used_++; }

  Stream stream_;
  std::uint64_t id_, step_, used_ = 0;
  std::array<double, 2> uniform_{}, normal_{};
  int left_ = 0, left_normals_ = 0;
};

// Gamma with unit scale (Marsaglia & Tsang 2000).
double gamma_draw(double shape, Draws& draws) {
  if (shape < 1) {
    const double boost = std::pow(draws.uniform(), 1 / shape);
    return gamma_draw(shape + 1, draws) * boost;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double z = draws.normal(), v = 1 + c * z;
    if (v <= 0) continue;
    const double v3 = v * v * v;
    if (std::log(draws.uniform()) < 0.5 * z * z + d - d * v3 + d * std::log(v3)) return d * v3;
  }
}

// Poisson: inversion for small means, else halved by the gamma waiting time (Ahrens & Dieter 1974).
double poisson_draw(double mean, Draws& draws) {
  double total = 0;
  while (mean > 30) {
    const double m = std::floor(0.875 * mean);
    const double wait = gamma_draw(m, draws);
    if (wait > mean) {  // m - 1 further events spread evenly before `wait`: those before `mean`
      const double p = mean / wait;
      for (double i = 1; i < m; ++i) total += draws.uniform() < p ? 1 : 0;
      return total;
    }
    total += m;
    mean -= wait;
  }
  double product = draws.uniform();
  const double limit = std::exp(-mean);
  while (product > limit) {
    ++total;
    product *= draws.uniform();
  }
  return total;
}

// Ornstein-Uhlenbeck in several dimensions. Given the increments dW of its noises, X' is Gaussian with mean
// F x + m + K dW, K = (int_0^h e^{As} ds) S / h, and covariance P - h K K'; drawn with those increments, and
// further normals for the rest, paths stay close to what other methods make of the same increments.
class LinearDraw {
 public:
  LinearDraw(LinearSystem system, LawGroup group, std::size_t first_normal)
      : system_(std::move(system)), group_(std::move(group)), first_normal_(first_normal) {}

  std::size_t size() const { return group_.size(); }

  void step(const StepInput& in, Block next) const {
    const std::shared_ptr<const Step> step = of_length(in.h.value);
    const std::size_t n = group_.size(), lanes = in.x.lanes;
    const auto add = [&](double* y, double factor, const double* from) {
      if (factor == 0) return;
      for (std::size_t lane = 0; lane < lanes; ++lane) y[lane] += factor * from[lane];
    };
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = static_cast<Eigen::Index>(i);
      double* y = next.row(group_.states[i]);
      std::fill_n(y, lanes, step->shift[row]);
      for (std::size_t j = 0; j < n; ++j)
        add(y, step->growth(row, static_cast<Eigen::Index>(j)), in.x.row(group_.states[j]));
      for (std::size_t k = 0; k < group_.noises.size(); ++k)
        add(y, step->gain(row, static_cast<Eigen::Index>(k)), in.dW + group_.noises[k] * lanes);
      for (std::size_t j = 0; j < n; ++j)
        add(y, step->rest(row, static_cast<Eigen::Index>(j)), in.dW + (first_normal_ + j) * lanes);
    }
  }

 private:
  struct Step {
    Eigen::MatrixXd growth, gain, rest;  // F, K, R with R R' = (P - h K K')/h
    Eigen::VectorXd shift;
  };

  // Steps come in few lengths: each is worked out once.
  std::shared_ptr<const Step> of_length(double h) const {
    const std::scoped_lock lock(mutex_);
    std::shared_ptr<const Step>& found = steps_[h];
    if (!found) {
      if (steps_.size() > kMostLengths) {
        steps_.clear();
        return steps_[h] = make_step(h);
      }
      found = make_step(h);
    }
    return found;
  }

  std::shared_ptr<const Step> make_step(double h) const {
    const GaussianTransition law = transition(system_, h);
    // The columns of int_0^h e^{As} ds S are shifts of systems driven by the columns of S.
    Eigen::MatrixXd gain(system_.scale.rows(), system_.scale.cols());
    LinearSystem driven = system_;
    for (Eigen::Index k = 0; k < gain.cols(); ++k) {
      driven.intercept = system_.scale.col(k);
      gain.col(k) = transition(driven, h).shift / h;
    }
    const Eigen::MatrixXd rest = law.covariance / h - gain * gain.transpose();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(rest);
    const Eigen::VectorXd roots = eigen.eigenvalues().cwiseMax(0).cwiseSqrt();
    return std::make_shared<Step>(
        Step{law.growth, gain, eigen.eigenvectors() * roots.asDiagonal(), law.shift});
  }

  static constexpr std::size_t kMostLengths = 4096;
  LinearSystem system_;
  LawGroup group_;
  std::size_t first_normal_;
  mutable std::mutex mutex_;  // guards steps_
  mutable std::map<double, std::shared_ptr<const Step>> steps_;
};

class ExactStepper final : public Stepper {
 public:
  ExactStepper(const SdeExpressions& sde, const LawRecognition& law, std::unique_ptr<Stepper> closed)
      : closed_(std::move(closed)), normals_(closed_->noises()) {
    for (const LawGroup& group : law.groups) {
      if (group.kind == LawKind::square_root) {
        roots_.push_back({group.states[0], evaluate_parameters(sde, group.intercept[0]),
                          evaluate_parameters(sde, group.slope[0][0]),
                          evaluate_parameters(sde, group.scalar_scale())});
      } else if (drawn_jointly(group)) {
        linear_.push_back(
            std::make_unique<LinearDraw>(linear_system(sde, group, sde.parameter_values), group, normals_));
        normals_ += group.size();
      }
    }
  }

  static bool drawn_jointly(const LawGroup& group) {
    return group.kind == LawKind::ornstein_uhlenbeck && (group.size() > 1 || group.noises.size() > 1);
  }

  std::size_t dimension() const override { return closed_->dimension(); }
  // The Brownian motions of the SDE, then further ones that joint draws take.
  std::size_t noises() const override { return normals_; }
  std::size_t evaluations() const override { return 0; }
  bool draws_numbers() const override { return !roots_.empty(); }

  void step(const StepInput& in, Block next, Block* error, StepWorkspace& workspace) const override {
    closed_->step(in, next, error, workspace);
    for (const std::unique_ptr<LinearDraw>& draw : linear_) draw->step(in, next);
    for (const Root& root : roots_) {
      const SquareRootDraw draw(in.seed, static_cast<std::uint32_t>(root.component), root.a, root.b, root.c,
                                in.h.value);
      const double* x = in.x.row(root.component);
      double* y = next.row(root.component);
      for (std::size_t lane = 0; lane < in.x.lanes; ++lane)
        y[lane] = draw(x[lane], in.first_id + lane, in.number);
    }
  }

 private:
  struct Root {
    std::size_t component;
    double a, b, c;
  };
  std::unique_ptr<Stepper> closed_;
  std::size_t normals_;
  std::vector<std::unique_ptr<LinearDraw>> linear_;
  std::vector<Root> roots_;
};

// The next states of a group that are expressions of its increments; what ExactStepper draws stays as it is.
void add_closed_form(const SdeExpressions& ito, const LawGroup& group, std::vector<Expr>& next) {
  const Expr h = step_symbol();
  const auto number = [&](const Expr& e) { return Expr(evaluate_parameters(ito, e)); };
  // A slope that happens to be 0 has a form of its own, hence numbers.
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::size_t state = group.states[i];
    const Expr x = Expr::symbol(ito.states[state]);
    Expr square = 0, noise = 0;  // (SS')_ii and (S dW)_i
    for (std::size_t k = 0; k < group.noises.size(); ++k) {
      const Expr s = number(group.scale[i][k]);
      square = square + s * s;
      noise = noise + s * increment_symbol(group.noises[k]);
    }
    switch (group.kind) {
      case LawKind::ornstein_uhlenbeck: {
        if (ExactStepper::drawn_jointly(group)) break;
        const Expr slope = number(group.slope[0][0]), intercept = number(group.intercept[0]);
        const Expr mean = x + (intercept + slope * x) * growth_integral(slope, h);
        const Expr variance = square * growth_integral(Expr(2) * slope, h);
        next[state] = mean + expr::sqrt(variance / h) * increment_symbol(group.noises[0]);
        break;
      }
      case LawKind::geometric:
        next[state] = x * expr::exp((number(group.slope[i][i]) - Expr(0.5) * square) * h + noise);
        break;
      case LawKind::brownian_bridge: {
        // The step that ends at T ends there but for rounding, and X is b.
        const Expr left = number(group.end) - Expr::symbol("t"), u = h / left;
        const Expr target = number(group.intercept[i]);
        const Expr inside = x + (target - x) * u + expr::sqrt(Expr(1) - u) * noise;
        const Expr past = expr::less(left * Expr(1 + 1e-9), h);
        next[state] = expr::select(expr::less(u, Expr(1 - 1e-9)), inside,
                                   expr::select(past, Expr(std::nan("")), target));
        break;
      }
      case LawKind::square_root:
        break;
    }
  }
}

}  // namespace

SquareRootDraw::SquareRootDraw(std::uint64_t draw_seed, std::uint32_t draw_component, double a, double b,
                               double c, double h)
    : seed(draw_seed), component(draw_component), degrees(4 * a / (c * c)) {
  scale = 0.25 * c * c * (b == 0 ? h : std::expm1(b * h) / b);
  noncentrality_factor = std::exp(b * h) / scale;
}

double SquareRootDraw::operator()(double x, std::uint64_t id, std::uint64_t step) const {
  if (!(x >= 0) || !std::isfinite(x)) return std::nan("");
  Draws draws(seed, component, id, step);
  const double noncentrality = x * noncentrality_factor;
  if (degrees > 1) {
    const double z = draws.normal() + std::sqrt(noncentrality);
    return scale * (z * z + 2 * gamma_draw(0.5 * (degrees - 1), draws));
  }
  const double shape = 0.5 * degrees + poisson_draw(0.5 * noncentrality, draws);
  return shape > 0 ? scale * 2 * gamma_draw(shape, draws) : 0;
}

std::unique_ptr<Stepper> make_exact_stepper(const SdeExpressions& sde) {
  // With additive noise the calculi agree; otherwise the law is that of the Ito form.
  const SdeExpressions ito = converted(sde, Calculus::ito);
  const LawRecognition law = recognise_law(ito);
  if (!law.known())
    fail(
        Status::usage,
        "/solver/method: exact needs a process whose transition law is known (Ornstein-Uhlenbeck, geometric, "
        "Cox-Ingersoll-Ross, Brownian bridge), but {}; use another method, such as {}",
        law.reason, sde.calculus == Calculus::ito ? "euler-maruyama" : "heun");
  std::vector<Expr> next;
  for (const std::string& state : ito.states) next.push_back(Expr::symbol(state));
  for (const LawGroup& group : law.groups) add_closed_form(ito, group, next);
  return std::make_unique<ExactStepper>(ito, law, make_symbolic_stepper(ito, {next}));
}

}  // namespace sde
