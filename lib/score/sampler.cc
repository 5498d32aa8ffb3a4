#include "score/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "score/reverse.h"
#include "score/sampler_rule.h"
#include "solve/adaptive.h"

namespace sde {

void ScoreModel::consistency(double, double, ConstBlock, Block, SdeWorkspace&) const {
  fail(Status::bug, "the model does not know where its flow ends");
}
void ScoreModel::draw(std::uint64_t, std::uint64_t, Block) const {
  fail(Status::bug, "the model cannot draw data");
}

std::string default_sampler(const ScoreModel& model, const SampleOptions& o) {
  const bool asked = o.steps || o.grid || o.times || o.rho || o.eps || o.rtol || o.atol || o.eta || o.order ||
                     o.predictor || o.corrector || o.snr || o.corrector_steps || o.S_churn || o.S_min ||
                     o.S_max || o.S_noise || o.start_time || o.trajectory || !o.denoise;
  if (model.has_no_score()) return "consistency";
  if (model.flow_only()) return "heun";
  return model.stands_for_data() && !asked ? "exact" : "euler_maruyama";
}

std::unique_ptr<const SamplerRule> make_rule(std::shared_ptr<const ScoreModel> model,
                                             const SampleOptions& options, std::vector<NoiseLevel> levels) {
  auto rule = make_reverse_rule(model, options, levels);
  if (!rule) rule = make_exponential_rule(model->process(), options, levels);
  if (!rule) rule = make_sigma_rule(model->process(), options, levels);
  if (!rule) fail(Status::bug, "sampler {} has no rule", *options.sampler);
  return rule;
}

namespace {

// What a sampler takes gets its default; what it has no use for is refused, not ignored.
template <class T>
void settle(std::optional<T>& field, const SamplerTraits& sampler, const char* key, T value) {
  if (std::string(sampler.options).find(" " + std::string(key) + " ") != std::string::npos) {
    if (!field) field = value;
  } else if (field) {
    std::string takers;
    for (const SamplerTraits& s : samplers()) {
      if (std::string(s.options).find(" " + std::string(key) + " ") == std::string::npos) continue;
      takers += (takers.empty() ? "" : ", ") + std::string(s.name);
    }
    fail(Status::usage, "/{}: is for {}, and the sampler is {}; leave it out", key, takers, sampler.name);
  }
}

void positive(const std::optional<double>& value, const char* key) {
  if (value && !(*value > 0)) fail(Status::usage, "/{}: must be > 0 (got {})", key, *value);
}
void not_negative(const std::optional<double>& value, const char* key) {
  if (value && !(*value >= 0)) fail(Status::usage, "/{}: must be >= 0 (got {})", key, *value);
}

void settle_all(SampleOptions& o, const SamplerTraits& t) {
  settle(o.rtol, t, "rtol", 1e-5);
  settle(o.atol, t, "atol", 1e-5);
  settle(o.eta, t, "eta", t.kind == SamplerKind::either && o.sampler == "ddim" ? 0.0 : 1.0);
  settle<std::uint64_t>(o.order, t, "order", 2);
  settle(o.predictor, t, "predictor", Predictor::reverse_diffusion);
  settle(o.corrector, t, "corrector", Corrector::langevin);
  settle(o.snr, t, "snr", 0.16);
  settle<std::uint64_t>(o.corrector_steps, t, "corrector_steps", 1);
  settle(o.S_churn, t, "S_churn", 0.0);
  settle(o.S_min, t, "S_min", 0.0);
  if (o.S_max) settle(o.S_max, t, "S_max", 0.0);
  settle(o.S_noise, t, "S_noise", 1.0);
  positive(o.rtol, "rtol");
  positive(o.atol, "atol");
  positive(o.snr, "snr");
  not_negative(o.S_churn, "S_churn");
  not_negative(o.S_min, "S_min");
  positive(o.S_max, "S_max");
  not_negative(o.S_noise, "S_noise");
  if (o.eta && !(*o.eta >= 0 && *o.eta <= 1)) {
    fail(Status::usage, "/eta: must lie in [0, 1] (got {})", *o.eta);
  }
  if (o.order && (*o.order < 1 || *o.order > 3)) {
    fail(Status::usage, "/order: must be 1, 2 or 3 (got {})", *o.order);
  }
  if (o.corrector_steps && (*o.corrector_steps < 1 || *o.corrector_steps > 1000)) {
    fail(Status::usage, "/corrector_steps: must be 1 to 1000 (got {}); corrector \"none\" takes none",
         *o.corrector_steps);
  }
}

// Times to the rungs of a ladder. Of steps that nobody asked for, those that end on one rung are one.
void snap(std::vector<double>& grid, double levels, bool asked) {
  for (double& t : grid) {
    if (t > 0) t = std::fmax(std::round(t * levels), 1) / levels;
  }
  if (!asked) grid.erase(std::unique(grid.begin(), grid.end()), grid.end());
  for (std::size_t i = 1; i < grid.size(); ++i) {
    if (grid[i] < grid[i - 1]) continue;
    fail(Status::usage,
         "/steps: the grid repeats the time {} on the {} levels of the process at {} steps; take fewer",
         grid[i], levels, grid.size() - 1);
  }
}

// The times of options.times, which stand for steps, grid, rho and eps.
std::vector<double> given_times(const SampleOptions& o, const SamplerTraits& sampler) {
  const char* key = o.steps ? "steps" : o.grid ? "grid" : o.rho ? "rho" : o.eps ? "eps" : nullptr;
  if (key)
    fail(Status::usage, "/{}: cannot be combined with times, which are the whole grid; leave it out", key);
  const std::vector<double>& times = *o.times;
  if (times.size() < 2) fail(Status::usage, "/times: must be two at least (got {})", times.size());
  const double start = o.start_time.value_or(kHorizon);
  if (times.front() != start)
    fail(Status::usage, "/times/0: must be {}, where sampling starts (got {})", start, times.front());
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (times[i] < times[i - 1]) continue;
    fail(Status::usage, "/times/{}: {} (got {} after {})", i,
         times[i] == times[i - 1] ? "repeats a time; leave it out" : "must fall", times[i], times[i - 1]);
  }
  if (!(times.back() >= 0))
    fail(Status::usage, "/times/{}: must be >= 0 (got {})", times.size() - 1, times.back());
  if (times.back() <= 0 && !sampler.reaches_data) {
    fail(Status::usage, "/times/{}: must be > 0 for sampler {}, which evaluates the score there (got 0)",
         times.size() - 1, sampler.name);
  }
  return times;
}

}  // namespace

Sampler::Sampler(std::shared_ptr<const ScoreModel> model, const SampleOptions& options,
                 std::optional<Observation> observation)
    : model_(std::move(model)),
      options_(options),
      traits_(find_sampler(options.sampler.value_or(default_sampler(*model_, options)))),
      observation_(std::move(observation)) {
  options_.sampler = traits_.name;
  if (const std::string why = refusal(traits_, *model_); !why.empty()) {
    fail(Status::usage, "/sampler: {}", why);
  }
  settle_all(options_, traits_);
  if (model_->flow_only() && options_.eta.value_or(0) > 0) {
    fail(Status::usage, "/eta: must be 0 for a flow between coupled ends, which has no score (got {})",
         *options_.eta);
  }
  if (traits_.kind == SamplerKind::exact) {
    const char* key = options.steps        ? "steps"
                      : options.times      ? "times"
                      : options.grid       ? "grid"
                      : options.eps        ? "eps"
                      : options.trajectory ? "trajectory"
                      : options.start_time ? "start_time"
                                           : nullptr;
    if (key) fail(Status::usage, "/{}: exact draws have no path; leave it out", key);
    return;
  }
  const NoiseProcess& process = model_->process();
  const bool adaptive = !traits_.default_steps;
  if (adaptive && !options.trajectory && (options.steps || options.times || options.grid || options.rho)) {
    fail(Status::usage, "/{}: {} chooses the steps of every sample; leave it out",
         options.steps   ? "steps"
         : options.times ? "times"
         : options.grid  ? "grid"
                         : "rho",
         traits_.name);
  }
  const auto levels = static_cast<double>(process.levels());
  const bool ladder = levels > 0;
  if (options.times) {
    grid_ = given_times(options_, traits_);
  } else {
    choose_grid(options);
  }
  const bool asked = options.steps || options.times;
  if (ladder) snap(grid_, levels, asked);
  if (ladder && !asked && !adaptive) options_.steps = grid_.size() - 1;
  if (adaptive) {
    if (observation_)
      fail(Status::usage, "/sampler: {} has no steps to hold known components after", traits_.name);
    adaptive_ = make_stepper(std::make_shared<ProbabilityFlow>(model_), find_method(traits_.method));
    return;
  }
  std::vector<NoiseLevel> points;
  for (const double t : grid_) points.push_back(level_at(process, t));
  rule_ = make_rule(model_, options_, std::move(points));
  if (observation_ && rule_->remembers()) {
    fail(Status::usage,
         "/sampler: {} remembers earlier steps, which {} undoes; use euler_maruyama, ancestral or ddim",
         traits_.name, "holding known components");
  }
}

// The grid that steps, grid, rho and eps lead to.
void Sampler::choose_grid(const SampleOptions& options) {
  const NoiseProcess& process = model_->process();
  const bool adaptive = !traits_.default_steps;
  const auto levels = static_cast<double>(process.levels());
  const bool ladder = levels > 0;
  // A ladder ends at the data, which are below its lowest level.
  options_.eps = options.eps.value_or(ladder && traits_.reaches_data ? 0 : process.sampling_cutoff());
  if (*options_.eps <= 0 && !traits_.reaches_data) {
    fail(Status::usage, "/eps: must be > 0 for sampler {}, which evaluates the score there (got {})",
         traits_.name, *options_.eps);
  }
  const GridType grid = options.grid.value_or(traits_.default_grid);
  std::uint64_t steps = options.steps.value_or(traits_.default_steps);
  if (ladder && !options.steps && traits_.kind == SamplerKind::sde) steps = process.levels();
  if (adaptive && !options.steps) steps = options.trajectory ? 50 : 1;
  if (!adaptive || options.trajectory) {
    options_.steps = steps;
    options_.grid = grid;
    if (grid == GridType::karras) options_.rho = options.rho.value_or(7);
    if (grid == GridType::exponential) options_.rho = options.rho.value_or(1);
  }
  const bool by_time = grid == GridType::uniform || grid == GridType::quadratic;
  const bool to_data = options_.sampler == "edm" || (ladder && *options_.eps <= 0 && !by_time);
  const double last = to_data && *options_.eps <= 0 ? 1 / levels : *options_.eps;
  const double start = options.start_time.value_or(kHorizon);
  if (grid == GridType::optimised) {
    if (adaptive || options_.rho) {
      fail(Status::usage, "/{}: does not belong to an optimised grid of {}", adaptive ? "trajectory" : "rho",
           traits_.name);
    }
    grid_ = optimised_grid(model_->shared_process(), options_, steps, last, to_data, start);
  } else {
    grid_ = sampling_grid(process, grid, steps, last, options_.rho, to_data, start);
  }
}

std::uint64_t Sampler::repeats() const {
  const bool repaint = observation_ && observation_->options.method == ObservationMethod::repaint;
  return repaint ? observation_->options.resamples.value_or(10) : 1;
}

void Sampler::hold(const NoiseLevel& at, Block x, const Noise& noise, std::uint64_t number,
                   SamplerWorkspace& w) const {
  if (at.s > 0) noise(number, w.noise.row(0));
  for (const auto& [i, value] : observation_->known) {
    for (std::size_t l = 0; l < x.lanes; ++l) {
      x.row(i)[l] = at.s > 0 ? at.a * value + at.s * w.noise.row(i)[l] : value;
    }
  }
}

Sampler::~Sampler() = default;
Sampler::Sampler(Sampler&&) noexcept = default;

std::optional<std::uint64_t> Sampler::evaluations() const {
  if (rule_) return repeats() * rule_->evaluations() * model_->cost();
  if (!adaptive_) return 0;
  return {};
}

std::uint64_t Sampler::draws() const {
  if (!rule_) return 0;
  return rule_->steps() * (observation_ ? repeats() * (rule_->draws() + 2) : rule_->draws());
}

bool Sampler::run(Block x, const Noise& noise, double* evaluations, SamplerWorkspace& w, const Hooks& hooks,
                  const Observer& observer) const {
  const auto observe = [&](std::size_t i) {
    if (observer) observer(i, x);
  };
  if (adaptive_) {
    AdaptiveOptions tolerance;
    tolerance.rtol = *options_.rtol;
    tolerance.atol = *options_.atol;
    AdaptiveIntegrator integrator(*adaptive_, tolerance, x.lanes);
    observe(0);
    for (std::size_t i = 0; i + 1 < grid_.size(); ++i) {
      if (!integrator.advance(grid_[i], grid_[i + 1], x, w.step, hooks)) return false;
      observe(i + 1);
    }
    for (std::size_t l = 0; l < x.lanes; ++l) {
      evaluations[l] += static_cast<double>(integrator.evaluations(l) * model_->cost());
    }
    return true;
  }
  if (!rule_) fail(Status::bug, "sampler {} has no path", traits_.name);
  if (w.noise.rows() != x.rows || w.noise.lanes() != x.lanes) w.noise.resize(x.rows, x.lanes);
  if (w.vectors.size() < rule_->vectors()) w.vectors.resize(rule_->vectors());
  for (StateBlock<double>& v : w.vectors) {
    if (v.rows() != x.rows || v.lanes() != x.lanes) v.resize(x.rows, x.lanes);
  }
  const std::uint64_t repeats = this->repeats(), each = rule_->draws() + 2;
  std::uint64_t shift = 0;
  const Noise shifted = [&](std::uint64_t number, double* normals) { noise(number + shift, normals); };
  const SamplerPass pass{*model_, observation_ ? shifted : noise, w, options_.denoise};
  observe(0);
  for (std::size_t i = 0; i < rule_->steps(); ++i) {
    for (std::uint64_t k = 0; k < repeats; ++k) {
      if (hooks.stopped()) return false;
      // Numbers of this repetition: those of the rule, then two.
      const std::uint64_t first = (i * repeats + k) * each;
      if (observation_) shift = first - i * rule_->draws();
      rule_->step(i, x, pass);
      if (!observation_) continue;
      const bool last = k + 1 == repeats, end = i + 1 == rule_->steps();
      const NoiseLevel &from = rule_->level(i), &to = rule_->level(i + 1);
      hold(last && end ? NoiseLevel{} : to, x, noise, first + rule_->draws(), w);
      if (last) continue;
      const Transition forward = transition(to, from);
      noise(first + rule_->draws() + 1, w.noise.row(0));
      combine(x, {{forward.scale, x}, {std::sqrt(forward.added), w.noise.view()}});
    }
    observe(i + 1);
  }
  const auto spent = static_cast<double>(*this->evaluations());
  for (std::size_t l = 0; l < x.lanes; ++l) evaluations[l] += spent;
  return true;
}

}  // namespace sde
