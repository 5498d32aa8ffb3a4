#include "solve/events.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "random/stream.h"

namespace sde {
namespace {

// Crossings of a smaller probability, exp(-kFarthest), are not drawn.
constexpr double kFarthest = 40;
// Random numbers of extremes begin here, past those of any events.
constexpr std::uint32_t kExtremes = 1u << 31;

}  // namespace

std::vector<Event> substituted(std::vector<Event> events, const std::vector<std::string>& states,
                               const std::vector<expr::Expr>& by) {
  std::map<std::string, expr::Expr, std::less<>> values;
  for (std::size_t i = 0; i < states.size(); ++i) values.emplace(states[i], by[i]);
  for (Event& event : events) event.of = expr::substitute(event.of, values);
  return events;
}

double bridge_passage(double d0, double d1, double v, double h, double z, double u) {
  const double shape = d0 * d0 / (v * h), nu = z * z;
  if (d1 == 0) return h * shape / (nu + shape);  // the inverse Gaussian of infinite mean: shape / nu
  const double mean = std::abs(d0 / d1);
  const double w = mean * nu / (2 * shape);
  const double factor = 1 + w + std::sqrt(w * (2 + w));
  const double y = u * (1 + 1 / factor) <= 1 ? mean / factor : mean * factor;
  return std::isfinite(y) ? h * y / (1 + y) : h;
}

Watch::Watch(const SdeExpressions& sde, const std::vector<Event>& events)
    : events_(events.size()), parameters_(sde.parameter_values), domains_(sde.domains) {
  std::vector<expr::Expr> outputs;
  const auto watch = [&](const expr::Expr& e) {
    expr::Expr variance(0);
    for (std::size_t k = 0; k < sde.noises.size(); ++k) {
      expr::Expr g(0);
      for (std::size_t i = 0; i < sde.dimension(); ++i)
        g = g + expr::differentiate(e, sde.states[i]) * sde.diffusion[i][k];
      variance = variance + g * g;
    }
    outputs.push_back(e);
    outputs.push_back(truncated(sde, variance));
  };
  for (const Event& event : events) {
    std::size_t state = kNone;
    for (std::size_t i = 0; i < sde.dimension(); ++i)
      if (expr::structurally_equal(event.of, expr::Expr::symbol(sde.states[i]))) state = i;
    targets_.push_back({event.level, event.direction, event.stop, event.bridge, state, targets_.size(),
                        static_cast<std::uint32_t>(targets_.size())});
    watch(event.of);
    stops_ = stops_ || event.stop;
  }
  const auto bound = [&](std::size_t i, const std::optional<double>& level, Event::Direction direction) {
    if (!level) return;
    Target target{*level, direction, false, true, i, kNone, static_cast<std::uint32_t>(targets_.size())};
    // An event at the bound itself happens when the path is absorbed.
    for (std::size_t k = 0; k < events_; ++k)
      if (targets_[k].state == i && targets_[k].level == *level) target.draw = targets_[k].draw;
    targets_.push_back(target);
    watch(expr::Expr::symbol(sde.states[i]));
  };
  for (std::size_t i = 0; i < sde.dimension(); ++i) {
    reflects_ = reflects_ || sde.domains[i].boundary == Boundary::reflect;
    if (sde.domains[i].boundary != Boundary::absorb) continue;
    absorbs_ = true;
    bound(i, sde.domains[i].min, Event::Direction::down);
    bound(i, sde.domains[i].max, Event::Direction::up);
  }
  for (const PathExtreme& extreme : sde.extremes) {
    constexpr double kFar = std::numeric_limits<double>::infinity();
    Extreme kept{extreme.state, extreme.greatest, -kFar, kFar};
    for (std::size_t i = 0; i < sde.dimension(); ++i) {
      const Domain& domain = sde.domains[i];
      if (domain.boundary != Boundary::reflect && domain.boundary != Boundary::absorb) continue;
      if (!expr::structurally_equal(extreme.of, expr::Expr::symbol(sde.states[i]))) continue;
      kept.low = domain.min.value_or(-kFar);
      kept.high = domain.max.value_or(kFar);
    }
    extremes_.push_back(kept);
    watch(extreme.of);
  }
  if (empty()) return;
  std::vector<std::string> uniforms = sde.parameters;
  uniforms.emplace_back("t");
  program_ = expr::Program(outputs, sde.states, uniforms);
}

void Watch::evaluate(double t, ConstBlock x, StateBlock<double>& into, Scratch& scratch) const {
  const std::size_t rows = 2 * (targets_.size() + extremes_.size());
  if (into.rows() != rows || into.lanes() != x.lanes) into.resize(rows, x.lanes);
  scratch.uniforms = parameters_;
  scratch.uniforms.push_back(t);
  scratch.inputs.clear();
  scratch.outputs.clear();
  for (std::size_t i = 0; i < domains_.size(); ++i) scratch.inputs.push_back(x.row(i));
  for (std::size_t r = 0; r < rows; ++r) scratch.outputs.push_back(into.row(r));
  program_.run(scratch.inputs.data(), scratch.uniforms, scratch.outputs.data(), x.lanes, scratch.program);
}

bool Watch::stopped(ConstBlock times, std::size_t lane) const {
  for (std::size_t k = 0; k < events_; ++k)
    if (targets_[k].stop && !std::isnan(times.row(k)[lane])) return true;
  return false;
}

void Watch::begin(double t, Block x, Scratch& scratch) const {
  evaluate(t, x, scratch.now, scratch);
  for (std::size_t k = 0; k < extremes_.size(); ++k) {
    const double* e = scratch.now.row(2 * (targets_.size() + k));
    double* most = x.row(extremes_[k].state);
    for (std::size_t lane = 0; lane < x.lanes; ++lane)
      most[lane] = extremes_[k].greatest ? std::max(most[lane], e[lane]) : std::min(most[lane], e[lane]);
  }
}

void Watch::step(std::uint64_t seed, std::uint64_t first_id, std::uint64_t number, double t, double h,
                 ConstBlock before, Block after, Block times, Scratch& scratch) const {
  const std::size_t dimension = domains_.size(), lanes = after.lanes;
  scratch.seed = seed;
  scratch.first_id = first_id;
  scratch.number = number;
  scratch.h = h;
  // What stopped before stays, whatever the step made of it.
  scratch.held.assign(lanes, 0);
  if (stops_ || absorbs_)
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      scratch.held[lane] = stopped(times, lane) || (absorbs_ && is_absorbed(domains_, before, lane));
      if (scratch.held[lane])
        for (std::size_t i = 0; i < after.rows; ++i) after.row(i)[lane] = before.row(i)[lane];
    }
  scratch.ended = scratch.held;
  evaluate(t + h, after, scratch.next, scratch);
  for (std::size_t k = 0; k < targets_.size(); ++k) {
    const Target& target = targets_[k];
    const double *e0 = scratch.now.row(2 * k), *v0 = scratch.now.row(2 * k + 1),
                 *e1 = scratch.next.row(2 * k);
    std::optional<Stream> choice, normal;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const double d0 = e0[lane] - target.level, d1 = e1[lane] - target.level, v = v0[lane];
      const bool two_sides = d0 * d1 <= 0;
      if (!two_sides && !(target.bridge && 2 * d0 * d1 < kFarthest * v * h)) continue;
      if (target.direction == Event::Direction::up ? d0 > 0
                                                   : target.direction == Event::Direction::down && d0 < 0)
        continue;
      if (target.event != kNone && !std::isnan(times.row(target.event)[lane])) continue;
      if (scratch.held[lane]) continue;
      double passage = 0;
      if (d0 == 0) {
        // It starts there; without noise it then has to go the right way.
        if (!(v > 0) && (target.direction == Event::Direction::up
                             ? d1 <= 0
                             : target.direction == Event::Direction::down && d1 >= 0))
          continue;
      } else if (v > 0 && target.bridge) {
        if (!choice) {
          choice = make_stream(seed, Purpose::event, 2 * target.draw);
          normal = make_stream(seed, Purpose::event, 2 * target.draw + 1);
        }
        const std::array<double, 2> u = uniform_pair(*choice, first_id + lane, number);
        if (!two_sides && u[0] >= std::exp(-2 * d0 * d1 / (v * h))) continue;
        passage = bridge_passage(d0, d1, v, h, normal_pair(*normal, first_id + lane, number)[0], u[1]);
      } else {
        passage = h * d0 / (d0 - d1);
      }
      if (target.event != kNone) {
        times.row(target.event)[lane] = t + passage;
      } else {
        after.row(target.state)[lane] = target.level;
        scratch.ended[lane] = 1;
      }
    }
  }
  if (!stops_) return;
  // The earliest stop of the step is the last event of its path.
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    if (scratch.held[lane]) continue;
    std::size_t first = kNone;
    for (std::size_t k = 0; k < events_; ++k) {
      const double time = times.row(k)[lane];
      if (targets_[k].stop && !std::isnan(time) && (first == kNone || time < times.row(first)[lane]))
        first = k;
    }
    if (first == kNone) continue;
    scratch.ended[lane] = 1;
    const double end = times.row(first)[lane];
    for (std::size_t k = 0; k < events_; ++k)
      if (times.row(k)[lane] > end) times.row(k)[lane] = std::numeric_limits<double>::quiet_NaN();
    const double part = (end - t) / h;
    for (std::size_t i = 0; i < dimension; ++i) {
      const double from = before.row(i)[lane];
      after.row(i)[lane] = from + part * (after.row(i)[lane] - from);
    }
    if (targets_[first].state != kNone) after.row(targets_[first].state)[lane] = targets_[first].level;
  }
}

void Watch::proceed(double t, Block after, Scratch& scratch) const {
  const bool moved = reflects_ || (!extremes_.empty() && (stops_ || absorbs_));
  if (moved) evaluate(t, after, scratch.next, scratch);
  for (std::size_t k = 0; k < extremes_.size(); ++k) follow(k, after, scratch);
  std::swap(scratch.now, scratch.next);
}

void Watch::follow(std::size_t k, Block after, const Scratch& scratch) const {
  const std::size_t row = 2 * (targets_.size() + k);
  const double *e0 = scratch.now.row(row), *v0 = scratch.now.row(row + 1), *e1 = scratch.next.row(row);
  const double sign = extremes_[k].greatest ? 1 : -1, h = scratch.h;
  double* extreme = after.row(extremes_[k].state);
  std::optional<Stream> stream;
  for (std::size_t lane = 0; lane < after.lanes; ++lane) {
    if (scratch.held[lane]) continue;
    const double a = sign * e0[lane], b = sign * e1[lane], m = sign * extreme[lane], v = v0[lane];
    double found = b;
    // The bridge exceeds m with probability exp(-2 (m - a)(m - b) / (v h)).
    if (!scratch.ended[lane] && v > 0 && (b > m || 2 * (m - a) * (m - b) < kFarthest * v * h)) {
      if (!stream)
        stream = make_stream(scratch.seed, Purpose::event, kExtremes + static_cast<std::uint32_t>(k));
      const double u = uniform_pair(*stream, scratch.first_id + lane, scratch.number)[0];
      found = 0.5 * (a + b + std::sqrt((a - b) * (a - b) - 2 * v * h * std::log(u)));
    }
    if (found > m) extreme[lane] = std::clamp(sign * found, extremes_[k].low, extremes_[k].high);
  }
}

bool Watch::all_held(ConstBlock x, ConstBlock times) const {
  if (!stops_ && !absorbs_) return false;
  for (std::size_t lane = 0; lane < x.lanes; ++lane)
    if (!stopped(times, lane) && !(absorbs_ && is_absorbed(domains_, x, lane))) return false;
  return true;
}

}  // namespace sde
