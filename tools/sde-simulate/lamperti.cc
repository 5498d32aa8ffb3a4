#include "lamperti.h"

#include <fmt/format.h>

#include "base/error.h"

namespace sde {

Lamperti lamperti_at(const SdeExpressions& equation, const InitialStates& initial) {
  const Eigen::VectorXd mean = initial.moments(1).mean;
  return lamperti(equation, {mean.begin(), mean.end()});
}

StateTransform state_transform(const SdeExpressions& equation, const Lamperti& lamperti) {
  return {equation.states, lamperti.forward, lamperti.inverse};
}

SdeDocument lamperti_document(const SdeDocument& document, const SdeExpressions& equation) {
  for (const StateDocument& state : document.states)
    if (state.initial.kind != InitialLaw::Kind::expression)
      fail(Status::usage,
           "/initial/{}: the law of a random start is not carried over; give a number, or simulate with "
           "--transform "
           "lamperti",
           state.name);
  const Lamperti l = lamperti_at(equation, InitialStates(document));
  std::vector<std::string> back;
  SdeDocument result;
  result.name = document.name.empty() ? "lamperti" : document.name + "-lamperti";
  result.source = document.source;
  result.parameters = document.parameters;
  result.noises = l.sde.noises;
  result.time = document.time;
  for (std::size_t i = 0; i < equation.dimension(); ++i) {
    const StateDocument& given = document.states[i];
    StateDocument& state = result.states.emplace_back();
    state.name = l.sde.states[i];
    state.drift = expr::to_string(l.sde.drift[i]);
    for (std::size_t k = 0; k < l.sde.noises.size(); ++k)
      if (!l.sde.diffusion[i][k].is_zero())
        state.diffusion.emplace_back(l.sde.noises[k], expr::to_string(l.sde.diffusion[i][k]));
    const expr::Expr start = expr::parse(given.initial.first, equation.parameters);
    state.initial.first = expr::to_string(expr::substitute(l.forward[i], {{given.name, start}}));
    back.push_back(fmt::format("{} = {}", given.name, expr::to_string(l.inverse[i])));
  }
  result.description = fmt::format("Lamperti transform: {}", fmt::join(back, ", "));
  return result;
}

}  // namespace sde
