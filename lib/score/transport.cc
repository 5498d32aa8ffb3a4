#include "score/transport.h"

#include <algorithm>

#include "base/error.h"
#include "score/noised_rows.h"

namespace sde {

static constexpr std::size_t kMostRows = 8192;  // half a gigabyte of costs

Transport::Transport(const BatchOptions& options, std::size_t dimension, std::uint64_t first,
                     std::size_t lanes, std::size_t group)
    : options_(options),
      dimension_(dimension),
      lanes_(lanes),
      group_(std::min(round_up_lanes(group), round_up_lanes(lanes))),
      first_(first) {
  if (!wanted(options.coupling)) return;
  if (group_ > kMostRows) {
    fail(Status::usage, "/coupling_rows: at most {} rows are coupled at a time (got {}); give fewer",
         kMostRows, group);
  }
  noise_.resize((dimension + 3) / 4 * 4, lanes);
  u_.resize(noise_.lanes());
  v_.resize(noise_.lanes());
  partner_.resize(noise_.lanes());
}

double Transport::cost_bytes(Coupling coupling, std::size_t group) {
  if (!wanted(coupling)) return 0;
  // The plan has the size of the costs.
  return (coupling == Coupling::sinkhorn ? 16.0 : 8.0) * static_cast<double>(group * group);
}

std::size_t Transport::groups() const {
  return wanted(options_.coupling) ? (lanes_ + group_ - 1) / group_ : 0;
}

void Transport::couple(std::size_t group, const BatchStreams& streams, std::uint64_t step,
                       const BatchData& from) {
  const std::size_t start = group * group_, count = std::min(group_, lanes_ - start);
  const std::size_t lanes = round_up_lanes(count);
  const std::uint64_t first = first_ + start;
  double *u = u_.data() + start, *v = v_.data() + start;
  for (std::size_t q = 0; q < streams.noise.size(); ++q) {
    fill_normals(streams.noise[q], first, lanes, step,
                 {noise_.row(4 * q) + start, noise_.row(4 * q + 1) + start, noise_.row(4 * q + 2) + start,
                  noise_.row(4 * q + 3) + start});
  }
  fill_uniforms(streams.times, first, lanes, step, u, v);
  std::vector<double> cost(count * count, 0.0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto k = static_cast<std::size_t>(u[i] * static_cast<double>(from.rows.size()));
    const float* row = from.data.data() + from.rows[k] * dimension_;
    double* to = cost.data() + i * count;
    for (std::size_t c = 0; c < dimension_; ++c) {
      const float* noise = noise_.row(c) + start;
      for (std::size_t j = 0; j < count; ++j) {
        const double difference = static_cast<double>(row[c]) - static_cast<double>(noise[j]);
        to[j] += difference * difference;
      }
    }
  }
  std::uint32_t* partner = partner_.data() + start;
  if (options_.coupling == Coupling::ot) {
    const std::vector<std::uint32_t> best = assign(cost, count);
    std::copy(best.begin(), best.end(), partner);
  } else {
    const std::vector<double> plan = sinkhorn_plan(cost, count, options_.regularization);
    fill_uniforms(streams.plan, first, lanes, step, u, v);
    for (std::size_t i = 0; i < count; ++i) {
      double left = u[i] / static_cast<double>(count);
      std::uint32_t j = 0;
      while (j + 1 < count && left > plan[i * count + j]) left -= plan[i * count + j++];
      partner[i] = j;
    }
  }
  for (std::size_t l = count; l < lanes; ++l) partner[l] = static_cast<std::uint32_t>(l);
  for (std::size_t l = 0; l < lanes; ++l) partner[l] += static_cast<std::uint32_t>(start);
}

}  // namespace sde
