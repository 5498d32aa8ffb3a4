#include "score/network_model.h"

#include <cmath>

#include "base/error.h"

namespace sde {

NetworkModel::NetworkModel(std::shared_ptr<const NoiseProcess> process, Prediction prediction,
                           nn::Network network, AlignedVector<float> theta, Standardisation standardisation)
    : ScoreModel(std::move(process)),
      prediction_(prediction),
      network_(std::move(network)),
      theta_(std::make_shared<const AlignedVector<float>>(std::move(theta))) {
  standardisation_ = std::move(standardisation);
}

std::shared_ptr<const ScoreModel> NetworkModel::given(std::int32_t label) const {
  if (!classes()) return nullptr;
  if (label != nn::kNoClass && (label < 0 || static_cast<std::size_t>(label) >= classes())) {
    fail(Status::usage, "class {} is not one of the model's, 0 to {}", label, classes() - 1);
  }
  auto model = std::make_shared<NetworkModel>(*this);
  model->label_ = label;
  return model;
}

void NetworkModel::evaluate(Want want, BlockTime t, ConstBlock x, const ConstBlock* v, Block score,
                            double* divergence, Block* product, SdeWorkspace& workspace) const {
  const std::size_t D = dimension(), L = x.lanes;
  if (workspace.network.rows() < 4 * D + 2 || workspace.network.lanes() != L) {
    workspace.network.resize(4 * D + 2, L);
  }
  const BlockView<float> all = workspace.network;
  const BlockView<float> in = all.slice(0, D), out = all.slice(D, D), v_in = all.slice(2 * D, D),
                         v_out = all.slice(3 * D, D);
  float *times = all.row(4 * D), *trace = all.row(4 * D + 1);
  workspace.values.resize(3 * L);
  double *from_state = workspace.values.data(), *from_output = from_state + L,
         *input_scale = from_state + 2 * L;
  for (std::size_t l = 0; l < L; ++l) {
    if (l && !t.lanes) {
      from_state[l] = from_state[0];
      from_output[l] = from_output[0];
      input_scale[l] = input_scale[0];
      continue;
    }
    const double a = process_->signal(t.at(l)), s = process_->noise(t.at(l));
    const Conversion c = conversion(prediction_, a, s);
    from_state[l] = c.from_state;
    from_output[l] = c.from_output;
    input_scale[l] = 1 / std::sqrt(a * a + s * s);
  }
  if (t.lanes) {
    for (std::size_t l = 0; l < L; ++l) times[l] = static_cast<float>(t.lanes[l]);
  }
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < L; ++l) in.row(i)[l] = static_cast<float>(input_scale[l] * x.row(i)[l]);
    if (want != Want::product) continue;
    for (std::size_t l = 0; l < L; ++l) v_in.row(i)[l] = static_cast<float>(input_scale[l] * v->row(i)[l]);
  }
  const nn::Time<float> time{static_cast<float>(t.value), t.lanes ? times : nullptr, label_, nullptr};
  nn::Workspace<float> memory;
  memory.memory.swap(workspace.floats);
  switch (want) {
    case Want::score:
      network_.evaluate<float>(theta_->data(), time, in, out, memory);
      break;
    case Want::divergence:
      network_.trace<float>(theta_->data(), time, in, out, trace, memory);
      break;
    case Want::product:
      network_.push_forward<float>(theta_->data(), time, in, v_in, out, v_out, memory);
      break;
  }
  memory.memory.swap(workspace.floats);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < L; ++l) {
      score.row(i)[l] = from_state[l] * x.row(i)[l] + from_output[l] * static_cast<double>(out.row(i)[l]);
    }
    if (want != Want::product) continue;
    for (std::size_t l = 0; l < L; ++l) {
      product->row(i)[l] =
          from_state[l] * v->row(i)[l] + from_output[l] * static_cast<double>(v_out.row(i)[l]);
    }
  }
  if (want == Want::divergence) {
    for (std::size_t l = 0; l < L; ++l) {
      divergence[l] = from_state[l] * static_cast<double>(D) +
                      from_output[l] * input_scale[l] * static_cast<double>(trace[l]);
    }
  }
}

double NetworkModel::workspace_bytes(std::size_t lanes) const {
  return static_cast<double>((4 * dimension() + 2) * lanes * sizeof(float) + 3 * lanes * sizeof(double)) +
         static_cast<double>(network_.memory_bytes(lanes) + theta_->size() * sizeof(float));
}

void NetworkModel::score(BlockTime t, ConstBlock x, Block score, SdeWorkspace& workspace) const {
  evaluate(Want::score, t, x, nullptr, score, nullptr, nullptr, workspace);
}

void NetworkModel::score_and_divergence(BlockTime t, ConstBlock x, Block score, double* divergence,
                                        SdeWorkspace& workspace) const {
  evaluate(Want::divergence, t, x, nullptr, score, divergence, nullptr, workspace);
}

void NetworkModel::score_and_product(BlockTime t, ConstBlock x, ConstBlock v, Block score, Block product,
                                     SdeWorkspace& workspace) const {
  evaluate(Want::product, t, x, &v, score, nullptr, &product, workspace);
}

}  // namespace sde
