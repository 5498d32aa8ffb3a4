#include "solve/ensemble.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "solve/increments.h"
#include "solve/stepper.h"

namespace sde {
namespace {

constexpr std::size_t kPilotPaths = 256;
constexpr std::uint64_t kStepsBetweenChecks = 256;

// What one thread needs to run a block.
struct Worker {
  StepWorkspace steps;
  StateBlock<double> x, next, expect;
  std::optional<Increments> brownian;
  AlignedVector<double> saved;  // [save][state][lane], where trajectories are wanted
  std::vector<PathStatus> status;
  std::vector<std::vector<Moments>> leaves;  // [leaf of the block][quantity]
  std::vector<QuantileSketch> sketches;
};

// One run of simulate(): what all blocks share.
class Run {
 public:
  Run(const SdeExpressions& sde, const InitialStates& initial, const TimeGrid& grid,
      const EnsembleOptions& options, const std::function<void(const PathBlock&)>& trajectories,
      const Hooks& hooks)
      : sde_(sde),
        initial_(initial),
        grid_(grid),
        options_(options),
        trajectories_(trajectories),
        hooks_(hooks),
        stepper_(make_stepper(sde, *options.method, options.adaptive)),
        domains_(needs_domains(sde.domains)),
        saves_(grid.save.size()),
        dimension_(sde.dimension()),
        // The end is always recorded, for the final moments, whether it is a save time or not.
        records_(saves_ + (saves_ == 0 || grid.save.back() < grid.end() ? 1 : 0)),
        tree_((options.moments ? records_ : 1) * dimension_ + options.expect.size()),
        first_leaf_(options.first_path / kLeafPaths * kLeafPaths),
        offset_(static_cast<std::size_t>(options.first_path % kLeafPaths)) {
    if (!options.expect.empty()) {
      std::vector<std::string> uniforms = sde.parameters;
      uniforms.emplace_back("t");
      expect_ = expr::Program(options.expect, sde.states, uniforms);
    }
    if (options.adaptive && !stepper_->has_error_estimate())
      fail(Status::usage, "/solver/adaptive: {} has no error estimate; use dopri5, or a fixed dt",
           options.method->name);
  }

  EnsembleResult operator()() {
    if (options_.quantiles) set_up_sketches();
    const std::size_t lanes = options_.lanes;
    const std::uint64_t blocks = (options_.paths + lanes - 1) / lanes;
    tbb::enumerable_thread_specific<Worker> workers;
    tbb::parallel_for(
        tbb::blocked_range<std::uint64_t>(0, blocks, 1),
        [&](const tbb::blocked_range<std::uint64_t>& range) {
          Worker& worker = workers.local();
          for (std::uint64_t b = range.begin(); b != range.end() && !stopped_; ++b) {
            const std::uint64_t first = b * lanes;
            run_block(worker, first_leaf_ + first,
                      static_cast<std::size_t>(std::min<std::uint64_t>(lanes, options_.paths - first)),
                      lanes);
          }
        },
        tbb::simple_partitioner());

    for (const Worker& worker : workers)
      for (std::size_t q = 0; q < worker.sketches.size(); ++q) result_.sketches[q].merge(worker.sketches[q]);
    result_.interrupted = stopped_;
    std::vector<Moments> total = tree_.total();
    const auto expectations = total.end() - static_cast<std::ptrdiff_t>(options_.expect.size());
    result_.expect.assign(expectations, total.end());
    total.erase(expectations, total.end());
    result_.final.assign(total.end() - static_cast<std::ptrdiff_t>(dimension_), total.end());
    if (options_.moments) {
      total.resize(saves_ * dimension_);
      result_.moments = std::move(total);
    }
    return std::move(result_);
  }

 private:
  // Centre and scale of every sketch come from the first paths of the whole ensemble, whatever part of it
  // runs here, so that the sketches of all parts can be added up.
  void set_up_sketches() {
    Worker pilot;
    prepare(pilot, kPilotPaths);
    pilot.saved.assign(saves_ * dimension_ * kPilotPaths, 0);
    integrate(pilot, 0, kPilotPaths, [&](std::size_t record) { keep(pilot, record, kPilotPaths, 0); });
    for (std::size_t q = 0; q < saves_ * dimension_; ++q) {
      const auto [centre, scale] = centre_and_scale({pilot.saved.data() + q * kPilotPaths, kPilotPaths});
      result_.sketches.emplace_back(centre, scale);
    }
  }

  void prepare(Worker& w, std::size_t lanes) const {
    if (w.x.lanes() == lanes) return;
    w.x.resize(dimension_ + stepper_->memory(), lanes);
    w.next.resize(dimension_ + stepper_->memory(), lanes);
    if (stepper_->noises() > 0)
      w.brownian.emplace(options_.seed, stepper_->noises(), grid_.segments.front().h, stepper_->needs(),
                         options_.areas, lanes);
  }

  void keep(Worker& w, std::size_t record, std::size_t lanes, std::size_t offset) const {
    if (record >= saves_) return;
    for (std::size_t i = 0; i < dimension_; ++i)
      std::copy_n(w.x.row(i) + offset, lanes - offset, w.saved.data() + (record * dimension_ + i) * lanes);
  }

  void run_block(Worker& w, std::uint64_t first_id, std::size_t paths, std::size_t lanes) {
    prepare(w, lanes);
    if (options_.quantiles && w.sketches.empty())
      for (const QuantileSketch& s : result_.sketches) w.sketches.emplace_back(s.centre(), s.scale());
    if (trajectories_) w.saved.resize(saves_ * dimension_ * lanes);
    w.status.assign(paths, PathStatus::ok);
    w.leaves.assign((paths + kLeafPaths - 1) / kLeafPaths, std::vector<Moments>(tree_.quantities()));

    const bool complete = integrate(w, first_id, lanes, [&](std::size_t record) {
      for (std::size_t i = 0; i < dimension_; ++i) {
        const double* x = w.x.row(i) + offset_;
        for (std::size_t p = 0; p < paths; ++p)
          if (!std::isfinite(x[p])) w.status[p] = PathStatus::non_finite;
        const bool final = record + 1 == records_;
        if (options_.moments || final) {
          const std::size_t q = (options_.moments ? record : 0) * dimension_ + i;
          for (std::size_t leaf = 0; leaf < w.leaves.size(); ++leaf)
            w.leaves[leaf][q] =
                leaf_moments(x + leaf * kLeafPaths, std::min(kLeafPaths, paths - leaf * kLeafPaths));
        }
        if (options_.quantiles && record < saves_) w.sketches[record * dimension_ + i].add(x, paths);
      }
      if (trajectories_) keep(w, record, lanes, offset_);
      if (record + 1 == records_ && !options_.expect.empty()) add_expectations(w, paths, lanes);
    });
    if (!complete) {
      stopped_ = true;
      return;
    }
    for (std::size_t p = 0; p < paths; ++p)
      if (w.status[p] == PathStatus::ok && is_absorbed(sde_.domains, w.x, p + offset_))
        w.status[p] = PathStatus::absorbed;
    if (trajectories_)
      trajectories_({first_id + offset_, paths, saves_, dimension_, lanes, w.saved.data(), w.status.data()});
    finish_block(w, first_id, paths);
  }

  void add_expectations(Worker& w, std::size_t paths, std::size_t lanes) const {
    const std::size_t count = options_.expect.size();
    if (w.expect.rows() != count || w.expect.lanes() != lanes) w.expect.resize(count, lanes);
    std::vector<const double*> inputs;
    std::vector<double*> outputs;
    for (std::size_t i = 0; i < dimension_; ++i) inputs.push_back(w.x.row(i));
    for (std::size_t k = 0; k < count; ++k) outputs.push_back(w.expect.row(k));
    std::vector<double> uniforms = sde_.parameter_values;
    uniforms.push_back(grid_.end());
    expect_.run(inputs.data(), uniforms, outputs.data(), lanes, w.steps.sde.program);
    for (std::size_t leaf = 0; leaf < w.leaves.size(); ++leaf)
      for (std::size_t k = 0; k < count; ++k)
        w.leaves[leaf][tree_.quantities() - count + k] = leaf_moments(
            w.expect.row(k) + leaf * kLeafPaths, std::min(kLeafPaths, paths - leaf * kLeafPaths));
  }

  void finish_block(Worker& w, std::uint64_t first_id, std::size_t paths) {
    const std::scoped_lock lock(mutex_);
    for (std::size_t leaf = 0; leaf < w.leaves.size(); ++leaf)
      tree_.add(first_id / kLeafPaths + leaf, std::move(w.leaves[leaf]));
    result_.paths += paths;
    result_.path_steps += paths * grid_.steps;
    for (PathStatus status : w.status) {
      result_.ok += status == PathStatus::ok;
      result_.non_finite += status == PathStatus::non_finite;
      result_.absorbed += status == PathStatus::absorbed;
    }
    hooks_.report(result_.path_steps, options_.paths * grid_.steps);
  }

  // Takes w.x through all segments; record(i) is called at every record. False where it was stopped.
  template <class Record>
  bool integrate(Worker& w, std::uint64_t first_id, std::size_t lanes, const Record& record) const {
    initial_.fill(options_.seed, first_id, w.x.view().slice(0, dimension_));
    if (stepper_->memory() > 0)
      copy<double>(w.x.view().slice(0, dimension_), w.x.view().slice(dimension_, stepper_->memory()));
    std::size_t next_record = 0;
    if (grid_.saves_start) record(next_record++);
    if (w.brownian) w.brownian->start(first_id);
    std::optional<AdaptiveIntegrator> adaptive;
    if (options_.adaptive)
      adaptive.emplace(*stepper_, options_.tolerance, lanes, static_cast<int>(options_.method->ode_order));
    std::uint64_t number = 0;
    for (const Segment& segment : grid_.segments) {
      if (adaptive) {
        if (!adaptive->advance(segment.start, segment.end, w.x, w.steps, hooks_)) return false;
      } else if (!advance(w, segment, first_id, number)) {
        return false;
      }
      number += segment.steps;
      record(next_record++);
    }
    return true;
  }

  bool advance(Worker& w, const Segment& segment, std::uint64_t first_id, std::uint64_t number) const {
    for (std::uint64_t i = 0; i < segment.steps; ++i) {
      if (i % kStepsBetweenChecks == 0 && (hooks_.stopped() || stopped_)) return false;
      const double h = i + 1 == segment.steps ? segment.last : segment.h;
      StepInput input;
      input.t.value = segment.start + static_cast<double>(i) * segment.h;
      input.h.value = h;
      input.x = w.x.view();
      if (w.brownian) w.brownian->serve(number + i, h, input);
      input.seed = options_.seed;
      input.first_id = first_id;
      input.number = number + i;
      stepper_->step(input, w.next, nullptr, w.steps);
      if (domains_) apply_domains(sde_.domains, w.x, w.next);
      std::swap(w.x, w.next);
    }
    return true;
  }

  const SdeExpressions& sde_;
  const InitialStates& initial_;
  const TimeGrid& grid_;
  const EnsembleOptions& options_;
  const std::function<void(const PathBlock&)>& trajectories_;
  const Hooks& hooks_;
  std::unique_ptr<Stepper> stepper_;
  expr::Program expect_;
  bool domains_;
  std::size_t saves_, dimension_, records_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;  // guards what follows
  MomentTree tree_;
  std::uint64_t first_leaf_;
  std::size_t offset_;  // of a replayed path in its leaf; else 0
  EnsembleResult result_;
};

}  // namespace

std::size_t choose_lanes(const TimeGrid& grid, std::size_t dimension, const EnsembleOptions& options,
                         bool trajectories, unsigned threads) {
  // Half a thousand paths amortise the dispatch of a program's operations and still fit the first-level
  // cache; fewer where there would not be a block for every thread, or where their trajectories would fill
  // more than 64 MiB.
  std::size_t lanes = 512;
  const double budget = 64.0 * (1 << 20);
  while (lanes > kLeafPaths &&
         (options.paths < static_cast<std::uint64_t>(lanes) * threads ||
          (trajectories && static_cast<double>(grid.save.size() * dimension * lanes) * 8 > budget)))
    lanes /= 2;
  return lanes;
}

double estimate_memory(const TimeGrid& grid, const SdeExpressions& sde, const EnsembleOptions& options,
                       bool trajectories, unsigned threads) {
  const std::size_t lanes =
      options.lanes ? options.lanes : choose_lanes(grid, sde.dimension(), options, trajectories, threads);
  const double quantities = static_cast<double>(grid.save.size() * sde.dimension());
  double per_thread = 64.0 * static_cast<double>(lanes) * 8;  // states, increments, program
  if (trajectories)
    per_thread += 3 * quantities * static_cast<double>(lanes) * 8;  // here, in the queue, at the writer
  if (options.moments) per_thread += 8 * quantities * sizeof(Moments) + 8 * quantities * 24;
  if (options.quantiles) per_thread += quantities * 16e3;
  return 20e6 + per_thread * threads;
}

EnsembleResult simulate(const SdeExpressions& sde, const InitialStates& initial, const TimeGrid& grid,
                        const EnsembleOptions& given,
                        const std::function<void(const PathBlock&)>& trajectories, const Hooks& hooks) {
  EnsembleOptions options = given;
  if (options.lanes == 0)
    options.lanes = choose_lanes(grid, sde.dimension(), options, static_cast<bool>(trajectories), 2);
  if (options.lanes % kLeafPaths != 0 || (options.first_path % kLeafPaths != 0 && options.paths != 1))
    fail(Status::bug, "a block of {} paths from {} does not consist of whole leaves", options.lanes,
         options.first_path);
  return Run(sde, initial, grid, options, trajectories, hooks)();
}

}  // namespace sde
