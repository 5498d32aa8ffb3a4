// Other models of the same data: what --models fits and compares.
#pragma once

#include <string>
#include <vector>

#include "cli/tool.h"
#include "config/sde_document.h"
#include "config/summary.h"
#include "fit/fit.h"
#include "io/dataset.h"
#include "io/file.h"
#include "options.h"

namespace sde {

// The columns of data that a fit by a filter reads: those of the map, or the states.
std::vector<std::string> observed_columns(const FitOptions& options, const std::vector<std::string>& states);

struct Candidate {
  std::string model;  // as the user named it
  config::FoundSde found;
  FitConfig options;
};

// The models of options.models: an SDE document or fit is fitted as MODEL is (of what is said about
// parameters by name, that of parameters it has), a fit configuration as it says itself.
std::vector<Candidate> read_candidates(const cli::Context& context, const FitConfig& options);

// How one came out, MODEL the first. `failure` says why there is no fit, or is empty.
struct CandidateFit {
  std::string model, name, failure;
  bool converged = false;
  std::string end, density;
  std::size_t parameters = 0, terms = 0;
  double loglik = 0, aic = 0, aicc = 0, bic = 0;
  double difference = 0, weight = 0;  // of AIC, among those that converged (Burnham & Anderson 2002)
  double bic_difference = 0;
  double pit_p = 0, ljung_box_p = 0, seconds = 0;
  std::vector<Estimate> estimates;
};

// Fits them one after the other. A candidate that cannot be fitted is part of the answer. Sorted by AIC,
// those that did not converge after the others, those without a fit last.
std::vector<CandidateFit> compare_candidates(const cli::Context& context, const std::string& model,
                                             const FitConfig& options, const FitResult& result,
                                             double seconds, const std::vector<Candidate>& candidates,
                                             const io::Dataset& dataset);
bool all_converged(const std::vector<CandidateFit>& fits);

// Under /models, as a table, and as CSV.
void add_candidates(const std::vector<CandidateFit>& fits, config::Summary& summary);
std::string candidates_text(const std::vector<CandidateFit>& fits);
void write_candidates(const std::string& path, const std::vector<CandidateFit>& fits,
                      const io::OutputOptions& options);

}  // namespace sde
