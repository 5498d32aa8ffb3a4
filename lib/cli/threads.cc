#include "cli/threads.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace sde::cli {
namespace {

int affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));  // more than 1024 processors
}

// cgroup 2: the quota of every group from ours up to the root binds.
int quota_v2(const std::string& group) {
  int least = 1 << 20;
  for (std::string path = group;; path.resize(path.rfind('/'))) {
    std::ifstream file("/sys/fs/cgroup" + path + "/cpu.max");
    std::string quota;
    double period = 0;
    if (file >> quota >> period && quota != "max" && period > 0) {
      least = std::min(least, static_cast<int>(std::ceil(std::strtod(quota.c_str(), nullptr) / period)));
    }
    if (path.empty() || path == "/" || path.rfind('/') == std::string::npos) return least;
  }
}

int quota_v1() {
  for (const char* folder : {"/sys/fs/cgroup/cpu/", "/sys/fs/cgroup/cpu,cpuacct/"}) {
    std::ifstream quota_file(std::string(folder) + "cpu.cfs_quota_us"),
        period_file(std::string(folder) + "cpu.cfs_period_us");
    double quota = 0, period = 0;
    if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) {
      return static_cast<int>(std::ceil(quota / period));
    }
  }
  return 1 << 20;
}

int quota() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("0::", 0) == 0) return std::min(quota_v2(line.substr(3)), quota_v1());
  }
  return quota_v1();
}

}  // namespace

int allowed_threads() {
  int threads = std::min(affinity(), quota());
  if (const char* slurm = std::getenv("SLURM_CPUS_PER_TASK")) {
    const int n = std::atoi(slurm);
    if (n > 0) threads = std::min(threads, n);
  }
  return std::max(1, threads);
}

}  // namespace sde::cli
