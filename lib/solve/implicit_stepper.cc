// Drift-implicit steps: Newton's iteration with the exact Jacobian of the drift, every lane on its own.
#include <bit>
#include <cmath>

#include "expr/node.h"
#include "expr/program.h"
#include "solve/special.h"
#include "solve/symbolic_step.h"

namespace sde {
namespace {

using expr::Expr;

constexpr int kMostIterations = 25;

// Gaussian elimination with partial pivoting on row-major a (n x n), in place; x holds the right-hand side,
// then the solution. False where a is singular.
bool solve_in_place(double* a, double* x, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    if (!(std::abs(a[pivot * n + k]) > 0)) return false;
    for (std::size_t j = k; pivot != k && j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
    if (pivot != k) std::swap(x[k], x[pivot]);
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      for (std::size_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      x[i] -= factor * x[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) x[k] -= a[k * n + j] * x[j];
    x[k] /= a[k * n + k];
  }
  return true;
}

// y = x + h ((1 - theta) f(t, x) + theta f(t + h, y)) + G(t, x) dW.
class ThetaStepper final : public Stepper {
 public:
  ThetaStepper(const SdeExpressions& sde, double theta, bool milstein)
      : dimension_(sde.dimension()),
        noises_(sde.noises.size()),
        theta_(theta),
        parameters_(sde.parameter_values) {
    const Expr h = step_symbol();
    std::vector<std::string> uniforms = sde.parameters, lanes = sde.states;
    uniforms.insert(uniforms.end(), {"t", h_name()});
    std::vector<Expr> known, unknown;
    for (std::size_t i = 0; i < dimension_; ++i) {
      Expr sum = Expr::symbol(sde.states[i]) + (Expr(1 - theta) * h) * truncated(sde, sde.drift[i]);
      for (std::size_t k = 0; k < noises_; ++k)
        sum = sum + truncated(sde, sde.diffusion[i][k]) * increment_symbol(k);
      for (std::size_t j = 0; milstein && j < noises_; ++j)
        for (std::size_t k = 0; k < noises_; ++k) {
          const Expr twice = increment_symbol(j) * increment_symbol(k) - (j == k ? h : Expr(0));
          sum = sum + Expr(0.5) * truncated(sde, milstein_coefficient(sde, i, j, k)) * twice;
        }
      known.push_back(sum);
      unknown.push_back(truncated(sde, sde.drift[i]));
    }
    for (std::size_t i = 0; i < dimension_; ++i)
      for (const std::string& state : sde.states) unknown.push_back(expr::differentiate(unknown[i], state));
    drift_and_jacobian_ = expr::Program(unknown, lanes, uniforms);
    for (std::size_t k = 0; k < noises_; ++k) lanes.push_back(increment_symbol(k).node().name);
    known_ = expr::Program(known, lanes, uniforms);
  }

  std::size_t dimension() const override { return dimension_; }
  std::size_t noises() const override { return noises_; }
  std::size_t evaluations() const override { return 2; }  // at the least

  void step(const StepInput& in, Block next, Block*, StepWorkspace& w) const override {
    const std::size_t lanes = in.x.lanes, n = dimension_;
    if (w.vectors.size() < 2) w.vectors.resize(2);
    StateBlock<double>&known = w.vectors[0], &values = w.vectors[1];
    if (known.rows() != n || known.lanes() != lanes) known.resize(n, lanes);
    if (values.rows() != n + n * n || values.lanes() != lanes) values.resize(n + n * n, lanes);

    w.uniforms.assign(parameters_.begin(), parameters_.end());
    w.uniforms.insert(w.uniforms.end(), {in.t.value, in.h.value});
    w.inputs.clear();
    for (std::size_t i = 0; i < n; ++i) w.inputs.push_back(in.x.row(i));
    for (std::size_t k = 0; k < noises_; ++k) w.inputs.push_back(in.dW + k * lanes);
    w.outputs.clear();
    for (std::size_t i = 0; i < n; ++i) w.outputs.push_back(known.row(i));
    known_.run(w.inputs.data(), w.uniforms, w.outputs.data(), lanes, w.sde.program);

    copy(in.x, next);
    w.uniforms[parameters_.size()] = in.t.value + in.h.value;
    w.inputs.clear();
    for (std::size_t i = 0; i < n; ++i) w.inputs.push_back(next.row(i));
    w.outputs.clear();
    for (std::size_t i = 0; i < n + n * n; ++i) w.outputs.push_back(values.row(i));

    std::vector<char> active(lanes, 1);
    // A path that is lost stays as it is, and so does what it carries.
    for (std::size_t lane = 0; lane < lanes; ++lane)
      for (std::size_t i = 0; i < n; ++i)
        if (!std::isfinite(in.x.row(i)[lane])) active[lane] = 0;
    std::vector<double> matrix(n * n), delta(n);
    bool any = true;
    for (int iteration = 0; any && iteration < kMostIterations; ++iteration) {
      drift_and_jacobian_.run(w.inputs.data(), w.uniforms, w.outputs.data(), lanes, w.sde.program);
      any = false;
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        if (!active[lane]) continue;
        active[lane] = improve(known, values, next, lane, in.h.value, matrix, delta);
        any = any || active[lane];
      }
    }
    // What has not converged is not a solution: the path ends here and is flagged.
    for (std::size_t lane = 0; any && lane < lanes; ++lane)
      for (std::size_t i = 0; active[lane] && i < n; ++i) next.row(i)[lane] = unsolved_state(in.number);
  }

 private:
  // One Newton step of a lane; whether another is needed.
  bool improve(const StateBlock<double>& known, const StateBlock<double>& values, Block y, std::size_t lane,
               double h, std::vector<double>& matrix, std::vector<double>& delta) const {
    const std::size_t n = dimension_;
    const double c = theta_ * h;
    for (std::size_t i = 0; i < n; ++i) {
      delta[i] = known.row(i)[lane] + c * values.row(i)[lane] - y.row(i)[lane];
      for (std::size_t j = 0; j < n; ++j)
        matrix[i * n + j] = (i == j ? 1.0 : 0.0) - c * values.row(n + i * n + j)[lane];
    }
    if (!solve_in_place(matrix.data(), delta.data(), n)) return true;
    bool again = false;
    for (std::size_t i = 0; i < n; ++i) {
      y.row(i)[lane] += delta[i];
      // Convergence is quadratic: after a correction this small the next is below rounding.
      again = again || !(std::abs(delta[i]) <= 1e-9 * (1 + std::abs(y.row(i)[lane])));
    }
    return again;
  }

  static std::string h_name() { return step_symbol().node().name; }

  std::size_t dimension_, noises_;
  double theta_;
  std::vector<double> parameters_;
  expr::Program known_, drift_and_jacobian_;
};

}  // namespace

std::unique_ptr<Stepper> make_theta_stepper(const SdeExpressions& sde, double theta, bool milstein) {
  return std::make_unique<ThetaStepper>(sde, theta, milstein);
}

namespace {

constexpr std::uint64_t kQuietNan = 0x7ff8'0000'0000'0000, kUnsolved = kQuietNan | 0x0005'0000'0000'0000;
constexpr std::uint64_t kNumber = 0x0000'ffff'ffff'ffff;

}  // namespace

double unsolved_state(std::uint64_t number) {
  return std::bit_cast<double>(kUnsolved | (number & kNumber));
}

std::optional<std::uint64_t> unsolved_step(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  if ((bits & ~kNumber) != kUnsolved) return {};
  return bits & kNumber;
}

}  // namespace sde
