#include "sde/expressions.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/suggest.h"
#include "expr/node.h"

namespace sde {

using expr::Expr;

const char* to_string(Calculus calculus) {
  return calculus == Calculus::ito ? "ito" : "stratonovich";
}

const char* to_string(NoiseKind kind) {
  static const char* const names[] = {"none", "additive", "scalar", "diagonal", "commutative", "general"};
  return names[static_cast<int>(kind)];
}

const char* to_string(Boundary boundary) {
  static const char* const names[] = {"none", "reflect", "absorb", "full-truncation"};
  return names[static_cast<int>(boundary)];
}

std::vector<std::string> SdeDocument::state_names() const {
  std::vector<std::string> names;
  for (const StateDocument& state : states) names.push_back(state.name);
  return names;
}

const double* SdeDocument::find_parameter(const std::string& wanted) const {
  for (const auto& [key, value] : parameters)
    if (key == wanted) return &value;
  return nullptr;
}

double* SdeDocument::find_parameter(const std::string& wanted) {
  return const_cast<double*>(static_cast<const SdeDocument*>(this)->find_parameter(wanted));
}

namespace {

void claim_name(std::set<std::string>& taken, const std::string& name, const char* where) {
  static const std::set<std::string> reserved = {
      "t",    "pi",   "exp",  "log",  "sqrt", "abs",   "sin",     "cos",      "tan",
      "tanh", "sinh", "cosh", "asin", "acos", "atan",  "sigmoid", "softplus", "erf",
      "min",  "max",  "pow",  "sign", "if",   "expm1", "log1p"};
  const bool identifier =
      !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  if (!identifier)
    fail(Status::usage, "{}: a name is a letter or _ followed by letters, digits and _ (got \"{}\")", where,
         name);
  if (reserved.contains(name))
    fail(Status::usage, "{}: \"{}\" is a word of the expression language; choose another name", where, name);
  if (!taken.insert(name).second) fail(Status::usage, "{}: the name \"{}\" is used twice", where, name);
}

Expr parse_at(const std::string& pointer, const std::string& text, const std::vector<std::string>& known) {
  try {
    return expr::parse(text, known);
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", pointer, error.what());
  }
}

// e = factor * sqrt(radicand), where such a factor can be seen.
struct Split {
  Expr factor;
  std::optional<Expr> radicand;
};

Split split_root(const Expr& e) {
  const expr::Node& node = e.node();
  switch (node.op) {
    case expr::Op::sqrt:
      return {Expr(1), node.argument(0)};
    case expr::Op::negate: {
      Split inner = split_root(node.argument(0));
      return {-inner.factor, inner.radicand};
    }
    case expr::Op::multiply: {
      Split left = split_root(node.argument(0));
      if (left.radicand) return {left.factor * node.argument(1), left.radicand};
      Split right = split_root(node.argument(1));
      return {node.argument(0) * right.factor, right.radicand};
    }
    case expr::Op::divide: {
      Split top = split_root(node.argument(0));
      return {top.factor / node.argument(1), top.radicand};
    }
    default:
      return {e, {}};
  }
}

// a * db/dx. Where both hold the same square root the product is formed without it, so that no 0 * inf arises
// at 0.
Expr times_derivative(const Expr& a, const Expr& b, const std::string& x) {
  const Split first = split_root(a), second = split_root(b);
  if (!first.radicand || !second.radicand || !expr::structurally_equal(*first.radicand, *second.radicand))
    return a * expr::differentiate(b, x);
  const Expr& u = *first.radicand;
  return first.factor *
         (u * expr::differentiate(second.factor, x) + Expr(0.5) * second.factor * expr::differentiate(u, x));
}

}  // namespace

SdeExpressions parse_document(const SdeDocument& document) {
  SdeExpressions result;
  if (document.calculus == "stratonovich") {
    result.calculus = Calculus::stratonovich;
  } else if (document.calculus != "ito") {
    fail(Status::usage, "/calculus: must be \"ito\" or \"stratonovich\" (got \"{}\")", document.calculus);
  }
  if (document.states.empty()) fail(Status::usage, "/state: an SDE needs at least one state");

  std::set<std::string> taken;
  std::vector<std::string> known = {"t"};
  for (const StateDocument& state : document.states) {
    claim_name(taken, state.name, "/state");
    result.states.push_back(state.name);
    known.push_back(state.name);
  }
  for (const auto& [name, value] : document.parameters) {
    claim_name(taken, name, "/parameters");
    result.parameters.push_back(name);
    result.parameter_values.push_back(value);
    known.push_back(name);
  }

  const std::size_t dimension = document.states.size();
  std::vector<std::vector<Expr>> columns;  // [noise][state]
  std::vector<std::string> noises = document.noises;
  for (std::size_t k = 0; k < noises.size(); ++k)
    if (std::find(noises.begin(), noises.begin() + static_cast<std::ptrdiff_t>(k), noises[k]) !=
        noises.begin() + static_cast<std::ptrdiff_t>(k))
      fail(Status::usage, "/noise: the name \"{}\" is used twice", noises[k]);
  columns.assign(noises.size(), std::vector<Expr>(dimension, Expr(0)));
  for (std::size_t i = 0; i < dimension; ++i) {
    const StateDocument& state = document.states[i];
    result.drift.push_back(parse_at("/drift/" + state.name, state.drift, known));
    result.domains.push_back(state.domain);
    for (const auto& [noise, text] : state.diffusion) {
      auto place = std::find(noises.begin(), noises.end(), noise);
      const bool own = noise == state.name;
      if (place == noises.end() && !own)
        fail(Status::usage, "/diffusion/{}: unknown noise \"{}\"{}", state.name, noise,
             suggestion(noise, document.noises));
      const std::string pointer = own ? "/diffusion/" + state.name : "/diffusion/" + state.name + "/" + noise;
      Expr entry = parse_at(pointer, text, known);
      if (place == noises.end()) {
        noises.push_back(noise);
        columns.emplace_back(dimension, Expr(0));
        place = noises.end() - 1;
      }
      columns[static_cast<std::size_t>(place - noises.begin())][i] = entry;
    }
  }
  result.diffusion.assign(dimension, {});
  for (std::size_t k = 0; k < noises.size(); ++k) {
    if (std::all_of(columns[k].begin(), columns[k].end(), [](const Expr& e) { return e.is_zero(); }))
      continue;
    result.noises.push_back(noises[k]);
    for (std::size_t i = 0; i < dimension; ++i) result.diffusion[i].push_back(columns[k][i]);
  }
  result.noise_kind = classify(result.states, result.diffusion);
  return result;
}

NoiseKind classify(const std::vector<std::string>& states, const std::vector<std::vector<Expr>>& diffusion) {
  const std::size_t dimension = states.size();
  const std::size_t noises = diffusion.empty() ? 0 : diffusion[0].size();
  if (noises == 0) return NoiseKind::none;
  const auto depends = [&](const Expr& e) {
    return std::any_of(states.begin(), states.end(),
                       [&](const std::string& s) { return expr::depends_on(e, s); });
  };
  bool additive = true, diagonal = noises <= dimension;
  std::vector<int> driver(dimension, -1);
  for (std::size_t k = 0; k < noises; ++k) {
    int driven = 0;
    for (std::size_t i = 0; i < dimension; ++i) {
      const Expr& e = diffusion[i][k];
      if (e.is_zero()) continue;
      ++driven;
      if (driver[i] >= 0) diagonal = false;
      driver[i] = static_cast<int>(k);
      if (!depends(e)) continue;
      additive = false;
      for (std::size_t j = 0; j < dimension; ++j)
        if (j != i && expr::depends_on(e, states[j])) diagonal = false;
    }
    if (driven > 1) diagonal = false;
  }
  if (additive) return NoiseKind::additive;
  if (diagonal && (noises > 1 || dimension == 1)) return NoiseKind::diagonal;
  if (noises == 1) return NoiseKind::scalar;
  SdeExpressions probe;
  probe.states = states;
  probe.diffusion = diffusion;
  for (std::size_t i = 0; i < dimension; ++i)
    for (std::size_t j = 0; j < noises; ++j)
      for (std::size_t k = 0; k < j; ++k)
        if (!expr::probably_equal(milstein_coefficient(probe, i, j, k), milstein_coefficient(probe, i, k, j)))
          return NoiseKind::general;
  return NoiseKind::commutative;
}

SdeExpressions converted(const SdeExpressions& sde, Calculus to) {
  if (sde.calculus == to) return sde;
  SdeExpressions result = sde;
  result.calculus = to;
  const Expr half = to == Calculus::stratonovich ? Expr(-0.5) : Expr(0.5);
  for (std::size_t i = 0; i < sde.dimension(); ++i)
    for (std::size_t k = 0; k < sde.noises.size(); ++k)
      result.drift[i] = result.drift[i] + half * milstein_coefficient(sde, i, k, k);
  return result;
}

Expr milstein_coefficient(const SdeExpressions& sde, std::size_t i, std::size_t j, std::size_t k) {
  Expr sum = 0;
  for (std::size_t l = 0; l < sde.states.size(); ++l)
    sum = sum + times_derivative(sde.diffusion[l][j], sde.diffusion[i][k], sde.states[l]);
  return sum;
}

expr::Expr truncated(const SdeExpressions& sde, const Expr& e) {
  std::map<std::string, Expr, std::less<>> values;
  for (std::size_t i = 0; i < sde.dimension(); ++i) {
    const Domain& domain = sde.domains[i];
    if (domain.boundary != Boundary::full_truncation) continue;
    Expr x = Expr::symbol(sde.states[i]);
    if (domain.min) x = expr::call("max", {x, Expr(*domain.min)});
    if (domain.max) x = expr::call("min", {x, Expr(*domain.max)});
    values.emplace(sde.states[i], x);
  }
  return values.empty() ? e : expr::substitute(e, values);
}

}  // namespace sde
