// The equations of the throughput cases as a programmer would write them in Highway, to know what expressions
// cost beside them.
#pragma once

#include <cstdint>

namespace sde::bench {

enum class HandWritten { ou_em, gbm_milstein, heston_em, lorenz_em };

// Runs `paths` paths of `steps` steps of length dt on this thread, with the library's normals: buffers of a
// few steps in the first-level cache, states in registers as long as a buffer lasts. Returns the mean of the
// first state at the end.
double run_by_hand(HandWritten equation, std::uint64_t paths, std::uint64_t steps, double dt,
                   std::uint64_t seed);

}  // namespace sde::bench
