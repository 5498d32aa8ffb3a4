#include "solve/tableau_weak.h"

#include <cmath>

namespace sde {

const WeakIto& dri1_tableau() {
  static const WeakIto table = [] {
    const double six = std::sqrt(6.0), step = 3 * std::sqrt(38.0 / 491), c = 342.0 / 491;
    const double u1 = 214.0 / 513 * std::sqrt(1105.0 / 991), u2 = 491.0 / 513 * std::sqrt(221.0 / 4955);
    const double b2 = std::sqrt(491.0 / 38) / 6, b4 = std::sqrt(4955.0 / 221) / 8;
    WeakIto t;
    t.c0 = {0, 0.5, 1};
    t.c1 = {0, c, c};
    t.c2 = {0, 0, 0};
    t.a0 = {{}, {0.5}, {-1, 2}};
    t.a1 = {{}, {c}, {c}};
    t.a2 = {{}, {}, {}};
    t.b0 = {{}, {(6 - six) / 10}, {(3 + 2 * six) / 5}};
    t.b1 = {{}, {step}, {-step}};
    t.b2 = {{}, {-u1, -u2, -u2}, {u1, u2, u2}};
    t.alpha = {1.0 / 6, 2.0 / 3, 1.0 / 6};
    t.beta1 = {193.0 / 684, 491.0 / 1368, 491.0 / 1368};
    t.beta2 = {0, b2, -b2};
    t.beta3 = {-4955.0 / 7072, 4955.0 / 14144, 4955.0 / 14144};
    t.beta4 = {0, -b4, b4};
    return t;
  }();
  return table;
}

const WeakIto& ri6_tableau() {
  static const WeakIto table = [] {
    WeakIto t;
    t.c0 = {0, 1, 0};
    t.c1 = {0, 1, 1};
    t.c2 = {0, 0, 0};
    t.a0 = {{}, {1}, {}};
    t.a1 = {{}, {1}, {1}};
    t.a2 = {{}, {}, {}};
    t.b0 = {{}, {1}, {}};
    t.b1 = {{}, {1}, {-1}};
    t.b2 = {{}, {1}, {-1}};
    t.alpha = {0.5, 0.5, 0};
    t.beta1 = {0.5, 0.25, 0.25};
    t.beta2 = {0, 0.5, -0.5};
    t.beta3 = {-0.5, 0.25, 0.25};
    t.beta4 = {0, 0.5, -0.5};
    return t;
  }();
  return table;
}

namespace {

// RS1 and RS2 differ in the drift alone.
WeakStratonovich rs_diffusion() {
  WeakStratonovich t;
  t.c1 = {0, 0, 1, 1};
  t.c2 = {0, 0, 0, 0};
  t.a1 = {{}, {}, {1}, {1}};
  t.a2 = {{}, {}, {}, {}};
  t.b1 = {{}, {2.0 / 3}, {1.0 / 12, 0.25}, {-1.25, 0.25, 2}};
  t.b2 = {{}, {1}, {-1}, {}};
  t.b3 = {{}, {}, {0.25, 0.75}, {0.25, 0.75}};
  t.beta1 = {0.125, 0.375, 0.375, 0.125};
  t.beta2 = {0, -0.25, 0.25, 0};
  t.b0 = {{}, {}, {0.25, 0.75}, {}};
  return t;
}

}  // namespace

const WeakStratonovich& rs1_tableau() {
  static const WeakStratonovich table = [] {
    WeakStratonovich t = rs_diffusion();
    t.c0 = {0, 0, 1, 0};
    t.a0 = {{}, {}, {1}, {}};
    t.alpha = {0, 0, 0.5, 0.5};
    return t;
  }();
  return table;
}

const WeakStratonovich& rs2_tableau() {
  static const WeakStratonovich table = [] {
    WeakStratonovich t = rs_diffusion();
    t.c0 = {0, 2.0 / 3, 2.0 / 3, 0};
    t.a0 = {{}, {2.0 / 3}, {1.0 / 6, 0.5}, {}};
    t.alpha = {0.25, 0.25, 0.5, 0};
    return t;
  }();
  return table;
}

const WeakDrift& w2ito1_drift() {
  static const WeakDrift table = [] {
    const WeakIto& t = dri1_tableau();
    return WeakDrift{t.c0, t.alpha, {0, t.b0[1][0], t.b0[2][0]}, t.a0};
  }();
  return table;
}

}  // namespace sde
