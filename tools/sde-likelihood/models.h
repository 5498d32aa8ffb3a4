// The two kinds of model that sde-likelihood takes.
#pragma once

#include <optional>
#include <string>

#include "cli/tool.h"
#include "io/dataset.h"
#include "io/shard.h"
#include "score/bound.h"
#include "score/likelihood.h"

namespace sde {

// How the log-likelihood of a datum under a score model is found.
enum class LikelihoodMethod {
  flow,  // along the probability flow: exact but for the error budget
  elbo,  // a lower bound, by the chain that ancestral sampling walks
};
constexpr auto enum_names(LikelihoodMethod) {
  using enum LikelihoodMethod;
  return std::array{std::pair{"flow", flow}, std::pair{"elbo", elbo}};
}

// schemas/likelihood.schema.json
struct LikelihoodConfig {
  LikelihoodOptions flow;
  LikelihoodMethod method = LikelihoodMethod::flow;
  BoundOptions bound;  // of method elbo
  // Score models and quantised data: bits a dimension, after uniform noise has filled the gaps.
  bool bits_per_dim = false;
  std::optional<double> quantisation;      // step of the data's lattice; absent: found in the data
  std::uint64_t dequantisation_draws = 1;  // noisy copies of each datum
  std::string density = "auto";            // of transitions, where the model is an SDE
  // SDEs: draws from every observation for the ranked probability score of the next, 0 for none, and the
  // pieces they are simulated in.
  int crps = 0, crps_steps = 20;
  io::DatasetOptions data;

  template <class V>
  void visit(V& v) {
    flow.visit(v);
    v("method", method);
    v("bound", bound);
    v("bits_per_dim", bits_per_dim);
    v("quantisation", quantisation);
    v("dequantisation_draws", dequantisation_draws);
    v("density", density);
    v("crps", crps);
    v("crps_steps", crps_steps);
    v("data", data);
  }
};

bool is_sde(const cli::Context& context);
int run_score(cli::Context& context);
int run_sde(cli::Context& context);

int merge_likelihoods(cli::Context& context);  // of --merge

// What of n data or series is judged here, in groups of `grain`: all, or those of --shard; refuses an output
// or a picture that a shard cannot have.
io::Shard part_of(const cli::Context& context, std::uint64_t n, std::uint64_t grain);

// What both do in the end.
struct LikelihoodReport {
  std::string model, unit;  // "data" or "series"
  std::vector<double> value, standard_error, nfe;
  std::vector<double> transition;               // SDEs: values of the parts, if any
  std::vector<std::uint64_t> first_transition;  // of each series, and their number
  LikelihoodResult result;
  std::string note;  // lines for a person
  double seconds = 0;
  std::string choice;  // of the divergence, or of the density
  io::Shard shard;
  std::optional<double> bits_per_dim;
  std::optional<BoundResult> bound;  // of method elbo
};

// Method elbo: fills the report's values, its bound and the summary; false where it was stopped.
bool find_bound(cli::Context& context, const LikelihoodConfig& options,
                const std::shared_ptr<const ScoreModel>& model, const std::vector<double>& rows,
                std::size_t n, LikelihoodReport& report, config::Summary& summary);
// Refuses what method elbo has no use for, or what belongs to it alone.
void check_method(const cli::Context& context, const LikelihoodConfig& options);
// Mean, errors and counts over data from report.shard.first on, with the bits that likelihood() has for them.
void sum_up_data(LikelihoodReport& report);
// Sums over series, which have no leaves: mean and standard error, and the total.
double sum_up_series(cli::Context& context, LikelihoodReport& report);
// The keys of the summary that are the SDE's alone.
void describe_series(LikelihoodReport& report, double total, config::Summary& summary);
int finish(cli::Context& context, const LikelihoodReport& report, config::Summary& summary);

}  // namespace sde
