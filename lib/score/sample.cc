// Many samples: blocks in parallel, handed out in order.
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "random/stream.h"
#include "score/sampler.h"

namespace sde {
namespace {

// Normals of the steps of one block, several steps at a time.
class StepNormals {
 public:
  StepNormals(const std::vector<Stream>& streams, std::uint64_t first_id, std::size_t lanes,
              AlignedVector<double>& memory)
      : streams_(streams), first_id_(first_id), lanes_(lanes), memory_(memory) {
    memory_.resize(2 * kPairs * streams.size() * lanes);
  }

  void operator()(std::uint64_t step, double* out) {
    const std::uint64_t pair = step / (2 * kPairs) * kPairs;
    if (pair != held_) {
      fill_normal_steps(streams_.data(), streams_.size(), first_id_, lanes_, pair, kPairs, memory_.data());
      held_ = pair;
    }
    const std::size_t row = streams_.size() * lanes_;
    std::copy_n(memory_.data() + (step - 2 * pair) * row, row, out);
  }

 private:
  static constexpr std::size_t kPairs = 4;
  const std::vector<Stream>& streams_;
  std::uint64_t first_id_, held_ = ~std::uint64_t{0};
  std::size_t lanes_;
  AlignedVector<double>& memory_;
};

struct Finished {
  std::uint64_t first_id = 0;
  std::size_t count = 0;
  std::vector<double> values;      // [sample][component]
  std::vector<double> trajectory;  // [sample][time][component]
  std::uint64_t evaluations = 0;
  bool whole = true;
};

}  // namespace

SampleTally::SampleTally(std::size_t dimension)
    : dimension_(dimension), tree_(dimension), column_(kLeafPaths) {}

void SampleTally::add(std::uint64_t first_id, std::size_t samples, const double* values) {
  for (std::size_t part = 0; part < samples; part += kLeafPaths) {
    const std::size_t n = std::min(kLeafPaths, samples - part);
    std::vector<Moments> leaf(dimension_);
    for (std::size_t c = 0; c < dimension_; ++c) {
      for (std::size_t l = 0; l < n; ++l) column_[l] = values[(part + l) * dimension_ + c];
      leaf[c] = leaf_moments(column_.data(), n);
    }
    tree_.add((first_id + part) / kLeafPaths, std::move(leaf));
  }
  for (std::size_t l = 0; l < samples; ++l) {
    const double* row = values + l * dimension_;
    if (!std::all_of(row, row + dimension_, [](double v) { return std::isfinite(v); })) ++non_finite_;
  }
  samples_ += samples;
}

SampleResult sample(std::shared_ptr<const ScoreModel> model, const SampleOptions& options,
                    std::uint64_t first_id, const std::function<void(const SampleBlock&)>& sink,
                    const Hooks& hooks, const SampleStart* start,
                    const std::optional<Observation>& observation) {
  if (first_id % kLeafPaths) fail(Status::bug, "samples start at id {}, inside a leaf", first_id);
  if (options.samples < 1) fail(Status::usage, "/samples: must be at least 1 (got 0)");
  const Sampler sampler(model, options, observation && observation->by_steps() ? observation : std::nullopt);
  const std::size_t D = model->dimension();
  std::vector<Stream> prior, noise;
  for (std::size_t c = 0; c < D; ++c) {
    prior.push_back(make_stream(options.seed, Purpose::prior, static_cast<std::uint32_t>(c)));
    noise.push_back(make_stream(options.seed, Purpose::sampler, static_cast<std::uint32_t>(c)));
  }
  const NoiseProcess& process = model->process();
  const bool exact = sampler.traits().kind == SamplerKind::exact;
  const double from = exact ? kHorizon : sampler.grid().front();
  if (start) {
    if (exact) fail(Status::usage, "/sampler: exact draws do not start from data");
    if (start->rows.empty() || start->rows.size() % D) {
      fail(Status::bad_data, "the model has dimension {} and the data are {} numbers", D, start->rows.size());
    }
  } else if (from != kHorizon) {
    fail(Status::usage, "/start_time: needs data to start from");
  }
  tbb::enumerable_thread_specific<SamplerWorkspace> workspaces;
  // States at the first time of the grid.
  const auto place = [&](std::uint64_t id, Block x, double* unused) {
    const bool given = start && start->from == SampleStart::From::noise;
    const double a = start ? process.signal(from) : 0,
                 s = start ? process.noise(from) : process.prior_deviation();
    if (start) {
      const std::size_t n = start->rows.size() / D;
      for (std::size_t l = 0; l < x.lanes; ++l) {
        const double* row = start->rows.data() + (id + l) % n * D;
        for (std::size_t c = 0; c < D; ++c) x.row(c)[l] = row[c];
      }
      if (given) return;
      model->standardisation().to_model(x);
    }
    AlignedVector<double> z(x.lanes);
    for (std::size_t c = 0; c < D; ++c) {
      fill_normals(prior[c], id, x.lanes, 0, z.data(), unused);
      for (std::size_t l = 0; l < x.lanes; ++l) x.row(c)[l] = start ? a * x.row(c)[l] + s * z[l] : s * z[l];
    }
  };

  const auto make = [&](std::uint64_t id) {
    Finished out;
    out.first_id = id;
    out.count = std::min<std::uint64_t>(kSampleBlock, first_id + options.samples - id);
    SamplerWorkspace& workspace = workspaces.local();
    StateBlock<double> x(D, out.count);
    AlignedVector<double> unused(x.lanes()), evaluations(x.lanes(), 0.0);
    if (exact) {
      model->draw(options.seed, id, x);
    } else {
      place(id, x, unused.data());
      StepNormals normals(noise, id, x.lanes(), workspace.normals);
      Sampler::Observer observer;
      const std::size_t T = sampler.grid().size();
      StateBlock<double> seen;
      if (options.trajectory) {
        out.trajectory.resize(out.count * T * D);
        seen.resize(D, x.lanes());
        observer = [&](std::size_t i, ConstBlock at) {
          copy<double>(at, seen);
          model->standardisation().to_data(seen);
          for (std::size_t l = 0; l < out.count; ++l) {
            for (std::size_t c = 0; c < D; ++c) out.trajectory[(l * T + i) * D + c] = seen.row(c)[l];
          }
        };
      }
      out.whole = sampler.run(x, std::ref(normals), evaluations.data(), workspace, hooks, observer);
    }
    model->standardisation().to_data(x);
    out.values.resize(out.count * D);
    for (std::size_t l = 0; l < out.count; ++l) {
      for (std::size_t c = 0; c < D; ++c) out.values[l * D + c] = x.row(c)[l];
      out.evaluations += static_cast<std::uint64_t>(evaluations[l]);
    }
    return out;
  };

  SampleResult result;
  result.grid = sampler.grid();
  SampleTally tally(D);
  const auto take = [&](const Finished& block) {
    if (!block.whole) result.interrupted = true;
    if (result.interrupted) return;
    tally.add(block.first_id, block.count, block.values.data());
    if (sink) {
      sink({block.first_id, block.count, D, block.values.data(),
            options.trajectory ? block.trajectory.data() : nullptr, block.evaluations});
    }
    result.evaluations += block.evaluations;
    result.samples += block.count;
    hooks.report(result.samples, options.samples);
  };

  std::uint64_t next = first_id;
  const std::uint64_t end = first_id + options.samples;
  const auto source = [&](tbb::flow_control& control) -> std::uint64_t {
    if (next >= end || hooks.stopped()) {
      control.stop();
      return 0;
    }
    return std::exchange(next, std::min<std::uint64_t>(end, next + kSampleBlock));
  };
  const std::size_t in_flight = 2 * static_cast<std::size_t>(tbb::this_task_arena::max_concurrency());
  tbb::parallel_pipeline(in_flight,
                         tbb::make_filter<void, std::uint64_t>(tbb::filter_mode::serial_in_order, source) &
                             tbb::make_filter<std::uint64_t, Finished>(tbb::filter_mode::parallel, make) &
                             tbb::make_filter<Finished, void>(tbb::filter_mode::serial_in_order, take));
  result.interrupted = result.interrupted || result.samples < options.samples;
  result.moments = tally.moments();
  result.non_finite = tally.non_finite();
  return result;
}

double sampling_memory(const ScoreModel& model, unsigned threads) {
  // A state, its normals and about nine vectors of a step; finished blocks wait for their turn.
  const double block = 8.0 * static_cast<double>(kSampleBlock * model.dimension());
  return threads * (model.workspace_bytes(kSampleBlock) + 20 * block) + 2 * threads * block;
}

}  // namespace sde
