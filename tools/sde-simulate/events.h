// Events: read from the configuration, and told to the reader.
#pragma once

#include <string>

#include "config/summary.h"
#include "options.h"
#include "solve/ensemble.h"

namespace sde {

// Parses the events of `options` into `into`. Throws Error(Status::usage) that begins with a JSON pointer.
void parse_events(const SimulateOptions& options, const SdeExpressions& equation, const TimeGrid& grid,
                  EnsembleOptions& into);

// Under /events of the summary of a run.
void summarise_events(const std::vector<Event>& events, const std::vector<EventTimes>& times,
                      config::Summary& summary);
std::string events_text(const std::vector<Event>& events, const std::vector<EventTimes>& times);

}  // namespace sde
