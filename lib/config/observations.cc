#include "config/observations.h"

#include <span>

#include "base/error.h"

namespace sde::config {

Observations make_observations(const io::Dataset& data, const std::vector<std::string>& states) {
  const std::vector<std::size_t> columns = io::match_columns(data, states);
  Observations result(states);
  std::vector<double> time, value;
  for (std::size_t s = 0; s < data.n; ++s) {
    time.clear();
    value.clear();
    for (std::size_t i = 0; i < data.length[s]; ++i) {
      time.push_back(data.time_at(s, i));
      for (std::size_t c : columns) value.push_back(data.at(s, i, c));
    }
    const std::string name = data.n == 1 ? "" : s < data.ids.size() ? data.ids[s] : std::to_string(s);
    try {
      result.add(name, time, value);
    } catch (const Error& error) {
      fail(error.status(), "{}: {}", data.source, error.what());
    }
  }
  return result;
}

}  // namespace sde::config
