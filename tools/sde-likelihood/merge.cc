// Shards of log-likelihoods joined into what one run would have written.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "io/likelihood.h"
#include "models.h"
#include "stats/moments.h"

namespace sde {
namespace {

void append(const io::Reader& reader, const std::string& path, std::uint64_t rows, std::vector<double>& to) {
  const std::vector<double> values = reader.read<double>(path, {rows});
  to.insert(to.end(), values.begin(), values.end());
}

}  // namespace

void sum_up_data(LikelihoodReport& report) {
  LikelihoodResult& r = report.result;
  MomentTree tree(1);
  double probe_squares = 0, evaluations = 0;
  r.n = report.value.size();
  r.non_finite = 0;
  for (std::size_t start = 0; start < r.n; start += kLeafPaths)
    tree.add((report.shard.first + start) / kLeafPaths,
             {leaf_moments(report.value.data() + start,
                           std::min(kLeafPaths, static_cast<std::size_t>(r.n) - start))});
  for (std::size_t i = 0; i < r.n; ++i) {
    r.non_finite += !std::isfinite(report.value[i]);
    const double error = report.standard_error[i];
    if (std::isfinite(error)) probe_squares += error * error;
    evaluations += report.nfe[i];
  }
  const Moments total = tree.total().front();
  r.mean = total.count > 0 ? total.mean : std::nan("");
  r.standard_error = total.stderr_of_mean();
  r.nfe = evaluations / static_cast<double>(r.n);
  r.budget.probe = std::sqrt(probe_squares / static_cast<double>(r.n));
}

int merge_likelihoods(cli::Context& context) {
  const config::ShardSet& set = context.merge();
  if (!context.argument("MODEL").empty())
    fail(Status::usage, "{}: has no place beside --merge; the shards say what was run",
         context.argument("MODEL"));
  const auto started = std::chrono::steady_clock::now();
  LikelihoodReport report;
  bool series = false;
  for (const config::ShardFile& file : set.files) {
    const io::Reader reader(file.path, {"likelihood"});
    const io::LikelihoodShard made = io::read_likelihood_shard(reader);
    report.model = made.model;
    report.unit = made.unit;
    if (report.choice.empty()) report.choice = made.choice;
    report.result.budget.ode = made.ode;
    report.result.budget.cutoff = made.cutoff;
    report.result.budget.prior = made.prior;
    append(reader, "/loglik/value", file.shard.rows, report.value);
    append(reader, "/loglik/stderr", file.shard.rows, report.standard_error);
    append(reader, "/loglik/nfe", file.shard.rows, report.nfe);
    if (!reader.exists("/loglik/first_transition")) continue;
    series = true;
    const auto first = reader.read<std::uint64_t>("/loglik/first_transition", {file.shard.rows + 1});
    const std::uint64_t before = report.transition.size();
    append(reader, "/loglik/transition", first.back(), report.transition);
    if (report.first_transition.empty()) report.first_transition.push_back(0);
    for (std::size_t i = 1; i < first.size(); ++i) report.first_transition.push_back(before + first[i]);
  }
  config::Summary summary;
  if (series) {
    const double total = sum_up_series(context, report);
    describe_series(report, total, summary);
  } else {
    sum_up_data(report);
    summary.set("/divergence", report.choice).set("/method", "flow");  // elbo has no shards
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return finish(context, report, summary);
}

}  // namespace sde
