#include "solve/ensemble.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "brownian/quasi.h"
#include "solve/adaptive_sde.h"
#include "solve/ensemble_checks.h"
#include "solve/functionals.h"
#include "solve/pending.h"
#include "solve/stepper.h"

namespace sde {
namespace {

constexpr std::size_t kPilotPaths = 256;
constexpr std::uint64_t kStepsBetweenChecks = 256;
constexpr std::uint64_t kWindow = 32;  // blocks that may be ahead of the first unfinished one

// What one thread needs to run a block.
struct Worker {
  StepWorkspace steps;
  StateBlock<double> x, next, functionals, outside;
  Watch::Scratch watch;
  std::optional<Increments> brownian;
  bool keeps = false;           // records, in `saved`, to the end of the block; else they are counted at once
  AlignedVector<double> saved;  // [record][state][lane]
  std::vector<LaneReport> lanes;  // of the block, where steps adapt
  Tally::Block block;
  Tally::Counts counts;
  bool counting = false;
};

}  // namespace

class Ensemble::Run {
 public:
  Run(const SdeExpressions& sde, const InitialStates& initial, const TimeGrid& grid,
      const EnsembleOptions& options)
      : sde_(sde),
        initial_(initial),
        grid_(grid),
        options_(options),
        stepper_(make_stepper(sde, *options.method, options.adaptive, options.precision, options.tuning)),
        functionals_(options, sde),
        watch_(sde, options.transform
                        ? substituted(options.events, options.transform->states, options.transform->inverse)
                        : options.events),
        domains_(needs_domains(sde.domains)),
        dimension_(sde.dimension()),
        recorded_(dimension_ - options.hidden),
        tally_(tally_layout(grid, recorded_, options)),
        first_leaf_(options.first_path / kLeafPaths * kLeafPaths),
        offset_(static_cast<std::size_t>(options.first_path % kLeafPaths)) {
    if (options_.lanes == 0) options_.lanes = choose_lanes(grid, dimension_, options_, true, 2);
    if (options_.lanes % kLeafPaths != 0 || (offset_ != 0 && options.paths != 1))
      fail(Status::bug, "a block of {} paths from {} does not consist of whole leaves", options_.lanes,
           options.first_path);
    require_combination(options, *stepper_, sde);
    if (options.transform) {
      forward_ = expr::Program(options.transform->forward, options.transform->states, sde.parameters);
      inverse_ = expr::Program(options.transform->inverse, sde.states, sde.parameters);
    }
    set_up_coupling();
    if ((options.adaptive || options.brownian == BrownianSource::tree) && stepper_->noises() > 0)
      tree_path_.emplace(options.seed, stepper_->noises(), tree_span(grid, options.tree, options.adaptive),
                         stepper_->needs().space_time_time);
  }

  bool run(const Sink& sink, const Hooks& hooks, const StopToken* pause) {
    if (sink &&
        std::any_of(pending_.begin(), pending_.end(), [](const Pending& p) { return !p.counted.empty(); }))
      fail(Status::bug, "blocks that began without a sink cannot give it their paths");
    sink_ = sink ? &sink : nullptr;
    sink_wanted_ = sink_ != nullptr;
    hooks_ = &hooks;
    pause_ = pause;
    stopped_ = false;
    count_kept();
    std::vector<Worker> workers(static_cast<std::size_t>(tbb::this_task_arena::max_concurrency()));
    if (!scaled_ && (options_.statistics.quantiles || options_.statistics.bins > 0)) run_first(workers);
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, workers.size(), 1),
        [&](const tbb::blocked_range<std::size_t>& range) {
          while (const std::optional<Pending> next = take()) run_block(workers[range.begin()], *next);
        },
        tbb::simple_partitioner());
    for (const Worker& worker : workers)
      if (worker.counting) tally_.merge_counts(worker.counts);
    return !stopped_;
  }

  void extend(std::uint64_t paths) {
    if (!pending_.empty() || tally_.paths != before_ + options_.paths || options_.paths % kLeafPaths != 0)
      fail(Status::bug, "an ensemble of {} paths cannot be extended", options_.paths);
    first_leaf_ += options_.paths;
    options_.paths = paths;
    before_ = tally_.paths;
    next_block_ = 0;
  }

  const Tally& tally() const { return tally_; }
  const EnsembleOptions& options() const { return options_; }

  NamedArrays store() const {
    NamedArrays arrays = tally_.store();
    arrays.put("run", std::vector<std::uint64_t>{first_leaf_, options_.paths, before_, options_.lanes,
                                                 next_block_, pending_.size(), sink_wanted_});
    store_pending(pending_, arrays);
    return arrays;
  }

  void restore(const NamedArrays& arrays) {
    const std::vector<std::uint64_t>& run = arrays.integer("run", 7);
    Tally tally = Tally::restore(tally_.layout(), arrays);
    if (run[3] == 0 || run[3] % kLeafPaths != 0 || run[3] > (1u << 24) || run[0] % kLeafPaths != 0)
      fail(Status::bad_data, "run: is not the state of an ensemble");
    first_leaf_ = run[0];
    options_.paths = run[1];
    before_ = run[2];
    options_.lanes = run[3];
    next_block_ = run[4];
    sink_wanted_ = run[6] != 0;
    pending_ = restore_pending(arrays, run[5], rows() * options_.lanes,
                               [&](const Position& at, bool counts) -> PendingSize {
                                 if (at.block >= blocks() || at.segment >= grid_.segments.size() ||
                                     at.record > tally_.layout().records ||
                                     at.step >= std::max<std::uint64_t>(1, grid_.segments[at.segment].steps))
                                   fail(Status::bad_data, "pending_place: is not a place of this run");
                                 if (at.record == 0) return {};
                                 if (keeps() || (!counts && options_.statistics.any()))
                                   return {at.record * recorded_ * options_.lanes, 0};
                                 return {0, tally_.stored_size(make_block(at.block))};
                               });
    tally_ = std::move(tally);
    scaled_ = true;
    count_kept();
  }

 private:
  // Of a block: the state, the stepper's memory, and the time of each event.
  std::size_t stepped() const { return dimension_ + stepper_->memory(); }
  std::size_t rows() const { return stepped() + watch_.events(); }

  // Whether the records of a block are kept to its end: for a sink or for lags, or because the block may
  // begin again.
  bool keeps() const { return sink_wanted_ || options_.statistics.lags > 0 || options_.adaptive; }

  // Counts records that were kept although nobody asks for them any more.
  void count_kept() {
    if (keeps()) return;
    for (Pending& p : pending_) {
      if (p.saved.empty()) continue;
      Tally::Block block = make_block(p.position.block);
      Tally::Counts counts = tally_.make_counts();
      for (std::size_t r = 0; options_.statistics.any() && r < p.position.record; ++r)
        tally_.count(r, p.saved.data() + r * recorded_ * options_.lanes + offset_, options_.lanes, block,
                     counts);
      tally_.merge_counts(counts);
      p.counted = tally_.store(block);
      p.saved.clear();
    }
  }

  std::uint64_t blocks() const { return (options_.paths + options_.lanes - 1) / options_.lanes; }

  Tally::Block make_block(std::uint64_t block) const {
    const std::uint64_t before = block * options_.lanes;
    return tally_.make_block(first_leaf_ + before,
                             static_cast<std::size_t>(std::min<std::uint64_t>(
                                 options_.lanes, options_.paths - std::min(options_.paths, before))));
  }

  // The next block to run, in the order of ids; nothing where there are none left, or the run was stopped.
  std::optional<Pending> take() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (stopped_ || stop_requested()) {
        stopped_ = stopped_ || !pending_.empty() || next_block_ < blocks();
        return std::nullopt;
      }
      if (!pending_.empty()) {
        Pending p = std::move(pending_.back());
        pending_.pop_back();
        unfinished_.insert(p.position.block);
        return p;
      }
      if (next_block_ >= blocks()) return std::nullopt;
      if (unfinished_.empty() || next_block_ < *unfinished_.begin() + kWindow) {
        unfinished_.insert(next_block_);
        return Pending{{next_block_++, 0, 0, 0, 0}, {}, {}, {}};
      }
      finished_.wait(lock);
    }
  }

  bool stop_requested() const { return hooks_->stopped() || (pause_ && pause_->requested()); }

  // Centres and scales come from the first paths of the whole ensemble, whatever part of it runs here, so
  // that all parts can be added up. Where they belong to this part, they are done with then.
  void run_first(std::vector<Worker>& workers) {
    const Hooks alone;
    const Hooks* given = std::exchange(hooks_, &alone);
    const StopToken* pause = std::exchange(pause_, nullptr);
    const std::size_t parts = std::bit_floor(std::min(workers.size(), kPilotPaths / kLeafPaths));
    const std::size_t lanes = kPilotPaths / parts;
    tbb::parallel_for(std::size_t{0}, parts, [&](std::size_t i) {
      Position position;
      begin(workers[i], true, lanes);
      integrate(workers[i], position, i * lanes, lanes);
    });
    std::vector<CentreAndScale> sample(tally_.layout().saves * recorded_);
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, sample.size()), [&](const auto& range) {
      std::vector<double> values;
      for (std::size_t q = range.begin(); q < range.end(); ++q) {
        values.clear();
        for (std::size_t i = 0; i < parts; ++i) {
          const double* const row = workers[i].saved.data() + q * lanes;
          values.insert(values.end(), row, row + lanes);
        }
        sample[q] = centre_and_scale(values);
      }
    });
    hooks_ = given;
    pause_ = pause;
    tally_.set_scales(sample);
    scaled_ = true;
    if (first_leaf_ > 0 || offset_ > 0 || options_.paths <= kPilotPaths || !pending_.empty() ||
        next_block_ > 0 || stop_requested())
      return;
    options_.paths -= kPilotPaths;
    first_leaf_ = before_ = kPilotPaths;
    tbb::parallel_for(std::size_t{0}, parts, [&](std::size_t i) {
      workers[i].block = tally_.make_block(i * lanes, lanes);
      finish(workers[i], i * lanes, lanes);
    });
  }

  void set_up_coupling() {
    const CouplingOptions& coupling = options_.coupling;
    if (coupling.quasi_points == 0) return;
    QuasiPaths::require_dimensions(grid_.steps, stepper_->noises());
    quasi_.emplace(options_.seed, stepper_->noises(), grid_.step_lengths(), coupling.quasi_points);
  }

  // What is recorded: the states, in the coordinates outside.
  const StateBlock<double>& outside(Worker& w) const {
    if (!options_.transform) return w.x;
    w.outside.resize(dimension_, w.x.lanes());
    apply(inverse_, w.x, w.outside, w);
    return w.outside;
  }

  void apply(const expr::Program& program, const StateBlock<double>& from, StateBlock<double>& to,
             Worker& w) const {
    std::vector<const double*> inputs;
    std::vector<double*> outputs;
    for (std::size_t i = 0; i < dimension_; ++i) {
      inputs.push_back(from.row(i));
      outputs.push_back(to.row(i));
    }
    program.run(inputs.data(), sde_.parameter_values, outputs.data(), from.lanes(), w.steps.sde.program);
  }

  void prepare(Worker& w, std::size_t lanes) const {
    if (w.x.lanes() == lanes) return;
    w.x.resize(rows(), lanes);
    w.next.resize(rows(), lanes);
    if (stepper_->noises() > 0)
      w.brownian.emplace(options_.seed, stepper_->noises(), grid_.segments.front().h, stepper_->needs(),
                         options_.areas, lanes,
                         PathCoupling{options_.coupling.antithetic, quasi_ ? &*quasi_ : nullptr},
                         GridOptions{}.steps, tree_path_ ? &*tree_path_ : nullptr, options_.tree.area_step);
  }

  void begin(Worker& w, bool keeps, std::size_t lanes) const {
    prepare(w, lanes);
    w.keeps = keeps;
    if (keeps) w.saved.resize(tally_.layout().records * recorded_ * lanes);
  }

  void run_block(Worker& w, const Pending& start) {
    w.block = make_block(start.position.block);
    // The last block need not be whole.
    const std::size_t lanes = w.block.leaves * kLeafPaths;
    begin(w, keeps(), lanes);
    count_with(w);
    const std::uint64_t first_id = first_leaf_ + start.position.block * options_.lanes;
    for (std::size_t r = 0; r < start.x.size() / options_.lanes; ++r)
      std::copy_n(start.x.data() + r * options_.lanes, lanes, w.x.row(r));
    if (!start.counted.empty()) tally_.restore(start.counted.data(), w.block);
    for (std::size_t r = 0; w.keeps && r < start.saved.size() / options_.lanes; ++r)
      std::copy_n(start.saved.data() + r * options_.lanes, lanes, w.saved.data() + r * lanes);

    Position position = start.position;
    if (!integrate(w, position, first_id, lanes)) {
      suspend(w, position, lanes);
      return;
    }
    finish(w, first_id, lanes);
    const std::scoped_lock lock(mutex_);
    unfinished_.erase(position.block);
    finished_.notify_all();
  }

  void count_with(Worker& w) const {
    if (!w.counting) w.counts = tally_.make_counts();
    w.counting = true;
  }

  // Counts a block that is at its end.
  void finish(Worker& w, std::uint64_t first_id, std::size_t lanes) {
    count_with(w);
    const std::size_t paths = w.block.paths;
    const double* const saved = w.saved.data() + offset_;
    for (std::size_t r = 0; w.keeps && r < tally_.layout().records; ++r)
      tally_.count(r, saved + r * recorded_ * lanes, lanes, w.block, w.counts);
    if (options_.statistics.lags > 0) tally_.count_lags(saved, lanes, w.block);
    find_unsolved(w, first_id + offset_);
    for (std::size_t p = 0; p < paths; ++p)
      if (w.block.status[p] == PathStatus::ok && is_absorbed(sde_.domains, w.x, p + offset_))
        w.block.status[p] = PathStatus::absorbed;
    if (functionals() > 0) {
      evaluate_functionals(w, paths, lanes);
      tally_.count_functionals(w.functionals.row(0) + offset_, lanes, w.block, w.counts);
    }
    if (sink_)
      (*sink_)(
          {first_id + offset_, paths, tally_.layout().saves, recorded_, lanes, saved, w.block.status.data()});

    const std::scoped_lock lock(mutex_);
    tally_.add(std::move(w.block));
    for (std::size_t p = 0; options_.adaptive && p < paths; ++p) {
      const LaneReport& lane = w.lanes[p + offset_];
      tally_.path_steps += lane.accepted;
      tally_.rejected += lane.rejected;
      tally_.forced += lane.forced;
    }
    if (!options_.adaptive) tally_.path_steps += paths * grid_.steps;
    if (options_.adaptive) {
      hooks_->report(tally_.paths, before_ + options_.paths);
    } else {
      hooks_->report(tally_.path_steps, (before_ + options_.paths) * grid_.steps);
    }
  }

  // Marks the paths on which an implicit step had no solution.
  void find_unsolved(Worker& w, std::uint64_t first_id) const {
    for (std::size_t p = 0; p < w.block.paths; ++p) {
      if (w.block.status[p] != PathStatus::non_finite) continue;
      const auto step = unsolved_step(w.x.row(0)[p + offset_]);
      if (!step) continue;
      w.block.status[p] = PathStatus::unsolved;
      w.block.unsolved = merged(w.block.unsolved, {1, first_id + p, *step});
    }
  }

  void suspend(Worker& w, const Position& position, std::size_t lanes) {
    Pending p{position, {}, {}, {}};
    if (position.begun()) {
      p.x.resize(w.x.rows() * options_.lanes);
      for (std::size_t r = 0; r < w.x.rows(); ++r)
        std::copy_n(w.x.row(r), lanes, p.x.data() + r * options_.lanes);
      if (w.keeps) {
        p.saved.resize(position.record * recorded_ * options_.lanes);
        for (std::size_t r = 0; r < position.record * recorded_; ++r)
          std::copy_n(w.saved.data() + r * lanes, lanes, p.saved.data() + r * options_.lanes);
      } else if (position.record > 0) {
        p.counted = tally_.store(w.block);
      }
    }
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    unfinished_.erase(position.block);
    pending_.push_back(std::move(p));
    std::sort(pending_.begin(), pending_.end(),
              [](const Pending& a, const Pending& b) { return a.position.block > b.position.block; });
    finished_.notify_all();
  }

  void evaluate_functionals(Worker& w, std::size_t paths, std::size_t lanes) const {
    if (w.functionals.rows() != functionals() || w.functionals.lanes() != lanes)
      w.functionals.resize(functionals(), lanes);
    const std::size_t expectations = options_.expect.size(), events = watch_.events();
    // Times of events stand between the expectations and their controls.
    functionals_.evaluate(grid_.end(), outside(w), events, w.functionals, w.steps.sde.program);
    for (std::size_t k = 0; k < events; ++k)
      std::copy_n(w.x.row(stepped() + k), lanes, w.functionals.row(expectations + k));
    // A path that is not finite has no value, whatever the expression makes of it.
    for (std::size_t k = 0; k < functionals(); ++k)
      for (std::size_t p = 0; p < paths; ++p)
        if (is_lost(w.block.status[p]))
          w.functionals.row(k)[offset_ + p] = std::numeric_limits<double>::quiet_NaN();
  }

  void record(Worker& w, Position& at, std::size_t lanes) const {
    const std::size_t place = at.record++;
    if (w.keeps) {
      const StateBlock<double>& x = outside(w);
      for (std::size_t i = 0; i < recorded_; ++i)
        std::copy_n(x.row(i), lanes, w.saved.data() + (place * recorded_ + i) * lanes);
    } else if (options_.statistics.any() || at.record == tally_.layout().records) {
      tally_.count(place, outside(w).row(0) + offset_, lanes, w.block, w.counts);
    }
  }

  // Takes w.x from where it stands through all segments. False where it was stopped, `at` then tells where.
  bool integrate(Worker& w, Position& at, std::uint64_t first_id, std::size_t lanes) const {
    if (at.record == 0 && at.step == 0) {
      initial_.fill(options_.seed, first_id, w.x.view().slice(0, dimension_), options_.coupling.antithetic);
      if (options_.transform) {
        apply(forward_, w.x, w.next, w);
        std::swap(w.x, w.next);
      }
      if (stepper_->memory() > 0)
        copy<double>(w.x.view().slice(0, dimension_), w.x.view().slice(dimension_, stepper_->memory()));
      for (std::size_t k = 0; k < watch_.events(); ++k)
        std::fill_n(w.x.row(stepped() + k), lanes, std::numeric_limits<double>::quiet_NaN());
      if (grid_.saves_start) record(w, at, lanes);
    }
    if (options_.adaptive) return integrate_adaptive(w, at, first_id, lanes);
    if (w.brownian) w.brownian->start(first_id);
    for (; at.segment < grid_.segments.size(); ++at.segment) {
      const Segment& segment = grid_.segments[at.segment];
      if (!advance(w, segment, first_id, at)) return false;
      at.number += segment.steps;
      at.step = 0;
      record(w, at, lanes);
    }
    return true;
  }

  // A pause waits for the end of the block, for its step sizes are part of where it stands; a stop does not,
  // and the block begins again.
  bool integrate_adaptive(Worker& w, Position& at, std::uint64_t first_id, std::size_t lanes) const {
    const std::vector<Domain>* domains = domains_ ? &sde_.domains : nullptr;
    const auto through = [&](auto& integrator, const auto& to) {
      for (const Segment& segment : grid_.segments) {
        if (!to(segment.end)) {
          at = {at.block, 0, 0, 0, 0};
          return false;
        }
        record(w, at, lanes);
      }
      w.lanes = integrator.report();
      return true;
    };
    if (!tree_path_) {
      AdaptiveIntegrator integrator(*stepper_, options_.tolerance, lanes,
                                    static_cast<int>(options_.method->ode_order));
      integrator.start(grid_.start(), grid_.end(), w.x, domains);
      return through(integrator, [&](double t) { return integrator.save(t, w.x, w.steps, *hooks_); });
    }
    TreeSource source(*tree_path_);
    const bool halving = error_estimate(*options_.method, sde_.noise_kind) == ErrorEstimate::halving;
    // Halving judges a step of its own order; an embedded method is of strong order 1.
    const double local_order = (halving ? strong_order(*options_.method, sde_.noise_kind) : 1) + 0.5;
    AdaptiveSdeIntegrator integrator(*stepper_, options_.tolerance, source, halving, local_order,
                                     grid_.start(), domains, lanes);
    const auto tick = [&](double t) { return tree_path_->ticks(t - grid_.start(), kTreeGranularity); };
    integrator.start(first_id, tick(grid_.end()), w.x);
    return through(integrator, [&](double t) { return integrator.advance(tick(t), w.x, w.steps, *hooks_); });
  }

  bool advance(Worker& w, const Segment& segment, std::uint64_t first_id, Position& at) const {
    const auto time = [&](std::uint64_t step) {
      return segment.start + static_cast<double>(step) * segment.h;
    };
    if (!watch_.empty()) watch_.begin(time(at.step), w.x.view(), w.watch);
    for (; at.step < segment.steps; ++at.step) {
      if (at.step % kStepsBetweenChecks == 0) {
        if (stop_requested()) return false;
        if (watch_.all_held(w.x.view(), w.x.view().slice(stepped(), watch_.events()))) {
          at.step = segment.steps;
          break;
        }
      }
      const double h = at.step + 1 == segment.steps ? segment.last : segment.h;
      StepInput input;
      input.t.value = time(at.step);
      input.h.value = h;
      input.x = w.x.view().slice(0, stepped());
      if (w.brownian) {
        const double end = at.step + 1 == segment.steps
                               ? segment.end
                               : segment.start + static_cast<double>(at.step + 1) * segment.h;
        w.brownian->serve(at.number + at.step, h, input.t.value - grid_.start(), end - grid_.start(), input);
      }
      input.seed = options_.seed;
      input.first_id = first_id;
      input.number = at.number + at.step;
      const Block next = w.next.view().slice(0, stepped());
      stepper_->step(input, next, nullptr, w.steps);
      if (!watch_.empty()) watch(w, input, first_id);
      if (domains_) apply_domains(sde_.domains, input.x, next);
      if (!watch_.empty()) watch_.proceed(input.t.value + h, next, w.watch);
      std::swap(w.x, w.next);
    }
    return true;
  }

  // Crossings of the step from w.x to w.next.
  void watch(Worker& w, const StepInput& input, std::uint64_t first_id) const {
    const std::size_t events = watch_.events();
    const Block times = w.next.view().slice(stepped(), events);
    copy<double>(w.x.view().slice(stepped(), events), times);
    watch_.step(options_.seed, first_id, input.number, input.t.value, input.h.value, input.x,
                w.next.view().slice(0, stepped()), times, w.watch);
  }

  // Values a path is counted by: expectations, events, controls.
  std::size_t functionals() const { return functionals_.count() + watch_.events(); }

  const SdeExpressions& sde_;
  const InitialStates& initial_;
  const TimeGrid& grid_;
  EnsembleOptions options_;
  std::unique_ptr<Stepper> stepper_;
  Functionals functionals_;
  expr::Program forward_, inverse_;
  std::optional<QuasiPaths> quasi_;
  std::optional<BrownianTree> tree_path_;
  Watch watch_;
  bool domains_;
  std::size_t dimension_, recorded_;  // all states, and those that anybody sees

  // Of one call of run().
  const Sink* sink_ = nullptr;
  bool sink_wanted_ = false;
  const Hooks* hooks_ = nullptr;
  const StopToken* pause_ = nullptr;
  std::atomic<bool> stopped_{false};

  std::mutex mutex_;  // guards what follows
  std::condition_variable finished_;
  std::set<std::uint64_t> unfinished_;
  Tally tally_;
  bool scaled_ = false;
  std::uint64_t first_leaf_;  // id of the first path of block 0
  std::size_t offset_;        // of a replayed path in its leaf; else 0
  std::uint64_t before_ = 0;  // paths before first_leaf_ that are done
  std::uint64_t next_block_ = 0;
  std::vector<Pending> pending_;  // the first of them last
};

Ensemble::Ensemble(const SdeExpressions& sde, const InitialStates& initial, const TimeGrid& grid,
                   const EnsembleOptions& options)
    : run_(std::make_unique<Run>(sde, initial, grid, options)) {}
Ensemble::~Ensemble() = default;

bool Ensemble::run(const Sink& sink, const Hooks& hooks, const StopToken* pause) {
  return run_->run(sink, hooks, pause);
}

void Ensemble::extend(std::uint64_t paths) {
  run_->extend(paths);
}

EnsembleResult Ensemble::result() const {
  return summarise(run_->tally(), run_->options().control_means);
}

const Tally& Ensemble::tally() const {
  return run_->tally();
}

NamedArrays Ensemble::store() const {
  return run_->store();
}

void Ensemble::restore(const NamedArrays& state) {
  run_->restore(state);
}

EnsembleResult simulate(const SdeExpressions& sde, const InitialStates& initial, const TimeGrid& grid,
                        const EnsembleOptions& options,
                        const std::function<void(const PathBlock&)>& trajectories, const Hooks& hooks) {
  Ensemble ensemble(sde, initial, grid, options);
  const bool whole = ensemble.run(trajectories, hooks);
  EnsembleResult result = ensemble.result();
  result.interrupted = !whole;
  return result;
}

}  // namespace sde
