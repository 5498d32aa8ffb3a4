#include "fit/inference.h"

#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "fit/fit.h"
#include "fit/formula.h"
#include "fit/objective.h"
#include "fit/prior.h"

namespace sde {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void check_inference(const FitOptions& options) {
  const InferenceOptions& wanted = options.inference;
  if (wanted.intervals != "wald" && wanted.intervals != "profile")
    fail(Status::usage, "/intervals: unknown kind \"{}\"{}", wanted.intervals,
         suggestion(wanted.intervals, {"wald", "profile"}));
  const std::pair<const char*, bool> given[] = {
      {"/report", !wanted.report.empty()}, {"/intervals", wanted.intervals == "profile"},
      {"/tests", !wanted.tests.empty()},   {"/constraints", !wanted.constraints.empty()},
      {"/priors", !wanted.priors.empty()}, {"/posterior", wanted.posterior.has_value()}};
  for (const auto& [key, is_given] : given)
    if (is_given && options.estimator != "likelihood")
      fail(Status::usage, "{}: goes with the estimator \"likelihood\" (got \"{}\")", key, options.estimator);
  if (!wanted.constraints.empty() && options.optimizer != "auto" && options.optimizer != "newton")
    fail(Status::usage, "/optimizer: \"{}\" is not used with constraints; leave it at \"auto\"",
         options.optimizer);
  if (!wanted.tests.empty() && !wanted.priors.empty())
    fail(Status::usage,
         "/tests: a likelihood-ratio test compares maxima of the likelihood; leave out the priors");
  if (options.density == "particle" && wanted.intervals == "profile")
    fail(Status::usage,
         "/intervals: the likelihood of the particle filter has jumps, which a profile cannot follow; use "
         "\"wald\"");
  if (!wanted.posterior) return;
  const PosteriorOptions& posterior = *wanted.posterior;
  if (posterior.draws < 4) fail(Status::usage, "/posterior/draws: must be >= 4 (got {})", posterior.draws);
  if (posterior.warmup < 20)
    fail(Status::usage, "/posterior/warmup: must be >= 20 (got {})", posterior.warmup);
  if (posterior.chains < 1) fail(Status::usage, "/posterior/chains: must be >= 1 (got {})", posterior.chains);
  if (!(posterior.target_acceptance > 0 && posterior.target_acceptance < 1))
    fail(Status::usage, "/posterior/target_acceptance: must lie between 0 and 1 (got {})",
         posterior.target_acceptance);
  if (posterior.max_depth < 1 || posterior.max_depth > 20)
    fail(Status::usage, "/posterior/max_depth: must lie between 1 and 20 (got {})", posterior.max_depth);
  if (options.density == "particle")
    fail(Status::usage,
         "/posterior: the likelihood of the particle filter has jumps, and the sampler needs a gradient; use "
         "\"ekf\" or \"cubature\"");
}

void check_expressions(const FitOptions& options, const ParameterSpace& space,
                       const std::vector<std::string>& parameters) {
  const InferenceOptions& wanted = options.inference;
  for (std::size_t r = 0; r < wanted.report.size(); ++r)
    parse_formula(fmt::format("/report/{}", r), wanted.report[r], parameters);
  check_priors(wanted.priors, space);
  std::size_t equalities = 0;
  const auto check = [&](const std::string& pointer, const std::string& text) {
    const Relation relation = parse_relation(pointer, text, parameters);
    if (!ParameterFormula(relation.gap(), parameters, space.indices()).varies())
      fail(Status::usage, "{}: \"{}\" depends on no parameter that is estimated; leave it out", pointer,
           text);
    return relation.equality;
  };
  for (std::size_t j = 0; j < wanted.constraints.size(); ++j)
    equalities += check(fmt::format("/constraints/{}", j), wanted.constraints[j]) ? 1 : 0;
  if (equalities > space.size())
    fail(Status::usage, "/constraints: {} equalities are too many for {} parameters", equalities,
         space.size());
  for (std::size_t t = 0; t < wanted.tests.size(); ++t) {
    const std::string pointer = fmt::format("/tests/{}", t);
    for (const std::string& part : hypothesis_parts(wanted.tests[t]))
      if (!check(pointer, part))
        fail(Status::usage, "{}: \"{}\" is an inequality; a test restricts by equations", pointer, part);
  }
}

void add_report(const FitProblem& problem, const std::vector<double>& parameters, const FitOptions& options,
                double quantile, FitResult& result) {
  const InferenceResult& known = result.inference;
  const std::vector<std::size_t> free = problem.space().indices();
  for (std::size_t r = 0; r < options.inference.report.size(); ++r) {
    const std::string& text = options.inference.report[r];
    const ParameterFormula formula(parse_formula(fmt::format("/report/{}", r), text, problem.parameters()),
                                   problem.parameters(), free);
    FunctionValue at;
    formula.evaluate(parameters, 1, at);
    ReportedValue value;
    value.expression = text;
    value.value = at.value;
    bool determined = at.finite(1);
    for (Index f = 0; f < known.undetermined.cols(); ++f) {
      const VectorXd part = at.gradient.cwiseProduct(known.undetermined.col(f));
      determined = determined && std::fabs(part.sum()) <= 1e-7 * part.cwiseAbs().sum();
    }
    const auto deviation = [&](const Eigen::MatrixXd& covariance) {
      return determined ? std::sqrt(at.gradient.dot(covariance * at.gradient)) : kNaN;
    };
    value.se = deviation(known.whole_covariance);
    value.se_robust = deviation(known.whole_robust);
    value.low = value.value - quantile * value.se;
    value.high = value.value + quantile * value.se;
    result.inference.report.push_back(value);
  }
}

}  // namespace sde
