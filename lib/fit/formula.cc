#include "fit/formula.h"

#include <algorithm>

#include "base/error.h"

namespace sde {

using Eigen::Index;
using expr::Expr;

namespace {

void run(const Tape& tape, std::span<const double> parameters, std::vector<double>& out) {
  Tape::Memory<double> memory;
  out.resize(tape.outputs());
  tape.start(std::span<const double>(), memory);
  tape.run(parameters, out.data(), memory);
}

}  // namespace

ParameterFormula::ParameterFormula(const Expr& e, const std::vector<std::string>& parameters,
                                   const std::vector<std::size_t>& free)
    : size_(static_cast<Index>(free.size())) {
  std::vector<Expr> first = {e}, second;
  for (std::size_t a : free) {
    first.push_back(expr::differentiate(e, parameters[a]));
    varies_ = varies_ || !first.back().is_zero();
  }
  for (std::size_t a = 0; a < free.size(); ++a)
    for (std::size_t b = a; b < free.size(); ++b)
      second.push_back(expr::differentiate(first[a + 1], parameters[free[b]]));
  slopes_ = Tape(first, {}, parameters);
  curvatures_ = Tape(second, {}, parameters);
}

void ParameterFormula::evaluate(std::span<const double> parameters, int order, FunctionValue& result) const {
  std::vector<double> out;
  run(slopes_, parameters, out);
  result.value = out[0];
  if (order < 1) return;
  result.gradient = Eigen::Map<const Eigen::VectorXd>(out.data() + 1, size_);
  if (order < 2) return;
  run(curvatures_, parameters, out);
  result.hessian.resize(size_, size_);
  std::size_t next = 0;
  for (Index a = 0; a < size_; ++a)
    for (Index b = a; b < size_; ++b) result.hessian(a, b) = result.hessian(b, a) = out[next++];
}

Expr Relation::gap() const {
  return equality || at_least ? left - right : right - left;
}

Expr parse_formula(const std::string& pointer, const std::string& text,
                   const std::vector<std::string>& parameters) {
  try {
    return expr::parse(text, parameters);
  } catch (const Error& error) {
    fail(Status::usage, "{}: \"{}\": {}", pointer, text, error.what());
  }
}

std::vector<std::string> hypothesis_parts(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Relation parse_relation(const std::string& pointer, const std::string& text,
                        const std::vector<std::string>& parameters) {
  // The first sign of a relation that no parenthesis encloses.
  int depth = 0;
  std::size_t at = std::string::npos;
  for (std::size_t i = 0; i < text.size() && at == std::string::npos; ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (depth == 0 && (text[i] == '<' || text[i] == '>' || text[i] == '=')) at = i;
  }
  if (at == std::string::npos)
    fail(Status::usage, "{}: \"{}\" is no relation; write two expressions with ==, <= or >= between them",
         pointer, text);
  const bool twin = at + 1 < text.size() && text[at + 1] == '=';
  Relation relation;
  relation.text = text;
  relation.equality = text[at] == '=';
  relation.at_least = text[at] == '>';
  relation.left = parse_formula(pointer, text.substr(0, at), parameters);
  relation.right = parse_formula(pointer, text.substr(at + (twin ? 2 : 1)), parameters);
  return relation;
}

}  // namespace sde
