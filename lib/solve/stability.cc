#include "solve/stability.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <array>
#include <cmath>
#include <memory>
#include <string_view>
#include <vector>

#include "solve/stepper.h"

namespace sde {
namespace {

using Matrix = Eigen::MatrixXd;

constexpr std::size_t kMostStates = 32;

// The rows' coefficients where all are affine with constant ones.
std::optional<Matrix> constant_coefficients(const SdeExpressions& sde, const std::vector<expr::Expr>& rows) {
  std::map<std::string, double, std::less<>> values;
  for (std::size_t i = 0; i < sde.parameters.size(); ++i) values[sde.parameters[i]] = sde.parameter_values[i];
  const auto n = static_cast<Eigen::Index>(sde.dimension());
  Matrix result(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto affine = expr::affine(truncated(sde, rows[static_cast<std::size_t>(i)]), sde.states);
    if (!affine) return {};
    for (Eigen::Index j = 0; j < n; ++j) {
      const expr::Expr& c = affine->coefficients[static_cast<std::size_t>(j)];
      if (expr::depends_on(c, "t")) return {};
      result(i, j) = expr::evaluate(c, values);
    }
  }
  if (!result.allFinite()) return {};
  return result;
}

double largest_real_part(const Matrix& m) {
  return m.eigenvalues().real().maxCoeff();
}
double spectral_radius(const Matrix& m) {
  return m.allFinite() ? m.eigenvalues().cwiseAbs().maxCoeff() : std::numeric_limits<double>::infinity();
}

// The matrix that one step multiplies the state (and memory) with, for given random numbers: its columns are
// steps from the unit vectors less one from 0, a lane each.
class Propagator {
 public:
  explicit Propagator(std::unique_ptr<Stepper> stepper)
      : stepper_(std::move(stepper)), size_(stepper_->dimension() + stepper_->memory()) {}

  std::size_t noises() const { return stepper_->noises(); }
  bool uses_areas() const { return stepper_->needs().space_time; }
  bool uses_levy_areas() const { return stepper_->needs().levy_area; }
  std::size_t size() const { return size_; }

  Matrix operator()(double h, const std::vector<double>& dW, const std::vector<double>& H) const {
    const std::size_t lanes = round_up_lanes(size_ + 1);
    StateBlock<double> x(size_, lanes), next(size_, lanes), w(dW.size(), lanes), a(H.size(), lanes);
    for (std::size_t i = 0; i < size_; ++i) x.row(i)[i + 1] = 1;
    for (std::size_t k = 0; k < dW.size(); ++k) std::fill_n(w.row(k), lanes, dW[k]);
    for (std::size_t k = 0; k < H.size(); ++k) std::fill_n(a.row(k), lanes, H[k]);
    StepInput input;
    input.h.value = h;
    input.x = x.view();
    if (!dW.empty()) input.dW = w.row(0);
    if (!H.empty()) input.H = a.row(0);
    StepWorkspace workspace;
    stepper_->step(input, next, nullptr, workspace);
    const auto n = static_cast<Eigen::Index>(size_);
    Matrix m(n, n);
    for (Eigen::Index i = 0; i < n; ++i)
      for (Eigen::Index j = 0; j < n; ++j)
        m(i, j) = next.row(static_cast<std::size_t>(i))[j + 1] - next.row(static_cast<std::size_t>(i))[0];
    return m;
  }

 private:
  std::unique_ptr<Stepper> stepper_;
  std::size_t size_;
};

// Seven points for a standard normal, exact to degree 13 (Abramowitz & Stegun, table 25.10, scaled).
struct Node {
  double x, weight;
};
const std::array<Node, 7>& hermite_nodes() {
  static const std::array<Node, 7> nodes = [] {
    // Golub & Welsch: the eigenvalues of the Jacobi matrix of the Hermite polynomials.
    Matrix jacobi = Matrix::Zero(7, 7);
    for (int i = 0; i < 6; ++i) jacobi(i, i + 1) = jacobi(i + 1, i) = std::sqrt(i + 1.0);
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(jacobi);
    std::array<Node, 7> result{};
    for (int i = 0; i < 7; ++i)
      result[static_cast<std::size_t>(i)] = {solver.eigenvalues()(i),
                                             std::pow(solver.eigenvectors()(0, i), 2)};
    return result;
  }();
  return nodes;
}

Matrix kronecker(const Matrix& a) {
  Matrix result(a.rows() * a.rows(), a.cols() * a.cols());
  for (Eigen::Index i = 0; i < a.rows(); ++i)
    for (Eigen::Index j = 0; j < a.cols(); ++j)
      result.block(i * a.rows(), j * a.cols(), a.rows(), a.cols()) = a(i, j) * a;
  return result;
}

// E[M (x) M] over the noise of a step.
Matrix second_moment(const Propagator& step, double h) {
  const std::size_t noises = step.noises(), numbers = step.uses_areas() ? 2 * noises : noises;
  const auto size = static_cast<Eigen::Index>(step.size() * step.size());
  Matrix sum = Matrix::Zero(size, size);
  std::vector<std::size_t> index(numbers, 0);
  for (;;) {
    double weight = 1;
    std::vector<double> dW(noises), H(numbers - noises);
    for (std::size_t k = 0; k < numbers; ++k) {
      const Node& node = hermite_nodes()[index[k]];
      weight *= node.weight;
      (k < noises ? dW[k] : H[k - noises]) = node.x * std::sqrt(k < noises ? h : h / 12);
    }
    sum += weight * kronecker(step(h, dW, H));
    std::size_t k = 0;
    while (k < numbers && ++index[k] == hermite_nodes().size()) index[k++] = 0;
    if (k == numbers) return sum;
  }
}

// The end of the stable steps from 0 on, below h, which is not stable.
template <class Radius>
double longest_stable(double h, const Radius& radius) {
  constexpr double kSlack = 1e-9;
  double stable = h, unstable = h;
  for (int i = 0; i < 60 && radius(stable) > 1 + kSlack * stable / h; ++i) {
    unstable = stable;
    stable /= 2;
    if (i == 59) return 0;
  }
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (stable + unstable);
    (radius(middle) > 1 ? unstable : stable) = middle;
  }
  return stable;
}

}  // namespace

std::optional<StabilityLimit> stability_limit(const SdeExpressions& sde, const Method& method, double h,
                                              const MethodOptions& tuning) {
  if (sde.dimension() > kMostStates || method.family == MethodFamily::exact ||
      method.family == MethodFamily::splitting || std::string_view(method.name) == "tamed-euler")
    return {};
  const SdeExpressions ito = converted(sde, Calculus::ito);
  const std::optional<Matrix> drift = constant_coefficients(ito, ito.drift);
  if (!drift || !(largest_real_part(*drift) < 0)) return {};

  SdeExpressions quiet = ito;
  quiet.noises.clear();
  for (std::vector<expr::Expr>& row : quiet.diffusion) row.clear();
  quiet.noise_kind = NoiseKind::none;
  const Propagator mean(make_stepper(quiet, method, false, Precision::f64, tuning));
  const auto mean_radius = [&](double step) { return spectral_radius(mean(step, {}, {})); };
  if (mean_radius(h) > 1 + 1e-9) return StabilityLimit{false, longest_stable(h, mean_radius)};

  // The second moment, where the noise multiplies the state.
  if (sde.noise_kind == NoiseKind::none || sde.noise_kind == NoiseKind::additive || sde.dimension() > 4)
    return {};
  const auto n = static_cast<Eigen::Index>(sde.dimension());
  const Matrix one = Matrix::Identity(n, n);
  Matrix generator = Matrix::Zero(n * n, n * n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < n; ++j) {
      generator.block(i * n, j * n, n, n) += (*drift)(i, j) * one;
      if (i == j) generator.block(i * n, j * n, n, n) += *drift;
    }
  for (std::size_t k = 0; k < ito.noises.size(); ++k) {
    std::vector<expr::Expr> column;
    for (const std::vector<expr::Expr>& row : ito.diffusion) column.push_back(row[k]);
    const std::optional<Matrix> g = constant_coefficients(ito, column);
    if (!g) return {};
    generator += kronecker(*g);
  }
  if (!(largest_real_part(generator) < 0)) return {};
  const Propagator noisy(make_stepper(sde, method, false, Precision::f64, tuning));
  if (noisy.uses_levy_areas() || noisy.size() > 8 || noisy.noises() * (noisy.uses_areas() ? 2 : 1) > 4)
    return {};
  const auto radius = [&](double step) { return spectral_radius(second_moment(noisy, step)); };
  if (!(radius(h) > 1 + 1e-9)) return {};
  return StabilityLimit{true, longest_stable(h, radius)};
}

std::string stability_warning(const StabilityLimit& limit, const std::string& method, double h) {
  if (limit.limit == 0)
    return fmt::format("no step of {} is stable on this linear equation, which decays; use another method",
                       method);
  return fmt::format(
      "dt = {:g} is above the {}stability limit {:.4g} of {} on this linear equation, so that paths grow "
      "where "
      "they should decay; use a smaller dt, or an implicit method",
      h, limit.mean_square ? "mean-square " : "", limit.limit, method);
}

}  // namespace sde
