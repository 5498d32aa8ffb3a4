// What paths are counted by at the end.
#pragma once

#include <cstddef>
#include <vector>

#include "base/block.h"
#include "expr/program.h"
#include "solve/ensemble.h"

namespace sde {

// Expectations and their controls, of the states that anybody sees, the parameters and t.
class Functionals {
 public:
  Functionals(const EnsembleOptions& options, const SdeExpressions& sde);

  std::size_t count() const { return count_; }
  // At time t, where the first rows of x are the states: expectations go to the first rows of `out`, controls
  // to those after `gap` further ones.
  void evaluate(double t, const StateBlock<double>& x, std::size_t gap, StateBlock<double>& out,
                expr::Workspace& workspace) const;

 private:
  expr::Program program_;
  std::vector<double> parameters_;
  std::size_t states_ = 0, count_ = 0, expectations_ = 0;
};

}  // namespace sde
