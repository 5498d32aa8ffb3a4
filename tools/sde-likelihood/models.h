// The two kinds of model that sde-likelihood takes.
#pragma once

#include <string>

#include "cli/tool.h"
#include "io/dataset.h"
#include "score/likelihood.h"

namespace sde {

// schemas/likelihood.schema.json
struct LikelihoodConfig {
  LikelihoodOptions flow;
  std::string density = "auto";  // of transitions, where the model is an SDE
  // SDEs: draws from every observation for the ranked probability score of the next, 0 for none, and the
  // pieces they are simulated in.
  int crps = 0, crps_steps = 20;
  io::DatasetOptions data;

  template <class V>
  void visit(V& v) {
    flow.visit(v);
    v("density", density);
    v("crps", crps);
    v("crps_steps", crps_steps);
    v("data", data);
  }
};

bool is_sde(const cli::Context& context);
int run_score(cli::Context& context);
int run_sde(cli::Context& context);

// What both do in the end.
struct LikelihoodReport {
  std::string model, unit;  // "data" or "series"
  std::vector<double> value, standard_error, nfe;
  std::vector<double> transition;               // SDEs: values of the parts, if any
  std::vector<std::uint64_t> first_transition;  // of each series, and their number
  LikelihoodResult result;
  std::string note;  // lines for a person
  double seconds = 0;
};
int finish(cli::Context& context, const LikelihoodReport& report, config::Summary& summary);

}  // namespace sde
