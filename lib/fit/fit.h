// Maximum likelihood from time series.
#pragma once

#include <Eigen/Core>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/hooks.h"
#include "fit/density.h"
#include "fit/filter.h"
#include "fit/inference.h"
#include "fit/observations.h"
#include "fit/options.h"
#include "sde/document.h"

namespace sde {

struct Estimate {
  std::string name;
  double value = 0;
  // Standard errors from the observed information H^-1 and from the sandwich H^-1 S H^-1 (S: sum of products
  // of scores), which stays right where the density is not quite the data's (White, Econometrica 50, 1982).
  // Not-a-number where the parameter lies on a bound or the data do not determine it.
  double se = 0, se_robust = 0;
  double low = 0, high = 0;  // Wald interval, value -+ quantile * se, or that of the profile likelihood
  bool on_bound = false;
  bool identified = true;
  // How far the value stands from that of a more accurate density, as estimated (step_bias.h); not-a-number
  // where there is nothing to compare with.
  double step_bias = std::numeric_limits<double>::quiet_NaN();
};

struct FitDiagnostics {
  double pit_distance = 0,
         pit_p = 0;  // Kolmogorov-Smirnov on the probability integral transforms, all components
  std::size_t lags = 0;
  double ljung_box = 0, ljung_box_p = 0;  // sum of the components' statistics, degrees lags * dimension
};

struct FitStart {
  std::vector<double> from;  // estimated parameters
  double loglik = 0;         // -infinity where the likelihood is not finite there
  bool converged = false;
};

// Conditions of the generalised method of moments, and Hansen's test of those in excess of the parameters.
struct MomentTest {
  std::size_t conditions = 0, degrees = 0;
  double statistic = 0, p = 0;  // NaN where degrees is 0
};

// The data, as reports speak of them.
struct FitData {
  std::size_t series = 0, observations = 0, missing_rows = 0;
  double shortest_step = 0, longest_step = 0;
  double common_step = 0;  // 0 where steps differ
};

struct FitResult {
  SdeDocument sde;  // with the estimates in place of the parameters' values
  std::string estimator = "likelihood";
  MomentTest moments;  // of "gmm"
  std::string density, density_reason;
  bool converged = false;
  bool interrupted = false;
  std::string end;  // one clause: "Newton decrement 3e-10 after 7 iterations", "the likelihood rises as kappa
                    // goes to 0"
  double loglik = 0, aic = 0, aicc = 0, bic = 0;
  // Terms of the likelihood: transitions, or the rows that a filter takes in.
  std::size_t transitions = 0;
  FitData data;
  std::vector<Estimate> estimates;
  Eigen::MatrixXd covariance;  // [estimate][estimate], NaN where there is no standard error
  InferenceResult inference;
  FitDiagnostics diagnostics;
  std::vector<FitStart> starts;
  int iterations = 0, evaluations = 0;  // of all starts
  double decrement = 0;
  std::string step_bias_density;      // what step_bias is relative to; empty: there is none
  std::vector<std::string> warnings;  // one sentence each, without the full stop

  // Term by term, [transition * columns + column]; `time` [transition] and `observed` are those of the row
  // after.
  std::vector<std::string> columns;
  std::vector<std::size_t> series;  // first term of each
  std::vector<double> time, observed, residuals, predicted, deviation;

  // With an observation: [row * state_names + state], and predictions [row * columns + column].
  std::vector<std::string> state_names;
  StateEstimates states;
};

// Estimates the parameters of `document`. Bad input throws Error(usage) (options, starting values) or
// Error(bad_data) (series too short or constant, states outside the domain, naming the row). An optimiser
// that does not converge is no error: the result says so and holds what was reached.
FitResult fit(const SdeDocument& document, const Observations& data, const FitOptions& options,
              const Hooks& hooks = {});

// The same from noisy or partly observed states, by a filter; options.observation, where absent, is that of
// every state without noise.
FitResult fit(const SdeDocument& document, const SeriesTable& data, const FitOptions& options,
              const Hooks& hooks = {});

// Whether `options` ask for a filter: they have an observation, or name one as the density.
bool wants_filter(const FitOptions& options);

// The checks of fit() that need no computation, and the density and parameters it would use; for --dry-run.
struct FitPlan {
  std::string density, density_reason;
  std::vector<std::string> estimate;
  std::size_t transitions = 0, operations = 0;  // vector operations a transition of one pass with Hessian
};
FitPlan plan_fit(const SdeDocument& document, const Observations& data, const FitOptions& options);
FitPlan plan_fit(const SdeDocument& document, const SeriesTable& data, const FitOptions& options);

// Log-densities of transitions with the document's parameters, all or some at a time. `density` as in
// FitOptions.
class TransitionTerms {
 public:
  // Refers to data.
  TransitionTerms(const SdeDocument& document, const std::string& density, const Observations& data);
  ~TransitionTerms();
  TransitionTerms(const TransitionTerms&) = delete;
  TransitionTerms& operator=(const TransitionTerms&) = delete;

  const std::string& density() const;  // the row's name
  // Of transitions first ... last - 1, in the order of the data, with the same bits however they are grouped.
  std::vector<double> operator()(std::size_t first, std::size_t last) const;

 private:
  struct Made;
  std::unique_ptr<Made> made_;
};

// Of every transition; `chosen` receives the density's name.
std::vector<double> per_transition_loglik(const SdeDocument& document, const std::string& density,
                                          const Observations& data, std::string* chosen = nullptr);

}  // namespace sde
