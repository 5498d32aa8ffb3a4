// integral(EXPR), average(EXPR), max_path(EXPR) and min_path(EXPR) in expectations: functionals of the whole
// path.
#pragma once

#include <string>
#include <vector>

#include "options.h"
#include "sde/expressions.h"

namespace sde {

// Each is a state that nobody sees. An integral, dI = EXPR dt from 0 (divided by the time, for an average),
// is stepped by every method as the others are; an extreme is followed from step to step (solve/events.h).
class PathFunctionals {
 public:
  PathFunctionals() = default;
  // Those in the expectations of `options`. Throws Error(Status::usage) that begins with "/expect/0" where a
  // parenthesis is not closed or one stands in another.
  explicit PathFunctionals(const SimulateOptions& options);

  std::size_t size() const { return functionals_.size(); }
  // Appends the states to a document and its equation, over the time from `start` to `end`.
  void extend(SdeDocument& document, SdeExpressions& equation, double start, double end) const;
  // Expectation i, of the states of the equation so extended.
  expr::Expr parse(const SdeExpressions& equation, std::size_t i) const;

 private:
  enum class Kind { integral, average, greatest, least };
  struct Functional {
    std::string name;    // "integral(x*y)", of the state too
    std::string inner;   // "x*y"
    std::string symbol;  // in its place in the text, and as long, so that columns in messages stay
    Kind kind = Kind::integral;
    std::size_t expectation = 0;  // where it stands first
  };
  struct Call;
  static Call find_call(const std::string& text, std::size_t from);

  std::vector<Functional> functionals_;
  std::vector<std::string> texts_;  // [expectation]
};

}  // namespace sde
