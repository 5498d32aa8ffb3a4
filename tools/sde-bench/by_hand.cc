#include "by_hand.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/aligned.h"
#include "base/block.h"
#include "random/stream.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "../tools/sde-bench/by_hand.cc"  // from lib/
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sde::bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<double>;
using V = hn::Vec<D>;
constexpr std::size_t kAtOnce = 4;  // vectors of lanes in flight, so that latencies overlap

HWY_INLINE V C(double x) {
  return hn::Set(D(), x);
}

struct Ou {
  static constexpr std::size_t kStates = 1, kNoises = 1;
  V step, noise;
  explicit Ou(double h) : step(C(2 * h)), noise(C(0.3 * std::sqrt(h))) {}
  HWY_INLINE void operator()(V* x, const V* z) const {
    x[0] = hn::MulAdd(step, hn::Sub(C(0.5), x[0]), hn::MulAdd(noise, z[0], x[0]));
  }
};

struct Gbm {
  static constexpr std::size_t kStates = 1, kNoises = 1;
  V constant, noise, square;
  explicit Gbm(double h)
      : constant(C(1 + 0.05 * h - 0.5 * 0.2 * 0.2 * h)),
        noise(C(0.2 * std::sqrt(h))),
        square(C(0.5 * 0.2 * 0.2 * h)) {}
  HWY_INLINE void operator()(V* x, const V* z) const {
    x[0] = hn::Mul(x[0], hn::MulAdd(hn::MulAdd(square, z[0], noise), z[0], constant));
  }
};

struct Heston {
  static constexpr std::size_t kStates = 2, kNoises = 2;
  V growth, reversion, level, noise, first, second;
  explicit Heston(double h)
      : growth(C(1 + 0.05 * h)),
        reversion(C(2 * h)),
        level(C(0.04)),
        noise(C(std::sqrt(h))),
        first(C(-0.7 * 0.3 * std::sqrt(h))),
        second(C(std::sqrt(1 - 0.7 * 0.7) * 0.3 * std::sqrt(h))) {}
  HWY_INLINE void operator()(V* x, const V* z) const {
    const V v = hn::Max(x[1], hn::Zero(D())), root = hn::Sqrt(v);
    x[0] = hn::Mul(x[0], hn::MulAdd(hn::Mul(root, noise), z[0], growth));
    x[1] = hn::Add(hn::MulAdd(reversion, hn::Sub(level, v), x[1]),
                   hn::Mul(root, hn::MulAdd(first, z[0], hn::Mul(second, z[1]))));
  }
};

struct Lorenz {
  static constexpr std::size_t kStates = 3, kNoises = 3;
  V h, ten, third, noise;
  explicit Lorenz(double dt)
      : h(C(dt)), ten(C(10 * dt)), third(C(8.0 / 3 * dt)), noise(C(0.15 * std::sqrt(dt))) {}
  HWY_INLINE void operator()(V* s, const V* dz) const {
    const V x = s[0], y = s[1], z = s[2];
    s[0] = hn::MulAdd(ten, hn::Sub(y, x), hn::MulAdd(hn::Mul(noise, x), dz[0], x));
    s[1] = hn::MulAdd(h, hn::Sub(hn::Mul(x, hn::Sub(C(28), z)), y), hn::MulAdd(hn::Mul(noise, y), dz[1], y));
    s[2] = hn::MulAdd(h, hn::Mul(x, y), hn::NegMulAdd(third, z, hn::MulAdd(hn::Mul(noise, z), dz[2], z)));
  }
};

// `count` steps of all lanes from normals [step][noise][lane].
template <class Equation>
void Advance(const Equation& equation, double* states, std::size_t lanes, const double* normals,
             std::size_t count) {
  constexpr std::size_t kStates = Equation::kStates, kNoises = Equation::kNoises;
  const D d;
  const std::size_t width = hn::Lanes(d);
  for (std::size_t i = 0; i < lanes; i += kAtOnce * width) {
    V x[kAtOnce][kStates];
    for (std::size_t g = 0; g < kAtOnce; ++g)
      for (std::size_t r = 0; r < kStates; ++r) x[g][r] = hn::Load(d, states + r * lanes + i + g * width);
    const double* z = normals + i;
    for (std::size_t s = 0; s < count; ++s, z += kNoises * lanes) {
#pragma GCC unroll 4
      for (std::size_t g = 0; g < kAtOnce; ++g) {
        V w[kNoises];
#pragma GCC unroll 3
        for (std::size_t k = 0; k < kNoises; ++k) w[k] = hn::Load(d, z + k * lanes + g * width);
        equation(x[g], w);
      }
    }
    for (std::size_t g = 0; g < kAtOnce; ++g)
      for (std::size_t r = 0; r < kStates; ++r) hn::Store(x[g][r], d, states + r * lanes + i + g * width);
  }
}

void AdvanceBy(HandWritten equation, double dt, double* states, std::size_t lanes, const double* normals,
               std::size_t count) {
  switch (equation) {
    case HandWritten::ou_em:
      return Advance(Ou(dt), states, lanes, normals, count);
    case HandWritten::gbm_milstein:
      return Advance(Gbm(dt), states, lanes, normals, count);
    case HandWritten::heston_em:
      return Advance(Heston(dt), states, lanes, normals, count);
    case HandWritten::lorenz_em:
      return Advance(Lorenz(dt), states, lanes, normals, count);
  }
}

}  // namespace sde::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde::bench {

HWY_EXPORT(AdvanceBy);

namespace {

std::vector<double> start(HandWritten equation) {
  switch (equation) {
    case HandWritten::ou_em:
      return {0};
    case HandWritten::gbm_milstein:
      return {1};
    case HandWritten::heston_em:
      return {100, 0.04};
    case HandWritten::lorenz_em:
      return {1, 1, 1};
  }
  return {};
}

}  // namespace

double run_by_hand(HandWritten equation, std::uint64_t paths, std::uint64_t steps, double dt,
                   std::uint64_t seed) {
  constexpr std::size_t kLanes = 512, kBuffer = 2048;  // doubles, as the library's own buffers
  const std::vector<double> x0 = start(equation);
  const std::size_t noises = x0.size();
  const std::size_t pairs = std::max<std::size_t>(1, kBuffer / (2 * noises * kLanes));
  std::vector<Stream> streams;
  for (std::uint32_t k = 0; k < noises; ++k) streams.push_back(make_stream(seed, Purpose::test, k));
  AlignedVector<double> states(x0.size() * kLanes), normals(2 * pairs * noises * kLanes);
  double sum = 0;
  for (std::uint64_t first = 0; first < paths; first += kLanes) {
    for (std::size_t r = 0; r < x0.size(); ++r) std::fill_n(states.data() + r * kLanes, kLanes, x0[r]);
    for (std::uint64_t step = 0; step < steps; step += 2 * pairs) {
      fill_normal_steps(streams.data(), noises, first, kLanes, step / 2, pairs, normals.data());
      HWY_DYNAMIC_DISPATCH(AdvanceBy)
      (equation, dt, states.data(), kLanes, normals.data(), std::min<std::uint64_t>(2 * pairs, steps - step));
    }
    for (std::size_t i = 0; i < kLanes && first + i < paths; ++i) sum += states[i];
  }
  return sum / static_cast<double>(paths);
}

}  // namespace sde::bench
#endif
