// Which noise goes with which row of data in a batch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sde {

enum class Coupling {
  independent,
  ot,  // minibatch optimal transport, exact and without replacement (Tong et al. 2024; Pooladian et al. 2023)
  sinkhorn,  // the same, entropically regularised, drawn from the plan
  reflow,    // the pairs that a teacher's flow makes (Liu et al. 2023)
};
constexpr auto enum_names(Coupling) {
  using enum Coupling;
  return std::array{std::pair{"independent", independent}, std::pair{"ot", ot},
                    std::pair{"sinkhorn", sinkhorn}, std::pair{"reflow", reflow}};
}

// The permutation p that minimises sum_i cost[i * n + p(i)]: shortest augmenting paths (Jonker & Volgenant
// 1987, as in Crouse 2016), O(n^3). The costs are finite.
std::vector<std::uint32_t> assign(const std::vector<double>& cost, std::size_t n);

// The plan [n][n] with equal margins 1 / n that minimises <plan, cost> + r <plan, ln plan>, r =
// `regularization` times the mean cost (Cuturi 2013), its row sums exact and its column sums within 1e-6 / n,
// or what a thousand rounds have reached.
std::vector<double> sinkhorn_plan(const std::vector<double>& cost, std::size_t n, double regularization);

}  // namespace sde
