// The suites of sde-bench: each fills a table of runs.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/tool.h"

namespace sde::bench {

// One line of the result: a figure, and where there is a target, whether it is met.
struct Run {
  std::string case_name, name;
  double value = 0;
  std::string unit;
  std::optional<double> target;
  std::optional<bool> ok;
  std::vector<std::pair<std::string, double>> more;  // further figures, by JSON key
  std::string note;
};

struct Outcome {
  std::vector<Run> runs;
  std::string text;  // the table for people
};

// Strong and weak orders of methods on models.
Outcome convergence(cli::Context& context);
// Rates of random numbers and of whole simulations, statistics only.
Outcome throughput(cli::Context& context);
// Whether files are whole and readable; silent. Returns the exit status by throwing for the first that is
// not.
void check(cli::Context& context);

}  // namespace sde::bench
