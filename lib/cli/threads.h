// How many threads this process may use.
#pragma once

namespace sde::cli {

// The least of the affinity mask, the cgroup's quota (rounded up) and SLURM_CPUS_PER_TASK; at least 1.
int allowed_threads();

}  // namespace sde::cli
