// Short ways to write documents and run them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sde/expressions.h"
#include "solve/ensemble.h"

namespace sde::testing {

inline StateDocument state(const char* name, const char* drift,
                           std::vector<std::pair<std::string, std::string>> diffusion, const char* initial) {
  StateDocument s;
  s.name = name;
  s.drift = drift;
  s.diffusion = std::move(diffusion);
  s.initial.first = initial;
  return s;
}

// One state x with a noise of its own.
inline SdeDocument scalar(const char* drift, const char* diffusion, const char* initial,
                          std::vector<std::pair<std::string, double>> parameters = {}) {
  SdeDocument d;
  d.parameters = std::move(parameters);
  d.states = {state("x", drift, {{"x", diffusion}}, initial)};
  return d;
}

inline EnsembleResult run(const SdeDocument& document, const char* method, const TimeGrid& grid,
                          EnsembleOptions options, const std::function<void(const PathBlock&)>& sink = {}) {
  options.method = &find_method(method);
  return simulate(parse_document(document), InitialStates(document), grid, options, sink);
}

}  // namespace sde::testing
