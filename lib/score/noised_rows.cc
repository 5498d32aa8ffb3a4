#include "score/noised_rows.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "nn/tape.h"

namespace sde {

// Components of Purpose::noise: two for every four columns; those of latent noise are far above.
static constexpr std::uint32_t kLatent = 0x40000000;

BatchStreams::BatchStreams(std::uint64_t seed, std::size_t dimension, std::uint32_t component)
    : drops(make_stream(seed, Purpose::minibatch, component)),
      times(make_stream(seed, Purpose::time, component)),
      plan(make_stream(seed, Purpose::minibatch, 2 + component)) {
  for (std::size_t q = 0; q < (dimension + 3) / 4; ++q) {
    const std::uint32_t c = static_cast<std::uint32_t>(2 * q) + component;
    noise.push_back(make_stream(seed, Purpose::noise, c));
    latent.push_back(make_stream(seed, Purpose::noise, kLatent + c));
    probes.push_back(make_stream(seed, Purpose::probe, c));
  }
  // Component 0 belongs to likelihoods.
  for (std::size_t q = 0; q < (dimension + 1) / 2; ++q) {
    spread.push_back(
        make_stream(seed, Purpose::dequantise, static_cast<std::uint32_t>(2 * q) + 1 + component));
  }
}

static void fill(const std::vector<Stream>& streams, std::uint64_t first, std::size_t lanes,
                 std::uint64_t step, StateBlock<float>& to) {
  for (std::size_t q = 0; q < streams.size(); ++q) {
    fill_normals(streams[q], first, lanes, step,
                 {to.row(4 * q), to.row(4 * q + 1), to.row(4 * q + 2), to.row(4 * q + 3)});
  }
}

NoisedRows::NoisedRows(std::size_t dimension, const NoiseProcess& process, const DenoisingLoss& loss,
                       const BatchOptions& options)
    : process_(process), loss_(loss), options_(options), dimension_(dimension) {
  const std::size_t n = nn::kTapeLanes, rows = (dimension + 3) / 4 * 4;
  for (AlignedVector<double>* v : {&s, &weight, &place, &u_, &t_, &a_, &drop_, &unused_, &even_, &odd_})
    v->resize(n);
  time.resize(n);
  for (Parts* parts : {&input_parts_, &target_parts_}) {
    for (AlignedVector<float>* v : {&parts->data, &parts->noise, &parts->latent}) v->resize(n);
  }
  conversion.resize(n);
  data.resize(dimension, n);
  noise.resize(rows, n);
  input.resize(dimension, n);
  target.resize(dimension, n);
  if (options.coupling != Coupling::independent) latent_.resize(rows, n);
  if (options.objective == Objective::sliced) probes.resize(rows, n);
}

double NoisedRows::bytes(std::size_t dimension) {
  return static_cast<double>(4 * dimension * nn::kTapeLanes * sizeof(float));
}

void NoisedRows::draw(const BatchStreams& streams, std::uint64_t step, std::uint64_t first, std::size_t count,
                      const BatchData& from, const Transport& transport) {
  lanes = count;
  fill_uniforms(streams.times, first, lanes, step, u_.data(), place.data());
  if (Transport::wanted(options_.coupling)) {
    for (std::size_t i = 0; i < dimension_; ++i) {
      for (std::size_t l = 0; l < lanes; ++l) noise.row(i)[l] = transport.noise(i, first + l);
    }
  } else if (from.noise.empty()) {
    fill(streams.noise, first, lanes, step, noise);
  }
  if (latent_.rows()) fill(streams.latent, first, lanes, step, latent_);
  if (probes.rows()) fill(streams.probes, first, lanes, step, probes);
  if (!from.labels.empty()) {
    fill_uniforms(streams.drops, first, lanes, step, drop_.data(), unused_.data());
    labels.resize(nn::kTapeLanes);
  }
  const double rows = static_cast<double>(from.rows.size());
  for (std::size_t l = 0; l < lanes; ++l) {
    const std::uint32_t row = from.rows[static_cast<std::size_t>(u_[l] * rows)];
    for (std::size_t i = 0; i < dimension_; ++i) {
      data.row(i)[l] = from.data[row * dimension_ + i];
      if (!from.noise.empty()) noise.row(i)[l] = from.noise[row * dimension_ + i];
    }
    if (!from.labels.empty()) {
      labels[l] = drop_[l] < options_.label_dropout ? nn::kNoClass : from.labels[row];
    }
  }
  for (std::size_t i = 0; i < from.spread.size(); i += 2) {
    fill_uniforms(streams.spread[i / 2], first, lanes, step, even_.data(), odd_.data());
    for (std::size_t c = i; c < std::min(i + 2, dimension_); ++c) {
      const AlignedVector<double>& u = c == i ? even_ : odd_;
      for (std::size_t l = 0; l < lanes; ++l) data.row(c)[l] += from.spread[c] * static_cast<float>(u[l]);
    }
  }
  if (!options_.grid) add_noise();
}

void NoisedRows::add_noise() {
  loss_.times(place.data(), lanes, t_.data());
  process_.scales(t_.data(), lanes, a_.data(), s.data());
  loss_.at(t_.data(), a_.data(), s.data(), lanes, conversion.data(), weight.data());
  const bool edm = loss_.prediction() == Prediction::edm;
  for (std::size_t l = 0; l < lanes; ++l) {
    const Conversion& c = conversion[l];
    time[l] = static_cast<float>(edm ? 0.25 * std::log(s[l] / a_[l]) : process_.network_time(t_[l]));
    input_parts_.data[l] = static_cast<float>(c.input * a_[l]);
    input_parts_.noise[l] = static_cast<float>(c.input * s[l]);
    target_parts_.data[l] = static_cast<float>(c.target_data);
    target_parts_.noise[l] = static_cast<float>(c.target_noise);
  }
  // Ends that depend on one another: x = a x_0 + b x_1 + gamma z, and the velocity is a' x_0 + b' x_1 +
  // gamma' z.
  for (std::size_t l = 0; l < lanes && latent_.rows(); ++l) {
    const double gamma = process_.latent_noise(t_[l]);
    input_parts_.latent[l] = target_parts_.latent[l] = 0;
    if (!(gamma > 0)) continue;
    const Conversion& c = conversion[l];
    const double b = std::sqrt(std::fmax(s[l] * s[l] - gamma * gamma, 0)),
                 dc = process_.latent_variance_rate(t_[l]);
    input_parts_.noise[l] = static_cast<float>(c.input * b);
    input_parts_.latent[l] = static_cast<float>(c.input * gamma);
    target_parts_.noise[l] = static_cast<float>(b > 0 ? (s[l] * c.target_noise - 0.5 * dc) / b : 0);
    target_parts_.latent[l] = static_cast<float>(0.5 * dc / gamma);
  }
  mix(input_parts_, input);
  mix(target_parts_, target);
}

void NoisedRows::mix(const Parts& parts, StateBlock<float>& to) const {
  const auto lanes_of = [&](const float* x) {
    return Eigen::Map<const Eigen::ArrayXf, Eigen::Aligned64>(x, static_cast<Eigen::Index>(lanes));
  };
  for (std::size_t i = 0; i < dimension_; ++i) {
    Eigen::Map<Eigen::ArrayXf, Eigen::Aligned64> sum(to.row(i), static_cast<Eigen::Index>(lanes));
    sum = lanes_of(parts.data.data()) * lanes_of(data.row(i)) +
          lanes_of(parts.noise.data()) * lanes_of(noise.row(i));
    if (latent_.rows()) sum += lanes_of(parts.latent.data()) * lanes_of(latent_.row(i));
  }
}

}  // namespace sde
