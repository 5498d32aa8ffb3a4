#include "equations.h"

namespace sde::bench {

StateDocument state(const char* name, const char* drift,
                    std::vector<std::pair<std::string, std::string>> diffusion, const char* initial) {
  StateDocument s;
  s.name = name;
  s.drift = drift;
  s.diffusion = std::move(diffusion);
  s.initial.first = initial;
  return s;
}

// Parameters are written as numbers, as in the hand-written programs that these are compared with.
SdeDocument ou() {
  SdeDocument d;
  d.states = {state("x", "2*(0.5 - x)", {{"x", "0.3"}}, "0")};
  return d;
}

SdeDocument gbm() {
  SdeDocument d;
  d.states = {state("x", "0.05*x", {{"x", "0.2*x"}}, "1")};
  return d;
}

SdeDocument heston() {
  SdeDocument d;
  d.parameters = {{"mu", 0.05}, {"kappa", 2.0}, {"theta", 0.04}, {"xi", 0.3}, {"rho", -0.7}};
  d.noises = {"w1", "w2"};
  d.states = {state("s", "mu*s", {{"w1", "sqrt(v)*s"}}, "100"),
              state("v", "kappa*(theta - v)",
                    {{"w1", "rho*xi*sqrt(v)"}, {"w2", "sqrt(1 - rho^2)*xi*sqrt(v)"}}, "0.04")};
  d.states[1].domain = {0.0, {}, Boundary::full_truncation};
  return d;
}

}  // namespace sde::bench
