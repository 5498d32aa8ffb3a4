// What follows from an optimum beside the estimates and their standard errors.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace sde {

struct FitOptions;
struct FitResult;
struct SdeDocument;
class FitProblem;
class ParameterSpace;
struct ConstrainedResult;

// An expression of the parameters at the estimates; standard errors by the delta method, sqrt(g' C g) with
// its exact gradient g. Parameters on a bound count as known; not-a-number where the expression changes along
// a direction that the data do not determine.
struct ReportedValue {
  std::string expression;
  double value = 0, se = 0, se_robust = 0, low = 0, high = 0;
};

// One end of a profile interval. Not-a-number with a note where there is none, infinite where the profile
// stays above the level for ever.
struct ProfileEnd {
  double value = std::numeric_limits<double>::quiet_NaN();
  std::string note;  // empty where the profile crosses the level
};

// The likelihood maximised over the other parameters, as a function of one.
struct Profile {
  std::string name;
  ProfileEnd low, high;
  std::vector<double> value, loglik;  // the points that were computed, in order of value
};

// Twice the fall of the log-likelihood under a hypothesis, against chi-squared (Wilks 1938).
struct LikelihoodRatio {
  std::string hypothesis;
  bool converged = false;  // the restricted fit
  double loglik = 0, statistic = 0, p = 0;
  int degrees = 0;
  // The hypothesis lies on the border of the parameters' space: under it the statistic is 0 half of the time,
  // and p is that of the mixture (Chernoff 1954); of several restrictions it is the larger one without.
  bool boundary = false;
  std::string note;  // what else keeps p from being right, or why there is no statistic; else empty
  std::vector<std::pair<std::string, double>> estimates;  // of the restricted fit
};

struct ConstraintReport {
  std::string text;
  double gap = 0;  // 0 for an equality, the room to spare of an inequality
  bool active = false;
  double multiplier = 0;  // fall of the log-likelihood per unit of the gap
};

// How well the data determine the parameters together: the information scaled to a unit diagonal.
struct Spectrum {
  std::vector<double> eigenvalues;                      // rising
  std::vector<std::pair<std::string, double>> weakest;  // direction of the smallest, in the parameters' units
};

struct InferenceResult {
  int k = 0;  // parameters estimated, less the equalities between them
  bool posterior_mode = false;
  double log_prior = 0;
  std::vector<ReportedValue> report;
  std::vector<Profile> profiles;
  std::vector<LikelihoodRatio> tests;
  std::vector<ConstraintReport> constraints;
  Spectrum spectrum;
  Eigen::MatrixXd robust_covariance;  // [estimate][estimate], NaN where there is no standard error
  // For combinations of parameters: covariances with 0 for what is on a bound or not determined, and the
  // directions [estimate][direction] that are not.
  Eigen::MatrixXd whole_covariance, whole_robust, undetermined;
};

// Error(usage): options that cannot be met, without any computation.
void check_inference(const FitOptions& options);
// The same of what speaks of parameters: reports, tests, constraints and priors.
void check_expressions(const FitOptions& options, const ParameterSpace& space,
                       const std::vector<std::string>& parameters);

// Fills result.inference.report, `parameters` being the names of all.
void add_report(const FitProblem& problem, const std::vector<double>& parameters, const FitOptions& options,
                double quantile, FitResult& result);

// Replaces the Wald intervals of the estimates by those of the profiles.
void add_profiles(const FitProblem& problem, const ConstrainedResult& best, const FitOptions& options,
                  FitResult& result);

// `refit` fits a document under options to the same data; it may throw.
using RestrictedFit = std::function<FitResult(const SdeDocument& document, const FitOptions& options)>;
void add_tests(const FitOptions& options, const ParameterSpace& space,
               const std::vector<std::string>& parameters, const RestrictedFit& refit, FitResult& result);

// The p-value that the statistic has `degrees` degrees of freedom, halved for one on the border.
double likelihood_ratio_p(double statistic, int degrees, bool boundary);

}  // namespace sde
