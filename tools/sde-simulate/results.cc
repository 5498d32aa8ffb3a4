#include "results.h"

#include <fmt/format.h>

#include <cmath>

#include "events.h"
#include "sde/feller.h"
#include "sde/law.h"

namespace sde {
namespace {

// How far mean and variance of a state are from the law's, and how many standard errors that is; NaN where
// there is no error.
struct Deviation {
  double mean, mean_z, variance, variance_z, variance_error;
};

Deviation deviation(const Job& job, const EnsembleResult& result, std::size_t i) {
  const auto index = static_cast<Eigen::Index>(i);
  const Moments& m = result.final[i];
  Deviation d{};
  d.variance_error = result.expect[job.options.expect.size() + i].plain_error;
  const auto in_errors = [](double difference, double error) {
    return error > 0 ? difference / error : std::nan("");
  };
  d.mean = m.mean - job.known->end.mean[index];
  d.variance = m.variance() - job.known->end.covariance(index, index);
  d.mean_z = in_errors(d.mean, result.final_error[i]);
  d.variance_z = in_errors(d.variance, d.variance_error);
  return d;
}

// From which on standard errors are taken at their word.
constexpr std::uint64_t kManyPaths = 256;

// The law of the process without absorption at 0.
LawRecognition unabsorbed(const SdeExpressions& sde) {
  SdeExpressions free = sde;
  bool any = false;
  for (Domain& domain : free.domains) {
    if (domain.boundary != Boundary::absorb || domain.max || domain.min.value_or(0) != 0) continue;
    domain = {};
    any = true;
  }
  LawRecognition law = recognise_law(free);
  bool root = any && law.known();
  for (const LawGroup& group : law.groups) root = root && group.kind == LawKind::square_root;
  if (root) return law;
  law.groups.clear();
  law.reason = "not known";
  return law;
}

}  // namespace

std::optional<KnownLaw> law_at_end(const Job& job) {
  const SdeExpressions sde = job.observed();
  LawRecognition law = recognise_law(sde);
  const bool absorbs = !law.known();
  if (absorbs) law = unabsorbed(sde);
  for (const StateDocument& state : job.document().states)
    if (state.initial.kind == InitialLaw::Kind::data) return {};
  if (!law.known() || job.options.paths < 2) return {};
  for (const Event& event : job.ensemble.events)
    if (event.stop) return {};  // it is that of paths that go on
  SdeDocument document = job.document();
  document.drawn.resize(sde.drawn);
  KnownLaw known{law.describe(job.solved.states) + (absorbs ? ", not absorbed" : ""), {}};
  try {
    known.end = propagate(sde, law, job.schedule.grid.start(), job.schedule.grid.end(),
                          InitialStates(document).moments(job.options.paths));
  } catch (const Error&) {
    if (job.choice.method->family == MethodFamily::exact) throw;
    return {};
  }
  if (!known.end.mean.allFinite() || !known.end.covariance.allFinite()) return {};
  return known;
}

void add_squares(Job& job) {
  for (std::size_t i = 0; i < job.shown(); ++i) {
    const expr::Expr deviation = expr::Expr::symbol(job.solved.states[i]) -
                                 expr::Expr(job.known->end.mean[static_cast<Eigen::Index>(i)]);
    job.ensemble.expect.push_back(deviation * deviation);
  }
}

std::string law_text(const Job& job, const EnsembleResult& result, std::size_t width) {
  std::string out = fmt::format("the law, {}, has\n", job.known->name);
  bool far = false;
  const auto away = [&](double z) {
    // Of fewer paths the standard error of a variance says too little.
    far = far || (std::abs(z) > 4 && result.paths >= kManyPaths);
    return std::isfinite(z) ? fmt::format("{:+.1f} s.e.", z) : std::string();
  };
  for (std::size_t i = 0; i < job.shown(); ++i) {
    const auto index = static_cast<Eigen::Index>(i);
    const Deviation d = deviation(job, result, i);
    const StateMoments& law = job.known->end;
    out += fmt::format("  {:<{}}  {:>14.8g}  {:>12}  {:>14.8g}  {:>12}\n", job.solved.states[i], width,
                       law.mean[index], away(d.mean_z), std::sqrt(law.covariance(index, index)),
                       away(d.variance_z));
  }
  bool boundary = false;
  for (const FellerCondition& f : feller_conditions(job.solved)) {
    if (f.holds() || f.state >= job.shown() || job.choice.method->family == MethodFamily::exact) continue;
    boundary = true;
    const Deviation d = deviation(job, result, f.state);
    out += fmt::format(
        "  the bias of {} at the boundary 0 of {}: mean {:+.3g} +- {:.2g}, variance {:+.3g} +- {:.2g}\n",
        to_string(job.solved.domains[f.state].boundary), job.solved.states[f.state], d.mean,
        result.final_error[f.state], d.variance, d.variance_error);
  }
  if (far)
    out +=
        boundary
            ? "  deviations beyond 4 standard errors are those of the method and its rule at the boundary\n"
            : "  deviations beyond 4 standard errors are those of the method: a smaller dt reduces them\n";
  return out;
}

void summarise_results(const Job& job, const EnsembleResult& result, config::Summary& summary) {
  summary.set("/status/ok", result.ok)
      .set("/status/non_finite", result.non_finite)
      .set("/status/absorbed", result.absorbed)
      .set("/status/unsolved", result.unsolved.paths);
  if (result.unsolved.paths > 0)
    summary.set("/unsolved/path_id", result.unsolved.path_id)
        .set("/unsolved/time", job.schedule.grid.step_start(result.unsolved.step));
  for (std::size_t i = 0; i < job.shown(); ++i) {
    const Moments& m = result.final[i];
    const std::string& name = job.solved.states[i];
    summary.set(config::path({"final", name, "mean"}), m.mean);
    summary.set(config::path({"final", name, "variance"}), m.variance());
    summary.set(config::path({"final", name, "stderr"}), result.final_error[i]);
    if (!job.known) continue;
    const auto index = static_cast<Eigen::Index>(i);
    const Deviation d = deviation(job, result, i);
    const auto put = [&](const char* key, double x) {
      summary.set(config::path({"final", name, "exact", key}), x);
    };
    put("mean", job.known->end.mean[index]);
    put("variance", job.known->end.covariance(index, index));
    put("mean_z", d.mean_z);
    put("variance_z", d.variance_z);
    put("mean_bias", d.mean);
    put("variance_bias", d.variance);
    put("variance_stderr", d.variance_error);
  }
  summarise_feller(job, summary);
  summarise_events(job.ensemble.events, result.events, summary);
  for (std::size_t k = 0; k < job.options.expect.size(); ++k) {
    const Expectation& e = result.expect[k];
    const auto put = [&](const char* key, auto x) {
      summary.set(config::path({"expect", job.options.expect[k], key}), x);
    };
    put("value", e.value);
    put("stderr", e.standard_error);
    if (!job.options.control.empty()) {
      put("plain_value", e.moments.mean);
      put("plain_stderr", e.moments.stderr_of_mean());
      put("variance_reduction", e.variance_reduction);
    }
    put("undefined", e.undefined);
  }
}

std::vector<std::string> undefined_expectations(const Job& job, const EnsembleResult& result) {
  std::vector<std::string> sentences;
  for (std::size_t k = 0; k < job.options.expect.size(); ++k) {
    const Expectation& e = result.expect[k];
    if (e.undefined == 0 && e.moments.count > 0) continue;
    sentences.push_back(fmt::format(
        "the expectation of {} is not finite: {}", job.options.expect[k],
        e.moments.count == 0
            ? std::string("there is no path on which it has a value")
            : fmt::format("on {} of {} paths it has no finite value (over the others its mean is {:.8g})",
                          e.undefined, result.ok + result.absorbed, e.moments.mean)));
  }
  return sentences;
}

std::vector<std::string> feller_remarks(const Job& job) {
  std::vector<std::string> remarks;
  for (const FellerCondition& f : feller_conditions(job.solved))
    remarks.push_back(
        fmt::format("{}: twice the drift at 0, {:.6g}, is {} the variance rate a unit, {:.6g}: 0 is {}",
                    job.solved.states[f.state], f.twice_drift, f.holds() ? "not below" : "below",
                    f.variance_rate, f.holds() ? "never reached" : "reached, and its rule matters"));
  return remarks;
}

void summarise_feller(const Job& job, config::Summary& summary) {
  for (const FellerCondition& f : feller_conditions(job.solved)) {
    const std::string& name = job.solved.states[f.state];
    summary.set(config::path({"feller", name, "twice_drift"}), f.twice_drift);
    summary.set(config::path({"feller", name, "variance_rate"}), f.variance_rate);
    summary.set(config::path({"feller", name, "holds"}), f.holds());
  }
}

}  // namespace sde
