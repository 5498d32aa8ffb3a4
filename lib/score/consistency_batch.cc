// The loss of consistency training and distillation.
#include <algorithm>
#include <cmath>

#include "score/batch.h"

namespace sde {

// Where the teacher's flow through high_ at sigma_high_ is at sigma_low_, by a step of Heun's method in
// sigma, in which dy / d sigma = -s score.
void BatchLoss::teach(std::size_t lanes) {
  const std::size_t D = dimension_;
  StateBlock<double>& state = next_slope_;
  if (state.lanes() != lanes || slope_.lanes() != lanes) {
    state.resize(D, lanes);
    slope_.resize(D, lanes);
  }
  const ScoreModel& teacher = *options_.teacher;
  const auto slope_at = [&](const AlignedVector<double>& t, const StateBlock<double>& y,
                            StateBlock<double>& out) {
    for (std::size_t l = 0; l < lanes; ++l) {
      const double a = process_.signal(t[l]);
      for (std::size_t i = 0; i < D; ++i) state.row(i)[l] = a * y.row(i)[l];
    }
    teacher.score({0, t.data()}, state, out, workspace_);
    for (std::size_t l = 0; l < lanes; ++l) {
      const double s = process_.noise(t[l]);
      for (std::size_t i = 0; i < D; ++i) out.row(i)[l] *= -s;
    }
  };
  slope_at(t_high_, high_, slope_);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < lanes; ++l) {
      low_.row(i)[l] = high_.row(i)[l] + (sigma_low_[l] - sigma_high_[l]) * slope_.row(i)[l];
    }
  }
  StateBlock<double> second(D, lanes);
  slope_at(t_low_, low_, second);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < lanes; ++l) {
      const double mean = 0.5 * (slope_.row(i)[l] + second.row(i)[l]);
      low_.row(i)[l] = high_.row(i)[l] + (sigma_low_[l] - sigma_high_[l]) * mean;
    }
  }
}

// sqrt(|f(high) - f(low)|^2 + c^2) - c over the length of the step; f(low) is held fixed (Song & Dhariwal
// 2024). Their c = .00054 sqrt(D) makes of the loss a distance in few dimensions, under which f settles at
// medians where differences are of the noise, as they are without a teacher.
double BatchLoss::consistency(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                              double scale, bool add, std::size_t levels) {
  const ConsistencyGrid& grid = *options_.grid;
  const std::size_t L = rows.lanes, D = dimension_;
  if (high_.lanes() != L) {
    high_.resize(D, L);
    low_.resize(D, L);
    goal_.resize(D, L);
  }
  for (std::size_t l = 0; l < L; ++l) {
    grid.draw(rows.place[l], levels, sigma_low_[l], sigma_high_[l]);
    t_low_[l] = process_.time_at(-std::log(sigma_low_[l]));
    t_high_[l] = process_.time_at(-std::log(sigma_high_[l]));
    for (std::size_t i = 0; i < D; ++i) {
      const double x0 = static_cast<double>(rows.data.row(i)[l]),
                   eps = static_cast<double>(rows.noise.row(i)[l]);
      high_.row(i)[l] = x0 + sigma_high_[l] * eps;
      low_.row(i)[l] = x0 + sigma_low_[l] * eps;
    }
  }
  if (options_.teacher) teach(L);

  const auto place = [&](const StateBlock<double>& y, const AlignedVector<double>& sigma) {
    const BlockView<float> x = tape_->input();
    for (std::size_t l = 0; l < L; ++l) {
      const ConsistencyScales c(sigma[l], grid.least(), grid.sigma_data());
      tape_->time()[l] = static_cast<float>(0.25 * std::log(sigma[l]));
      for (std::size_t i = 0; i < D; ++i) x.row(i)[l] = static_cast<float>(c.in * y.row(i)[l]);
    }
  };
  place(low_, sigma_low_);
  BlockView<const float> out = tape_->forward(theta);
  for (std::size_t l = 0; l < L; ++l) {
    const ConsistencyScales c(sigma_low_[l], grid.least(), grid.sigma_data());
    for (std::size_t i = 0; i < D; ++i) {
      goal_.row(i)[l] =
          static_cast<float>(c.skip * low_.row(i)[l] + c.out * static_cast<double>(out.row(i)[l]));
    }
  }
  place(high_, sigma_high_);
  out = tape_->forward(theta);
  const BlockView<float> back = tape_->output_gradient();
  const double width = std::fmax(0.00054 * std::sqrt(static_cast<double>(D)), options_.teacher ? 0 : 0.1);
  double sum = 0;
  for (std::size_t l = 0; l < L; ++l) {
    const ConsistencyScales c(sigma_high_[l], grid.least(), grid.sigma_data());
    double squares = 0;
    for (std::size_t i = 0; i < D; ++i) {
      const double f = c.skip * high_.row(i)[l] + c.out * static_cast<double>(out.row(i)[l]);
      const double error = f - static_cast<double>(goal_.row(i)[l]);
      squares += error * error;
      back.row(i)[l] = static_cast<float>(error);
    }
    const double root = std::sqrt(squares + width * width);
    const double weight = l < used ? 1 / (sigma_high_[l] - sigma_low_[l]) : 0;
    const auto factor = static_cast<float>(weight * scale * c.out / root);
    for (std::size_t i = 0; i < D; ++i) back.row(i)[l] *= factor;
    sum += weight * (root - width);
  }
  if (gradient) tape_->backward(theta, gradient, false, add);
  return sum;
}

}  // namespace sde
