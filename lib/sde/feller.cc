#include "sde/feller.h"

#include <map>

#include "sde/law.h"

namespace sde {

std::vector<FellerCondition> feller_conditions(const SdeExpressions& given) {
  const SdeExpressions sde = converted(given, Calculus::ito);
  std::map<std::string, double, std::less<>> values;
  for (std::size_t i = 0; i < sde.parameters.size(); ++i) values[sde.parameters[i]] = sde.parameter_values[i];
  std::vector<FellerCondition> result;
  for (std::size_t i = 0; i < sde.dimension(); ++i) {
    // The state alone, where nothing of it depends on others.
    bool alone = !sde.noises.empty();
    for (std::size_t j = 0; j < sde.dimension() && alone; ++j) {
      if (j == i) continue;
      alone = !expr::depends_on(sde.drift[i], sde.states[j]);
      for (const expr::Expr& g : sde.diffusion[i]) alone = alone && !expr::depends_on(g, sde.states[j]);
    }
    if (!alone) continue;
    SdeExpressions one;
    one.states = {sde.states[i]};
    one.noises = sde.noises;
    one.parameters = sde.parameters;
    one.parameter_values = sde.parameter_values;
    one.drift = {sde.drift[i]};
    one.diffusion = {sde.diffusion[i]};
    one.domains = {{}};
    const LawRecognition law = recognise_law(one);
    if (!law.known() || law.groups[0].kind != LawKind::square_root) continue;
    const double scale = expr::evaluate(law.groups[0].scalar_scale(), values);
    result.push_back({i, 2 * expr::evaluate(law.groups[0].intercept[0], values), scale * scale});
  }
  return result;
}

}  // namespace sde
