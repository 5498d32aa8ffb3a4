// The Rosenbrock method RODAS of Hairer & Wanner for stiff ODEs.
#include <cmath>
#include <limits>

#include "expr/program.h"
#include "solve/special.h"
#include "solve/symbolic_step.h"

namespace sde {
namespace {

using expr::Expr;

constexpr std::size_t kStages = 6, kDenseDegree = 3;

// Hairer & Wanner 1996, IV.7: (1/(h gamma) - J) u_i = f(t + c_i h, x + sum a_ij u_j) + sum C_ij u_j / h
// + h d_i f_t. The last two stages add u_5 and u_6 to their predecessor: next = x + sum a_5j u_j + u_5 + u_6,
// and u_6 is the estimate.
constexpr double kGamma = 0.25;
constexpr double kC[kStages] = {0, 0.386, 0.21, 0.63, 1, 1};
constexpr double kD[kStages] = {0.25, -0.1043, 0.1035, -0.0362, 0, 0};
constexpr double kA[kStages][kStages] = {
    {},
    {1.544},
    {0.9466785280815826, 0.2557011698983284},
    {3.314825187068521, 2.896124015972201, 0.9986419139977817},
    {1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895},
    {1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895, 1}};
constexpr double kCoupling[kStages][kStages] = {
    {},
    {-5.6688},
    {-2.430093356833875, -0.2063599157091915},
    {-0.1073529058151375, -9.594562251023355, -20.47028614809616},
    {7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616},
    {8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054}};
// Dense output (1 - theta) x + theta (next + (1 - theta) (e + theta g)) with e and g sums of the u_j.
constexpr double kE[kStages - 1] = {10.12623508344586, -7.487995877610167, -34.80091861555747,
                                    -7.992771707568823, 1.025137723295662};
constexpr double kG[kStages - 1] = {-0.6762803392801253, 6.087714651680015, 16.43084320892478,
                                    24.76722511418386, -6.594389125716872};

// LU factors with partial pivoting of a row-major n x n matrix, in place; false where it is singular or not
// finite.
bool factorise(double* a, std::size_t* pivots, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    pivots[k] = pivot;
    if (!(std::abs(a[pivot * n + k]) > 0)) return false;
    for (std::size_t j = 0; pivot != k && j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] /= a[k * n + k];
      for (std::size_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return true;
}

void solve(const double* lu, const std::size_t* pivots, double* x, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) std::swap(x[k], x[pivots[k]]);
  for (std::size_t i = 1; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) x[i] -= lu[i * n + j] * x[j];
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = i + 1; j < n; ++j) x[i] -= lu[i * n + j] * x[j];
    x[i] /= lu[i * n + i];
  }
}

class RosenbrockStepper final : public Stepper {
 public:
  explicit RosenbrockStepper(const SdeExpressions& sde)
      : n_(sde.dimension()), parameters_(sde.parameter_values) {
    std::vector<std::string> lanes = sde.states;
    lanes.emplace_back("t");
    std::vector<Expr> drift, derivatives;
    for (const Expr& f : sde.drift) drift.push_back(truncated(sde, f));
    for (const Expr& f : drift)
      for (const std::string& state : sde.states) derivatives.push_back(expr::differentiate(f, state));
    for (const Expr& f : drift) derivatives.push_back(expr::differentiate(f, "t"));
    drift_ = expr::Program(drift, lanes, sde.parameters);
    derivatives_ = expr::Program(derivatives, lanes, sde.parameters);
  }

  std::size_t dimension() const override { return n_; }
  std::size_t noises() const override { return 0; }
  bool has_error_estimate() const override { return true; }
  std::size_t evaluations() const override { return kStages; }
  std::size_t dense_degree() const override { return kDenseDegree; }

  void step(const StepInput& in, Block next, Block* error, StepWorkspace& w) const override {
    stages(in, next, w);
    const StateBlock<double>& u = w.vectors[0];
    for (std::size_t i = 0; error && i < n_; ++i)
      std::copy_n(u.row((kStages - 1) * n_ + i), next.lanes, error->row(i));
  }

  void dense(const StepInput& in, Block powers, StepWorkspace& w) const override {
    if (w.vectors.size() < kBlocks) w.vectors.resize(kBlocks);
    StateBlock<double>& next = fitted(w.vectors[3], n_, in.x.lanes);
    stages(in, next, w);
    const StateBlock<double>& u = w.vectors[0];
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t lane = 0; lane < in.x.lanes; ++lane) {
        double e = 0, g = 0;
        for (std::size_t j = 0; j + 1 < kStages; ++j) {
          e += kE[j] * u.row(j * n_ + i)[lane];
          g += kG[j] * u.row(j * n_ + i)[lane];
        }
        powers.row(i)[lane] = next.row(i)[lane] - in.x.row(i)[lane] + e;
        powers.row(n_ + i)[lane] = g - e;
        powers.row(2 * n_ + i)[lane] = -g;
      }
    }
  }

 private:
  static constexpr std::size_t kBlocks = 4;  // of the workspace: u, derivatives, f, and dense's next

  static StateBlock<double>& fitted(StateBlock<double>& block, std::size_t rows, std::size_t lanes) {
    if (block.rows() != rows || block.lanes() != lanes) block.resize(rows, lanes);
    return block;
  }

  // Runs `program` at the states `x` and the times w.times.
  void run(const expr::Program& program, ConstBlock x, Block out, StepWorkspace& w) const {
    w.inputs.clear();
    for (std::size_t i = 0; i < n_; ++i) w.inputs.push_back(x.row(i));
    w.inputs.push_back(w.times.data());
    w.outputs.clear();
    for (std::size_t i = 0; i < out.rows; ++i) w.outputs.push_back(out.row(i));
    program.run(w.inputs.data(), parameters_, w.outputs.data(), x.lanes, w.sde.program);
  }

  // Leaves u_1 ... u_6 in the first block of the workspace.
  void stages(const StepInput& in, Block next, StepWorkspace& w) const {
    const std::size_t lanes = in.x.lanes;
    if (w.vectors.size() < kBlocks) w.vectors.resize(kBlocks);
    StateBlock<double>& u = fitted(w.vectors[0], kStages * n_, lanes);
    StateBlock<double>& slopes = fitted(w.vectors[1], n_ * n_ + n_, lanes);
    StateBlock<double>& f = fitted(w.vectors[2], n_, lanes);
    w.times.resize(lanes);
    for (std::size_t lane = 0; lane < lanes; ++lane) w.times[lane] = in.t.at(lane);
    run(derivatives_, in.x, slopes, w);

    std::vector<double> lu(lanes * n_ * n_), right(n_);
    std::vector<std::size_t> pivots(lanes * n_);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      double* a = lu.data() + lane * n_ * n_;
      for (std::size_t k = 0; k < n_ * n_; ++k) a[k] = -slopes.row(k)[lane];
      for (std::size_t i = 0; i < n_; ++i) a[i * n_ + i] += 1 / (kGamma * in.h.at(lane));
      if (!factorise(a, pivots.data() + lane * n_, n_))
        std::fill_n(a, n_ * n_, std::numeric_limits<double>::quiet_NaN());
    }
    for (std::size_t s = 0; s < kStages; ++s) {
      copy(in.x, next);
      for (std::size_t j = 0; j < s; ++j)
        for (std::size_t i = 0; kA[s][j] != 0 && i < n_; ++i)
          for (std::size_t lane = 0; lane < lanes; ++lane)
            next.row(i)[lane] += kA[s][j] * u.row(j * n_ + i)[lane];
      for (std::size_t lane = 0; lane < lanes; ++lane) w.times[lane] = in.t.at(lane) + kC[s] * in.h.at(lane);
      run(drift_, next, f, w);
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const double h = in.h.at(lane);
        for (std::size_t i = 0; i < n_; ++i) {
          double sum = 0;
          for (std::size_t j = 0; j < s; ++j) sum += kCoupling[s][j] * u.row(j * n_ + i)[lane];
          right[i] = f.row(i)[lane] + sum / h + h * kD[s] * slopes.row(n_ * n_ + i)[lane];
        }
        solve(lu.data() + lane * n_ * n_, pivots.data() + lane * n_, right.data(), n_);
        for (std::size_t i = 0; i < n_; ++i) u.row(s * n_ + i)[lane] = right[i];
      }
    }
    // `next` holds the last stage's argument: u_6 completes it.
    for (std::size_t i = 0; i < n_; ++i)
      for (std::size_t lane = 0; lane < lanes; ++lane)
        next.row(i)[lane] += u.row((kStages - 1) * n_ + i)[lane];
  }

  std::size_t n_;
  std::vector<double> parameters_;
  expr::Program drift_, derivatives_;
};

}  // namespace

std::unique_ptr<Stepper> make_rosenbrock_stepper(const SdeExpressions& sde) {
  return std::make_unique<RosenbrockStepper>(sde);
}

}  // namespace sde
