#include "score/train_steps.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/prefetch.h"
#include "nn/elementwise.h"
#include "score/rounds.h"

namespace sde {

// Batches are split into groups whatever the threads, and their sums added in order.
static constexpr std::uint64_t kGroup = 256;
// Networks whose evaluation is long get smaller groups, so that more threads have work; no more than so many.
static constexpr std::uint64_t kSmallGroup = 32, kMostGroups = 64;
static constexpr double kLongFlops = 1e6;
// As much as a thread can do while another is late; of images these are megabytes.
static constexpr std::size_t kMostAhead = 16;
static constexpr std::size_t kMostFetched = 1 << 16;  // weights

static std::uint64_t group_of(const nn::Network& network, std::uint64_t batch) {
  if (network.flops() < kLongFlops) return kGroup;
  const std::uint64_t least = (batch + kMostGroups - 1) / kMostGroups;
  return (least + kSmallGroup - 1) / kSmallGroup * kSmallGroup;
}

Trainer::Work::Work(const Trainer& t)
    : options(t.batch_options()),
      transport(options, t.dimension_, 0, static_cast<std::size_t>(t.batch_), t.coupling_rows()),
      streams(t.options_.seed, t.dimension_, 0),
      group(group_of(t.network_, t.batch_)),
      loss((t.batch_ + group - 1) / group),
      gradients(loss.size(), AlignedVector<float>(t.network_.trained_size())),
      squares(nn::slices(t.network_.trained_size())) {
  if (options.precision != nn::Precision::f32) packed.emplace(t.network_, options.precision);
  for (std::uint64_t first = 0; first < t.batch_; first += group) {
    const std::uint64_t end = std::min<std::uint64_t>(t.batch_, first + group);
    for (std::uint64_t k = first; k < end; k += nn::kTapeLanes) {
      chunks.push_back({k, static_cast<std::size_t>(std::min<std::uint64_t>(end - k, nn::kTapeLanes))});
    }
    if (!first) chunks_of_group = chunks.size();
  }
}

// Where several members would wait for one another, but not where couplings have a round of their own.
std::size_t Trainer::Work::chunks_ahead(std::size_t members) const {
  return members > 1 && !transport.groups() ? std::min(chunks.size(), kMostAhead) : 0;
}

Trainer::Work::Own Trainer::Work::make_own(const Trainer& t) const {
  return {{t.dimension_, *t.process_, *t.loss_, options}, {t.network_, *t.process_, *t.loss_, options}};
}

void Trainer::Work::prepare(std::size_t members, const Trainer& t) {
  own.resize(std::max(own.size(), members));
  const std::size_t most = chunks_ahead(members);
  if (most > ahead.size()) {
    ahead = RowsAhead<NoisedRows>(
        most, [&] { return NoisedRows(t.dimension_, *t.process_, *t.loss_, options); },
        [&t](std::size_t chunk, std::uint64_t step, NoisedRows& to) { t.draw(chunk, step, to); });
  }
  ahead.start(t.state_.network.step);
}

void Trainer::draw(std::size_t chunk, std::uint64_t step, NoisedRows& to) const {
  const Work& w = *work_;
  const auto [first, count] = w.chunks[chunk];
  to.draw(w.streams, step, first, round_up_lanes(count), batch_data(rows_), w.transport);
}

// The gradient of the rows of one group, and their loss.
void Trainer::differentiate(std::size_t g, std::size_t member) {
  Work& w = *work_;
  if (!w.own[member]) w.own[member] = std::make_unique<Work::Own>(w.make_own(*this));
  Work::Own& own = *w.own[member];
  AlignedVector<float>& gradient = w.gradients[g];
  const float* theta = state_.network.weights.data();
  // Parts of them were changed by other cores. Longer products than those of small networks hide that.
  if (w.ahead.size() && !w.packed && gradient.size() < kMostFetched) {
    for (std::size_t i = 0; i < gradient.size(); i += kLineFloats) prefetch_to_read(theta + i);
  }
  const std::uint64_t step = state_.network.step;
  const std::size_t levels = grid_ ? grid_->steps(step, options_.steps) : 0;
  const std::size_t begin = g * w.chunks_of_group, end = std::min(w.chunks.size(), begin + w.chunks_of_group);
  double loss = 0;
  for (std::size_t k = begin; k < end; ++k) {
    const bool ahead = k < w.ahead.size();
    if (!ahead) draw(k, step, own.rows);
    const NoisedRows& rows = ahead ? w.ahead.take(k, step) : own.rows;
    loss += own.loss(rows, theta, w.chunks[k].count, gradient.data(), 1 / static_cast<double>(batch_),
                     k > begin, levels, w.packed ? &*w.packed : nullptr);
    if (ahead) w.ahead.release(k, step);
  }
  w.loss[g] = loss;
}

// The slices of one of `parts` shares of the parameters. A share for each member: what a core has written is
// then what it reads again, and there is little to wait for.
template <class F>
static void for_share(std::size_t share, std::size_t parts, std::size_t slices, const F& slice) {
  for (std::size_t k = share * slices / parts; k < (share + 1) * slices / parts; ++k) slice(k);
}

// Adds the gradients of all groups to that of the first.
void Trainer::add_gradients(std::size_t slice) {
  Work& w = *work_;
  const std::size_t first = slice * nn::kSlice, count = std::min(nn::kSlice, w.gradients[0].size() - first);
  float* sum = w.gradients[0].data() + first;
  for (std::size_t g = 1; g < w.gradients.size(); ++g) nn::add_to(w.gradients[g].data() + first, sum, count);
  w.squares[slice] = nn::sum_of_squares(sum, count);
}

bool Trainer::advance(std::uint64_t until, const std::function<bool()>& go_on) {
  using Stage = Work::Stage;
  Work& w = *work_;
  const BatchData from = batch_data(rows_);
  const std::size_t members = round_members(w.loss.size());
  w.prepare(members, *this);
  double loss = 0;
  bool finite = true;
  Rounds rounds;
  const auto gradients = [&] {
    w.stage = Stage::gradients;
    return w.loss.size();
  };
  const auto weights = [&] {
    if (!w.packed) return gradients();
    w.stage = Stage::pack;
    return w.packed->pieces();
  };
  const auto start = [&] {
    if (!w.transport.groups()) return weights();
    w.stage = Stage::couple;
    return w.transport.groups();
  };
  rounds.pieces = start();
  rounds.piece = [&](std::size_t k, std::size_t member) {
    switch (w.stage) {
      case Stage::couple:
        return w.transport.couple(k, w.streams, state_.network.step, from);
      case Stage::pack:
        return w.packed->pack(k, state_.network.weights.data());
      case Stage::gradients:
        return differentiate(k, member);
      case Stage::sums:
        return for_share(k, members, w.squares.size(), [&](std::size_t slice) { add_gradients(slice); });
      case Stage::update:
        return for_share(k, members, w.squares.size(), [&](std::size_t slice) {
          nn::move(w.update, slice, w.gradients[0].data(), state_.network);
        });
    }
  };
  rounds.spare = [&](std::size_t member) { return w.ahead.draw_one(member * w.ahead.size() / members); };
  rounds.next = [&]() -> std::size_t {
    switch (w.stage) {
      case Stage::couple:
        return weights();
      case Stage::pack:
        return gradients();
      case Stage::gradients:
        loss = std::accumulate(w.loss.begin(), w.loss.end(), 0.0) / static_cast<double>(batch_);
        w.stage = Stage::sums;
        return members;
      case Stage::sums: {
        const double norm = std::sqrt(std::accumulate(w.squares.begin(), w.squares.end(), 0.0));
        finite = std::isfinite(norm) && std::isfinite(loss);
        if (!finite) return 0;
        w.update =
            nn::next_update(options_.optimizer, options_.steps, options_.ema, state_.network.step, norm);
        w.update.output = network_.output_layer();
        w.update.output_scale = target_scale_;
        w.stage = Stage::update;
        return members;
      }
      case Stage::update:
        ++state_.network.step;
        state_.loss_sum += loss;
        ++state_.loss_count;
        return state_.network.step == until || !go_on() ? 0 : start();
    }
    return 0;
  };
  run_rounds(rounds, members);
  return finite;
}

}  // namespace sde
