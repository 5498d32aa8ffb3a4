#include "solve/functionals.h"

#include <string>

namespace sde {

Functionals::Functionals(const EnsembleOptions& options, const SdeExpressions& sde)
    : parameters_(sde.parameter_values),
      states_(sde.dimension()),
      count_(options.expect.size() + options.controls.size()),
      expectations_(options.expect.size()) {
  if (count_ == 0) return;
  std::vector<expr::Expr> all = options.expect;
  all.insert(all.end(), options.controls.begin(), options.controls.end());
  std::vector<std::string> uniforms = sde.parameters;
  uniforms.emplace_back("t");
  program_ = expr::Program(all, options.transform ? options.transform->states : sde.states, uniforms);
}

void Functionals::evaluate(double t, const StateBlock<double>& x, std::size_t gap, StateBlock<double>& out,
                           expr::Workspace& workspace) const {
  if (count_ == 0) return;
  std::vector<const double*> inputs;
  std::vector<double*> outputs;
  for (std::size_t i = 0; i < states_; ++i) inputs.push_back(x.row(i));
  for (std::size_t k = 0; k < count_; ++k) outputs.push_back(out.row(k < expectations_ ? k : k + gap));
  std::vector<double> uniforms = parameters_;
  uniforms.push_back(t);
  program_.run(inputs.data(), uniforms, outputs.data(), x.lanes(), workspace);
}

}  // namespace sde
