#include "score/batch.h"

#include <algorithm>
#include <cmath>

namespace sde {

BatchLoss::BatchLoss(const nn::Network& network, const NoiseProcess& process, const DenoisingLoss& loss,
                     const BatchOptions& options)
    : process_(process),
      loss_(loss),
      options_(options),
      dimension_(network.inputs()),
      parameters_(network.trained_size()) {
  const std::size_t n = nn::kTapeLanes;
  const Objective objective = options.objective;
  if (objective == Objective::sliced || objective == Objective::implicit) {
    tangent_.emplace(network, n, objective == Objective::implicit ? dimension_ : 1);
  } else if (loss.prediction() == Prediction::energy) {
    tangent_.emplace(network, n, 1);
  } else {
    tape_.emplace(network, n, options.precision);
  }
  if (options.grid) {
    for (AlignedVector<double>* v : {&sigma_high_, &sigma_low_, &t_high_, &t_low_}) v->resize(n);
    for (StateBlock<double>* b : {&high_, &low_, &slope_, &next_slope_}) b->resize(dimension_, n);
    goal_.resize(dimension_, n);
  }
}

// Time and state into the network, where rows have been noised, and what it is told of classes.
template <class Tape>
static void enter(const NoisedRows& rows, bool noised, Tape& tape) {
  tape.resize(rows.lanes);
  tape.set_labels(rows.labels.empty() ? nullptr : rows.labels.data());
  if (!noised) return;
  std::copy_n(rows.time.data(), rows.lanes, tape.time());
  const BlockView<float> x = tape.input();
  for (std::size_t i = 0; i < x.rows; ++i) std::copy_n(rows.input.row(i), rows.lanes, x.row(i));
}

double BatchLoss::operator()(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                             double scale, bool add, std::size_t levels, const nn::PackedWeights* packed) {
  if (tape_) {
    tape_->use(packed);
    enter(rows, !options_.grid, *tape_);
  } else {
    enter(rows, true, *tangent_);
    if (gradient && !add) std::fill_n(gradient, parameters_, 0.0f);
  }
  switch (options_.objective) {
    case Objective::denoising:
      break;
    case Objective::sliced:
    case Objective::implicit:
      return matching(rows, theta, used, gradient, scale);
    case Objective::consistency:
    case Objective::distillation:
      return consistency(rows, theta, used, gradient, scale, add, levels);
  }
  return loss_.prediction() == Prediction::energy ? energy(rows, theta, used, gradient, scale)
                                                  : denoising(rows, theta, used, gradient, scale, add);
}

// The weighted mean squares of out - target_, summed over the lanes in use; `back` takes their gradient times
// scale, and may be `out`.
double BatchLoss::squared_errors(const NoisedRows& rows, BlockView<const float> out, std::size_t used,
                                 double scale, BlockView<float> back) const {
  const double mean = 1 / static_cast<double>(dimension_);
  double sum = 0;
  for (std::size_t l = 0; l < rows.lanes; ++l) {
    const double weight = l < used ? rows.weight[l] * mean : 0;
    const auto slope = static_cast<float>(2 * weight * scale);
    double squares = 0;
    for (std::size_t i = 0; i < dimension_; ++i) {
      const float error = out.row(i)[l] - rows.target.row(i)[l];
      squares += static_cast<double>(error) * static_cast<double>(error);
      back.row(i)[l] = slope * error;
    }
    if (l < used) sum += weight * squares;
  }
  return sum;
}

double BatchLoss::denoising(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                            double scale, bool add) {
  const double sum = squared_errors(rows, tape_->forward(theta), used, scale, tape_->output_gradient());
  if (gradient) tape_->backward(theta, gradient, false, add);
  return sum;
}

// |grad N - eps|^2; with w its derivative in grad N held fixed, its gradient is that of w . grad N, the
// product of N's Jacobian with w.
double BatchLoss::energy(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                         double scale) {
  nn::TangentTape<float>& tape = *tangent_;
  tape.forward(theta, false);
  const BlockView<float> back = tape.output_adjoint(), turn = tape.tangent_adjoint();
  std::fill_n(back.data, back.rows * rows.lanes, 1.0f);
  const BlockView<float> w = tape.tangent();
  tape.backward(theta, nullptr, w.data, false);
  const double sum = squared_errors(rows, w, used, scale, w);
  if (!gradient) return sum;
  tape.forward(theta);
  std::fill_n(back.data, back.rows * rows.lanes, 0.0f);
  std::fill_n(turn.data, turn.rows * rows.lanes, 1.0f);
  tape.backward(theta, gradient);
  return sum;
}

// The expectation of |s score + eps|^2 without eps: by parts, s E[eps . score] = s^2 E[div score]. The loss
// is 1 + s^2 (|score|^2 + 2 div score) / D, as much as the denoising loss in the limit of many samples.
double BatchLoss::matching(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                           double scale) {
  nn::TangentTape<float>& tape = *tangent_;
  const std::size_t K = tape.tangents(), L = rows.lanes, D = dimension_;
  const bool sliced = options_.objective == Objective::sliced;
  const BlockView<float> v = tape.tangent();
  for (std::size_t i = 0; i < D; ++i) {
    float* row = v.row(i);
    if (sliced) {
      for (std::size_t l = 0; l < L; ++l) row[l] = rows.probes.row(i)[l] < 0 ? -1.0f : 1.0f;  // |v|^2 = D
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
    const Conversion& c = rows.conversion[l];
    // From a weight of the network's error to that of epsilon's.
    const double weight =
        l < used ? rows.weight[l] / std::pow(rows.s[l] * c.from_output, 2) * mean * rows.s[l] * rows.s[l] : 0;
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
    if (l < used) sum += weight * (squares + 2 * trace) + weight / (rows.s[l] * rows.s[l] * mean);
  }
  if (gradient) tape.backward(theta, gradient);
  return sum;
}

}  // namespace sde
