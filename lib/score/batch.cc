#include "score/batch.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

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

NoisedBatch::NoisedBatch(const nn::Network& network, const NoiseProcess& process, const DenoisingLoss& loss,
                         const BatchOptions& options)
    : process_(process), loss_(loss), options_(options), dimension_(network.inputs()) {
  const std::size_t n = nn::kTapeLanes, rows = (dimension_ + 3) / 4 * 4;
  const Objective objective = options.objective;
  if (objective == Objective::sliced || objective == Objective::implicit) {
    tangent_.emplace(network, n, objective == Objective::implicit ? dimension_ : 1);
    probes_.resize(rows, n);
  } else if (loss.prediction() == Prediction::energy) {
    tangent_.emplace(network, n, 1);
  } else {
    tape_.emplace(network, n, options.precision);
  }
  for (AlignedVector<double>* v : {&u_, &v_, &t_, &a_, &s_, &drop_, &unused_, &weight_, &even_, &odd_})
    v->resize(n);
  conversion_.resize(n);
  labels_.assign(n, nn::kNoClass);
  data_.resize(dimension_, n);
  noise_.resize(rows, n);
  target_.resize(dimension_, n);
  if (options.coupling != Coupling::independent) latent_.resize(rows, n);
  if (options.grid) {
    for (AlignedVector<double>* v : {&sigma_high_, &sigma_low_, &t_high_, &t_low_}) v->resize(n);
    for (StateBlock<double>* b : {&high_, &low_, &slope_, &next_slope_}) b->resize(dimension_, n);
    goal_.resize(dimension_, n);
  }
}

void NoisedBatch::draw(const BatchStreams& streams, std::uint64_t step, std::uint64_t first,
                       std::size_t lanes, const BatchData& from, const Transport& transport) {
  lanes_ = lanes;
  if (tape_) tape_->resize(lanes);
  if (tangent_) tangent_->resize(lanes);
  fill_uniforms(streams.times, first, lanes, step, u_.data(), v_.data());
  if (Transport::wanted(options_.coupling)) {
    for (std::size_t i = 0; i < dimension_; ++i) {
      for (std::size_t l = 0; l < lanes; ++l) noise_.row(i)[l] = transport.noise(i, first + l);
    }
  } else if (from.noise.empty()) {
    fill(streams.noise, first, lanes, step, noise_);
  }
  if (latent_.rows()) fill(streams.latent, first, lanes, step, latent_);
  if (probes_.rows() && options_.objective == Objective::sliced) {
    fill(streams.probes, first, lanes, step, probes_);
  }
  if (!from.labels.empty()) {
    fill_uniforms(streams.drops, first, lanes, step, drop_.data(), unused_.data());
    if (tape_) tape_->set_labels(labels_.data());
    if (tangent_) tangent_->set_labels(labels_.data());
  }
  const double count = static_cast<double>(from.rows.size());
  for (std::size_t l = 0; l < lanes; ++l) {
    const std::uint32_t row = from.rows[static_cast<std::size_t>(u_[l] * count)];
    for (std::size_t i = 0; i < dimension_; ++i) {
      data_.row(i)[l] = from.data[row * dimension_ + i];
      if (!from.noise.empty()) noise_.row(i)[l] = from.noise[row * dimension_ + i];
    }
    if (!from.labels.empty()) {
      labels_[l] = drop_[l] < options_.label_dropout ? nn::kNoClass : from.labels[row];
    }
  }
  for (std::size_t i = 0; i < from.spread.size(); i += 2) {
    fill_uniforms(streams.spread[i / 2], first, lanes, step, even_.data(), odd_.data());
    for (std::size_t c = i; c < std::min(i + 2, dimension_); ++c) {
      const AlignedVector<double>& u = c == i ? even_ : odd_;
      for (std::size_t l = 0; l < lanes; ++l) data_.row(c)[l] += from.spread[c] * static_cast<float>(u[l]);
    }
  }
  if (options_.grid) return;  // the times are those of its steps

  loss_.times(v_.data(), lanes, t_.data());
  process_.scales(t_.data(), lanes, a_.data(), s_.data());
  const BlockView<float> x = input();
  const bool edm = loss_.prediction() == Prediction::edm;
  for (std::size_t l = 0; l < lanes; ++l) {
    const double a = a_[l], s = s_[l];
    const DenoisingLoss::At at = loss_.at(t_[l], a, s);
    const Conversion& c = conversion_[l] = at.conversion;
    weight_[l] = at.weight;
    time()[l] = static_cast<float>(edm ? 0.25 * std::log(s / a) : process_.network_time(t_[l]));
    const auto signal = static_cast<float>(c.input * a), of_data = static_cast<float>(c.target_data);
    auto rest = static_cast<float>(c.input * s), of_noise = static_cast<float>(c.target_noise);
    // Ends that depend on one another: x = a x_0 + b x_1 + gamma z, and the velocity is a' x_0 + b' x_1 +
    // gamma' z.
    const double gamma = latent_.rows() ? process_.latent_noise(t_[l]) : 0;
    float latent = 0, of_latent = 0;
    if (gamma > 0) {
      const double b = std::sqrt(std::fmax(s * s - gamma * gamma, 0)),
                   dc = process_.latent_variance_rate(t_[l]);
      rest = static_cast<float>(c.input * b);
      latent = static_cast<float>(c.input * gamma);
      of_noise = static_cast<float>(b > 0 ? (s * c.target_noise - 0.5 * dc) / b : 0);
      of_latent = static_cast<float>(0.5 * dc / gamma);
    }
    for (std::size_t i = 0; i < dimension_; ++i) {
      const float x0 = data_.row(i)[l], eps = noise_.row(i)[l];
      x.row(i)[l] = signal * x0 + rest * eps;
      target_.row(i)[l] = of_data * x0 + of_noise * eps;
      if (gamma > 0) {
        x.row(i)[l] += latent * latent_.row(i)[l];
        target_.row(i)[l] += of_latent * latent_.row(i)[l];
      }
    }
  }
}

double NoisedBatch::loss(const float* theta, std::size_t used, float* gradient, double scale,
                         std::size_t levels, const nn::PackedWeights* packed) {
  if (tape_) tape_->use(packed);
  switch (options_.objective) {
    case Objective::denoising:
      break;
    case Objective::sliced:
    case Objective::implicit:
      return matching(theta, used, gradient, scale);
    case Objective::consistency:
    case Objective::distillation:
      return consistency(theta, used, gradient, scale, levels);
  }
  return loss_.prediction() == Prediction::energy ? energy(theta, used, gradient, scale)
                                                  : denoising(theta, used, gradient, scale);
}

// The weighted mean squares of out - target_, summed over the lanes in use; `back` takes their gradient times
// scale, and may be `out`.
double NoisedBatch::squared_errors(BlockView<const float> out, std::size_t used, double scale,
                                   BlockView<float> back) const {
  const double mean = 1 / static_cast<double>(dimension_);
  double sum = 0;
  for (std::size_t l = 0; l < lanes_; ++l) {
    const double weight = l < used ? weight_[l] * mean : 0;
    const auto slope = static_cast<float>(2 * weight * scale);
    double squares = 0;
    for (std::size_t i = 0; i < dimension_; ++i) {
      const float error = out.row(i)[l] - target_.row(i)[l];
      squares += static_cast<double>(error) * static_cast<double>(error);
      back.row(i)[l] = slope * error;
    }
    if (l < used) sum += weight * squares;
  }
  return sum;
}

double NoisedBatch::denoising(const float* theta, std::size_t used, float* gradient, double scale) {
  const double sum = squared_errors(tape_->forward(theta), used, scale, tape_->output_gradient());
  if (gradient) tape_->backward(theta, gradient);
  return sum;
}

// |grad N - eps|^2; with w its derivative in grad N held fixed, its gradient is that of w . grad N, the
// product of N's Jacobian with w.
double NoisedBatch::energy(const float* theta, std::size_t used, float* gradient, double scale) {
  nn::TangentTape<float>& tape = *tangent_;
  tape.forward(theta, false);
  const BlockView<float> back = tape.output_adjoint(), turn = tape.tangent_adjoint();
  std::fill_n(back.data, back.rows * lanes_, 1.0f);
  const BlockView<float> w = tape.tangent();
  tape.backward(theta, nullptr, w.data, false);
  const double sum = squared_errors(w, used, scale, w);
  if (!gradient) return sum;
  tape.forward(theta);
  std::fill_n(back.data, back.rows * lanes_, 0.0f);
  std::fill_n(turn.data, turn.rows * lanes_, 1.0f);
  tape.backward(theta, gradient);
  return sum;
}

// The expectation of |s score + eps|^2 without eps: by parts, s E[eps . score] = s^2 E[div score]. The loss
// is 1 + s^2 (|score|^2 + 2 div score) / D, as much as the denoising loss in the limit of many samples.
double NoisedBatch::matching(const float* theta, std::size_t used, float* gradient, double scale) {
  nn::TangentTape<float>& tape = *tangent_;
  const std::size_t K = tape.tangents(), L = lanes_, D = dimension_;
  const bool sliced = options_.objective == Objective::sliced;
  const BlockView<float> v = tape.tangent();
  for (std::size_t i = 0; i < D; ++i) {
    float* row = v.row(i);
    if (sliced) {
      for (std::size_t l = 0; l < L; ++l) row[l] = probes_.row(i)[l] < 0 ? -1.0f : 1.0f;  // |v|^2 = D
    } else {
      for (std::size_t k = 0; k < K; ++k) std::fill_n(row + k * L, L, k == i ? 1.0f : 0.0f);
    }
  }
  tape.forward(theta);
  const BlockView<const float> out = tape.output(), product = tape.output_tangent();
  const BlockView<float> x = tape.input(), back = tape.output_adjoint(), turn = tape.tangent_adjoint();
  std::fill_n(turn.data, D * K * L, 0.0f);
  const double mean = 1 / static_cast<double>(D);
  double sum = 0;
  for (std::size_t l = 0; l < L; ++l) {
    const Conversion& c = conversion_[l];
    // From a weight of the network's error to that of epsilon's.
    const double weight =
        l < used ? weight_[l] / std::pow(s_[l] * c.from_output, 2) * mean * s_[l] * s_[l] : 0;
    const double jacobian = c.from_output * c.input;
    double squares = 0, trace = c.from_state * static_cast<double>(D);
    for (std::size_t i = 0; i < D; ++i) {
      const double score = c.from_state * static_cast<double>(x.row(i)[l]) / c.input +
                           c.from_output * static_cast<double>(out.row(i)[l]);
      squares += score * score;
      back.row(i)[l] = static_cast<float>(2 * weight * scale * score * c.from_output);
      const std::size_t k = sliced ? 0 : i;
      const float along = v.row(i)[k * L + l];
      trace += jacobian * static_cast<double>(along) * static_cast<double>(product.row(i)[k * L + l]);
      turn.row(i)[k * L + l] = static_cast<float>(2 * weight * scale * jacobian) * along;
    }
    if (l < used) sum += weight * (squares + 2 * trace) + weight / (s_[l] * s_[l] * mean);
  }
  if (gradient) tape.backward(theta, gradient);
  return sum;
}

}  // namespace sde
