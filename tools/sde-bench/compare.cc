// Distances between two samples: of a model's from data, or of one model's from another's.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "cli/plot.h"
#include "config/score_files.h"
#include "io/dataset.h"
#include "stats/discrepancy.h"
#include "stats/neighbours.h"
#include "stats/transport.h"
#include "suites.h"

namespace sde::bench {
namespace {

struct Sample {
  std::string source;
  std::vector<double> rows;  // [n][D]
  std::size_t n = 0, dimension = 0;
  std::vector<std::string> columns;
};

Sample read_sample(cli::Context& context, const std::string& file, const Sample* like) {
  const io::Input input(file);
  context.add_input(input);
  io::DatasetOptions options;
  options.rows = io::DatasetOptions::Rows::samples;
  const io::Dataset data = io::read_dataset(input, options);
  Sample sample{data.source, config::sample_rows(data), data.n, data.d, data.columns};
  if (like) {
    if (data.d != like->dimension) {
      fail(Status::bad_data, "{}: has {} columns ({}) and {} has {} ({})", data.source, data.d,
           fmt::join(data.columns, ", "), like->source, like->dimension, fmt::join(like->columns, ", "));
    }
    const std::vector<std::size_t> order = io::match_columns(data, like->columns);
    const std::vector<double> as_read = sample.rows;
    for (std::size_t k = 0; k < data.n; ++k) {
      for (std::size_t i = 0; i < data.d; ++i) sample.rows[k * data.d + i] = as_read[k * data.d + order[i]];
    }
  }
  if (sample.n < 4) {
    fail(Status::bad_data, "{}: has {} row{} and a comparison needs at least 4", sample.source, sample.n,
         sample.n == 1 ? "" : "s");
  }
  return sample;
}

// Both by the moments of `a`. A column that is constant there keeps its scale.
void standardise(Sample& a, Sample& b) {
  for (std::size_t i = 0; i < a.dimension; ++i) {
    double mean = 0, squares = 0;
    for (std::size_t k = 0; k < a.n; ++k) mean += a.rows[k * a.dimension + i] / static_cast<double>(a.n);
    for (std::size_t k = 0; k < a.n; ++k) squares += std::pow(a.rows[k * a.dimension + i] - mean, 2);
    const double deviation = std::sqrt(squares / static_cast<double>(a.n));
    for (Sample* sample : {&a, &b}) {
      for (std::size_t k = 0; k < sample->n; ++k) {
        double& x = sample->rows[k * a.dimension + i];
        x = (x - mean) / (deviation > 0 ? deviation : 1);
      }
    }
  }
}

// Squares of the values and sums of them over columns must stay within range.
void check_range(const Sample& sample) {
  for (std::size_t k = 0; k < sample.rows.size(); ++k) {
    if (std::fabs(sample.rows[k]) > 1e100) {
      fail(Status::bad_data, "{}: row {}, column {}: is too large to be compared (got {})", sample.source,
           k / sample.dimension + 1, sample.columns[k % sample.dimension], sample.rows[k]);
    }
  }
}

// Histograms of the first columns of both.
void plot(cli::Context& context, const Sample& a, const Sample& b) {
  cli::Figure figure;
  for (std::size_t i = 0; i < std::min<std::size_t>(a.dimension, 9); ++i) {
    cli::Panel panel;
    panel.x_label = a.columns[i];
    panel.y_label = "density";
    int colour = 0;
    for (const Sample* sample : {&a, &b}) {
      std::vector<double> column(sample->n);
      for (std::size_t k = 0; k < sample->n; ++k) column[k] = sample->rows[k * a.dimension + i];
      panel.histogram(column, sample->source, colour++).opacity = 0.5;
    }
    figure.panels.push_back(std::move(panel));
  }
  cli::draw(figure, context.plot(), context.output().force);
}

}  // namespace

Outcome compare(cli::Context& context, const BenchOptions& options) {
  const CompareOptions& o = options.compare;
  const std::vector<std::string>& files = context.arguments("CASE");
  if (files.size() != 2) {
    fail(Status::usage, "compare needs two files of samples, data first (got {})", files.size());
  }
  if (o.bootstrap == 1) fail(Status::usage, "/compare/bootstrap: must be 0 or at least 2 (got 1)");
  for (const auto& [name, value] : {std::pair{"rows", o.rows}, {"pair_rows", o.pair_rows}}) {
    if (value > 0 && value < 4)
      fail(Status::usage, "/compare/{}: must be 0 or at least 4 (got {})", name, value);
  }
  Sample a = read_sample(context, files[0], nullptr), b = read_sample(context, files[1], &a);
  check_range(a);
  check_range(b);
  const std::size_t D = a.dimension;
  const Bootstrap bootstrap{o.bootstrap, context.seed()};

  Outcome outcome;
  if (context.dry_run()) {
    for (const char* name :
         {"sliced_wasserstein", "frechet", "energy", "mmd2", "classifier", "precision", "recall"})
      outcome.runs.push_back({name, fmt::format("{} rows against {}", a.n, b.n), 0, "", {}, {}, {}, ""});
    return outcome;
  }
  if (!context.plot().empty()) plot(context, a, b);
  if (o.standardise) standardise(a, b);
  const PointSet rows_a = draw_rows(a.rows, a.n, D, o.rows, bootstrap.seed, 0),
                 rows_b = draw_rows(b.rows, b.n, D, o.rows, bootstrap.seed, 1),
                 pairs_a = draw_rows(a.rows, a.n, D, o.pair_rows, bootstrap.seed, 0),
                 pairs_b = draw_rows(b.rows, b.n, D, o.pair_rows, bootstrap.seed, 1);
  outcome.text = fmt::format(
      "{} ({} rows) and {} ({} rows), {} dimension{}{}; errors from {} bootstrap replicates\n", a.source, a.n,
      b.source, b.n, D, D == 1 ? "" : "s", o.standardise ? ", standardised" : "", o.bootstrap);
  outcome.text +=
      fmt::format("{:<20} {:>12} {:>10}  {:<15} {}\n", "measure", "value", "error", "rows", "what");

  using Clock = std::chrono::steady_clock;
  Clock::time_point started = Clock::now();
  const auto add = [&](const std::string& name, const std::string& what, const Estimate& e,
                       const PointSet& of_a, const PointSet& of_b, std::uint64_t replicates,
                       std::vector<std::pair<std::string, double>> more = {}) {
    Run run;
    run.case_name = name;
    run.name = what;
    run.value = e.value;
    run.more = {{"stderr", e.error},
                {"rows_a", static_cast<double>(of_a.count)},
                {"rows_b", static_cast<double>(of_b.count)},
                {"replicates", static_cast<double>(replicates)},
                {"seconds", std::chrono::duration<double>(Clock::now() - started).count()}};
    run.more.insert(run.more.end(), more.begin(), more.end());
    outcome.runs.push_back(run);
    outcome.text += fmt::format("{:<20} {:>12.6g} {:>10}  {:<15} {}\n", name, e.value,
                                std::isnan(e.error) ? "-" : fmt::format("{:.2g}", e.error),
                                fmt::format("{} x {}", of_a.count, of_b.count), what);
    context.check_stopped();
    started = Clock::now();
  };
  add("sliced_wasserstein",
      fmt::format("sliced 2-Wasserstein distance, {} directions", directions(D, o.projections, 0).size()),
      sliced_wasserstein(rows_a, rows_b, o.projections, bootstrap), rows_a, rows_b, o.bootstrap);
  add("frechet", "squared 2-Wasserstein distance of Gaussians with these means and covariances",
      frechet(rows_a, rows_b, bootstrap), rows_a, rows_b, frechet_replicates(D, o.bootstrap));
  add("energy", "energy distance, unbiased", energy_distance(pairs_a, pairs_b, bootstrap), pairs_a, pairs_b,
      o.bootstrap);
  double bandwidth = o.bandwidth.value_or(0);
  if (!o.bandwidth) bandwidth = median_distance(pairs_a, pairs_b);
  if (!(bandwidth > 0)) {
    fail(Status::bad_data,
         "{}: more than half of the rows are equal, so that the median distance is 0; give --bandwidth",
         a.source);
  }
  add("mmd2",
      fmt::format("squared maximum mean discrepancy, unbiased, Gaussian kernel of bandwidth {:.4g}",
                  bandwidth),
      squared_mmd(pairs_a, pairs_b, bandwidth, bootstrap), pairs_a, pairs_b, o.bootstrap,
      {{"bandwidth", bandwidth}});
  const ClassifierTest test = classifier_test(pairs_a, pairs_b, bootstrap);
  add("classifier",
      fmt::format("accuracy of {} nearest neighbours on {} held-out rows; p = {:.3g} of as much by chance",
                  test.neighbours, test.held_out, test.p_value),
      test.accuracy, pairs_a, pairs_b, o.bootstrap,
      {{"p_value", test.p_value}, {"held_out", static_cast<double>(test.held_out)}});
  add("precision",
      fmt::format("share of the second sample within the support of the first, {} neighbours", o.neighbours),
      coverage(pairs_a, pairs_b, o.neighbours, bootstrap, 1), pairs_a, pairs_b, o.bootstrap);
  add("recall",
      fmt::format("share of the first sample within the support of the second, {} neighbours", o.neighbours),
      coverage(pairs_b, pairs_a, o.neighbours, bootstrap, 0), pairs_a, pairs_b, o.bootstrap);
  return outcome;
}

}  // namespace sde::bench
