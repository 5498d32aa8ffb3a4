// The functions behind the rows of densities(); each takes an SDE in the Ito calculus.
#pragma once

#include <string>
#include <vector>

#include "fit/density.h"

namespace sde {

std::vector<TransitionDensity> make_exact_density(const SdeExpressions& ito, std::string& why_not);
// Linear drift and constant noise in any dimension; the other exact laws are make_exact_density's.
std::vector<TransitionDensity> make_linear_exact_density(const SdeExpressions& ito, std::string& why_not);
std::vector<TransitionDensity> make_euler_density(const SdeExpressions& ito, std::string& why_not);
std::vector<TransitionDensity> make_milstein_density(const SdeExpressions& ito, std::string& why_not);
std::vector<TransitionDensity> make_kessler_density(const SdeExpressions& ito, std::string& why_not);
std::vector<TransitionDensity> make_ozaki_density(const SdeExpressions& ito, std::string& why_not);
std::vector<TransitionDensity> make_local_linear_density(const SdeExpressions& ito, std::string& why_not);
std::vector<TransitionDensity> make_expansion_density(const SdeExpressions& ito, std::string& why_not);
std::vector<TransitionDensity> make_simulated_density(const SdeExpressions& ito, std::string& why_not);

}  // namespace sde
