#include "sde/expressions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/suggest.h"
#include "expr/curve.h"
#include "expr/node.h"
#include "sde/correlation.h"

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

const char* to_string(DrawnParameter::Law law) {
  static const char* const names[] = {"uniform", "normal", "lognormal"};
  return names[static_cast<int>(law)];
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

namespace {

// The document's expressions, with the names that they may use.
class DocumentParser {
 public:
  explicit DocumentParser(const SdeDocument& document) : document_(document) {}

  SdeExpressions operator()() {
    if (document_.calculus == "stratonovich") {
      result_.calculus = Calculus::stratonovich;
    } else if (document_.calculus != "ito") {
      fail(Status::usage, "/calculus: must be \"ito\" or \"stratonovich\" (got \"{}\")", document_.calculus);
    }
    if (document_.states.empty()) fail(Status::usage, "/state: an SDE needs at least one state");
    claim_names();
    const std::size_t dimension = document_.states.size();
    noises_ = document_.noises;
    for (std::size_t k = 0; k < noises_.size(); ++k)
      if (std::find(noises_.begin(), noises_.begin() + static_cast<std::ptrdiff_t>(k), noises_[k]) !=
          noises_.begin() + static_cast<std::ptrdiff_t>(k))
        fail(Status::usage, "/noise: the name \"{}\" is used twice", noises_[k]);
    columns_.assign(noises_.size(), std::vector<Expr>(dimension, Expr(0)));
    for (std::size_t i = 0; i < dimension; ++i) read_state(i);
    correlate();
    result_.diffusion.assign(dimension, {});
    for (std::size_t k = 0; k < noises_.size(); ++k) {
      if (std::all_of(columns_[k].begin(), columns_[k].end(), [](const Expr& e) { return e.is_zero(); }))
        continue;
      result_.noises.push_back(noises_[k]);
      for (std::size_t i = 0; i < dimension; ++i) result_.diffusion[i].push_back(columns_[k][i]);
    }
    result_.noise_kind = classify(result_.states, result_.diffusion);
    append_drawn();
    return std::move(result_);
  }

 private:
  void claim_names() {
    known_ = {"t"};
    std::set<std::string> taken;
    const auto claim = [&](const std::string& name, const char* where) {
      claim_name(taken, name, where);
      known_.push_back(name);
    };
    for (const StateDocument& state : document_.states) {
      claim(state.name, "/state");
      result_.states.push_back(state.name);
    }
    for (const auto& [name, value] : document_.parameters) {
      claim(name, "/parameters");
      result_.parameters.push_back(name);
      result_.parameter_values.push_back(value);
    }
    for (const DrawnParameter& p : document_.drawn) claim(p.name, "/parameters");
    for (const InputDocument& input : document_.inputs) {
      claim(input.name, "/inputs");
      if (!input.values) fail(Status::usage, "/inputs/{}: has no values", input.name);
      result_.inputs.emplace(input.name, expr::lookup(*input.values, Expr::symbol("t")));
    }
  }

  Expr parse(const std::string& pointer, const std::string& text) const {
    const Expr e = parse_at(pointer, text, known_);
    return result_.inputs.empty() ? e : expr::substitute(e, result_.inputs);
  }

  void read_state(std::size_t i) {
    const StateDocument& state = document_.states[i];
    result_.drift.push_back(parse("/drift/" + state.name, state.drift));
    result_.domains.push_back(state.domain);
    for (const auto& [noise, text] : state.diffusion) {
      auto place = std::find(noises_.begin(), noises_.end(), noise);
      const bool own = noise == state.name;
      if (place == noises_.end() && !own)
        fail(Status::usage, "/diffusion/{}: unknown noise \"{}\"{}", state.name, noise,
             suggestion(noise, document_.noises));
      const std::string pointer = own ? "/diffusion/" + state.name : "/diffusion/" + state.name + "/" + noise;
      Expr entry = parse(pointer, text);
      if (place == noises_.end()) {
        noises_.push_back(noise);
        columns_.emplace_back(document_.states.size(), Expr(0));
        place = noises_.end() - 1;
      }
      columns_[static_cast<std::size_t>(place - noises_.begin())][i] = entry;
    }
  }

  // dW = L dW', so column k of G L is sum_j G_j L_jk.
  void correlate() {
    if (document_.correlation.empty()) return;
    const std::vector<std::vector<Expr>> factor = correlation_factor(document_, noises_);
    for (std::size_t i = 0; i < document_.states.size(); ++i) {
      std::vector<Expr> row(noises_.size(), Expr(0));
      for (std::size_t k = 0; k < noises_.size(); ++k)
        for (std::size_t j = k; j < noises_.size(); ++j)
          if (!columns_[j][i].is_zero() && !factor[j][k].is_zero())
            row[k] = row[k] + factor[j][k] * columns_[j][i];
      for (std::size_t k = 0; k < noises_.size(); ++k) columns_[k][i] = row[k];
    }
  }

  void append_drawn() {
    for (const DrawnParameter& p : document_.drawn) {
      result_.states.push_back(p.name);
      result_.drift.emplace_back(0);
      result_.diffusion.emplace_back(result_.noises.size(), Expr(0));
      result_.domains.emplace_back();
    }
    result_.drawn = document_.drawn.size();
  }

  const SdeDocument& document_;
  SdeExpressions result_;
  std::vector<std::string> known_, noises_;
  std::vector<std::vector<Expr>> columns_;  // [noise][state]
};

}  // namespace

SdeExpressions parse_document(const SdeDocument& document) {
  return DocumentParser(document)();
}

expr::Expr parse_of(const SdeExpressions& sde, const std::string& text,
                    const std::vector<std::string>& more) {
  std::vector<std::string> known = more;
  known.insert(known.end(), sde.states.begin(), sde.states.end());
  known.insert(known.end(), sde.parameters.begin(), sde.parameters.end());
  known.emplace_back("t");
  for (const auto& [name, value] : sde.inputs) known.push_back(name);
  const Expr e = expr::parse(text, known);
  return sde.inputs.empty() ? e : expr::substitute(e, sde.inputs);
}

void require_inputs(const SdeDocument& document, double start, double end) {
  for (const InputDocument& input : document.inputs) {
    const double slack = 1e-9 * (input.last - input.first);
    if (input.outside == "hold" || (start >= input.first - slack && end <= input.last + slack)) continue;
    fail(Status::usage,
         "/inputs/{}: the data of {} go from {} to {}, and the times asked for from {} to {}; give data for "
         "them, "
         "or "
         "\"outside\": \"hold\" to go on with the values at the ends",
         input.name, input.data, input.first, input.last, start, end);
  }
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
