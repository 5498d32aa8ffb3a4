#include "score/batch.h"

#include <algorithm>
#include <cmath>

namespace sde {

BatchStreams::BatchStreams(std::uint64_t seed, std::size_t dimension, std::uint32_t component)
    : drops(make_stream(seed, Purpose::minibatch, component)),
      times(make_stream(seed, Purpose::time, component)) {
  for (std::size_t q = 0; q < (dimension + 3) / 4; ++q) {
    noise.push_back(make_stream(seed, Purpose::noise, static_cast<std::uint32_t>(2 * q) + component));
  }
}

NoisedBatch::NoisedBatch(const nn::Network& network, const NoiseProcess& process, const DenoisingLoss& loss,
                         double label_dropout)
    : process_(process),
      loss_(loss),
      label_dropout_(label_dropout),
      dimension_(network.inputs()),
      tape_(network, nn::kTapeLanes),
      u_(nn::kTapeLanes),
      v_(nn::kTapeLanes),
      t_(nn::kTapeLanes),
      a_(nn::kTapeLanes),
      s_(nn::kTapeLanes),
      drop_(nn::kTapeLanes),
      unused_(nn::kTapeLanes),
      labels_(nn::kTapeLanes, nn::kNoClass),
      data_(dimension_, nn::kTapeLanes),
      noise_((dimension_ + 3) / 4 * 4, nn::kTapeLanes) {}

void NoisedBatch::draw(const BatchStreams& streams, std::uint64_t step, std::uint64_t first,
                       std::size_t lanes, const std::vector<float>& data,
                       const std::vector<std::uint32_t>& rows, const std::vector<std::int32_t>& labels) {
  lanes_ = lanes;
  tape_.resize(lanes);
  fill_uniforms(streams.times, first, lanes, step, u_.data(), v_.data());
  loss_.times(v_.data(), lanes, t_.data());
  process_.scales(t_.data(), lanes, a_.data(), s_.data());
  for (std::size_t q = 0; q < streams.noise.size(); ++q) {
    fill_normals(streams.noise[q], first, lanes, step,
                 {noise_.row(4 * q), noise_.row(4 * q + 1), noise_.row(4 * q + 2), noise_.row(4 * q + 3)});
  }
  if (!labels.empty()) {
    fill_uniforms(streams.drops, first, lanes, step, drop_.data(), unused_.data());
    tape_.set_labels(labels_.data());
  }
  const double count = static_cast<double>(rows.size());
  const BlockView<float> x = tape_.input();
  for (std::size_t l = 0; l < lanes; ++l) {
    tape_.time()[l] = static_cast<float>(t_[l]);
    const std::uint32_t row = rows[static_cast<std::size_t>(u_[l] * count)];
    const float* from = data.data() + row * dimension_;
    if (!labels.empty()) labels_[l] = drop_[l] < label_dropout_ ? nn::kNoClass : labels[row];
    const double c = 1 / std::sqrt(a_[l] * a_[l] + s_[l] * s_[l]);
    const auto signal = static_cast<float>(c * a_[l]), rest = static_cast<float>(c * s_[l]);
    for (std::size_t i = 0; i < dimension_; ++i) {
      data_.row(i)[l] = from[i];
      x.row(i)[l] = signal * from[i] + rest * noise_.row(i)[l];
    }
  }
}

double NoisedBatch::loss(const float* theta, std::size_t used, float* gradient, double scale) {
  const BlockView<const float> out = tape_.forward(theta);
  const BlockView<float> back = tape_.output_gradient();
  const double mean = 1 / static_cast<double>(dimension_);
  double sum = 0;
  for (std::size_t l = 0; l < lanes_; ++l) {
    const Conversion target = loss_.target(a_[l], s_[l]);
    const auto of_data = static_cast<float>(target.target_data),
               of_noise = static_cast<float>(target.target_noise);
    const double weight = l < used ? loss_.weight(t_[l], a_[l], s_[l]) * mean : 0;
    const auto slope = static_cast<float>(2 * weight * scale);
    double squares = 0;
    for (std::size_t i = 0; i < dimension_; ++i) {
      const float error = out.row(i)[l] - (of_data * data_.row(i)[l] + of_noise * noise_.row(i)[l]);
      squares += static_cast<double>(error) * static_cast<double>(error);
      back.row(i)[l] = slope * error;
    }
    if (l < used) sum += weight * squares;
  }
  if (gradient) tape_.backward(theta, gradient);
  return sum;
}

}  // namespace sde
