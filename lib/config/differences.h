// What differs between two configurations, for a run that is to be continued.
#pragma once

#include <string>

namespace sde::config {

// The first difference of two JSON texts: `/optimizer/lr is 0.001 there and 0.01 here`; "" where there is
// none.
std::string first_difference(const std::string& there, const std::string& here);

}  // namespace sde::config
