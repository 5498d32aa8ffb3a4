#include "solve/tree_path.h"

#include <cmath>

#include "base/error.h"

namespace sde {

double tree_span(const TimeGrid& grid, const TreeOptions& options, bool adaptive) {
  const double reach = grid.end() - grid.start();
  if (!(options.area_step >= 0) || !std::isfinite(options.area_step))
    fail(Status::usage, "/brownian/area_step: must be a length of time above 0 (got {})", options.area_step);
  if (options.span != 0) {
    if (!(options.span >= reach * (1 - 1e-9)) || !std::isfinite(options.span))
      fail(Status::usage,
           "/brownian/span: the tree must reach from start to end, over {} (got {}); use a longer span",
           reach, options.span);
    return options.span;
  }
  if (adaptive) return reach;
  // To the rounding that make_grid allows where steps divide the way.
  const double steps = reach / grid.segments.front().h * (1 - 1e-9);
  int levels = 0;
  while (std::ldexp(1, levels) < steps) ++levels;
  return std::ldexp(grid.segments.front().h, levels);
}

}  // namespace sde
