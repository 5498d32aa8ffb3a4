// What a fit is asked for.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fit/inference_options.h"

namespace sde {

using Formula = std::variant<double, std::string>;  // a number or an expression

struct NormalForm {
  std::vector<Formula> normal;  // mean, standard deviation

  template <class V>
  void visit(V& v) {
    v("normal", normal);
  }
};
using Initial = std::variant<double, std::string, NormalForm>;

// How an SDE is seen: columns of data as functions of its states with Gaussian noise.
struct ObservationModel {
  // Column of the data -> expression of states, parameters and t; empty: the states themselves.
  std::vector<std::pair<std::string, Formula>> map;
  // Column -> standard deviation of its noise; a column that is not listed has none.
  std::vector<std::pair<std::string, Formula>> noise;
  // Parameters that the SDE does not have, and where they start.
  std::vector<std::pair<std::string, double>> parameters;
  // State -> its law at the first row of a series. A state that is not listed starts where it is first seen
  // if a column is that state without noise, else as the SDE document says.
  std::vector<std::pair<std::string, Initial>> initial;

  template <class V>
  void visit(V& v) {
    v("map", map);
    v("noise", noise);
    v("parameters", parameters);
    v("initial", initial);
  }
};

// Of the density "simulated" and the filter "particle".
struct SimulationOptions {
  int steps = 5;                    // Euler pieces between two observations
  int paths = 32;                   // a transition, in pairs of opposite sign
  std::string bridge = "modified";  // towards the observation (Durham & Gallant), or "none" (Pedersen)
  int particles = 1000;             // of the particle filter
  std::uint64_t seed = 0;           // not a key of its own: the fit's

  template <class V>
  void visit(V& v) {
    v("steps", steps);
    v("paths", paths);
    v("bridge", bridge);
    v("particles", particles);
  }
};

// Of the estimator "gmm".
struct GmmOptions {
  // What the conditional moments are multiplied by: expressions of states and t; none: 1 and every state.
  std::vector<Formula> instruments;
  // Autocovariances of the conditions in their covariance (Newey & West); 0: where the moments are right,
  // conditions of different times are uncorrelated.
  int lags = 0;

  template <class V>
  void visit(V& v) {
    v("instruments", instruments);
    v("lags", lags);
  }
};

struct FitOptions {
  // "likelihood", "gmm", "quadratic-variation" or "regression": a row of estimators().
  std::string estimator = "likelihood";
  // Where the search starts: "document", its values, or "quick", by regression and quadratic variation.
  std::string start_from = "document";
  GmmOptions gmm;
  // Transition density: a row of densities(), or "auto": exact where the law is known, else shoji-ozaki, else
  // euler.
  std::string density = "auto";
  // Parameters to estimate, from their values in the SDE document; empty: every one that the density depends
  // on.
  std::vector<std::string> estimate;
  // Parameters held at these values.
  std::map<std::string, double> fix;
  // Lowest and highest value of a parameter. Parameters whose sign the density shows (a scale of the
  // diffusion, a factor of a rate that must stay positive) keep it without a bound.
  std::map<std::string, std::array<double, 2>> bounds;
  // Points the optimiser starts from: the document's values, then a Halton design around them (within the
  // bounds where there are some). 0: one, and seven more where it does not converge.
  int starts = 0;
  std::uint64_t seed = 0;  // shifts the design, and of what is simulated
  // Of the intervals, between 0 and 1.
  double confidence = 0.95;
  // Convergence: the Newton decrement sqrt(g' H^-1 g), the distance to the optimum in standard errors, is
  // below this.
  double tolerance = 1e-8;
  int max_iterations = 100;  // of the optimiser, for each start
  // "newton" (trust region, exact Hessian), "lbfgs", "slsqp" (NLopt, exact gradient), "bobyqa", "subplex"
  // (NLopt, values alone), each ended by Newton steps; "auto": newton, and lbfgs where no start of it
  // converges.
  std::string optimizer = "auto";
  // Noisy or partly observed states; absent: every state is observed without noise.
  std::optional<ObservationModel> observation;
  // Rows that states are predicted ahead of the data, from every row on; 0: none. With an observation.
  int predict = 0;
  SimulationOptions simulation;
  InferenceOptions inference;  // its keys stand beside the others
  // Not a key: whether the result tells of data, residuals, states and step bias as well. Without: estimates,
  // their uncertainty and what the likelihood says, for fits whose number is large.
  bool describe = true;
  // Not a key: whether the result keeps what it tells of every single transition, 5 numbers a component.
  // Residuals are tested without that too. States of a filter are always kept.
  bool keep_terms = true;

  template <class V>
  void visit(V& v) {
    v("estimator", estimator);
    v("start_from", start_from);
    v("gmm", gmm);
    v("density", density);
    v("estimate", estimate);
    v("fix", fix);
    v("bounds", bounds);
    v("starts", starts);
    v("seed", seed);
    v("confidence", confidence);
    v("tolerance", tolerance);
    v("max_iterations", max_iterations);
    v("optimizer", optimizer);
    v("observation", observation);
    v("predict", predict);
    v("simulation", simulation);
    inference.visit(v);
  }
};

// `simulation` with the seed of the fit.
inline SimulationOptions simulation_of(const FitOptions& options) {
  SimulationOptions result = options.simulation;
  result.seed = options.seed;
  return result;
}

// The names that `optimizer` takes, "auto" first.
const std::vector<std::string>& optimizer_names();

}  // namespace sde
