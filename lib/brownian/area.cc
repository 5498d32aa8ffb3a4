#include "brownian/area.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/suggest.h"

namespace sde {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kMostTerms = 4096;

// Terms that leave an error of step^{3/2} / 2 in the mean-square sense over each length of `step`, and of its
// part of it in a piece of length h: the error is c sqrt(m) h / p, c = sqrt(5/12) / pi for Wiktorsson and
// sqrt(1/12) / pi for Mrongowius & Roessler (Kastner & Roessler 2022, table 2).
std::size_t terms_for(AreaLaw law, std::size_t noises, double h, double step) {
  if (law == AreaLaw::davie || law == AreaLaw::foster || noises < 2) return 0;
  const double c = std::sqrt((law == AreaLaw::wiktorsson ? 5.0 : 1.0) / 12) / kPi;
  const double p = c * std::sqrt(static_cast<double>(noises)) * std::sqrt(h) / (0.5 * step);
  if (!(p <= kMostTerms))
    fail(Status::usage,
         "/brownian/levy_area: steps of {:g} take {:.0f} terms a step, more than {:g}; use foster or a "
         "longer dt",
         step, p, kMostTerms);
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(p)));
}

// sum_{r > p} 1/r^2
double tail_of(std::size_t p) {
  double sum = kPi * kPi / 6;
  for (std::size_t r = 1; r <= p; ++r) sum -= 1 / (static_cast<double>(r) * static_cast<double>(r));
  return sum;
}

}  // namespace

AreaLaw area_law(const std::string& name) {
  static const std::vector<std::string> names = {"davie", "foster", "wiktorsson", "mrongowius"};
  const auto place = std::find(names.begin(), names.end(), name);
  if (place == names.end())
    fail(Status::usage, "unknown law of Levy areas \"{}\"{}", name, suggestion(name, names));
  return static_cast<AreaLaw>(place - names.begin());
}

AreaSource::AreaSource(std::uint64_t seed, std::size_t noises, AreaLaw law, double step)
    : noises_(noises), law_(law), step_(step), terms_(terms_for(law, noises, step, step)) {
  const std::size_t count = pairs(noises) + (terms_ + 1) * noises * (terms_ > 0);
  for (std::uint32_t component = 0; component < count; ++component)
    streams_.push_back(make_stream(seed, Purpose::levy_area, component));
}

void AreaSource::fill(std::uint64_t first_id, std::uint64_t step, double h, ConstBlock dW, ConstBlock H,
                      Block area) {
  if (terms_ > 0)
    fill_series(first_id, step, h, dW, H, area);
  else
    fill_normal(first_id, step, h, dW, H, area);
}

void AreaSource::fill_normal(std::uint64_t first_id, std::uint64_t step, double h, ConstBlock dW,
                             ConstBlock H, Block area) {
  const std::size_t lanes = area.lanes, row = rows() * lanes;
  // Two steps share one evaluation.
  if (held_.size() != 2 * row || held_id_ != first_id || held_pair_ != step / 2) {
    held_.resize(2 * row);
    for (std::size_t pair = 0; pair < rows(); ++pair)
      fill_normals(streams_[pair], first_id, lanes, step / 2, held_.data() + pair * lanes,
                   held_.data() + row + pair * lanes);
    held_id_ = first_id;
    held_pair_ = step / 2;
  }
  const double constant = law_ == AreaLaw::davie ? h * h / 12 : h * h / 20;
  const double slope = law_ == AreaLaw::davie ? 0 : h / 5;
  std::size_t pair = 0;
  for (std::size_t j = 0; j < noises_; ++j) {
    for (std::size_t k = j + 1; k < noises_; ++k, ++pair) {
      const double* z = held_.data() + step % 2 * row + pair * lanes;
      const double *wj = dW.row(j), *wk = dW.row(k), *hj = H.row(j), *hk = H.row(k);
      double* out = area.row(pair);
      for (std::size_t i = 0; i < lanes; ++i) {
        const double variance = constant + slope * (hj[i] * hj[i] + hk[i] * hk[i]);
        out[i] = (hj[i] * wk[i] - wj[i] * hk[i]) + std::sqrt(variance) * z[i];
      }
    }
  }
}

void AreaSource::fill_series(std::uint64_t first_id, std::uint64_t step, double h, ConstBlock dW,
                             ConstBlock H, Block area) {
  const std::size_t m = noises_, lanes = area.lanes;
  const std::size_t p = std::min(terms_, terms_for(law_, m, h, step_));
  const bool exact_sum = law_ == AreaLaw::mrongowius;
  const double tail = tail_of(p), unit = std::sqrt(h / 2) / kPi;  // a_r = unit / r times a normal
  const std::size_t first_term = pairs(m);

  // alpha and beta of all terms, [term][noise][lane]; beta of a stream is its odd number.
  alpha_.resize(p * m * lanes);
  beta_.resize(p * m * lanes);
  missing_.resize(m * lanes);
  spare_.resize(lanes);
  for (std::size_t q = 0; q < p * m; ++q)
    fill_normals(streams_[first_term + q], first_id, lanes, step, alpha_.data() + q * lanes,
                 beta_.data() + q * lanes);
  if (exact_sum) {
    // Given H the a_r are Gaussian still: those drawn freely, with the rest of their sum, miss -H by some
    // amount, of which each takes the part that its variance is of the sum's.
    for (std::size_t j = 0; j < m; ++j) {
      double* gap = missing_.data() + j * lanes;
      fill_normals(streams_[first_term + p * m + j], first_id, lanes, step, gap, spare_.data());
      const double* H_j = H.row(j);
      for (std::size_t i = 0; i < lanes; ++i) gap[i] = -H_j[i] - unit * std::sqrt(tail) * gap[i];
      for (std::size_t r = 1; r <= p; ++r) {
        const double size = unit / static_cast<double>(r);
        const double* a = alpha_.data() + ((r - 1) * m + j) * lanes;
        for (std::size_t i = 0; i < lanes; ++i) gap[i] -= size * a[i];
      }
      for (std::size_t r = 1; r <= p; ++r) {
        // v_r / V in units of a_r's deviation: V = h/12, v_r = unit^2 / r^2.
        const double part = 12 / h * unit / static_cast<double>(r);
        double* a = alpha_.data() + ((r - 1) * m + j) * lanes;
        for (std::size_t i = 0; i < lanes; ++i) a[i] += part * gap[i];
      }
    }
  } else {
    // H = -sum a_r enters through beta: h/(2 pi r) alpha_j (beta_k - sqrt(2) W_k / sqrt(h)).
    for (std::size_t q = 0; q < p * m; ++q) {
      const double* w = dW.row(q % m);
      double* b = beta_.data() + q * lanes;
      const double factor = std::sqrt(2 / h);
      for (std::size_t i = 0; i < lanes; ++i) b[i] -= factor * w[i];
    }
  }

  std::size_t pair = 0;
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t k = j + 1; k < m; ++k, ++pair) {
      double* out = area.row(pair);
      fill_normals(streams_[pair], first_id, lanes, step, out, spare_.data());
      // The rest of the products: variance h^2 / (2 pi^2) sum_{r > p} 1/r^2. Wiktorsson's normals are turned
      // below.
      const double rest = exact_sum ? h / kPi * std::sqrt(tail / 2) : 1;
      for (std::size_t i = 0; i < lanes; ++i) out[i] *= rest;
    }
  if (!exact_sum) turn_rest(h, tail, dW, area);
  pair = 0;
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t k = j + 1; k < m; ++k, ++pair) {
      double* out = area.row(pair);
      for (std::size_t r = p; r >= 1; --r) {
        const double factor = h / (2 * kPi * static_cast<double>(r));
        const std::size_t row = (r - 1) * m;
        const double *aj = alpha_.data() + (row + j) * lanes, *ak = alpha_.data() + (row + k) * lanes;
        const double *bj = beta_.data() + (row + j) * lanes, *bk = beta_.data() + (row + k) * lanes;
        for (std::size_t i = 0; i < lanes; ++i) out[i] += factor * (aj[i] * bk[i] - ak[i] * bj[i]);
      }
      if (!exact_sum) continue;
      const double *wj = dW.row(j), *wk = dW.row(k), *hj = H.row(j), *hk = H.row(k);
      for (std::size_t i = 0; i < lanes; ++i) out[i] += hj[i] * wk[i] - wj[i] * hk[i];
    }
}

// Standard normals G in `area` become the rest h/(2 pi) sqrt(tail) S^{1/2} G, where S G = 2 G + 2 ((G w) w' -
// w (G w)') on antisymmetric matrices, w = dW / sqrt(h), and with s = sqrt(1 + |w|^2) S^{1/2} = (S + 2 s) /
// (sqrt(2) (1 + s)) (Wiktorsson 2001, theorem 4.1).
void AreaSource::turn_rest(double h, double tail, ConstBlock dW, Block area) const {
  const std::size_t m = noises_;
  const double factor = h / (2 * kPi) * std::sqrt(tail);
  std::vector<double> w(m), turned(m);
  for (std::size_t i = 0; i < area.lanes; ++i) {
    double square = 0;
    for (std::size_t j = 0; j < m; ++j) {
      w[j] = dW.row(j)[i] / std::sqrt(h);
      square += w[j] * w[j];
      turned[j] = 0;
    }
    std::size_t pair = 0;
    for (std::size_t j = 0; j < m; ++j)
      for (std::size_t k = j + 1; k < m; ++k, ++pair) {
        turned[j] += area.row(pair)[i] * w[k];
        turned[k] -= area.row(pair)[i] * w[j];
      }
    const double s = std::sqrt(1 + square), scale = factor / (std::numbers::sqrt2 * (1 + s));
    pair = 0;
    for (std::size_t j = 0; j < m; ++j)
      for (std::size_t k = j + 1; k < m; ++k, ++pair) {
        double& g = area.row(pair)[i];
        g = scale * (2 * (1 + s) * g + 2 * (turned[j] * w[k] - w[j] * turned[k]));
      }
  }
}

}  // namespace sde
