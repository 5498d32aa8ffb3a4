#include <algorithm>

#include "solve/stepper.h"

namespace sde {

bool needs_domains(const std::vector<Domain>& domains) {
  return std::any_of(domains.begin(), domains.end(), [](const Domain& d) {
    return d.boundary == Boundary::reflect || d.boundary == Boundary::absorb;
  });
}

bool is_absorbed(const std::vector<Domain>& domains, ConstBlock x, std::size_t lane) {
  for (std::size_t i = 0; i < domains.size(); ++i) {
    if (domains[i].boundary != Boundary::absorb) continue;
    const double value = x.row(i)[lane];
    if ((domains[i].min && value <= *domains[i].min) || (domains[i].max && value >= *domains[i].max))
      return true;
  }
  return false;
}

void apply_domains(const std::vector<Domain>& domains, ConstBlock before, Block after) {
  for (std::size_t i = 0; i < domains.size(); ++i) {
    const Domain& domain = domains[i];
    double* x = after.row(i);
    if (domain.boundary == Boundary::reflect) {
      // A step longer than the interval may need more than one reflection; what is not finite stays so.
      for (std::size_t lane = 0; lane < after.lanes; ++lane) {
        for (int turn = 0; turn < 64; ++turn) {
          if (domain.min && x[lane] < *domain.min) {
            x[lane] = 2 * *domain.min - x[lane];
          } else if (domain.max && x[lane] > *domain.max) {
            x[lane] = 2 * *domain.max - x[lane];
          } else {
            break;
          }
        }
      }
    } else if (domain.boundary == Boundary::absorb) {
      for (std::size_t lane = 0; lane < after.lanes; ++lane) {
        if (domain.min && x[lane] < *domain.min) x[lane] = *domain.min;
        if (domain.max && x[lane] > *domain.max) x[lane] = *domain.max;
      }
    }
  }
  for (std::size_t lane = 0; lane < after.lanes; ++lane) {
    if (!is_absorbed(domains, before, lane)) continue;
    for (std::size_t i = 0; i < after.rows; ++i) after.row(i)[lane] = before.row(i)[lane];
  }
}

}  // namespace sde
