#include "solve/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "solve/kernels.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sde {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<double>;

// Products and sums are not fused here: rounded one by one they are the same on every target.

void AccumulateRow(double c, const double* per_lane, const double* v, bool add, double* out,
                   std::size_t lanes) {
  const Tag d;
  const auto factor = hn::Set(d, c);
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(d)) {
    const auto scale = per_lane ? hn::Mul(factor, hn::Load(d, per_lane + i)) : factor;
    const auto product = hn::Mul(scale, hn::Load(d, v + i));
    hn::Store(add ? hn::Add(hn::Load(d, out + i), product) : product, d, out + i);
  }
}

void MultiplyRow(const double* g, const double* w, bool add, double* out, std::size_t lanes) {
  const Tag d;
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(d)) {
    const auto product = hn::Mul(hn::Load(d, g + i), hn::Load(d, w + i));
    hn::Store(add ? hn::Add(hn::Load(d, out + i), product) : product, d, out + i);
  }
}

void MilsteinRow(const double* gdg, const double* w, double h, double* out, std::size_t lanes) {
  const Tag d;
  const auto half = hn::Set(d, 0.5), step = hn::Set(d, h);
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(d)) {
    const auto z = hn::Load(d, w + i);
    const auto square = hn::Sub(hn::Mul(z, z), step);
    hn::Store(hn::Mul(hn::Mul(half, hn::Load(d, gdg + i)), square), d, out + i);
  }
}

using FloatTag = hn::Rebind<float, Tag>;

void RoundRow(const double* from, float* to, std::size_t lanes) {
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(Tag()))
    hn::Store(hn::DemoteTo(FloatTag(), hn::Load(Tag(), from + i)), FloatTag(), to + i);
}

void WidenRow(const float* from, double* to, std::size_t lanes) {
  for (std::size_t i = 0; i < lanes; i += hn::Lanes(Tag()))
    hn::Store(hn::PromoteTo(Tag(), hn::Load(FloatTag(), from + i)), Tag(), to + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace sde
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sde {

HWY_EXPORT(AccumulateRow);
HWY_EXPORT(MultiplyRow);
HWY_EXPORT(MilsteinRow);
HWY_EXPORT(RoundRow);
HWY_EXPORT(WidenRow);

void accumulate(double c, const double* per_lane, ConstBlock v, bool add, Block out) {
  const auto row = HWY_DYNAMIC_DISPATCH(AccumulateRow);
  for (std::size_t i = 0; i < out.rows; ++i) row(c, per_lane, v.row(i), add, out.row(i), out.lanes);
}

void multiply_rows(ConstBlock g, const double* w, Block out) {
  const auto row = HWY_DYNAMIC_DISPATCH(MultiplyRow);
  for (std::size_t i = 0; i < out.rows; ++i) row(g.row(i), w + i * out.lanes, false, out.row(i), out.lanes);
}

void multiply_matrix(ConstBlock g, const double* w, std::size_t columns, Block out) {
  const auto row = HWY_DYNAMIC_DISPATCH(MultiplyRow);
  for (std::size_t i = 0; i < out.rows; ++i)
    for (std::size_t k = 0; k < columns; ++k)
      row(g.row(i * columns + k), w + k * out.lanes, k > 0, out.row(i), out.lanes);
}

void milstein_rows(ConstBlock gdg, const double* w, double h, Block out) {
  const auto row = HWY_DYNAMIC_DISPATCH(MilsteinRow);
  for (std::size_t i = 0; i < out.rows; ++i) row(gdg.row(i), w + i * out.lanes, h, out.row(i), out.lanes);
}

void round_rows(ConstBlock from, BlockView<float> to) {
  const auto row = HWY_DYNAMIC_DISPATCH(RoundRow);
  for (std::size_t i = 0; i < to.rows; ++i) row(from.row(i), to.row(i), to.lanes);
}

void widen_rows(BlockView<const float> from, Block to) {
  const auto row = HWY_DYNAMIC_DISPATCH(WidenRow);
  for (std::size_t i = 0; i < to.rows; ++i) row(from.row(i), to.row(i), to.lanes);
}

}  // namespace sde
#endif
