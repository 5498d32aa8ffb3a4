// Functions of time given as expressions, for processes.
#pragma once

#include <string>
#include <vector>

#include "expr/expr.h"
#include "expr/program.h"

namespace sde {

// An expression of t alone. Throws Error(Status::usage) that begins with `pointer`.
expr::Expr parse_time_function(const std::string& text, const char* pointer);

class TimeFunctions {
 public:
  TimeFunctions() = default;
  explicit TimeFunctions(const std::vector<expr::Expr>& functions);

  std::size_t count() const { return count_; }
  // out[k] is function k at t.
  void at(double t, double* out) const;
  // rows[k] holds function k at n times, a multiple of kLaneQuantum; all aligned.
  void at(const double* t, std::size_t n, double* const* rows) const;

 private:
  expr::Program program_;
  std::size_t count_ = 0;
};

}  // namespace sde
