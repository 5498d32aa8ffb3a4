#include "fit/simulated.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/density_gaussian.h"
#include "fit/noncentral.h"
#include "random/stream.h"

namespace sde {

namespace {

constexpr std::size_t kChunk = 16;  // transitions a task

double normal_distribution(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

}  // namespace

template <class T>
struct SimulatedLikelihood::Scratch {
  Tape::Memory<T> memory;
  std::vector<T> input, out, x, way, white, log_weight;
  Matrix<T> factor;
};

SimulatedLikelihood::SimulatedLikelihood(const TransitionDensity& density, const Observations& data,
                                         std::vector<std::size_t> free)
    : GradientLikelihood(std::move(free)), density_(density), data_(data) {
  std::vector<expr::Expr> outputs = density.simulated->drift;
  for (const auto& row : density.simulated->covariance) outputs.insert(outputs.end(), row.begin(), row.end());
  std::vector<std::string> varying = density.states;
  varying.emplace_back(kTimeSymbol);
  tape_ = Tape(outputs, density.parameters, varying);
}

std::vector<std::size_t> SimulatedLikelihood::series() const {
  std::vector<std::size_t> first;
  for (std::size_t s = 0; s < data_.series(); ++s) first.push_back(data_.first_transition(s));
  return first;
}

std::string SimulatedLikelihood::describe_term(std::size_t term) const {
  return data_.describe(data_.observation_before(term));
}

std::size_t SimulatedLikelihood::operations(int order) const {
  const SimulationOptions& options = density_.simulated->options;
  const auto pieces = static_cast<std::size_t>(options.paths) * static_cast<std::size_t>(options.steps);
  const std::size_t pass = pieces * tape_.operations() * (order == 0 ? 1 : (free().size() + 3) / 4 * 5);
  return order < 2 ? pass : (2 * free().size() + 1) * pass;
}

double SimulatedLikelihood::normal(std::size_t component, std::size_t transition, std::size_t path,
                                   std::size_t piece) const {
  const SimulationOptions& options = density_.simulated->options;
  const Stream stream = make_stream(options.seed, Purpose::brownian, static_cast<std::uint32_t>(component));
  const std::uint64_t step = (path / 2) * static_cast<std::uint64_t>(options.steps) + piece;
  const double z = normal_pair(stream, transition, step / 2)[step % 2];
  return path % 2 == 0 ? z : -z;
}

template <class T>
void SimulatedLikelihood::start(std::span<const T> parameters, Scratch<T>& s) const {
  const std::size_t d = data_.dimension();
  tape_.start(parameters, s.memory);
  s.input.resize(d + 1);
  s.out.resize(tape_.outputs());
  s.x.resize(d);
  s.way.resize(d);
  s.white.resize(d);
  s.factor.resize(d, d);
}

template <class T>
void SimulatedLikelihood::coefficients(double time, Scratch<T>& s) const {
  const std::size_t d = data_.dimension();
  std::copy(s.x.begin(), s.x.end(), s.input.begin());
  s.input[d] = T(time);
  tape_.run(std::span<const T>(s.input), s.out.data(), s.memory);
  for (std::size_t k = 0; k < d * d; ++k) s.factor.data()[k] = s.out[d + k];
  cholesky(s.factor);
}

template <class T>
T SimulatedLikelihood::transition(std::size_t number, Scratch<T>& s) const {
  using std::exp;
  using std::log;
  const SimulationOptions& options = density_.simulated->options;
  const bool bridge = options.bridge == "modified";
  const std::size_t d = data_.dimension(), before = data_.observation_before(number);
  const auto pieces = static_cast<std::size_t>(options.steps),
             paths = static_cast<std::size_t>(options.paths);
  const double time = data_.time()[before];
  const double h = (data_.time()[before + 1] - time) / static_cast<double>(pieces);
  s.log_weight.clear();
  double top = -std::numeric_limits<double>::infinity();
  for (std::size_t path = 0; path < (pieces > 1 ? paths : 1); ++path) {
    for (std::size_t i = 0; i < d; ++i) s.x[i] = T(data_.column(i)[before]);
    T weight(0);
    for (std::size_t k = 0; k < pieces; ++k) {
      coefficients(time + static_cast<double>(k) * h, s);
      const bool last = k + 1 == pieces;
      const double left = static_cast<double>(pieces - k);
      // The last piece ends at the observation; so does, in the mean, every piece of a bridge.
      const double spread = last ? 0 : std::sqrt(bridge ? h * (left - 1) / left : h);
      for (std::size_t i = 0; i < d; ++i) {
        s.way[i] = bridge || last ? (T(data_.column(i)[before + 1]) - s.x[i]) / left : h * s.out[i];
        if (!bridge && !last) continue;
        T white = s.way[i] - h * s.out[i];
        for (std::size_t j = 0; j < i; ++j) white -= s.factor(i, j) * s.white[j];
        s.white[i] = white / s.factor(i, i);
      }
      for (std::size_t i = 0; i < d; ++i) {
        const double z = last ? 0 : normal(i, number, path, k);
        if (bridge || last) {
          const T rest = s.white[i] + spread * z;
          weight -= (0.5 / h) * (rest * rest);
          if (last) {
            weight -= log(s.factor(i, i)) + T(0.5 * (kLog2Pi + std::log(h)));
          } else {
            weight += T(0.5 * (std::log((left - 1) / left) + z * z));
          }
        }
        if (last) continue;
        T move = s.way[i];
        for (std::size_t j = 0; j <= i; ++j) move += (spread * normal(j, number, path, k)) * s.factor(i, j);
        s.white[i] = move;  // kept until all components have moved
      }
      if (!last)
        for (std::size_t i = 0; i < d; ++i) s.x[i] += s.white[i];
    }
    // A path that left the domain has no density there.
    if (!std::isfinite(value_of(weight))) continue;
    top = std::max(top, value_of(weight));
    s.log_weight.push_back(weight);
  }
  if (s.log_weight.empty()) return T(-std::numeric_limits<double>::infinity());
  T sum(0);
  for (const T& w : s.log_weight) sum += exp(w - top);
  return log(sum) + (top - std::log(static_cast<double>(pieces > 1 ? paths : 1)));
}

void SimulatedLikelihood::compute(std::span<const double> parameters, double* value, double* gradient) const {
  const std::size_t n = terms(), chunks = (n + kChunk - 1) / kChunk, k = free().size();
  if (!gradient) return some_terms(parameters, 0, n, value);
  tbb::parallel_for(std::size_t{0}, chunks, [&](std::size_t chunk) {
    const std::size_t first = chunk * kChunk, end = std::min(n, first + kChunk);
    Scratch<Dual<4>> s;
    for (std::size_t p = 0; p < std::max<std::size_t>(k, 1); p += 4) {
      std::vector<Dual<4>> fixed(parameters.begin(), parameters.end());
      for (std::size_t j = p; j < std::min(k, p + 4); ++j) fixed[free()[j]].slope[j - p] = 1;
      start<Dual<4>>(fixed, s);
      for (std::size_t i = first; i < end; ++i) {
        const Dual<4> at = transition(i, s);
        value[i] = at.value;
        for (std::size_t j = p; j < std::min(k, p + 4); ++j) gradient[i * k + j] = at.slope[j - p];
      }
    }
  });
}

void SimulatedLikelihood::some_terms(std::span<const double> parameters, std::size_t first, std::size_t last,
                                     double* out) const {
  const std::size_t n = last - first;
  tbb::parallel_for(std::size_t{0}, (n + kChunk - 1) / kChunk, [&](std::size_t chunk) {
    Scratch<double> s;
    start<double>(parameters, s);
    for (std::size_t i = chunk * kChunk; i < std::min(n, (chunk + 1) * kChunk); ++i)
      out[i] = transition(first + i, s);
  });
}

void SimulatedLikelihood::describe(std::span<const double> parameters, double* residual, double* mean,
                                   double* deviation) const {
  const SimulationOptions& options = density_.simulated->options;
  const std::size_t d = data_.dimension(), n = terms();
  const auto pieces = static_cast<std::size_t>(options.steps);
  const std::size_t paths = std::max<std::size_t>(256, static_cast<std::size_t>(options.paths));
  tbb::parallel_for(std::size_t{0}, (n + kChunk - 1) / kChunk, [&](std::size_t chunk) {
    Scratch<double> s;
    start<double>(parameters, s);
    std::vector<double> centre(paths * d), spread(paths * d * d), weight(paths), white(paths * d);
    for (std::size_t number = chunk * kChunk; number < std::min(n, (chunk + 1) * kChunk); ++number) {
      const std::size_t before = data_.observation_before(number);
      const double h = (data_.time()[before + 1] - data_.time()[before]) / static_cast<double>(pieces),
                   root = std::sqrt(h);
      std::size_t whole = 0;
      for (std::size_t path = 0; path < paths; ++path) {
        for (std::size_t i = 0; i < d; ++i) s.x[i] = data_.column(i)[before];
        for (std::size_t k = 0; k < pieces; ++k) {
          coefficients(data_.time()[before] + static_cast<double>(k) * h, s);
          for (std::size_t i = 0; i < d; ++i) {
            s.way[i] = s.x[i] + h * s.out[i];
            if (k + 1 == pieces) continue;
            for (std::size_t j = 0; j <= i; ++j)
              s.way[i] += root * s.factor(i, j) * normal(j, number, path, k);
          }
          s.x = s.way;
        }
        bool finite = true;
        for (std::size_t i = 0; i < d; ++i) {
          centre[whole * d + i] = s.x[i];
          for (std::size_t j = 0; j <= i; ++j) spread[(whole * d + i) * d + j] = root * s.factor(i, j);
          finite = finite && std::isfinite(s.x[i]) && s.factor(i, i) > 0;
        }
        whole += finite ? 1 : 0;
      }
      // Component after component, given those before: every path's Gaussian weighted by what it gave them.
      std::fill(weight.begin(), weight.end(), 1.0);
      for (std::size_t i = 0; i < d; ++i) {
        const double x = data_.column(i)[before + 1];
        double below = 0, above = 0, first = 0, second = 0;
        for (std::size_t p = 0; p < whole; ++p) {
          double rest = x - centre[p * d + i], variance = 0;
          for (std::size_t j = 0; j <= i; ++j) {
            const double l = spread[(p * d + i) * d + j];
            variance += l * l;
            if (j < i) rest -= l * white[p * d + j];
          }
          const double l = spread[(p * d + i) * d + i], z = rest / l;
          below += weight[p] * normal_distribution(z);
          above += weight[p] * normal_distribution(-z);
          first += centre[p * d + i];
          second += centre[p * d + i] * centre[p * d + i] + variance;
          white[p * d + i] = z;
          weight[p] *= std::exp(-0.5 * z * z) / l;
        }
        const double m = first / static_cast<double>(whole);
        if (residual)
          residual[number * d + i] = normal_score(below / (below + above), above / (below + above));
        if (mean) mean[number * d + i] = m;
        if (deviation)
          deviation[number * d + i] = std::sqrt(std::max(0.0, second / static_cast<double>(whole) - m * m));
      }
    }
  });
}

}  // namespace sde
