// An Sde given by expressions.
#pragma once

#include <vector>

#include "expr/program.h"
#include "sde/expressions.h"
#include "sde/sde.h"

namespace sde {

class ExpressionSde final : public Sde {
 public:
  explicit ExpressionSde(SdeExpressions expressions);

  std::size_t dimension() const override { return expressions_.dimension(); }
  std::size_t noises() const override { return expressions_.noises.size(); }
  Calculus calculus() const override { return expressions_.calculus; }
  NoiseKind noise_kind() const override { return expressions_.noise_kind; }
  // Where every component has a noise of its own, in the same order.
  bool diagonal_storage() const override { return diagonal_; }

  void drift(BlockTime t, ConstBlock x, Block f, SdeWorkspace& workspace) const override;
  void diffusion(BlockTime t, ConstBlock x, Block g, SdeWorkspace& workspace) const override;
  void coefficients(BlockTime t, ConstBlock x, Block f, Block g, SdeWorkspace& workspace) const override;
  bool has_milstein_term() const override { return diagonal_; }
  void coefficients_and_milstein(BlockTime t, ConstBlock x, Block f, Block g, Block gdg,
                                 SdeWorkspace& workspace) const override;

  const SdeExpressions& expressions() const { return expressions_; }

 private:
  // One program for a common time, one for times that differ from lane to lane.
  struct Pair {
    expr::Program common, per_lane;
  };
  Pair compile(const std::vector<expr::Expr>& outputs) const;
  void run(const Pair& programs, BlockTime t, ConstBlock x, std::initializer_list<Block> outputs,
           SdeWorkspace& workspace) const;

  SdeExpressions expressions_;
  bool diagonal_ = false, timed_ = false;
  Pair drift_, diffusion_, both_, milstein_;
};

}  // namespace sde
