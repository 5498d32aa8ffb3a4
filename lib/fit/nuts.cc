#include "fit/nuts.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>

namespace sde {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kAstray = 1000;  // of energy, where a trajectory counts as divergent

double log_sum(double a, double b) {
  const double top = std::max(a, b);
  return top == -kInfinity ? top : top + std::log1p(std::exp(std::min(a, b) - top));
}

}  // namespace

NutsChain::NutsChain(const LogDensity& density, const VectorXd& start, std::uint64_t seed,
                     std::uint32_t chain, const PosteriorOptions& options)
    : density_(density),
      options_(options),
      normals_(make_stream(seed, Purpose::sampler, 2 * chain)),
      uniforms_(make_stream(seed, Purpose::sampler, 2 * chain + 1)) {
  at_.q = start;
  at_.gradient.resize(start.size());
  at_.log_density = density_(start, at_.gradient);
  const Index n = start.size();
  use_metric(MatrixXd::Identity(n, n));
  // A beginning that only finds the step and the law, windows for the metric, each twice as long as the last,
  // and an end for the step alone.
  const int warmup = options_.warmup;
  const bool brief = warmup < 150;
  window_start_ = brief ? warmup * 15 / 100 : 75;
  last_window_ = warmup - (brief ? warmup / 10 : 50);
  window_length_ = brief ? last_window_ - window_start_ : 25;
  window_end_ = window_start_ + window_length_;
  mean_ = VectorXd::Zero(n);
  scatter_ = MatrixXd::Zero(n, n);
  draw_momentum();
  find_step();
  start_averaging();
}

double NutsChain::uniform() {
  return uniform_pair(uniforms_, iteration_, counter_++)[0];
}

void NutsChain::use_metric(const MatrixXd& inverse) {
  inverse_metric_ = inverse;
  factor_ = inverse.llt().matrixL();
}

// p ~ N(0, M): M = factor^-T factor^-1.
void NutsChain::draw_momentum() {
  VectorXd z(at_.q.size());
  for (Index i = 0; i < z.size(); ++i)
    z[i] = normal_pair(normals_, iteration_, static_cast<std::uint64_t>(i))[0];
  at_.p = factor_.transpose().triangularView<Eigen::Upper>().solve(z);
}

double NutsChain::energy(const State& s) const {
  const double e = 0.5 * s.p.dot(inverse_metric_ * s.p) - s.log_density;
  return std::isnan(e) ? kInfinity : e;
}

NutsChain::State NutsChain::leap(const State& from, double step) {
  State s = from;
  s.p += 0.5 * step * s.gradient;
  s.q += step * (inverse_metric_ * s.p);
  s.log_density = density_(s.q, s.gradient);
  ++evaluations_;
  if (!std::isfinite(s.log_density) || !s.gradient.allFinite()) {
    s.log_density = -kInfinity;
    s.gradient.setZero();
  }
  s.p += 0.5 * step * s.gradient;
  return s;
}

// A step whose first leap is accepted about half of the time (Hoffman & Gelman, algorithm 4).
void NutsChain::find_step() {
  const double before = energy(at_);
  const auto gain = [&] { return before - energy(leap(at_, step_)); };
  const double half = std::log(0.5);
  const bool grow_it = gain() > half;
  for (int i = 0; i < 100; ++i) {
    step_ *= grow_it ? 2 : 0.5;
    if ((gain() > half) != grow_it) break;
  }
}

void NutsChain::start_averaging() {
  centre_ = std::log(10 * step_);
  average_error_ = average_log_step_ = 0;
  averaged_ = 0;
}

void NutsChain::adapt(const ChainDraw& draw) {
  ++averaged_;
  const double n = averaged_;
  average_error_ += (options_.target_acceptance - draw.acceptance - average_error_) / (n + 10);
  const double log_step = centre_ - average_error_ * std::sqrt(n) / 0.05;
  average_log_step_ += std::pow(n, -0.75) * (log_step - average_log_step_);
  step_ = std::exp(log_step);

  const auto i = static_cast<int>(iteration_);
  if (i >= window_start_ && i < last_window_) {
    ++seen_;
    const VectorXd off = at_.q - mean_;
    mean_ += off / seen_;
    scatter_ += off * (at_.q - mean_).transpose();
  }
  if (i + 1 == window_end_ && seen_ > 1) {
    // Towards the unit metric, which the coordinates were made for.
    const double weight = seen_ / (seen_ + 5.0);
    const Index d = mean_.size();
    use_metric(weight * scatter_ / (seen_ - 1) + 1e-3 * (1 - weight) * MatrixXd::Identity(d, d));
    seen_ = 0;
    mean_.setZero();
    scatter_.setZero();
    window_length_ *= 2;
    // A window that would leave less than a whole one behind it goes to the end.
    const int next = window_end_ + window_length_;
    window_end_ = next + 2 * window_length_ > last_window_ ? last_window_ : next;
    draw_momentum();
    find_step();
    start_averaging();
  }
  if (i + 1 == options_.warmup) step_ = std::exp(average_log_step_);
}

bool NutsChain::turns(const VectorXd& sum, const VectorXd& p_low, const VectorXd& p_high) const {
  const VectorXd along = inverse_metric_ * sum;
  return !(p_low.dot(along) > 0 && p_high.dot(along) > 0);
}

NutsChain::Tree NutsChain::leaf(const State& from, int direction, double start_energy, ChainDraw& draw) {
  Tree tree;
  tree.low = leap(from, direction * step_);
  const double change = start_energy - energy(tree.low);
  ++draw.steps;
  draw.acceptance += std::min(1.0, std::exp(change));
  tree.divergent = !(change > -kAstray);
  draw.divergent = draw.divergent || tree.divergent;
  tree.high = tree.low;
  tree.sum = tree.low.p;
  tree.choice = tree.low.q;
  tree.choice_gradient = tree.low.gradient;
  tree.choice_density = tree.low.log_density;
  tree.log_weight = change;
  return tree;
}

void NutsChain::join(Tree& a, Tree&& b, int direction, bool biased) {
  const double both = log_sum(a.log_weight, b.log_weight);
  if (std::log(uniform()) < b.log_weight - (biased ? a.log_weight : both)) {
    a.choice = std::move(b.choice);
    a.choice_gradient = std::move(b.choice_gradient);
    a.choice_density = b.choice_density;
  }
  a.log_weight = both;
  // No U-turn of the whole, nor of either part continued to the neighbouring end of the other.
  const Tree& first = direction > 0 ? a : b;
  const Tree& second = direction > 0 ? b : a;
  const bool turned = turns(a.sum + b.sum, first.low.p, second.high.p) ||
                      turns(first.sum + second.low.p, first.low.p, second.low.p) ||
                      turns(second.sum + first.high.p, first.high.p, second.high.p);
  a.turned = a.turned || turned;
  a.sum += b.sum;
  (direction > 0 ? a.high : a.low) = direction > 0 ? std::move(b.high) : std::move(b.low);
}

NutsChain::Tree NutsChain::grow(int depth, const State& from, int direction, double start_energy,
                                ChainDraw& draw) {
  if (depth == 0) return leaf(from, direction, start_energy, draw);
  Tree tree = grow(depth - 1, from, direction, start_energy, draw);
  if (tree.turned || tree.divergent) return tree;
  Tree more = grow(depth - 1, direction > 0 ? tree.high : tree.low, direction, start_energy, draw);
  if (more.turned || more.divergent) {
    tree.turned = tree.turned || more.turned;
    tree.divergent = tree.divergent || more.divergent;
    return tree;
  }
  join(tree, std::move(more), direction, false);
  return tree;
}

ChainDraw NutsChain::next() {
  ChainDraw draw;
  counter_ = 0;
  draw_momentum();
  const double start_energy = energy(at_);
  Tree tree;
  tree.low = tree.high = at_;
  tree.sum = at_.p;
  tree.choice = at_.q;
  tree.choice_gradient = at_.gradient;
  tree.choice_density = at_.log_density;
  while (draw.depth < options_.max_depth) {
    const int direction = uniform() < 0.5 ? -1 : 1;
    Tree more = grow(draw.depth, direction > 0 ? tree.high : tree.low, direction, start_energy, draw);
    ++draw.depth;
    if (more.turned || more.divergent) break;
    join(tree, std::move(more), direction, true);
    if (tree.turned) break;
  }
  draw.acceptance /= std::max(1, draw.steps);
  at_.q = tree.choice;
  at_.gradient = tree.choice_gradient;
  at_.log_density = tree.choice_density;
  draw.log_density = at_.log_density;
  if (static_cast<int>(iteration_) < options_.warmup) adapt(draw);
  ++iteration_;
  return draw;
}

}  // namespace sde
