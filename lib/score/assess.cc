#include "score/assess.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "stats/transport.h"

namespace sde {

namespace {

// [n][dimension] as a set.
PointSet point_set(const std::vector<double>& rows, std::size_t dimension) {
  PointSet set{rows.size() / dimension, dimension, std::vector<double>(rows.size())};
  for (std::size_t k = 0; k < rows.size(); ++k) {
    set.x[k % dimension * set.count + k / dimension] = rows[k];
  }
  return set;
}

// Steps that take at most so many evaluations; 0 where even one takes more.
std::uint64_t steps_within(const std::shared_ptr<const ScoreModel>& model, SampleOptions o,
                           std::uint64_t evaluations) {
  for (std::uint64_t steps = evaluations; steps >= 1; --steps) {
    o.steps = steps;
    if (Sampler(model, o).evaluations().value_or(evaluations + 1) <= evaluations) return steps;
  }
  return 0;
}

}  // namespace

AssessResult assess(std::shared_ptr<const ScoreModel> model, const AssessOptions& options,
                    const Hooks& hooks) {
  if (!model->draws()) fail(Status::usage, "samplers are assessed on a model that can draw its own data");
  for (const std::string& name : options.samplers) find_sampler(name);
  const std::size_t D = model->dimension();
  const auto collect = [&](const SampleOptions& o, double* nfe = nullptr) {
    std::vector<double> values;
    values.reserve(o.samples * D);
    Hooks quiet;
    quiet.stop = hooks.stop;
    const SampleResult made = sample(
        model, o, 0,
        [&](const SampleBlock& b) { values.insert(values.end(), b.values, b.values + b.samples * D); },
        quiet);
    if (nfe) *nfe = made.nfe();
    return values;
  };
  SampleOptions plain;
  plain.samples = options.samples;
  plain.seed = options.seed;
  SampleOptions draws = plain;
  draws.sampler = "exact";
  const std::vector<double> reference = collect(draws);
  draws.seed = options.seed + 1;
  const std::vector<double> again = collect(draws);
  // In units of the deviation of the draws, all components together.
  double variance = 0;
  std::vector<double> mean(D, 0.0);
  for (std::size_t k = 0; k < reference.size(); ++k)
    mean[k % D] += reference[k] * static_cast<double>(D) / static_cast<double>(reference.size());
  for (std::size_t k = 0; k < reference.size(); ++k)
    variance += std::pow(reference[k] - mean[k % D], 2) / static_cast<double>(reference.size());
  const double unit = std::sqrt(variance);
  const PointSet truth = point_set(reference, D);
  const auto distance = [&](const std::vector<double>& values) {
    if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) {
      return std::numeric_limits<double>::infinity();
    }
    Bootstrap none;
    none.replicates = 0;
    none.seed = options.seed;
    return sliced_wasserstein(truth, point_set(values, D), options.projections, none).value / unit;
  };
  AssessResult result;
  result.floor = distance(again);

  std::vector<std::pair<SampleOptions, Assessment>> plans;
  const std::uint64_t most = *std::max_element(options.evaluations.begin(), options.evaluations.end());
  for (const SamplerTraits& traits : samplers()) {
    if (traits.kind == SamplerKind::exact || !refusal(traits, *model).empty()) continue;
    if (!options.samplers.empty() &&
        std::find(options.samplers.begin(), options.samplers.end(), traits.name) == options.samplers.end()) {
      continue;
    }
    SampleOptions o = plain;
    o.sampler = traits.name;
    if (!traits.default_steps) {
      for (const double tolerance : {1e-1, 1e-2, 1e-3, 1e-4, 1e-5}) {
        o.rtol = o.atol = tolerance;
        plans.push_back({o, {traits.name, {}, 0, 0, 0}});
      }
      continue;
    }
    for (const auto& [name, grid] : enum_names(GridType{})) {
      if (grid == GridType::exponential) continue;  // logsnr, but for its exponent
      o.grid = grid;
      for (const std::uint64_t evaluations : options.evaluations) {
        const std::uint64_t steps = steps_within(model, o, evaluations);
        if (!steps) continue;
        o.steps = steps;
        plans.push_back({o, {traits.name, grid, steps, 0, 0}});
      }
    }
  }
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (hooks.stopped()) {
      result.interrupted = true;
      return result;
    }
    Assessment row = plans[i].second;
    const std::vector<double> values = collect(plans[i].first, &row.nfe);
    if (values.size() != reference.size()) {
      result.interrupted = true;
      return result;
    }
    row.error = distance(values);
    if (row.nfe <= static_cast<double>(most) || row.grid) result.rows.push_back(row);
    hooks.report(i + 1, plans.size());
  }
  return result;
}

const Assessment* recommend(const AssessResult& result, double evaluations) {
  const Assessment* best = nullptr;
  for (const Assessment& row : result.rows) {
    if (row.nfe <= evaluations && (!best || row.error < best->error)) best = &row;
  }
  if (!best) return nullptr;
  const double enough = std::fmax(1.1 * best->error, result.floor);
  for (const Assessment& row : result.rows) {
    if (row.error <= enough && (row.nfe < best->nfe || (row.nfe == best->nfe && row.error < best->error))) {
      best = &row;
    }
  }
  return best;
}

}  // namespace sde
