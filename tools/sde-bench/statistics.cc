// What statistics, shards, files and target errors cost.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "cases.h"
#include "equations.h"
#include "io/arrays.h"
#include "io/ensemble.h"
#include "memory.h"
#include "solve/ensemble.h"
#include "solve/multilevel.h"
#include "suites.h"
#include "timing.h"

namespace sde::bench {
namespace {

// A directory that goes with its files.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "sde-bench-XXXXXX").string();
    if (!::mkdtemp(name.data())) fail(Status::io, "{}: cannot be created", name);
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Percent that statistics at 101 times add to the case heston_em of throughput: Euler-Maruyama on Heston's
// model, 65536 paths of 1000 steps.
Run overhead(const BenchOptions& asked) {
  const SdeDocument d = heston();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, equispaced(0, 1, 101), 1e-3);
  EnsembleOptions plain;
  plain.method = &find_method("euler-maruyama");
  plain.paths = asked.paths.value_or(65536);
  plain.statistics.moments = false;
  EnsembleOptions moments = plain, quantiles = plain, most = plain, all = plain;
  moments.statistics.moments = true;
  quantiles.statistics = {true, false, true, 0, {}, 0};
  most.statistics = {true, true, true, 0, {}, 0};
  all.statistics = {true, true, true, 50, {}, 5};
  const auto time = [&](EnsembleOptions& options, std::uint64_t seed) {
    options.seed = seed;
    return seconds_of([&] { (void)simulate(e, initial, grid, options); });
  };
  // Each beside its own plain run, so that what else the machine does falls on both.
  double seconds = 0, without = 0;
  const auto percent = [&](EnsembleOptions& options) {
    std::vector<double> ratios, times, plain_times;
    for (std::uint64_t r = 0; r <= 2 * asked.repeats + 1; ++r) {
      const double p = time(plain, r), s = time(options, r);
      if (r == 0) continue;
      ratios.push_back(s / p);
      times.push_back(s);
      plain_times.push_back(p);
    }
    seconds = median(times);
    without = median(plain_times);
    return 100 * (median(ratios) - 1);
  };
  const double moments_alone = percent(moments), with_quantiles = percent(quantiles),
               with_more = percent(all), asked_for = percent(most);
  Run run;
  run.case_name = "overhead";
  run.name = "mean, variance, covariance and quantiles at 101 times of 1000 steps, Heston, Euler-Maruyama";
  run.value = asked_for;
  run.unit = "%";
  run.target = 10;
  run.ok = run.value <= 10;
  run.more = {{"seconds", seconds},
              {"seconds_without", without},
              {"moments_alone", moments_alone},
              {"moments_and_quantiles", with_quantiles},
              {"with_histograms_and_lags", with_more}};
  return run;
}

// Time to join 100 shards by the time to read them.
Run merging(const BenchOptions& asked) {
  const SdeDocument d = heston();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, equispaced(0, 1, 101), 1e-2);
  EnsembleOptions options;
  options.method = &find_method("euler-maruyama");
  options.statistics = {true, true, true, 50, {}, 5};
  const TallyLayout layout = tally_layout(grid, 2, options);
  const Scratch scratch;
  constexpr std::uint64_t kShards = 100, kPaths = 128;
  for (std::uint64_t i = 0; i < kShards; ++i) {
    options.first_path = i * kPaths;
    options.paths = kPaths;
    Ensemble ensemble(e, initial, grid, options);
    ensemble.run();
    io::Writer writer(scratch / fmt::format("{}.h5", i), "ensemble");
    io::write_arrays(writer, "/shard/tally", ensemble.tally().store());
    writer.finish();
  }
  double reading = 1e300, joining = 1e300;
  for (std::uint64_t r = 0; r < asked.repeats; ++r) {
    double read = 0, join = 0;
    Tally whole;
    for (std::uint64_t i = 0; i < kShards; ++i) {
      NamedArrays arrays;
      read += seconds_of(
          [&] { arrays = io::read_arrays(io::Reader(scratch / fmt::format("{}.h5", i)), "/shard/tally"); });
      join += seconds_of([&] {
        Tally part = Tally::restore(layout, arrays);
        if (i == 0)
          whole = std::move(part);
        else
          whole.merge(part);
      });
    }
    reading = std::min(reading, read);
    joining = std::min(joining, join);
  }
  Run run;
  run.case_name = "merging";
  run.name = "joining the statistics of 100 shards, by the time to read them";
  run.value = joining / reading;
  run.unit = "ratio";
  run.target = 1;
  run.ok = run.value <= 1;
  run.more = {{"seconds_reading", reading}, {"seconds_joining", joining}};
  return run;
}

// Work of plain Monte Carlo by that of multilevel, on the first example of Giles (2008).
Run multilevel() {
  SdeDocument d;
  d.states = {state("s", "0.05*s", {{"s", "0.2*s"}}, "1")};
  MultilevelOptions options;
  options.method = &find_method("milstein");
  options.expect = {expr::parse("exp(-0.05)*max(s - 1, 0)", {"s"})};
  options.target = 1e-3;
  options.finest = 8;  // 256 steps
  const InitialStates initial(d);
  MultilevelResult r;
  const double seconds = seconds_of([&] { r = run_multilevel(parse_document(d), initial, options); });
  Run run;
  run.case_name = "multilevel";
  run.name =
      "work of plain by that of multilevel Monte Carlo: GBM call, standard error 1e-3, 256 Milstein steps";
  run.value = r.plain_work / r.work;
  run.unit = "ratio";
  run.target = 10;
  run.ok = run.value >= 10 && r.reached;
  run.more = {{"seconds", seconds},
              {"work", r.work},
              {"plain_work", r.plain_work},
              {"value", r.expect[0].value},
              {"stderr", r.expect[0].standard_error},
              {"bias", r.expect[0].bias},
              {"beta", r.expect[0].beta.value}};
  return run;
}

// 10^9 path-steps of Ornstein-Uhlenbeck with statistics at 101 times.
Run memory(const BenchOptions& asked, const Hooks& hooks) {
  const SdeDocument d = ou();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  const TimeGrid grid = make_grid(0, 1, equispaced(0, 1, 101), 1e-3);
  EnsembleOptions options;
  options.method = &find_method("euler-maruyama");
  options.paths = asked.paths.value_or(1'000'000);
  options.statistics = {true, false, true, 0, {}, 0};
  reset_peak_memory();
  double steps = 0;
  const double seconds = seconds_of(
      [&] { steps = static_cast<double>(simulate(e, initial, grid, options, {}, hooks).path_steps); });
  Run run;
  run.case_name = "memory";
  run.name = fmt::format(
      "largest memory of {:.3g} path-steps of OU, mean, variance and quantiles at 101 times", steps);
  run.value = peak_memory() / 1e6;
  run.unit = "MB";
  run.target = 400;
  run.ok = run.value <= 400;
  run.more = {{"seconds", seconds}, {"path_steps", steps}};
  return run;
}

// Percent of the speed of plain writes that trajectories reach, both with a sync at the end.
Run writing(const BenchOptions& asked) {
  const SdeDocument d = ou();
  const SdeExpressions e = parse_document(d);
  const InitialStates initial(d);
  // The exact law: little besides the writing.
  const TimeGrid grid = make_grid(0, 1, equispaced(0, 1, 101));
  const std::uint64_t paths = asked.paths.value_or(400'000);
  const std::size_t bytes = paths * 101 * sizeof(double);
  const Scratch scratch;
  double plain = 1e300, ours = 1e300, simulating = 1e300;
  for (std::uint64_t r = 0; r < std::min<std::uint64_t>(asked.repeats, 3); ++r) {
    const std::string raw = scratch / "raw", file = scratch / "paths.h5";
    plain = std::min(plain, seconds_of([&] {
                       const std::vector<double> block(1 << 17, 0.25 * static_cast<double>(r));
                       const int fd = ::open(raw.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
                       for (std::size_t done = 0; fd >= 0 && done < bytes;) {
                         const ssize_t put =
                             ::write(fd, block.data(), std::min(bytes - done, block.size() * sizeof(double)));
                         if (put <= 0) fail(Status::io, "{}: write failed", raw);
                         done += static_cast<std::size_t>(put);
                       }
                       ::fsync(fd);
                       ::close(fd);
                     }));
    std::filesystem::remove(raw);
    EnsembleOptions options;
    options.method = &find_method("exact");
    options.paths = paths;
    options.seed = r;
    simulating = std::min(simulating, seconds_of([&] { (void)simulate(e, initial, grid, options); }));
    ours = std::min(ours, seconds_of([&] {
                      io::EnsembleLayout layout;
                      layout.paths = paths;
                      layout.time = grid.save;
                      layout.columns = {"x"};
                      io::EnsembleWriter writer(file, io::OutputForm::hdf5, layout, io::make_provenance());
                      (void)simulate(e, initial, grid, options, [&](const PathBlock& block) {
                        io::EnsembleBlock out = writer.spare();
                        out.first = block.first_id;
                        out.value.resize(block.paths * block.saves);
                        block.turn(out.value.data());
                        writer.write(std::move(out));
                      });
                      writer.finish();
                    }));
    std::filesystem::remove(file);
  }
  const double mb = static_cast<double>(bytes) / 1e6;
  Run run;
  run.case_name = "writing";
  run.name = fmt::format("{:.0f} MB of trajectories simulated and written, by the time of plain writes", mb);
  run.value = 100 * plain / ours;
  run.unit = "%";
  run.target = 70;
  run.ok = run.value >= 70;
  run.more = {{"megabytes_per_second", mb / ours},
              {"plain_megabytes_per_second", mb / plain},
              {"seconds_without_writing", simulating}};
  run.note = fmt::format("{:.0f} MB/s, plain writes {:.0f}; simulating alone would be {:.0f}", mb / ours,
                         mb / plain, mb / simulating);
  return run;
}

}  // namespace

Outcome statistics(cli::Context& context, const BenchOptions& asked) {
  const std::vector<std::string> known = {"overhead", "merging", "multilevel", "memory", "writing"};
  const std::vector<std::string> wanted = wanted_cases(context, known);
  Outcome outcome;
  for (const std::string& name : wanted) {
    if (context.dry_run()) {
      outcome.runs.push_back({name, "statistics", 0, "", {}, {}, {}, ""});
      continue;
    }
    context.check_stopped();
    if (name == "overhead") outcome.runs.push_back(overhead(asked));
    if (name == "merging") outcome.runs.push_back(merging(asked));
    if (name == "multilevel") outcome.runs.push_back(multilevel());
    if (name == "memory") outcome.runs.push_back(memory(asked, context.hooks()));
    if (name == "writing") outcome.runs.push_back(writing(asked));
    const Run& run = outcome.runs.back();
    outcome.text += fmt::format("{:<12} {:>9.3g} {:<6} {:<6} {}\n", run.case_name, run.value, run.unit,
                                *run.ok ? "ok" : "MISSED", run.name);
    if (!run.note.empty()) outcome.text += fmt::format("{:>36}{}\n", "", run.note);
  }
  return outcome;
}

}  // namespace sde::bench
