#include "score/time_functions.h"

#include "base/error.h"

namespace sde {

expr::Expr parse_time_function(const std::string& text, const char* pointer) {
  try {
    return expr::parse(text, {"t"});
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", pointer, error.what());
  }
}

TimeFunctions::TimeFunctions(const std::vector<expr::Expr>& functions)
    : program_(functions, {"t"}, {}), count_(functions.size()) {}

void TimeFunctions::at(const double* t, std::size_t n, double* const* rows) const {
  thread_local expr::Workspace workspace;
  program_.run(&t, {}, rows, n, workspace);
}

void TimeFunctions::at(double t, double* out) const {
  thread_local StateBlock<double> block;
  if (block.rows() < count_ + 1) block.resize(count_ + 1, kLaneQuantum);
  std::fill_n(block.row(0), kLaneQuantum, t);
  double* rows[8];
  for (std::size_t k = 0; k < count_; ++k) rows[k] = block.row(k + 1);
  at(block.row(0), kLaneQuantum, rows);
  for (std::size_t k = 0; k < count_; ++k) out[k] = rows[k][0];
}

}  // namespace sde
