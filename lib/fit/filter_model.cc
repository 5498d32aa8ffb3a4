#include "fit/filter_model.h"

#include <algorithm>

#include "expr/curve.h"
#include "expr/node.h"
#include "sde/generator.h"

namespace sde {

using expr::Expr;

FilterModel::FilterModel(const StateSpace& model)
    : states(model.sde.dimension()), columns(model.columns.size()), initial_column(model.initial_column) {
  const SdeExpressions& sde = model.sde;
  std::vector<std::string> varying = sde.states;
  varying.emplace_back("t");
  std::vector<Expr> rows;
  for (const Expr& f : sde.drift) rows.push_back(truncated(sde, f));
  for (const Expr& f : sde.drift)
    for (const std::string& x : sde.states) rows.push_back(expr::differentiate(truncated(sde, f), x));
  for (const auto& row : noise_covariance(sde))
    for (const Expr& e : row) rows.push_back(truncated(sde, e));
  dynamics = Tape(rows, sde.parameters, varying);
  constant_dynamics = true;
  for (std::size_t i = states; i < rows.size(); ++i)
    constant_dynamics = constant_dynamics && dynamics.output_is_fixed(i);

  rows = model.map;
  for (const Expr& h : model.map)
    for (const std::string& x : sde.states) rows.push_back(expr::differentiate(h, x));
  for (const Expr& r : model.noise) rows.push_back(r * r);
  seen = Tape(rows, sde.parameters, varying);

  rows = model.initial_mean;
  for (const Expr& s : model.initial_deviation) rows.push_back(s * s);
  initial = Tape(rows, sde.parameters, {});

  for (const auto& [name, input] : sde.inputs) {
    const std::vector<double>& times = expr::curve_of(input.node().argument(1).number()).x();
    breaks.insert(breaks.end(), times.begin(), times.end());
  }
  std::sort(breaks.begin(), breaks.end());
  breaks.erase(std::unique(breaks.begin(), breaks.end()), breaks.end());
}

}  // namespace sde
