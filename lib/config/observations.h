// Data files as the likelihood takes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fit/observations.h"
#include "fit/series.h"
#include "io/dataset.h"

namespace sde::config {

// The columns of `data` matched to `states` (io::match_columns), every series with its name. Error(bad_data)
// names the file: `tbill.csv: row 3: times must increase (got 1 after 2)`.
// `first` receives for every series of the file the transition it begins at, and their number behind the
// last: series without a transition have none, but keep their place.
Observations make_observations(const io::Dataset& data, const std::vector<std::string>& states,
                               std::vector<std::uint64_t>* first = nullptr);

// The same with rows that miss values, for filters.
SeriesTable make_series(const io::Dataset& data, const std::vector<std::string>& columns);

}  // namespace sde::config
