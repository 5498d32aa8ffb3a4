#include "sde/expression_sde.h"

#include <algorithm>

#include "base/error.h"

namespace sde {

using expr::Expr;

void Sde::coefficients_and_milstein(BlockTime, ConstBlock, Block, Block, Block, SdeWorkspace&) const {
  fail(Status::bug, "the Milstein term of this SDE is not known");
}

ExpressionSde::ExpressionSde(SdeExpressions expressions) : expressions_(std::move(expressions)) {
  const SdeExpressions& e = expressions_;
  const std::size_t dimension = e.dimension();
  diagonal_ = e.noises.size() == dimension;
  for (std::size_t i = 0; diagonal_ && i < dimension; ++i)
    for (std::size_t k = 0; k < dimension; ++k)
      if (i != k && !e.diffusion[i][k].is_zero()) diagonal_ = false;
  // The Milstein term needs G_ii to depend on x_i alone.
  if (e.noise_kind > NoiseKind::diagonal || e.noise_kind == NoiseKind::scalar) diagonal_ = false;

  std::vector<Expr> f, g, gdg;
  for (std::size_t i = 0; i < dimension; ++i) {
    f.push_back(truncated(e, e.drift[i]));
    for (std::size_t k = 0; k < e.noises.size(); ++k)
      if (!diagonal_ || i == k) g.push_back(truncated(e, e.diffusion[i][k]));
    if (diagonal_) gdg.push_back(truncated(e, milstein_coefficient(e, i, i, i)));
  }
  std::vector<Expr> both = f;
  both.insert(both.end(), g.begin(), g.end());
  for (const Expr& x : both) timed_ = timed_ || expr::depends_on(x, "t");
  drift_ = compile(f);
  diffusion_ = compile(g);
  both_ = compile(both);
  if (!diagonal_) return;
  both.insert(both.end(), gdg.begin(), gdg.end());
  milstein_ = compile(both);
}

ExpressionSde::Pair ExpressionSde::compile(const std::vector<Expr>& outputs) const {
  std::vector<std::string> lanes = expressions_.states, uniforms = expressions_.parameters;
  uniforms.emplace_back("t");
  Pair pair;
  pair.common = expr::Program(outputs, lanes, uniforms);
  if (!timed_) return pair;
  uniforms.pop_back();
  lanes.emplace_back("t");
  pair.per_lane = expr::Program(outputs, lanes, uniforms);
  return pair;
}

void ExpressionSde::run(const Pair& programs, BlockTime t, ConstBlock x, std::initializer_list<Block> outputs,
                        SdeWorkspace& workspace) const {
  std::vector<const double*> inputs;
  for (std::size_t i = 0; i < x.rows; ++i) inputs.push_back(x.row(i));
  std::vector<double*> to;
  for (const Block& block : outputs)
    for (std::size_t i = 0; i < block.rows; ++i) to.push_back(block.row(i));
  AlignedVector<double>& uniforms = workspace.values;
  uniforms.assign(expressions_.parameter_values.begin(), expressions_.parameter_values.end());
  const bool per_lane = t.lanes && timed_;
  if (per_lane) {
    inputs.push_back(t.lanes);
  } else {
    uniforms.push_back(t.value);
  }
  (per_lane ? programs.per_lane : programs.common)
      .run(inputs.data(), uniforms, to.data(), x.lanes, workspace.program);
}

void ExpressionSde::drift(BlockTime t, ConstBlock x, Block f, SdeWorkspace& workspace) const {
  run(drift_, t, x, {f}, workspace);
}

void ExpressionSde::diffusion(BlockTime t, ConstBlock x, Block g, SdeWorkspace& workspace) const {
  run(diffusion_, t, x, {g}, workspace);
}

void ExpressionSde::coefficients(BlockTime t, ConstBlock x, Block f, Block g, SdeWorkspace& workspace) const {
  run(both_, t, x, {f, g}, workspace);
}

void ExpressionSde::coefficients_and_milstein(BlockTime t, ConstBlock x, Block f, Block g, Block gdg,
                                              SdeWorkspace& workspace) const {
  if (!diagonal_) Sde::coefficients_and_milstein(t, x, f, g, gdg, workspace);
  run(milstein_, t, x, {f, g, gdg}, workspace);
}

}  // namespace sde
