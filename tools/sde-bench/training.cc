// The speed of training: whole steps, and the matrix products and convolutions that they are made of.
#include <fmt/format.h>

#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "cases.h"
#include "networks.h"
#include "nn/gemm.h"
#include "nn/image.h"
#include "nn/tape.h"
#include "random/stream.h"
#include "score/train.h"
#include "suites.h"
#include "timing.h"

namespace sde::bench {
namespace {

constexpr std::uint64_t kSteps = 200, kBatch = 512;
constexpr std::size_t kRows = 10000;
constexpr std::size_t kLanes = nn::kTapeLanes;
const std::size_t kWidths[] = {64, 128, 256};

// Operations a second of a short kernel: the best of `repeats` runs of some milliseconds.
double rate_of(std::uint64_t repeats, double operations, const std::function<void()>& run) {
  std::uint64_t calls = 1;
  while (seconds_of([&] {
           for (std::uint64_t i = 0; i < calls; ++i) run();
         }) < 2e-3) {
    calls *= 2;
  }
  double best = std::numeric_limits<double>::infinity();
  for (std::uint64_t k = 0; k < 10 * repeats; ++k) {
    best = std::min(best, seconds_of([&] {
                      for (std::uint64_t i = 0; i < calls; ++i) run();
                    }));
  }
  return operations * static_cast<double>(calls) / best;
}

// Standard normal rows.
std::vector<double> rows_of(std::size_t rows, std::size_t dimension) {
  std::vector<double> data(rows * dimension);
  const Stream stream = make_stream(1, Purpose::test);
  for (std::size_t i = 0; i + 1 < data.size(); i += 2) {
    const auto z = normal_pair(stream, i, 0);
    data[i] = z[0];
    data[i + 1] = z[1];
  }
  return data;
}

// Steps of score-train: times, noise, forward, backward, clipping, Adam, average.
Run train(const std::string& name, std::uint64_t repeats, TrainOptions o, std::size_t dimension,
          std::size_t rows) {
  const std::vector<double> data = rows_of(rows, dimension);
  o.validation_fraction = 0;
  double best = std::numeric_limits<double>::infinity();
  double flops = 0;
  for (std::uint64_t k = 0; k <= repeats; ++k) {  // the first one warms up
    Trainer trainer(o, data, rows, dimension);
    flops = 3 * trainer.network().flops();
    const double seconds = seconds_of([&] { trainer.run({}); });
    if (k) best = std::min(best, seconds);
  }
  Run run;
  run.case_name = name;
  run.value = static_cast<double>(o.steps * *o.batch) / best;
  run.unit = "samples/s";
  run.name = fmt::format("batch {}, {:.3g} kflop a sample", *o.batch, flops / 1e3);
  run.more = {{"seconds", best}, {"gflops", run.value * flops / 1e9}};
  return run;
}

TrainOptions mlp_options(std::size_t width, nn::Precision precision = nn::Precision::f32) {
  TrainOptions o;
  o.precision = precision;
  o.network.hidden = {width, width, width};
  o.network.time_embedding.type = nn::TimeEmbedding::sinusoidal;
  o.batch = kBatch;
  o.steps = kSteps;
  return o;
}

Run train_mlp(const std::string& name, std::size_t width, nn::Precision precision, std::uint64_t repeats) {
  return train(name, repeats, mlp_options(width, precision), 2, kRows);
}

// Two threads against one: the time of the steps, and the same weights in the end.
Run train_on_two(const std::string& name, std::size_t width, std::uint64_t repeats, int allowed) {
  Run run;
  run.case_name = name;
  run.name = fmt::format("time of train_{} on one thread by that on two", width);
  run.unit = "times";
  run.target = 1.8;
  run.value = std::numeric_limits<double>::quiet_NaN();
  if (allowed < 2) {
    run.note = "needs two threads";
    return run;
  }
  TrainOptions o = mlp_options(width);
  o.validation_fraction = 0;
  const std::vector<double> data = rows_of(kRows, 2);
  // In turns, because processors change their pace.
  double best[2] = {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  AlignedVector<float> weights[2];
  tbb::task_arena arenas[2] = {tbb::task_arena(1), tbb::task_arena(2)};
  for (std::uint64_t k = 0; k <= repeats; ++k) {  // the first one warms up
    for (const int i : {0, 1}) {
      arenas[i].execute([&] {
        Trainer trainer(o, data, kRows, 2);
        const double seconds = seconds_of([&] { trainer.run({}); });
        if (k) best[i] = std::min(best[i], seconds);
        weights[i] = trainer.state().network.weights;
      });
    }
  }
  if (weights[0] != weights[1]) fail(Status::bug, "two threads train other weights than one");
  run.value = best[0] / best[1];
  run.ok = run.value >= *run.target;
  run.more = {{"seconds_one", best[0]}, {"seconds_two", best[1]}};
  return run;
}

Run train_unet(const std::string& name, std::size_t side, std::vector<std::size_t> widths,
               std::uint64_t repeats) {
  TrainOptions o;
  o.network.type = nn::NetworkType::unet;
  o.network.image = {1, side, side};
  o.network.hidden = std::move(widths);
  o.batch = 128;
  o.steps = side > 8 ? 1 : 4;
  return train(name, repeats, o, side * side, 256);
}

struct Kernel {
  std::string what;
  double operations;
  std::function<void()> run;
};

// One layer of width W on the lanes of a tape.
std::vector<Kernel> layer_kernels(std::size_t W, AlignedVector<float>& memory) {
  const std::size_t ld = nn::spread_stride(W);
  memory.assign(2 * W * ld + 3 * ld * kLanes + W, 0.01f);
  float *weight = memory.data(), *gradient = weight + W * ld, *x = gradient + W * ld, *y = x + W * kLanes,
        *transposed = y + W * kLanes, *bias = transposed + ld * kLanes;
  const double operations = 2.0 * static_cast<double>(W * W * kLanes);
  return {{"forward", operations,
           [=] {
             nn::multiply({.m = W,
                           .n = kLanes,
                           .k = W,
                           .a = weight,
                           .a_row = ld,
                           .a_col = 1,
                           .b = x,
                           .ldb = kLanes,
                           .c = y,
                           .ldc = kLanes,
                           .row_start = bias});
           }},
          {"input gradient", operations,
           [=] {
             nn::multiply({.m = W,
                           .n = kLanes,
                           .k = W,
                           .a = weight,
                           .a_row = 1,
                           .a_col = ld,
                           .b = x,
                           .ldb = kLanes,
                           .c = y,
                           .ldc = kLanes});
           }},
          {"weight gradient", operations, [=] {
             nn::transpose(x, W, kLanes, kLanes, transposed, ld);
             nn::multiply({.m = W,
                           .n = W,
                           .k = kLanes,
                           .a = y,
                           .a_row = kLanes,
                           .a_col = 1,
                           .b = transposed,
                           .ldb = ld,
                           .c = gradient,
                           .ldc = ld,
                           .accumulate = true});
           }}};
}

// A 3 x 3 convolution of C to C channels.
std::vector<Kernel> convolution_kernels(std::size_t side, std::size_t C, AlignedVector<float>& memory) {
  const std::size_t rows = side * side * C, weights = 9 * C * C, scratch = (rows + 16) * kLanes;
  memory.assign(2 * weights + 2 * rows * kLanes + scratch + weights + C, 0.01f);
  float *weight = memory.data(), *gradient = weight + weights, *x = gradient + weights,
        *y = x + rows * kLanes, *transposed = y + rows * kLanes, *flipped = transposed + scratch,
        *bias = flipped + weights;
  nn::Convolution<float> c;
  c.in = {side, side, C};
  c.out_channels = c.pixel = c.out_pixel = C;
  c.weight = weight;
  c.stride = 9 * C;
  // Windows lose a line at the border.
  const double taps = std::pow(3 * static_cast<double>(side) - 2, 2);
  const double operations = 2 * taps * static_cast<double>(C * C * kLanes);
  return {{"forward", operations, [=] { nn::convolve<float>(c, bias, x, kLanes, y); }},
          {"input gradient", operations,
           [=] { nn::convolve_transposed<float>(c, y, kLanes, x, false, flipped); }},
          {"weight gradient", operations,
           [=] { nn::convolve_gradient<float>(c, x, y, kLanes, gradient, bias, transposed); }}};
}

struct Case {
  std::string name;
  std::function<std::vector<Run>(std::uint64_t)> run;
};

std::vector<Case> cases(int threads) {
  std::vector<Case> all;
  const auto kernels = [](const std::string& name, const std::string& what, auto make) {
    return Case{name, [=](std::uint64_t repeats) {
                  const double most = peak(repeats);
                  AlignedVector<float> memory;
                  std::vector<Run> runs;
                  for (const Kernel& kernel : make(memory)) {
                    Run run;
                    run.case_name = name;
                    run.name = kernel.what + ", " + what;
                    run.value = rate_of(repeats, kernel.operations, kernel.run) / 1e9;
                    run.unit = "GFLOP/s";
                    run.more = {{"peak", most / 1e9}, {"share", run.value * 1e9 / most}};
                    runs.push_back(run);
                  }
                  return runs;
                }};
  };
  for (const auto& [text, precision] : enum_names(nn::Precision{})) {
    for (const std::size_t width : kWidths) {
      const std::string name =
          fmt::format("train_{}", width) + (precision == nn::Precision::f32 ? "" : std::string("_") + text);
      all.push_back({name, [=, p = precision](std::uint64_t repeats) {
                       return std::vector{train_mlp(name, width, p, repeats)};
                     }});
    }
  }
  for (const std::size_t width : kWidths) {
    const std::string name = fmt::format("threads_{}", width);
    all.push_back({name, [=](std::uint64_t repeats) {
                     return std::vector{train_on_two(name, width, repeats, threads)};
                   }});
  }
  for (const std::size_t width : kWidths) {
    all.push_back(kernels(fmt::format("layer_{}", width),
                          fmt::format("a layer of {} on {} lanes, one thread", width, kLanes),
                          [=](AlignedVector<float>& memory) { return layer_kernels(width, memory); }));
  }
  all.push_back({"unet_8", [](std::uint64_t repeats) {
                   return std::vector{train_unet("unet_8", 8, {32, 64}, repeats)};
                 }});
  all.push_back({"unet_28", [](std::uint64_t repeats) {
                   return std::vector{train_unet("unet_28", 28, {16, 32, 64}, repeats)};
                 }});
  for (const auto& [side, channels] : {std::pair<std::size_t, std::size_t>{8, 32}, {8, 64}, {28, 32}}) {
    all.push_back(kernels(fmt::format("convolution_{}x{}_{}", side, side, channels),
                          fmt::format("3 x 3 on {} lanes, one thread", kLanes),
                          [=, s = side, c = channels](AlignedVector<float>& memory) {
                            return convolution_kernels(s, c, memory);
                          }));
  }
  return all;
}

}  // namespace

Outcome training(cli::Context& context, const BenchOptions& asked) {
  const std::vector<Case> all = cases(static_cast<int>(context.threads()));
  std::vector<std::string> known;
  for (const Case& c : all) known.push_back(c.name);
  const std::vector<std::string> wanted = wanted_cases(context, known);
  Outcome outcome;
  outcome.text = machine_line(context);
  for (const std::string& name : wanted) {
    if (context.dry_run()) {
      outcome.runs.push_back({name, "training", 0, "1/s", {}, {}, {}, ""});
      continue;
    }
    context.check_stopped();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Case& c) { return c.name == name; });
    for (Run& run : found->run(asked.repeats)) {
      if (run.target) {
        outcome.text +=
            fmt::format("{:<20} {:>8.2f} {:<11} {:<14} {}{}\n", run.case_name, run.value, run.unit,
                        fmt::format("target {}", *run.target), run.ok ? *run.ok ? "" : "MISSED: " : "",
                        run.note.empty() ? run.name : run.note);
        outcome.runs.push_back(std::move(run));
        continue;
      }
      const bool steps = run.unit == "samples/s";
      outcome.text += fmt::format("{:<20} {:>8.1f} {:<11} {:>4.0f} {:<9} {}\n", run.case_name,
                                  steps ? run.value / 1e3 : run.value, steps ? "k samples/s" : run.unit,
                                  steps ? run.more[1].second : 100 * run.more[1].second,
                                  steps ? "GFLOP/s" : "% of peak", run.name);
      outcome.runs.push_back(std::move(run));
    }
  }
  return outcome;
}

}  // namespace sde::bench
