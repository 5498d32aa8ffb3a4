#include "score/reverse.h"

#include <cmath>

namespace sde {

void ReverseSde::drift(BlockTime tau, ConstBlock x, Block f, SdeWorkspace& workspace) const {
  const NoiseProcess& process = model_->process();
  AlignedVector<double> times;
  BlockTime t{kHorizon - tau.value, nullptr};
  if (tau.lanes) {
    times.resize(x.lanes);
    for (std::size_t l = 0; l < x.lanes; ++l) times[l] = kHorizon - tau.lanes[l];
    t.lanes = times.data();
  }
  model_->score(t, x, f, workspace);
  const auto factor = [&](double at) {
    return 0.5 * (process.diffusion_squared(at) + process.reverse_diffusion_squared(at));
  };
  double forward = process.drift_factor(t.at(0)), back = factor(t.at(0));
  for (std::size_t l = 0; l < x.lanes; ++l) {
    if (l && t.lanes) {
      forward = process.drift_factor(t.lanes[l]);
      back = factor(t.lanes[l]);
    }
    for (std::size_t i = 0; i < x.rows; ++i) f.row(i)[l] = back * f.row(i)[l] - forward * x.row(i)[l];
  }
}

void ReverseSde::diffusion(BlockTime tau, ConstBlock x, Block g, SdeWorkspace&) const {
  for (std::size_t l = 0; l < x.lanes; ++l) {
    const double value = l && !tau.lanes
                             ? g.row(0)[0]
                             : std::sqrt(model_->process().reverse_diffusion_squared(kHorizon - tau.at(l)));
    for (std::size_t i = 0; i < x.rows; ++i) g.row(i)[l] = value;
  }
}

void ProbabilityFlow::drift(BlockTime t, ConstBlock state, Block out, SdeWorkspace& workspace) const {
  const NoiseProcess& process = model_->process();
  const std::size_t D = model_->dimension(), extra = extra_rows(), L = state.lanes;
  const ConstBlock x = state.slice(0, D);
  const Block f = out.slice(0, D);
  switch (divergence_) {
    case Divergence::none:
      model_->score(t, x, f, workspace);
      break;
    case Divergence::exact:
      model_->score_and_divergence(t, x, f, out.row(D), workspace);
      break;
    case Divergence::hutchinson: {
      if (workspace.block.rows() < D || workspace.block.lanes() != L) workspace.block.resize(D, L);
      const Block product = workspace.block.view().slice(0, D);
      for (std::size_t k = 0; k < extra; ++k) {
        const ConstBlock v = probes_->view().slice(k * D, D);
        model_->score_and_product(t, x, v, f, product, workspace);
        double* to = out.row(D + k);
        std::fill_n(to, L, 0.0);
        for (std::size_t i = 0; i < D; ++i) {
          for (std::size_t l = 0; l < L; ++l) to[l] += v.row(i)[l] * product.row(i)[l];
        }
      }
    }
  }
  double forward = process.drift_factor(t.at(0)), half = 0.5 * process.diffusion_squared(t.at(0));
  for (std::size_t l = 0; l < L; ++l) {
    if (l && t.lanes) {
      forward = process.drift_factor(t.lanes[l]);
      half = 0.5 * process.diffusion_squared(t.lanes[l]);
    }
    for (std::size_t i = 0; i < D; ++i) f.row(i)[l] = forward * x.row(i)[l] - half * f.row(i)[l];
    for (std::size_t k = 0; k < extra; ++k) {
      double& to = out.row(D + k)[l];
      double trace = static_cast<double>(D);
      if (divergence_ == Divergence::hutchinson) {
        trace = 0;
        for (std::size_t i = 0; i < D; ++i) trace += probes_->row(k * D + i)[l] * probes_->row(k * D + i)[l];
      }
      to = forward * trace - half * to;
    }
  }
}

void ProbabilityFlow::diffusion(BlockTime, ConstBlock, Block g, SdeWorkspace&) const {
  for (std::size_t i = 0; i < g.rows; ++i) std::fill_n(g.row(i), g.lanes, 0.0);
}

}  // namespace sde
