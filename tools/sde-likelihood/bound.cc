// Method elbo: a variational bound, its terms and its importance-weighted form.
#include "score/bound.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "models.h"
#include "stats/moments.h"

namespace sde {

void check_method(const cli::Context& context, const LikelihoodConfig& options) {
  const bool bounded = options.method == LikelihoodMethod::elbo;
  if (bounded) {
    for (const char* name : {"divergence", "probes", "rtol", "atol", "check"}) {
      if (context.values().has(name))
        fail(Status::usage, "--{}: is for --method flow, and the method is elbo; leave it out", name);
    }
    if (context.sharded())
      fail(Status::usage, "--method: the terms of elbo are of all data; leave out --shard");
    for (const char* name : {"resume", "checkpoint-every"}) {
      if (context.values().has(name))
        fail(Status::usage,
             "--{}: --method elbo takes all data at once and keeps no checkpoint; leave it out", name);
    }
    return;
  }
  for (const char* name : {"steps", "trajectories", "step-variance"}) {
    if (context.values().has(name))
      fail(Status::usage, "--{}: is for --method elbo, and the method is flow; leave it out", name);
  }
}

bool find_bound(cli::Context& context, const LikelihoodConfig& options,
                const std::shared_ptr<const ScoreModel>& model, const std::vector<double>& rows,
                std::size_t n, LikelihoodReport& report, config::Summary& summary) {
  report.bound = variational_bound(model, rows, n, options.bound, options.flow.seed, context.hooks());
  const BoundResult& b = *report.bound;
  LikelihoodResult& r = report.result;
  r.interrupted = b.interrupted;
  if (b.interrupted) return false;
  report.value = b.value;
  report.standard_error = b.standard_error;
  report.nfe.assign(n, static_cast<double>(b.evaluations));
  Moments moments, weighted;
  double squares = 0;
  for (std::size_t k = 0; k < n; ++k) {
    if (!std::isfinite(b.value[k])) {
      ++r.non_finite;
      continue;
    }
    moments = merged(moments, {1, b.value[k], 0});
    if (std::isfinite(b.importance[k])) weighted = merged(weighted, {1, b.importance[k], 0});
    squares += b.standard_error[k] * b.standard_error[k];
  }
  r.n = n;
  r.mean = moments.mean;
  r.standard_error = moments.stderr_of_mean();
  r.nfe = static_cast<double>(b.evaluations);
  // A bound has no error but that of its draws: what it lacks to the density is no error of the bound.
  r.budget = {0, std::sqrt(squares / moments.count), 0, 0};

  const std::size_t N = b.terms.size() - 1;
  double between = 0;
  std::vector<double> value, error;
  for (std::size_t i = 0; i <= N; ++i) {
    value.push_back(b.terms[i].value);
    error.push_back(b.terms[i].error);
    if (i == 0 || i == N) continue;
    between += b.terms[i].value;
  }
  summary.set("/bound/steps", N).set("/bound/trajectories", options.bound.trajectories);
  summary.set("/bound/L_0", value.front()).set("/bound/L_0_stderr", error.front());
  summary.set("/bound/L_between", between).set("/bound/L_T", value.back());
  summary.set("/bound/terms", value).set("/bound/terms_stderr", error).set("/bound/times", b.times);
  summary.set("/bound/importance_weighted", weighted.mean);
  summary.set("/bound/importance_weighted_stderr", weighted.stderr_of_mean());
  const auto with_error = [&](double v, double e) {
    return std::isnan(e) ? fmt::format("{:.6f}", v) : fmt::format("{:.6f} +- {:.2g}", v, e);
  };
  report.note =
      fmt::format("a lower bound: -(L_T + ... + L_0) with L_T {:.6f}, the {} terms between {:.6f}, L_0 {}\n",
                  value.back(), N - 1, between, with_error(value.front(), error.front()));
  report.note += fmt::format(
      "{:.6f} +- {:.6f} by importance weights of {} trajector{} a datum, between the bound and the density\n",
      weighted.mean, weighted.stderr_of_mean(), options.bound.trajectories,
      options.bound.trajectories == 1 ? "y" : "ies");
  return true;
}

}  // namespace sde
