#include "expect.h"

#include <cmath>
#include <map>

#include "base/error.h"
#include "expr/expr.h"
#include "solve/mean.h"

namespace sde {
namespace {

template <class Parse>
expr::Expr parse_at(const Parse& parse, const std::string& text, const char* key, std::size_t index) {
  try {
    return parse(text);
  } catch (const Error& error) {
    fail(error.status(), "/{}/{}: {}", key, index, error.what());
  }
}

// The = that parts "EXPR=MEAN": the last one that is not of a comparison.
std::size_t find_equals(const std::string& text) {
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] != '=') continue;
    const char before = i > 0 ? text[i - 1] : '\0', after = i + 1 < text.size() ? text[i + 1] : '\0';
    if (before == '=' || before == '<' || before == '>' || before == '!' || after == '=') continue;
    return i;
  }
  return std::string::npos;
}

}  // namespace

void parse_expectations(const SimulateOptions& options, const SdeExpressions& equation,
                        const PathFunctionals& functionals, const InitialStates& initial, double start,
                        double end, EnsembleOptions& into) {
  std::vector<std::string> uniform = equation.parameters;
  uniform.emplace_back("t");
  const auto known = [&](const std::string& text) { return parse_of(equation, text); };
  const auto constant = [&](const std::string& text) { return expr::parse(text, uniform); };
  const auto functional = [&](std::size_t i) {
    return parse_at([&](const std::string&) { return functionals.parse(equation, i); }, options.expect[i],
                    "expect", i);
  };
  for (std::size_t i = 0; i < options.expect.size(); ++i) into.expect.push_back(functional(i));

  if (!options.control.empty() && options.expect.empty())
    fail(Status::usage, "/control: control variates are for expectations; add --expect EXPR");
  std::map<std::string, double, std::less<>> values = {{"t", end}};
  for (std::size_t i = 0; i < equation.parameters.size(); ++i)
    values[equation.parameters[i]] = equation.parameter_values[i];
  for (std::size_t i = 0; i < options.control.size(); ++i) {
    const std::string& text = options.control[i];
    if (text == "auto") {
      std::string reason;
      const auto mean = exact_mean(equation, initial.mean(), end - start, reason);
      if (!mean) fail(Status::usage, "/control/{}: no exact mean is known: {}; give EXPR=MEAN", i, reason);
      for (std::size_t k = 0; k + functionals.size() < equation.dimension(); ++k) {
        into.controls.push_back(expr::Expr::symbol(equation.states[k]));
        into.control_means.push_back((*mean)[k]);
      }
      continue;
    }
    const std::size_t equals = find_equals(text);
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      fail(Status::usage, "/control/{}: expected EXPR=MEAN or auto (got \"{}\")", i, text);
    into.controls.push_back(parse_at(known, text.substr(0, equals), "control", i));
    const double mean = expr::evaluate(parse_at(constant, text.substr(equals + 1), "control", i), values);
    if (!std::isfinite(mean)) fail(Status::usage, "/control/{}: the mean must be finite (got {})", i, mean);
    into.control_means.push_back(mean);
  }
}

}  // namespace sde
