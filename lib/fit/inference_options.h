// What a fit is asked to say beyond the estimates: functions of them, intervals, tests, constraints, priors.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sde {

// The law of a parameter before the data; exactly one member is given.
struct Prior {
  std::optional<std::array<double, 2>> normal;     // mean, standard deviation
  std::optional<std::array<double, 2>> lognormal;  // mean and standard deviation of the logarithm
  std::optional<std::array<double, 2>> gamma;      // shape, rate
  std::optional<std::array<double, 2>> beta;       // the two shapes, on (0, 1)
  std::optional<std::array<double, 2>> uniform;    // lowest, highest
  std::optional<double> half_normal;               // standard deviation of the normal law that is folded at 0

  template <class V>
  void visit(V& v) {
    v("normal", normal);
    v("lognormal", lognormal);
    v("gamma", gamma);
    v("beta", beta);
    v("uniform", uniform);
    v("half-normal", half_normal);
  }
};

// Of the sampler of the posterior law (no-U-turn, several chains).
struct PosteriorOptions {
  int draws = 1000;   // a chain, after warm-up
  int warmup = 1000;  // a chain, thrown away: they place the chain and adapt step and metric
  int chains = 4;     // side by side, each from a start of its own
  // The step is adapted until proposals are accepted this often; higher where there are divergences.
  double target_acceptance = 0.8;
  int max_depth = 10;  // a trajectory has at most 2^max_depth - 1 steps

  template <class V>
  void visit(V& v) {
    v("draws", draws);
    v("warmup", warmup);
    v("chains", chains);
    v("target_acceptance", target_acceptance);
    v("max_depth", max_depth);
  }
};

struct InferenceOptions {
  // Expressions of the parameters, reported with standard errors by the delta method.
  std::vector<std::string> report;
  // "wald": value -+ quantile * se; "profile": where twice the fall of the profile likelihood is the quantile
  // of chi-squared.
  std::string intervals = "wald";
  // Hypotheses "NAME = VALUE" or "EXPRESSION = EXPRESSION", several joined by commas, held against the fit by
  // likelihood-ratio tests.
  std::vector<std::string> tests;
  // Relations (==, <=, >=) between expressions of the parameters that the estimates obey.
  std::vector<std::string> constraints;
  // Laws of parameters; given some, the estimates are the posterior mode (in the parameters' own units).
  std::map<std::string, Prior> priors;
  // Draws from the posterior law; absent: none.
  std::optional<PosteriorOptions> posterior;

  template <class V>
  void visit(V& v) {
    v("report", report);
    v("intervals", intervals);
    v("tests", tests);
    v("constraints", constraints);
    v("priors", priors);
    v("posterior", posterior);
  }
};

}  // namespace sde
