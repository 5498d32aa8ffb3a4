#include "fit/replicas.h"

#include <algorithm>
#include <cmath>

#include "fit/filter_model.h"
#include "sde/law.h"
#include "solve/exact.h"

namespace sde {

namespace {

// Components of Purpose::bootstrap: the noises of the equation from 0 on, then what else is drawn.
constexpr std::uint32_t kObservationNoise = 1u << 16, kInitial = 2u << 16, kDerived = 3u << 16;

// Laws drawn by numbers of their own read them under another seed, lest a replica repeat the very path that
// the data were simulated as.
std::uint64_t derived_seed(std::uint64_t seed) {
  const Stream stream = make_stream(seed, Purpose::bootstrap, kDerived);
  return std::uint64_t{stream.key[0]} | std::uint64_t{stream.key[1]} << 32;
}

bool finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

}  // namespace

ReplicaWalk::ReplicaWalk(const SdeExpressions& ito, std::uint64_t seed, int pieces)
    : seed_(derived_seed(seed)), method_("exact"), pieces_(1) {
  if (recognise_law(ito).known()) {
    stepper_ = make_exact_stepper(ito);
  } else {
    const Method& milstein = find_method("milstein");
    method_ = refusal(milstein, ito.calculus, ito.noise_kind).empty() ? "milstein" : "euler-maruyama";
    pieces_ = pieces;
    stepper_ = make_stepper(ito, find_method(method_));
    if (needs_domains(ito.domains)) domains_ = ito.domains;
  }
  for (std::size_t k = 0; k < stepper_->noises(); ++k)
    streams_.push_back(make_stream(seed, Purpose::bootstrap, static_cast<std::uint32_t>(k)));
}

ReplicaWalk::Place ReplicaWalk::place(std::uint64_t first_id) const {
  Place p;
  p.first_id = first_id;
  p.x.resize(stepper_->dimension(), kLanes);
  p.next.resize(stepper_->dimension(), kLanes);
  p.normals.resize(2 * streams_.size(), kLanes);
  p.increments.resize(streams_.size(), kLanes);
  return p;
}

void ReplicaWalk::move(Place& p, double from, double to) const {
  const double h = (to - from) / pieces_, root = std::sqrt(h);
  for (int piece = 0; piece < pieces_; ++piece, ++p.number) {
    const std::uint64_t odd = p.number % 2;
    for (std::size_t k = 0; k < streams_.size(); ++k) {
      if (odd == 0)
        fill_normals(streams_[k], p.first_id, kLanes, p.number / 2, p.normals.row(2 * k),
                     p.normals.row(2 * k + 1));
      const double* z = p.normals.row(2 * k + odd);
      for (std::size_t i = 0; i < kLanes; ++i) p.increments.row(k)[i] = root * z[i];
    }
    StepInput input;
    input.t.value = from + piece * h;
    input.h.value = h;
    input.x = p.x.view();
    input.dW = streams_.empty() ? nullptr : p.increments.row(0);
    input.seed = seed_;
    input.first_id = p.first_id;
    input.number = p.number;
    stepper_->step(input, p.next, nullptr, p.workspace);
    if (!domains_.empty()) apply_domains(domains_, p.x, p.next);
    std::swap(p.x, p.next);
  }
}

std::vector<std::vector<double>> draw_replicas(const ReplicaWalk& walk, const Observations& data,
                                               std::uint64_t first_id) {
  constexpr std::size_t lanes = ReplicaWalk::kLanes;
  const std::size_t d = data.dimension(), n = data.observations();
  std::vector<std::vector<double>> result(lanes, std::vector<double>(n * d));
  ReplicaWalk::Place place = walk.place(first_id);
  for (std::size_t s = 0; s < data.series(); ++s) {
    const std::size_t first = data.first_observation(s), last = data.first_observation(s + 1);
    for (std::size_t c = 0; c < d; ++c) std::fill_n(place.x.row(c), lanes, data.column(c)[first]);
    for (std::size_t i = first; i < last; ++i) {
      if (i > first) walk.move(place, data.time()[i - 1], data.time()[i]);
      for (std::size_t lane = 0; lane < lanes; ++lane)
        for (std::size_t c = 0; c < d; ++c) result[lane][i * d + c] = place.x.row(c)[lane];
    }
  }
  for (auto& one : result)
    if (!finite(one)) one.clear();
  return result;
}

std::vector<std::vector<double>> draw_replicas(const ReplicaWalk& walk, const StateSpace& model,
                                               const SeriesTable& data, std::uint64_t seed,
                                               std::uint64_t first_id) {
  constexpr std::size_t lanes = ReplicaWalk::kLanes;
  const FilterModel compiled(model);
  FilterPoint<double> point(compiled);
  point.start(model.sde.parameter_values);
  Matrix<double> mean, covariance, state(compiled.states, 1);
  point.begin(mean, covariance);

  const std::size_t q = data.columns().size(), n = data.rows();
  std::vector<Stream> start, noise;
  for (std::size_t i = 0; i < compiled.states; ++i)
    start.push_back(make_stream(seed, Purpose::bootstrap, kInitial + static_cast<std::uint32_t>(i)));
  for (std::size_t c = 0; c < q; ++c)
    noise.push_back(make_stream(seed, Purpose::bootstrap, kObservationNoise + static_cast<std::uint32_t>(c)));

  std::vector<std::vector<double>> result(lanes, std::vector<double>(n * q, std::nan("")));
  std::vector<bool> broken(lanes, false);
  ReplicaWalk::Place place = walk.place(first_id);
  for (std::size_t s = 0; s < data.series(); ++s) {
    const std::size_t first = data.first_row(s), last = data.first_row(s + 1);
    for (std::size_t i = 0; i < compiled.states; ++i) {
      const int column = compiled.initial_column[i];
      const double seen = column >= 0 ? data.value(first, static_cast<std::size_t>(column)) : std::nan("");
      for (std::size_t lane = 0; lane < lanes; ++lane)
        place.x.row(i)[lane] =
            std::isnan(seen)
                ? mean(i, 0) + std::sqrt(covariance(i, i)) * normal_pair(start[i], first_id + lane, s)[0]
                : seen;
    }
    for (std::size_t row = first; row < last; ++row) {
      if (row > first) walk.move(place, data.time(row - 1), data.time(row));
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (std::size_t i = 0; i < compiled.states; ++i) state(i, 0) = place.x.row(i)[lane];
        point.see(state, data.time(row));
        for (std::size_t c = 0; c < q; ++c) {
          if (std::isnan(data.value(row, c))) continue;
          const double z = normal_pair(noise[c], first_id + lane, row / 2)[row % 2];
          const double y = point.map(c, 0) + std::sqrt(point.variance(c, 0)) * z;
          if (!std::isfinite(y)) broken[lane] = true;
          result[lane][row * q + c] = y;
        }
      }
    }
  }
  for (std::size_t lane = 0; lane < lanes; ++lane)
    if (broken[lane]) result[lane].clear();
  return result;
}

}  // namespace sde
