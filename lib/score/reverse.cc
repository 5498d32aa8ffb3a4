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

static void add_products(ConstBlock a, ConstBlock b, double* sum) {
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t l = 0; l < a.lanes; ++l) sum[l] += a.row(i)[l] * b.row(i)[l];
  }
}

// v -= q (q . v), lane by lane; `dot` is scratch.
static void take_out(ConstBlock q, Block v, double* dot) {
  std::fill_n(dot, v.lanes, 0.0);
  add_products(q, v, dot);
  for (std::size_t i = 0; i < v.rows; ++i) {
    for (std::size_t l = 0; l < v.lanes; ++l) v.row(i)[l] -= dot[l] * q.row(i)[l];
  }
}

// Of the score's Jacobian; estimate k of its trace in row k of `out`.
void ProbabilityFlow::hutch_plus_plus(BlockTime t, ConstBlock x, Block f, Block out,
                                      SdeWorkspace& workspace) const {
  const std::size_t D = model_->dimension(), L = x.lanes, rank = out.rows, rows = (rank + 2) * D + 3 + rank;
  if (workspace.block.rows() < rows || workspace.block.lanes() != L) workspace.block.resize(rows, L);
  const Block all = workspace.block.view().slice(0, rows);
  const Block product = all.slice(rank * D, D), v = all.slice((rank + 1) * D, D);
  double *on_basis = all.row((rank + 2) * D), *dot = on_basis + L, *length = dot + L;
  const auto basis = [&](std::size_t k) { return all.slice(k * D, D); };
  const auto kept = [&](std::size_t k) { return all.row((rank + 2) * D + 3 + k); };  // 1 or 0
  for (std::size_t k = 0; k < rank; ++k) {
    const Block q = basis(k);
    model_->score_and_product(t, x, probes_->view().slice(k * D, D), f, q, workspace);
    std::fill_n(length, L, 0.0);
    add_products(q, q, length);
    // Twice is enough (Giraud, Langou, Rozloznik & van den Eshof 2005). What lies within the others already
    // has nothing left, and is dropped.
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t j = 0; j < k; ++j) take_out(basis(j), q, dot);
    }
    std::fill_n(dot, L, 0.0);
    add_products(q, q, dot);
    for (std::size_t l = 0; l < L; ++l) {
      kept(k)[l] = dot[l] > 1e-20 * length[l];
      dot[l] = kept(k)[l] > 0 ? 1 / std::sqrt(dot[l]) : 0;
    }
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t l = 0; l < L; ++l) q.row(i)[l] *= dot[l];
    }
  }
  std::fill_n(on_basis, L, 0.0);
  for (std::size_t k = 0; k < rank; ++k) {
    model_->score_and_product(t, x, basis(k), f, product, workspace);
    add_products(basis(k), product, on_basis);
  }
  for (std::size_t k = 0; k < rank; ++k) {
    copy<double>(probes_->view().slice((rank + k) * D, D), v);
    for (std::size_t j = 0; j < rank; ++j) take_out(basis(j), v, dot);
    // What is left of a Gaussian vector has a direction that is uniform: its length is set to the root of the
    // dimension that is left, so that it says nothing, and a multiple of 1 has no variance (as in Epperly,
    // Tropp & Webber, SIAM J. Matrix Anal. 45, 2024).
    std::fill_n(length, L, 0.0);
    add_products(v, v, length);
    for (std::size_t l = 0; l < L; ++l) {
      double left = static_cast<double>(D);
      for (std::size_t j = 0; j < rank; ++j) left -= kept(j)[l];
      length[l] = left > 0.5 ? std::sqrt(left / length[l]) : 0;
    }
    for (std::size_t i = 0; i < D; ++i) {
      for (std::size_t l = 0; l < L; ++l) v.row(i)[l] *= length[l];
    }
    model_->score_and_product(t, x, v, f, product, workspace);
    std::copy_n(on_basis, L, out.row(k));
    add_products(v, product, out.row(k));
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
      break;
    }
    case Divergence::hutch_plus_plus:
      hutch_plus_plus(t, x, f, out.slice(D, extra), workspace);
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
