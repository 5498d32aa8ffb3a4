#include "fit/estimable.h"

#include <algorithm>

#include "base/error.h"

namespace sde {

SdeDocument estimable(const SdeDocument& document, std::span<const double> time,
                      const std::map<std::string, double>& fix) {
  SdeDocument result = document;
  result.drawn.clear();
  for (const DrawnParameter& p : document.drawn) {
    const auto fixed = fix.find(p.name);
    if (fixed == fix.end())
      fail(Status::usage,
           "/parameters/{}: is {}, drawn anew for each path, which no density here knows of; hold it at a "
           "value "
           "(sde-fit --fix {}=VALUE), or write a number",
           p.name, to_string(p.law), p.name);
    result.parameters.emplace_back(p.name, fixed->second);
  }
  if (!time.empty()) {
    const auto [first, last] = std::minmax_element(time.begin(), time.end());
    require_inputs(result, *first, *last);
  }
  return result;
}

}  // namespace sde
