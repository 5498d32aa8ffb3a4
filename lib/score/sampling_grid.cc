#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "score/sampler.h"

namespace sde {
namespace {

double between(double from, double to, double part, double power) {
  const double a = std::pow(from, 1 / power), b = std::pow(to, 1 / power);
  return std::pow(a + part * (b - a), power);
}

}  // namespace

std::vector<double> sampling_grid(const NoiseProcess& process, GridType type, std::uint64_t steps, double eps,
                                  std::optional<double> rho, bool to_data, double start) {
  if (steps < 1 || steps > 100'000'000) fail(Status::usage, "/steps: must be 1 to 100000000 (got {})", steps);
  const bool by_time = type == GridType::uniform || type == GridType::quadratic;
  if (!(start > 0 && start <= kHorizon)) {
    fail(Status::usage, "/start_time: must be > 0 and at most {} (got {})", kHorizon, start);
  }
  if (!(eps < start) || !(by_time && !to_data ? eps >= 0 : eps > 0)) {
    fail(Status::usage, "/eps: must lie between 0 and {} (got {})", start, eps);
  }
  if (rho && type != GridType::karras && type != GridType::exponential) {
    fail(Status::usage, "/rho: is for the grids karras and exponential; leave it out");
  }
  if (rho && !(*rho > 0)) fail(Status::usage, "/rho: must be > 0 (got {})", *rho);
  const double first = process.half_log_snr(start), last = by_time ? 0 : process.half_log_snr(eps);
  const std::uint64_t n = to_data ? steps - 1 : steps;
  std::vector<double> grid(n + 1);
  for (std::uint64_t i = 0; i <= n; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(std::max<std::uint64_t>(n, 1));
    switch (type) {
      case GridType::uniform:
        grid[i] = start + part * (eps - start);
        break;
      case GridType::quadratic:
        grid[i] = between(start, eps, part, 2);
        break;
      case GridType::logsnr:
        grid[i] = process.time_at(first + part * (last - first));
        break;
      case GridType::karras:
        grid[i] =
            process.time_at(-std::log(between(std::exp(-first), std::exp(-last), part, rho.value_or(7))));
        break;
      case GridType::optimised:
        fail(Status::bug, "an optimised grid belongs to a sampler");
      case GridType::exponential:
        grid[i] = process.time_at(last + std::pow(1 - part, rho.value_or(1)) * (first - last));
    }
  }
  grid.front() = start;
  if (n) grid.back() = eps;
  if (to_data) grid.push_back(0);
  for (std::uint64_t i = 0; i < steps; ++i) {
    if (!(grid[i] > grid[i + 1])) {
      fail(Status::usage, "/steps: the grid repeats the time {} at {} steps; take fewer", grid[i], steps);
    }
  }
  return grid;
}

}  // namespace sde
