// Data files as the likelihood takes them.
#pragma once

#include <string>
#include <vector>

#include "fit/observations.h"
#include "io/dataset.h"

namespace sde::config {

// The columns of `data` matched to `states` (io::match_columns), every series with its name. Error(bad_data)
// names the file: `tbill.csv: row 3: times must increase (got 1 after 2)`.
Observations make_observations(const io::Dataset& data, const std::vector<std::string>& states);

}  // namespace sde::config
