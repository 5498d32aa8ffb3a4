#include "solve/exact.h"

#include <cmath>

#include "base/error.h"
#include "random/stream.h"
#include "sde/law.h"
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

class ExactStepper final : public Stepper {
 public:
  ExactStepper(const SdeExpressions& sde, const LawRecognition& law, std::unique_ptr<Stepper> closed)
      : closed_(std::move(closed)) {
    for (std::size_t i = 0; i < law.components.size(); ++i) {
      const ScalarLaw& component = law.components[i];
      if (component.kind != LawKind::square_root) continue;
      roots_.push_back({i, evaluate_parameters(sde, component.intercept),
                        evaluate_parameters(sde, component.slope),
                        evaluate_parameters(sde, component.scale)});
    }
  }

  std::size_t dimension() const override { return closed_->dimension(); }
  std::size_t noises() const override { return closed_->noises(); }
  std::size_t evaluations() const override { return 0; }

  void step(const StepInput& in, Block next, Block* error, StepWorkspace& workspace) const override {
    closed_->step(in, next, error, workspace);
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
  std::vector<Root> roots_;
};

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
    fail(Status::usage,
         "/solver/method: exact needs a process whose transition law is known (OU, GBM or CIR in each "
         "component), but {}; "
         "use another method, such as {}",
         law.reason, sde.calculus == Calculus::ito ? "euler-maruyama" : "heun");
  const Expr h = step_symbol();
  std::vector<Expr> next;
  for (std::size_t i = 0; i < ito.dimension(); ++i) {
    // As numbers: a slope that happens to be 0 has a form of its own.
    ScalarLaw c = law.components[i];
    for (Expr* e : {&c.intercept, &c.slope, &c.scale}) *e = Expr(evaluate_parameters(ito, *e));
    const Expr x = Expr::symbol(ito.states[i]);
    std::size_t noise = 0;
    while (noise + 1 < ito.noises.size() && ito.diffusion[i][noise].is_zero()) ++noise;
    const Expr dW = increment_symbol(noise);
    switch (c.kind) {
      case LawKind::ornstein_uhlenbeck: {
        const Expr mean = x + (c.intercept + c.slope * x) * growth_integral(c.slope, h);
        const Expr variance = c.scale * c.scale * growth_integral(Expr(2) * c.slope, h);
        next.push_back(mean + expr::sqrt(variance / h) * dW);
        break;
      }
      case LawKind::geometric:
        next.push_back(x * expr::exp((c.slope - Expr(0.5) * c.scale * c.scale) * h + c.scale * dW));
        break;
      case LawKind::square_root:
        next.push_back(x);  // drawn by ExactStepper
        break;
    }
  }
  return std::make_unique<ExactStepper>(ito, law, make_symbolic_stepper(ito, {next}));
}

}  // namespace sde
