#include "score/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/suggest.h"
#include "score/reverse.h"
#include "solve/adaptive.h"

namespace sde {

std::vector<double> sampling_grid(const NoiseProcess& process, GridType type, std::uint64_t steps, double eps,
                                  double rho) {
  if (steps < 1 || steps > 100'000'000) fail(Status::usage, "/steps: must be 1 to 100000000 (got {})", steps);
  if (!(eps > 0 && eps < kHorizon)) fail(Status::usage, "/eps: must lie between 0 and 1 (got {})", eps);
  if (!(rho > 0)) fail(Status::usage, "/rho: must be > 0 (got {})", rho);
  const double first = process.half_log_snr(kHorizon), last = process.half_log_snr(eps);
  const auto power = [](double from, double to, double part, double p) {
    const double a = std::pow(from, 1 / p), b = std::pow(to, 1 / p);
    return std::pow(a + part * (b - a), p);
  };
  std::vector<double> grid(steps + 1);
  for (std::uint64_t i = 0; i <= steps; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(steps);
    switch (type) {
      case GridType::uniform:
        grid[i] = kHorizon + part * (eps - kHorizon);
        break;
      case GridType::quadratic:
        grid[i] = power(kHorizon, eps, part, 2);
        break;
      case GridType::logsnr:
        grid[i] = process.time_at(first + part * (last - first));
        break;
      case GridType::karras:
        grid[i] = process.time_at(-std::log(power(std::exp(-first), std::exp(-last), part, rho)));
    }
  }
  grid.front() = kHorizon;
  grid.back() = eps;
  for (std::uint64_t i = 0; i < steps; ++i) {
    if (!(grid[i] > grid[i + 1])) {
      fail(Status::usage, "/steps: the grid repeats the time {} at {} steps; take fewer", grid[i], steps);
    }
  }
  return grid;
}

const std::vector<SamplerTraits>& samplers() {
  static const std::vector<SamplerTraits> table = {
      {"euler_maruyama", "Euler-Maruyama on the reverse-time SDE", 1000, 1, true},
      {"euler", "Euler on the probability-flow ODE", 1000, 1, false},
      {"heun", "Heun, second order, on the probability-flow ODE", 50, 2, false},
      {"rk45", "Dormand-Prince 5(4) on the probability-flow ODE, steps adapted for each sample", 0, 0, false},
      {"ddim", "exact in the state between evaluations of the score (Song, Meng & Ermon 2021)", 250, 1, true},
  };
  return table;
}

const SamplerTraits& find_sampler(const std::string& name) {
  std::vector<std::string> known;
  for (const SamplerTraits& s : samplers()) {
    if (name == s.name) return s;
    known.emplace_back(s.name);
  }
  fail(Status::usage, "/sampler: unknown sampler \"{}\"{}", name, suggestion(name, known));
}

Sampler::Sampler(std::shared_ptr<const ScoreModel> model, const SampleOptions& options)
    : model_(std::move(model)), options_(options), traits_(find_sampler(options.sampler)) {
  const double eps = options.eps.value_or(model_->process().sampling_cutoff());
  const std::string name = traits_.name;
  if (!(options.eta >= 0 && options.eta <= 1))
    fail(Status::usage, "/eta: must lie in [0, 1] (got {})", options.eta);
  // What a sampler has no use for is refused, not ignored.
  if (options.eta > 0 && name != "ddim") {
    fail(Status::usage, "/eta: is for ddim, and the sampler is {}; leave it out", name);
  }
  if (!traits_.default_steps && (options.steps || options.grid != GridType::uniform)) {
    fail(Status::usage, "{}: {} chooses the steps of every sample; leave it out",
         options.steps ? "/steps" : "/grid", name);
  }
  if (!(options.rtol > 0)) fail(Status::usage, "/rtol: must be > 0 (got {})", options.rtol);
  if (!(options.atol > 0)) fail(Status::usage, "/atol: must be > 0 (got {})", options.atol);
  grid_ = sampling_grid(model_->process(), traits_.default_steps ? options.grid : GridType::uniform,
                        traits_.default_steps ? options.steps.value_or(traits_.default_steps) : 1, eps,
                        options.rho);
  if (name == "euler_maruyama") {
    stepper_ = make_stepper(std::make_shared<ReverseSde>(model_), find_method("euler-maruyama"));
  } else if (name != "ddim") {
    stepper_ = make_stepper(std::make_shared<ProbabilityFlow>(model_),
                            find_method(name == "rk45" ? "dopri5" : name));
  }
}

bool Sampler::run(Block x, const Noise& noise, double* evaluations, SamplerWorkspace& w,
                  const Hooks& hooks) const {
  const std::size_t steps = grid_.size() - 1;
  if (!traits_.default_steps) {
    AdaptiveOptions tolerance;
    tolerance.rtol = options_.rtol;
    tolerance.atol = options_.atol;
    AdaptiveIntegrator integrator(*stepper_, tolerance, x.lanes);
    if (!integrator.advance(grid_.front(), grid_.back(), x, w.step, hooks)) return false;
    for (std::size_t l = 0; l < x.lanes; ++l)
      evaluations[l] += static_cast<double>(integrator.evaluations(l));
    return true;
  }
  if (w.next.rows() != x.rows || w.next.lanes() != x.lanes) {
    w.next.resize(x.rows, x.lanes);
    w.noise.resize(x.rows, x.lanes);
  }
  const bool reverse = stepper_ && stepper_->noises() > 0;
  for (std::size_t i = 0; i < steps; ++i) {
    if (hooks.stopped()) return false;
    if (!stepper_) {
      ddim(i, x, noise, w);
      continue;
    }
    StepInput in{.t = {grid_[i], nullptr}, .h = {grid_[i + 1] - grid_[i], nullptr}, .x = x};
    if (reverse) {
      in.t.value = kHorizon - grid_[i];
      in.h.value = -in.h.value;
      const double scale = i + 1 == steps && options_.denoise ? 0 : std::sqrt(in.h.value);
      if (scale > 0) noise(i, w.noise.row(0));
      for (std::size_t k = 0; k < x.rows * x.lanes; ++k) w.noise.row(0)[k] *= scale;
      in.dW = w.noise.row(0);
    }
    stepper_->step(in, w.next, nullptr, w.step);
    copy<double>(w.next, x);
  }
  const double n = static_cast<double>(steps) * traits_.evaluations;
  for (std::size_t l = 0; l < x.lanes; ++l) evaluations[l] += n;
  return true;
}

// With q the variance that noising from t to s > t adds, x_t given x_s and x_0 has variance q s_t^2 / s_s^2:
// eta = 1 draws from it, eta = 0 keeps the noise that the score sees.
void Sampler::ddim(std::size_t step, Block x, const Noise& noise, SamplerWorkspace& w) const {
  const NoiseProcess& process = model_->process();
  const double from = grid_[step], to = grid_[step + 1];
  const double a = process.signal(from), s = process.noise(from), a_next = process.signal(to),
               s_next = process.noise(to);
  const double added = s * s - std::pow(a / a_next * s_next, 2);
  double variance = options_.eta * options_.eta * std::fmax(added, 0) * s_next * s_next / (s * s);
  const double keep = std::sqrt(std::fmax(s_next * s_next - variance, 0));
  if (step + 2 == grid_.size() && options_.denoise) variance = 0;
  model_->score({from, nullptr}, x, w.next, w.step.sde);
  const double add = std::sqrt(variance);
  if (add > 0) noise(step, w.noise.row(0));
  for (std::size_t i = 0; i < x.rows; ++i) {
    double* row = x.row(i);
    const double *score = w.next.row(i), *z = w.noise.row(i);
    for (std::size_t l = 0; l < x.lanes; ++l) {
      const double epsilon = -s * score[l], data = (row[l] - s * epsilon) / a;
      row[l] = a_next * data + keep * epsilon + (add > 0 ? add * z[l] : 0);
    }
  }
}

}  // namespace sde
