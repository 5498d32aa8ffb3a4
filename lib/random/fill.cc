// f64 fills: kernels and the plain functions of stream.h over them.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "random/fill.cc"
#include "hwy/foreach_target.h"
// after foreach_target.h
#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "base/block.h"
#include "random/box_muller-inl.h"
#include "random/box_muller.h"
#include "random/lanes-inl.h"
#include "random/philox-inl.h"
#include "random/stream.h"

HWY_BEFORE_NAMESPACE();
namespace sde::HWY_NAMESPACE {

using F64 = hn::ScalableTag<double>;

using Words = PhiloxWords<hn::Vec<U64>>;

// Calls body(keys, lane, pair, i, even, odd) for every group of a request; its numbers belong to even[0] and
// odd[0] on.
template <class Body>
HWY_INLINE void ForEachGroup(const FillRequest& request, Body&& body) {
  const PhiloxKeys keys(*request.stream);
  const auto id_high = static_cast<std::uint32_t>(request.first_id >> 32);
  const auto pair_high = static_cast<std::uint32_t>(request.first_pair >> 32);
  for (std::size_t start = 0; start < request.lanes; start += kTile) {
    const std::size_t count = std::min(kTile, request.lanes - start);
    const LaneRounds lane(keys, request.first_id + start, count, pair_high);
    for (std::size_t p = 0; p < request.pairs; ++p) {
      const StepRounds pair(keys, id_high, static_cast<std::uint32_t>(request.first_pair + p));
      double* even = request.even + p * request.stride + start;
      double* odd = request.odd + p * request.stride + start;
      for (std::size_t i = 0; i < count; i += kGroup * hn::Lanes(U64()))
        body(keys, lane, pair, i, even + i, odd + i);
    }
  }
}

HWY_INLINE void StorePair(const LanePair<hn::Vec<F64>>& pair, std::size_t g, double* even, double* odd) {
  const F64 d;
  hn::Store(pair.even, d, even + g * hn::Lanes(d));
  hn::Store(pair.odd, d, odd + g * hn::Lanes(d));
}

// Normals a group behind their words: the rounds of one group stand between the stages of the one before, so
// that the products of the one and the series of the other fill each other's waits.
template <bool kScaled>
class NormalPipeline {
 public:
  HWY_INLINE explicit NormalPipeline(double scale) : scale_(scale) {
    const auto zero = hn::Zero(U64());
    for (Words& words : words_) words = {zero, zero, zero, zero};
  }

  HWY_INLINE void operator()(const PhiloxKeys& keys, const LaneRounds& lane, const StepRounds& step,
                             std::size_t i, double* even, double* odd) {
    Words next[kGroup];
    DrawFirstRounds(keys, lane, step, i, next);
    if (HWY_UNLIKELY(!even_)) {
#pragma GCC unroll 7
      for (std::size_t r = 3; r < kPhiloxRounds; ++r) DrawRound(keys, r, next);
    } else {
      Stages stages;
      stages.Uniform(words_);
      DrawRound(keys, 3, next);
      stages.Divide();
      DrawRound(keys, 4, next);
      stages.Angle();
      DrawRound(keys, 5, next);
      stages.LogHigh();
      DrawRound(keys, 6, next);
      stages.Root();
      DrawRound(keys, 7, next);
      stages.SineCosine();
      DrawRound(keys, 8, next);
      Store(stages);
      DrawRound(keys, 9, next);
    }
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kGroup; ++g) words_[g] = next[g];
    even_ = even;
    odd_ = odd;
  }

  // The last group.
  HWY_INLINE void Finish() {
    Stages stages;
    stages.Uniform(words_);
    stages.Divide();
    stages.Angle();
    stages.LogHigh();
    stages.Root();
    stages.SineCosine();
    Store(stages);
  }

 private:
  using Stages = BoxMullerStages<F64, kGroup>;

  HWY_INLINE void Store(const Stages& stages) {
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kGroup; ++g) {
      auto normals = stages.Finish(g);
      if constexpr (kScaled) {
        normals.even = hn::Mul(normals.even, hn::Set(F64(), scale_));
        normals.odd = hn::Mul(normals.odd, hn::Set(F64(), scale_));
      }
      StorePair(normals, g, even_, odd_);
    }
  }

  double scale_;
  Words words_[kGroup];
  double *even_ = nullptr, *odd_ = nullptr;
};

template <bool kScaled>
HWY_INLINE void FillWithNormals(const FillRequest& request) {
  NormalPipeline<kScaled> pipeline(request.scale);
  ForEachGroup(request, pipeline);
  pipeline.Finish();
}

void FillNormals(const FillRequest& request) {
  FillWithNormals<false>(request);
}
void FillScaledNormals(const FillRequest& request) {
  FillWithNormals<true>(request);
}

// What becomes of the four words of a lane: two numbers.
struct ToNormals {
  template <class D, class VU, std::size_t kCount>
  HWY_INLINE void operator()(D d, const PhiloxWords<VU> (&w)[kCount],
                             LanePair<hn::Vec<D>> (&out)[kCount]) const {
    BoxMuller(d, w, out);
  }
};
struct ToUniforms {
  template <class D, class VU, std::size_t kCount>
  HWY_INLINE void operator()(D d, const PhiloxWords<VU> (&w)[kCount],
                             LanePair<hn::Vec<D>> (&out)[kCount]) const {
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      out[g] = {OpenUniform(d, w[g].x0, w[g].x1), OpenUniform(d, w[g].x2, w[g].x3)};
    }
  }
};

struct UniformGroup {
  HWY_INLINE void operator()(const PhiloxKeys& keys, const LaneRounds& lane, const StepRounds& step,
                             std::size_t i, double* even, double* odd) const {
    Words words[kGroup];
    DrawWords(keys, lane, step, i, words);
    LanePair<hn::Vec<F64>> uniforms[kGroup];
    ToUniforms()(F64(), words, uniforms);
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kGroup; ++g) StorePair(uniforms[g], g, even, odd);
  }
};

void FillUniforms(const FillRequest& request) {
  ForEachGroup(request, UniformGroup());
}

// Any addresses, ten full rounds each; `lanes` is a multiple of kCount vectors.
template <std::size_t kCount, class D, class To>
HWY_INLINE void FillAt(D d, To to, const Stream& stream, const std::uint64_t* ids, const std::uint64_t* pairs,
                       std::size_t lanes, double* even, double* odd) {
  const hn::RebindToUnsigned<D> du;
  using VU = hn::Vec<decltype(du)>;
  const PhiloxKeys keys(stream);
  const std::size_t width = hn::Lanes(d);
  for (std::size_t i = 0; i < lanes; i += kCount * width) {
    PhiloxWords<VU> w[kCount];
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      w[g] = Counter(hn::LoadU(du, ids + i + g * width), hn::LoadU(du, pairs + i + g * width));
    }
    PhiloxRounds(du, w, keys);
    LanePair<hn::Vec<D>> numbers[kCount];
    to(d, w, numbers);
#pragma GCC unroll 2
    for (std::size_t g = 0; g < kCount; ++g) {
      hn::StoreU(numbers[g].even, d, even + i + g * width);
      hn::StoreU(numbers[g].odd, d, odd + i + g * width);
    }
  }
}

using One = hn::CappedTag<double, 1>;

void FillNormalsAt(const Stream& stream, const std::uint64_t* ids, const std::uint64_t* pairs,
                   std::size_t lanes, double* even, double* odd) {
  FillAt<kGroup>(F64(), ToNormals(), stream, ids, pairs, lanes, even, odd);
}
void FillUniformsAt(const Stream& stream, const std::uint64_t* ids, const std::uint64_t* pairs,
                    std::size_t lanes, double* even, double* odd) {
  FillAt<kGroup>(F64(), ToUniforms(), stream, ids, pairs, lanes, even, odd);
}
void OneNormalPair(const Stream& stream, std::uint64_t id, std::uint64_t pair, double* out) {
  FillAt<1>(One(), ToNormals(), stream, &id, &pair, 1, out, out + 1);
}
void OneUniformPair(const Stream& stream, std::uint64_t id, std::uint64_t pair, double* out) {
  FillAt<1>(One(), ToUniforms(), stream, &id, &pair, 1, out, out + 1);
}
void OneBoxMuller(const std::uint32_t* words, double* out) {
  const hn::RebindToUnsigned<One> du;
  const auto set = [&](std::uint32_t word) HWY_ATTR { return hn::Set(du, std::uint64_t{word}); };
  const PhiloxWords<hn::Vec<decltype(du)>> w[1] = {
      {set(words[0]), set(words[1]), set(words[2]), set(words[3])}};
  LanePair<hn::Vec<One>> numbers[1];
  BoxMuller(One(), w, numbers);
  hn::StoreU(numbers[0].even, One(), out);
  hn::StoreU(numbers[0].odd, One(), out + 1);
}

}  // namespace sde::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {
namespace {

HWY_EXPORT(FillNormals);
HWY_EXPORT(FillScaledNormals);
HWY_EXPORT(FillUniforms);
HWY_EXPORT(FillNormalsAt);
HWY_EXPORT(FillUniformsAt);
HWY_EXPORT(OneNormalPair);
HWY_EXPORT(OneUniformPair);
HWY_EXPORT(OneBoxMuller);

using AtKernel = void (*)(const Stream&, const std::uint64_t*, const std::uint64_t*, std::size_t, double*,
                          double*);

// Lanes whose ids cross a multiple of 2^32, which the fast kernels do not take: once in 2^32 ids, so speed is
// no matter.
void fill_across(AtKernel kernel, const FillRequest& r) {
  std::array<std::uint64_t, kLaneQuantum> ids, pairs;
  for (std::size_t p = 0; p < r.pairs; ++p) {
    for (std::size_t i = 0; i < r.lanes; i += kLaneQuantum) {
      for (std::size_t k = 0; k < kLaneQuantum; ++k) ids[k] = r.first_id + i + k;
      pairs.fill(r.first_pair + p);
      double *even = r.even + p * r.stride + i, *odd = r.odd + p * r.stride + i;
      kernel(*r.stream, ids.data(), pairs.data(), kLaneQuantum, even, odd);
      for (std::size_t k = 0; k < kLaneQuantum; ++k) {
        even[k] *= r.scale;
        odd[k] *= r.scale;
      }
    }
  }
}

template <class Kernel>
void fill(Kernel kernel, AtKernel at_kernel, FillRequest r) {
  assert(r.lanes % kLaneQuantum == 0);
  if (r.lanes == 0 || r.pairs == 0) return;
  if (r.first_id >> 32 != (r.first_id + r.lanes - 1) >> 32) {
    fill_across(at_kernel, r);
    return;
  }
  // Pairs that share their high half at a time.
  while (r.pairs > 0) {
    FillRequest part = r;
    const std::uint64_t until_carry = (std::uint64_t{1} << 32) - (r.first_pair & 0xffffffff);
    part.pairs = std::min<std::uint64_t>(r.pairs, until_carry);
    kernel(part);
    r.first_pair += part.pairs;
    r.even += part.pairs * r.stride;
    r.odd += part.pairs * r.stride;
    r.pairs -= part.pairs;
  }
}

}  // namespace

void fill_normals(const Stream& stream, std::uint64_t first_id, std::size_t lanes, std::uint64_t pair,
                  double* even, double* odd) {
  fill(HWY_DYNAMIC_DISPATCH(FillNormals), HWY_DYNAMIC_DISPATCH(FillNormalsAt),
       {&stream, first_id, lanes, pair, 1, even, odd, 0});
}

void fill_normal_steps(const Stream* streams, std::size_t components, std::uint64_t first_id,
                       std::size_t lanes, std::uint64_t first_pair, std::size_t pairs, double* out,
                       double scale) {
  const std::size_t row = components * lanes;
  const auto kernel =
      scale == 1 ? HWY_DYNAMIC_DISPATCH(FillNormals) : HWY_DYNAMIC_DISPATCH(FillScaledNormals);
  for (std::size_t c = 0; c < components; ++c) {
    double* even = out + c * lanes;
    fill(kernel, HWY_DYNAMIC_DISPATCH(FillNormalsAt),
         {&streams[c], first_id, lanes, first_pair, pairs, even, even + row, 2 * row, scale});
  }
}

void fill_normals_at(const Stream& stream, const std::uint64_t* ids, const std::uint64_t* pairs,
                     std::size_t lanes, double* even, double* odd) {
  assert(lanes % kLaneQuantum == 0);
  HWY_DYNAMIC_DISPATCH(FillNormalsAt)(stream, ids, pairs, lanes, even, odd);
}

void fill_uniforms(const Stream& stream, std::uint64_t first_id, std::size_t lanes, std::uint64_t pair,
                   double* even, double* odd) {
  fill(HWY_DYNAMIC_DISPATCH(FillUniforms), HWY_DYNAMIC_DISPATCH(FillUniformsAt),
       {&stream, first_id, lanes, pair, 1, even, odd, 0});
}

std::array<double, 2> normal_pair(const Stream& stream, std::uint64_t id, std::uint64_t pair) {
  std::array<double, 2> out;
  HWY_DYNAMIC_DISPATCH(OneNormalPair)(stream, id, pair, out.data());
  return out;
}

std::array<double, 2> uniform_pair(const Stream& stream, std::uint64_t id, std::uint64_t pair) {
  std::array<double, 2> out;
  HWY_DYNAMIC_DISPATCH(OneUniformPair)(stream, id, pair, out.data());
  return out;
}

std::array<double, 2> box_muller(const std::array<std::uint32_t, 4>& words) {
  std::array<double, 2> out;
  HWY_DYNAMIC_DISPATCH(OneBoxMuller)(words.data(), out.data());
  return out;
}

}  // namespace sde
#endif
