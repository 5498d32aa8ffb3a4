// integral(EXPR) and average(EXPR) in expectations: functionals of the whole path.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "options.h"
#include "sde/expressions.h"

namespace sde {

// Each is a state that nobody sees, dI = EXPR dt from 0 (divided by the time, for an average), which every
// method steps as it does the others.
class PathIntegrals {
 public:
  PathIntegrals() = default;
  // Those in the expectations of `options`. Throws Error(Status::usage) that begins with "/expect/0" where a
  // parenthesis is not closed or one stands in another.
  explicit PathIntegrals(const SimulateOptions& options);

  std::size_t size() const { return integrals_.size(); }
  // Appends the states to a document and its equation, over the time from `start` to `end`.
  void extend(SdeDocument& document, SdeExpressions& equation, double start, double end) const;
  // Expectation i, of the states of the equation so extended.
  expr::Expr parse(const SdeExpressions& equation, std::size_t i) const;

 private:
  struct Integral {
    std::string name;    // "integral(x*y)", of the state too
    std::string inner;   // "x*y"
    std::string symbol;  // in its place in the text, and as long, so that columns in messages stay
    bool average = false;
    std::size_t expectation = 0;  // where it stands first
  };
  std::vector<Integral> integrals_;
  std::vector<std::string> texts_;  // [expectation]
};

}  // namespace sde
