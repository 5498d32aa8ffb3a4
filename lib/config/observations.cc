#include "config/observations.h"

#include <span>

#include "base/error.h"

namespace sde::config {

namespace {

// Calls add(name, time, value) for every series, with the columns matched to `names`.
template <class F>
void for_each_series(const io::Dataset& data, const std::vector<std::string>& names, F&& add) {
  const std::vector<std::size_t> columns = io::match_columns(data, names);
  bool in_place = columns.size() == data.d;  // else copied, column by column
  for (std::size_t k = 0; k < columns.size(); ++k) in_place = in_place && columns[k] == k;
  std::vector<double> chosen;
  for (std::size_t s = 0; s < data.n; ++s) {
    const std::size_t length = data.length[s];
    const std::span<const double> time(data.time.data() + (data.common_time ? 0 : s * data.t), length);
    std::span<const double> value(data.x.data() + s * data.t * data.d, length * data.d);
    if (!in_place) {
      chosen.clear();
      for (std::size_t i = 0; i < length; ++i)
        for (std::size_t c : columns) chosen.push_back(data.at(s, i, c));
      value = chosen;
    }
    const std::string name = data.n == 1 ? "" : s < data.ids.size() ? data.ids[s] : std::to_string(s);
    try {
      add(name, time, value);
    } catch (const Error& error) {
      fail(error.status(), "{}: {}", data.source, error.what());
    }
  }
}

}  // namespace

Observations make_observations(const io::Dataset& data, const std::vector<std::string>& states,
                               std::vector<std::uint64_t>* first) {
  Observations result(states);
  for_each_series(data, states, [&](const std::string& name, const auto& time, const auto& value) {
    if (first) first->push_back(result.transitions());
    result.add(name, time, value);
  });
  if (first) first->push_back(result.transitions());
  return result;
}

SeriesTable make_series(const io::Dataset& data, const std::vector<std::string>& columns) {
  SeriesTable result(columns);
  for_each_series(data, columns, [&](const std::string& name, const auto& time, const auto& value) {
    result.add(name, time, value);
  });
  return result;
}

}  // namespace sde::config
