// Strong and weak orders measured: one Brownian path, several step sizes, and a reference on the same path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hooks.h"
#include "brownian/area.h"
#include "sde/document.h"
#include "sde/expressions.h"
#include "solve/method.h"
#include "stats/slope.h"

namespace sde {

// The strong solution at time t for each state, as an expression of the initial states (by the states'
// names), t, the parameters and the Brownian motions at t (W_<noise>). Empty where none is known.
using StrongSolution = std::vector<std::string>;

struct ConvergenceOptions {
  const Method* method = nullptr;
  double start = 0, end = 1;
  std::vector<std::uint64_t> steps = {32, 64, 128, 256, 512};  // from start to end; each divides the last
  std::uint64_t paths = 1 << 16;
  std::uint64_t seed = 0;
  double confidence = 0.95;
  // Where no solution is known, the reference is another method, of the highest order that the noise allows,
  // with this many times the finest number of steps.
  std::uint64_t refinement = 16;
  AreaLaw areas = AreaLaw::foster;  // of the finest steps, where a method needs them
};

struct ConvergenceResult {
  std::string reference;           // "exact solution", "sri2w1 with 8192 steps"
  std::vector<ErrorLevel> strong;  // E|X_h(T) - X(T)|, Euclidean over the states
  std::vector<ErrorLevel> weak;    // |E X_h(T) - E X(T)|, the largest over the states, relative to nothing
  std::vector<bool> resolved;      // whether the weak error of a level stands out of its Monte Carlo error
  double strong_claim = 0, weak_claim = 0;  // 0 where the method claims none
  std::optional<Slope> strong_slope;        // empty where errors are nothing but rounding
  std::optional<Slope> weak_slope;          // empty where fewer than three levels are resolved
  bool exact = false;                       // errors are within rounding: the method solves this SDE exactly
  bool interrupted = false;

  // The claim lies below the upper end of the interval. A slope that could not be measured does not refute
  // it.
  bool strong_ok() const { return exact || !strong_slope || strong_claim <= strong_slope->high; }
  bool weak_ok() const { return exact || !weak_slope || weak_claim <= weak_slope->high; }
};

// The strong solution where it follows from the law (geometric Brownian motion), else empty.
StrongSolution known_solution(const SdeExpressions& sde);

// Throws Error(Status::usage) where the method does not fit or the step counts do not divide each other. An
// SDE in the other calculus than the method's is converted. All levels and the reference see the same
// increments.
ConvergenceResult measure_convergence(const SdeDocument& document, const SdeExpressions& sde,
                                      const StrongSolution& solution, const ConvergenceOptions& options,
                                      const Hooks& hooks = {});

// `sde` in a calculus and form that `method` takes; throws with refusal() where there is none.
SdeExpressions suited(const SdeExpressions& sde, const Method& method);

}  // namespace sde
