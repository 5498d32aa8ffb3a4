// The virtual Brownian tree that an ensemble takes its paths from.
#pragma once

#include "solve/grid.h"

namespace sde {

struct TreeOptions {
  // Time that the whole tree spans from the start on, at least to the end; trees of the same span are the
  // same, whatever the steps. 0: the shortest that is the first step times a power of two, so that the ends
  // of equal steps are the nodes of a level; where steps adapt, the time from start to end.
  double span = 0;
  // Levy areas are drawn for pieces no longer than this and joined. 0: for whole steps.
  double area_step = 0;
};

// What options.span says, or the default. Throws Error(Status::usage) for one that does not reach the end,
// and for an area_step that is negative or not finite.
double tree_span(const TimeGrid& grid, const TreeOptions& options, bool adaptive);

}  // namespace sde
