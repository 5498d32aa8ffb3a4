// The suites of sde-bench: each fills a table of runs.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/tool.h"
#include "score/process.h"
#include "solve/convergence.h"

namespace sde::bench {

// How two samples are compared.
struct CompareOptions {
  // At most so many rows of each sample, drawn at random (0: all): in means over single rows, and in those
  // over pairs of rows and nearest neighbours, whose time grows with the square.
  std::uint64_t rows = 10000, pair_rows = 2000;
  std::uint64_t projections = 64;   // sliced Wasserstein distance
  std::uint64_t neighbours = 3;     // precision and recall
  std::optional<double> bandwidth;  // of the kernel of MMD; absent: the median distance
  std::uint64_t bootstrap = 100;    // replicates for the standard errors; 0: none
  bool standardise = false;         // columns to mean 0 and deviation 1 in the first sample

  template <class V>
  void visit(V& v) {
    v("rows", rows);
    v("pair_rows", pair_rows);
    v("projections", projections);
    v("neighbours", neighbours);
    v("bandwidth", bandwidth);
    v("bootstrap", bootstrap);
    v("standardise", standardise);
  }
};

// schemas/bench.schema.json
struct BenchOptions {
  std::vector<std::string> methods;  // to measure the order of; empty: every one that fits
  std::vector<std::uint64_t> levels = ConvergenceOptions{}.steps;
  std::optional<std::uint64_t> paths;  // absent: the suite's own number
  double confidence = ConvergenceOptions{}.confidence;
  bool all = false;  // every standard problem, method and calculus
  std::uint64_t repeats = 5;
  std::vector<std::string> samplers;                 // to assess; empty: every one that fits
  std::vector<std::uint64_t> nfe = {5, 10, 20, 50};  // evaluations of the score that samplers may take
  std::uint64_t budget = 20;                         // that the recommendation may take
  std::optional<std::uint64_t> components;  // of the mixture fitted to data; absent: the best of 1 to 32
  ProcessOptions process;                   // for data
  std::uint64_t seed = 0;
  CompareOptions compare;

  template <class V>
  void visit(V& v) {
    v("methods", methods);
    v("levels", levels);
    v("paths", paths);
    v("confidence", confidence);
    v("all", all);
    v("repeats", repeats);
    v("samplers", samplers);
    v("nfe", nfe);
    v("budget", budget);
    v("components", components);
    v("process", process);
    v("seed", seed);
    v("compare", compare);
  }
};

// One line of the result: a figure, and where there is a target, whether it is met.
struct Run {
  std::string case_name, name;
  double value = 0;
  std::string unit;
  std::optional<double> target;
  std::optional<bool> ok;
  std::vector<std::pair<std::string, double>> more;  // further figures, by JSON key
  std::string note;
  std::string calculus = {};  // of an order: "ito", "stratonovich", or "either"
};

struct Outcome {
  std::vector<Run> runs;
  std::string text;  // the table for people
};

// Strong and weak orders of methods on models.
Outcome convergence(cli::Context& context, const BenchOptions& options);
// The strong solution known of a model: a standard problem's, or the one that follows from its law; else
// empty.
StrongSolution standard_solution(const std::string& model, const SdeExpressions& equation);
// Errors of methods against the time that they take.
Outcome work_precision(cli::Context& context, const BenchOptions& options);
// Rates of random numbers and of whole simulations, statistics only.
Outcome throughput(cli::Context& context, const BenchOptions& options);
// What statistics, shards, files and target errors cost.
Outcome statistics(cli::Context& context, const BenchOptions& options);
// Rates of training steps, and of the products they are made of as shares of the processor's peak.
Outcome training(cli::Context& context, const BenchOptions& options);
// Rates of log-likelihoods with the exact trace.
Outcome likelihood_suite(cli::Context& context, const BenchOptions& options);
// Times of fits with everything that goes with them.
Outcome fit_suite(cli::Context& context, const BenchOptions& options);
// Distances between the two samples that CASE names, with bootstrap errors.
Outcome compare(cli::Context& context, const BenchOptions& options);
// Error against cost of samplers on models fitted to data, and what to take for a budget.
Outcome samplers(cli::Context& context, const BenchOptions& options);
// Rates of sampling from a network, the gain of a second thread and the memory; cases of the same suite.
std::vector<std::string> sampling_cases();
Run sampling_case(const std::string& name, const BenchOptions& asked, int allowed_threads);
// Whether files are whole and readable; silent. Returns the exit status by throwing for the first that is
// not.
void check(cli::Context& context);

}  // namespace sde::bench
