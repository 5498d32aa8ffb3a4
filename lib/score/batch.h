// The loss of what a network says about noised rows, and its gradient.
#pragma once

#include <optional>

#include "nn/tangent_tape.h"
#include "nn/tape.h"
#include "score/noised_rows.h"

namespace sde {

// Memory of one thread, for nn::kTapeLanes lanes.
class BatchLoss {
 public:
  // Throws Error(Status::usage) for an objective that the network cannot have.
  BatchLoss(const nn::Network& network, const NoiseProcess& process, const DenoisingLoss& loss,
            const BatchOptions& options);

  // The sum over the first `used` lanes of their loss. With `gradient`, adds the gradient of `scale` times
  // that sum, or writes it there. `levels`: of the consistency grid. `packed`: theta's weights, where
  // gradients are not of f32.
  double operator()(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                    double scale, bool add = true, std::size_t levels = 0,
                    const nn::PackedWeights* packed = nullptr);

 private:
  double squared_errors(const NoisedRows& rows, BlockView<const float> out, std::size_t used, double scale,
                        BlockView<float> back) const;
  double denoising(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                   double scale, bool add);
  double energy(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient, double scale);
  double matching(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                  double scale);
  double consistency(const NoisedRows& rows, const float* theta, std::size_t used, float* gradient,
                     double scale, bool add, std::size_t levels);
  void teach(std::size_t lanes);

  const NoiseProcess& process_;
  const DenoisingLoss& loss_;
  BatchOptions options_;
  std::size_t dimension_, parameters_;
  std::optional<nn::Tape<float>> tape_;
  std::optional<nn::TangentTape<float>> tangent_;  // where derivatives in x are trained
  // Consistency: noisy states and times of either end, in units of the data's.
  StateBlock<double> high_, low_, slope_, next_slope_;
  StateBlock<float> goal_;
  AlignedVector<double> sigma_high_, sigma_low_, t_high_, t_low_;
  SdeWorkspace workspace_;
};

}  // namespace sde
