// Custom linear processes: beta(t), or drift and diffusion, integrated.
#include <cmath>

#include "base/block.h"
#include "base/error.h"
#include "score/process_families.h"
#include "score/running_integral.h"
#include "score/time_functions.h"
#include "score/vp_process.h"

namespace sde {
namespace {

// beta of an expression; its integral has no closed inverse.
struct CustomBeta {
  TimeFunctions function;
  RunningIntegral sum;

  double beta(double t) const {
    double value;
    function.at(t, &value);
    return value;
  }
  double integral(double t) const { return sum(t); }
  double time_of_integral(double) const { return 0; }
  std::size_t levels() const { return 0; }
};

class CustomVp final : public VariancePreserving<CustomBeta> {
 public:
  using VariancePreserving::VariancePreserving;
  double time_at(double lambda) const override { return NoiseProcess::time_at(lambda); }
};

// a = e^F, s^2 = a^2 I with F and I the integrals of f and (g / a)^2.
class CustomLinear final : public NoiseProcess {
 public:
  CustomLinear(TimeFunctions functions, RunningIntegral exponent, RunningIntegral relative)
      : functions_(std::move(functions)), exponent_(std::move(exponent)), relative_(std::move(relative)) {}

  double signal(double t) const override { return std::exp(exponent_(t)); }
  double noise(double t) const override { return signal(t) * std::sqrt(relative_(t)); }
  double drift_factor(double t) const override { return value(t, 0); }
  double diffusion_squared(double t) const override { return value(t, 1); }
  double half_log_snr(double t) const override { return -0.5 * std::log(relative_(t)); }
  double prior_deviation() const override { return noise(kHorizon); }
  double sampling_cutoff() const override { return 1e-3; }

 private:
  double value(double t, std::size_t which) const {
    double v[2];
    functions_.at(t, v);
    return v[which];
  }
  TimeFunctions functions_;  // f, g^2
  RunningIntegral exponent_, relative_;
};

void check_positive(const TimeFunctions& functions, std::size_t which, const char* what) {
  double v[2];
  for (int i = 0; i <= 1000; ++i) {
    const double t = i / 1000.0;
    functions.at(t, v);
    if (!(v[which] >= 0)) fail(Status::usage, "{}: must be >= 0 (got {} at t = {})", what, v[which], t);
  }
}

}  // namespace

std::shared_ptr<const NoiseProcess> make_custom_linear(const ProcessOptions& o) {
  if (o.beta) {
    const TimeFunctions beta({parse_time_function(*o.beta, "/process/beta")});
    check_positive(beta, 0, "/process/beta");
    const auto evaluate = [&](const double* t, double* out) { beta.at(t, RunningIntegral::kTerms, &out); };
    const auto process =
        std::make_shared<CustomVp>(CustomBeta{beta, RunningIntegral(evaluate, "/process/beta")});
    check_falling_snr(*process);
    return process;
  }
  const expr::Expr f = parse_time_function(*o.drift, "/process/drift"),
                   g = parse_time_function(*o.diffusion, "/process/diffusion");
  const TimeFunctions functions({f, g * g});
  constexpr std::size_t n = RunningIntegral::kTerms;
  StateBlock<double> memory(2, n);
  double* rows[] = {memory.row(0), memory.row(1)};
  const RunningIntegral exponent(
      [&](const double* t, double* out) {
        functions.at(t, n, rows);
        std::copy_n(rows[0], n, out);
      },
      "/process/drift");
  const RunningIntegral relative(
      [&](const double* t, double* out) {
        functions.at(t, n, rows);
        for (std::size_t i = 0; i < n; ++i) out[i] = rows[1][i] * std::exp(-2 * exponent(t[i]));
      },
      "/process/diffusion");
  const auto process = std::make_shared<CustomLinear>(functions, exponent, relative);
  check_falling_snr(*process);
  return process;
}

}  // namespace sde
