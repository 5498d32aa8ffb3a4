#include "score/network_model.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/tape.h"
#include "score/consistency.h"

namespace sde {

std::size_t outputs_of(Prediction prediction, const nn::NetworkOptions& network, std::size_t dimension) {
  return prediction == Prediction::energy && network.type != nn::NetworkType::unet ? 1 : dimension;
}

NetworkModel::NetworkModel(std::shared_ptr<const NoiseProcess> process, const NetworkMeaning& meaning,
                           nn::Network network, AlignedVector<float> theta, Standardisation standardisation)
    : ScoreModel(std::move(process)),
      meaning_(meaning),
      network_(std::move(network)),
      theta_(std::make_shared<const AlignedVector<float>>(std::move(theta))) {
  standardisation_ = std::move(standardisation);
  if (meaning_.prediction == Prediction::energy) {
    tapes_ = std::make_shared<Tapes>(
        [network = network_] { return nn::TangentTape<float>(network, nn::kTapeLanes, 1); });
    tapes_->local();  // refuses networks without second derivatives
  }
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
  if (meaning_.consistency) fail(Status::usage, "a consistency model has no score; sample it by consistency");
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
    const double at = t.at(l);
    Scales scales{process_->signal(at), process_->noise(at), 0, 0};
    if (meaning_.prediction == Prediction::flow) scales = scales_at(*process_, at);
    const Conversion c = conversion(meaning_.prediction, scales, meaning_.sigma_data);
    from_state[l] = c.from_state;
    from_output[l] = c.from_output;
    input_scale[l] = c.input;
  }
  const auto seen = [&](double at) {
    return static_cast<float>(network_time(meaning_.prediction, *process_, at));
  };
  if (t.lanes) {
    for (std::size_t l = 0; l < L; ++l) times[l] = seen(t.lanes[l]);
  }
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < L; ++l) in.row(i)[l] = static_cast<float>(input_scale[l] * x.row(i)[l]);
    if (want != Want::product) continue;
    for (std::size_t l = 0; l < L; ++l) v_in.row(i)[l] = static_cast<float>(input_scale[l] * v->row(i)[l]);
  }
  const nn::Time<float> time{t.lanes ? 0 : seen(t.value), t.lanes ? times : nullptr, label_, nullptr};
  nn::Workspace<float> memory;
  memory.memory.swap(workspace.floats);
  if (tapes_) {
    gradient(want, time, in, v_in, out, trace, v_out);
  } else {
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

void NetworkModel::gradient(Want want, nn::Time<float> time, BlockView<const float> x,
                            BlockView<const float> v, BlockView<float> out, float* trace,
                            BlockView<float> product) const {
  nn::TangentTape<float>& tape = tapes_->local();
  const std::size_t D = x.rows;
  const float* theta = theta_->data();
  AlignedVector<float> column(D * nn::kTapeLanes);
  for (std::size_t start = 0; start < x.lanes; start += nn::kTapeLanes) {
    const std::size_t n = std::min(nn::kTapeLanes, x.lanes - start);
    const auto take = [&](BlockView<float> to) {
      for (std::size_t i = 0; i < D; ++i) std::copy_n(column.data() + i * n, n, to.row(i) + start);
    };
    tape.resize(n);
    tape.set_labels(nullptr, label_);
    for (std::size_t l = 0; l < n; ++l) tape.time()[l] = time.lanes ? time.lanes[start + l] : time.value;
    for (std::size_t i = 0; i < D; ++i) std::copy_n(x.row(i) + start, n, tape.input().row(i));
    tape.forward(theta, false);
    std::fill_n(tape.output_adjoint().data, network_.outputs() * n, 1.0f);
    tape.backward(theta, nullptr, column.data(), false);
    take(out);
    if (want == Want::score) continue;
    // The product of the second derivative with the tangent.
    const auto turn = [&] {
      tape.forward(theta);
      std::fill_n(tape.output_adjoint().data, network_.outputs() * n, 0.0f);
      std::fill_n(tape.tangent_adjoint().data, network_.outputs() * n, 1.0f);
      tape.backward(theta, nullptr, column.data());
    };
    const BlockView<float> tangent = tape.tangent();
    if (want == Want::product) {
      for (std::size_t i = 0; i < D; ++i) std::copy_n(v.row(i) + start, n, tangent.row(i));
      turn();
      take(product);
      continue;
    }
    std::fill_n(trace + start, n, 0.0f);
    for (std::size_t k = 0; k < D; ++k) {
      for (std::size_t i = 0; i < D; ++i) std::fill_n(tangent.row(i), n, i == k ? 1.0f : 0.0f);
      turn();
      for (std::size_t l = 0; l < n; ++l) trace[start + l] += column[k * n + l];
    }
  }
}

void NetworkModel::consistency(double t, double to, ConstBlock x, Block out, SdeWorkspace& workspace) const {
  if (!meaning_.consistency) fail(Status::bug, "no consistency model");
  const double end = process_->sampling_cutoff();
  if (!(std::fabs(to - end) < 1e-9 * end)) {
    fail(Status::usage, "/eps: a consistency model ends where it was trained to, at {} (got {})", end, to);
  }
  const std::size_t D = dimension(), L = x.lanes;
  if (workspace.network.rows() < 2 * D || workspace.network.lanes() != L) workspace.network.resize(2 * D, L);
  const BlockView<float> all = workspace.network, in = all.slice(0, D), said = all.slice(D, D);
  const double a = process_->signal(t), sigma = process_->noise(t) / a;
  const ConsistencyScales c(sigma, process_->noise(end) / process_->signal(end), meaning_.sigma_data);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < L; ++l) in.row(i)[l] = static_cast<float>(c.in / a * x.row(i)[l]);
  }
  nn::Workspace<float> memory;
  memory.memory.swap(workspace.floats);
  network_.evaluate<float>(theta_->data(),
                           {static_cast<float>(0.25 * std::log(sigma)), nullptr, label_, nullptr}, in, said,
                           memory);
  memory.memory.swap(workspace.floats);
  const double scale = process_->signal(end);
  for (std::size_t i = 0; i < D; ++i) {
    for (std::size_t l = 0; l < L; ++l) {
      out.row(i)[l] = scale * (c.skip / a * x.row(i)[l] + c.out * static_cast<double>(said.row(i)[l]));
    }
  }
}

}  // namespace sde
