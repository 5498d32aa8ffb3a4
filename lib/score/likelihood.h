// Log-likelihoods of data under a score model, by the probability flow.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/hooks.h"
#include "base/json_text.h"
#include "score/model.h"
#include "score/reverse.h"

namespace sde {

enum class ProbeType { rademacher, gaussian };
constexpr auto enum_names(ProbeType) {
  using enum ProbeType;
  return std::array{std::pair{"rademacher", rademacher}, std::pair{"gaussian", gaussian}};
}

struct LikelihoodOptions {
  JsonText model;  // of the program: a score document, or the name of a file
  // exact: D forward-mode products an evaluation; hutchinson: one for each probe; hutch++: three for each
  // probe, of which the last estimates what the first two leave of the trace.
  Divergence divergence = Divergence::exact;
  std::uint64_t probes = 8;                      // at least 2, for a standard error
  ProbeType probe_type = ProbeType::rademacher;  // of hutchinson; those of hutch++ are Gaussian
  double rtol = 1e-5, atol = 1e-5;  // of each datum's local error, state and log-density together
  std::optional<double> eps;        // where the flow starts; the process's own cut-off where absent
  // So many data, evenly chosen, are solved again for the error budget (with a tenth of the tolerances, and
  // from later_cutoff()); 0 leaves those terms out.
  std::uint64_t check = 64;
  std::uint64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v("model", model);
    v("divergence", divergence);
    v("probes", probes);
    v("probe_type", probe_type);
    v("rtol", rtol);
    v("atol", atol);
    v("eps", eps);
    v("check", check);
    v("seed", seed);
  }
};

// Neighbouring data; valid only during the call.
struct LikelihoodBlock {
  std::uint64_t first = 0;
  std::vector<double> value;           // nats, in the data's units
  std::vector<double> standard_error;  // of the probes; 0 where the trace is exact
  std::vector<double> nfe;             // evaluations of the score
};

// Contributions to the error of one datum's value, in nats; NaN where not estimated.
struct ErrorBudget {
  double ode = 0;     // mean change of a checked datum with a tenth of the tolerances
  double probe = 0;   // root mean square of the standard errors
  double cutoff = 0;  // mean change of a checked datum from a later time, see later_cutoff(): what stopping
                      // at eps leaves out, to first order
  // ln p_1 is taken from the prior where the model does not know it: KL(p_1 | prior), of the Gaussian with
  // the data's mean and covariance carried to t = 1. 0 where the model knows it.
  double prior = 0;
};

struct LikelihoodResult {
  std::uint64_t n = 0, non_finite = 0;  // non_finite are left out of the mean
  double mean = 0, standard_error = 0;  // over data
  double nfe = 0;                       // mean
  ErrorBudget budget;
  bool interrupted = false;
};

// The time at which twice as much as at eps is missing: twice the variance of the noise over the signal, and,
// where the signal falls too, at least 2 eps.
double later_cutoff(const NoiseProcess& process, double eps);

inline constexpr std::size_t kLikelihoodBlock = 128;

// Which of the data: `count` from number `first` on, a multiple of kLeafPaths.
struct LikelihoodPart {
  std::uint64_t first = 0, count = 0;
};

// Throws Error(Status::bad_data) for data [n][D] that are none, not finite, too far from the model's for its
// arithmetic, or of another dimension.
void check_data(const ScoreModel& model, const std::vector<double>& data, std::size_t n);

// data is [n][D] in the data's units; values are of `part`, where given, and the error budget of all. Blocks
// go to `sink` in order, one call at a time. A value depends on the datum, its number (probes) and the
// options alone. Throws Error(Status::bad_data) for data that are not finite or have another dimension than
// the model.
LikelihoodResult likelihood(std::shared_ptr<const ScoreModel> model, const std::vector<double>& data,
                            std::size_t n, const LikelihoodOptions& options,
                            const std::function<void(const LikelihoodBlock&)>& sink = {},
                            const Hooks& hooks = {}, std::optional<LikelihoodPart> part = {});

}  // namespace sde
