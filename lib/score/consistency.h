// Consistency functions: where the probability flow through x at time t is at the cut-off (Song et al. 2023).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "score/process.h"

namespace sde {

// With sigma = s / a, y = x / a and e the sigma of the cut-off, f = c_skip y + c_out N(c_in y, ln(sigma) /
// 4): f = y at the cut-off whatever the network says.
struct ConsistencyScales {
  double skip, out, in;

  ConsistencyScales(double sigma, double least, double sigma_data);
};

struct ConsistencyOptions {
  // Steps between the ends of the process: training starts with first_steps and doubles them in stages of
  // equal length up to last_steps, which its second half has; distillation has them throughout.
  std::uint64_t first_steps = 10, last_steps = 1280;
  double rho = 7;  // the steps are equal in sigma^{1 / rho}
  // Of ln sigma; a step is drawn with the probability that the normal law gives it.
  double mean = 2, deviation = 3;

  template <class V>
  void visit(V& v) {
    v("first_steps", first_steps);
    v("last_steps", last_steps);
    v("rho", rho);
    v("mean", mean);
    v("deviation", deviation);
  }
};

// The steps of a training run.
class ConsistencyGrid {
 public:
  // Throws Error(Status::usage) for options out of range.
  ConsistencyGrid(const NoiseProcess& process, const ConsistencyOptions& options, double sigma_data,
                  bool grows);

  // How many steps there are at step `step` of `of` of the optimiser.
  std::size_t steps(std::uint64_t step, std::uint64_t of) const;
  std::size_t most_steps() const { return static_cast<std::size_t>(options_.last_steps); }
  // The step of `steps` that u in (0, 1) draws: sigma at its ends.
  void draw(double u, std::size_t steps, double& low, double& high) const;
  double least() const { return least_; }
  double sigma_data() const { return sigma_data_; }

 private:
  double sigma(double index, double steps) const;

  ConsistencyOptions options_;
  double sigma_data_, least_, most_, probability_least_, probability_most_;
  bool grows_;
};

}  // namespace sde
