// Matrix products of one layer of training on blocks, f32, beside libxsmm and oneDNN where they are installed
// (libxsmm-dev, libdnnl-dev); the figure is floating-point operations a second. Layers are W wide, a block
// has L lanes; all arrays stay in the cache, as they do in training.
#include <benchmark/benchmark.h>

#include <functional>
#include <string>

#include "base/aligned.h"
#include "nn/gemm.h"
#include "simd/peak.h"
#include "simd/target.h"

#ifdef SDE_HAS_LIBXSMM
#include <libxsmm.h>
#endif
#ifdef SDE_HAS_DNNL
#include <dnnl.h>
#endif

namespace sde::nn {
namespace {

struct Layer {
  std::size_t W, L;
  AlignedVector<float> weight, gradient, x, transposed, y, bias;
  Layer(std::size_t w, std::size_t l)
      : W(w),
        L(l),
        weight(w * w, 0.01f),
        gradient(w * w),
        x(w * l, 0.5f),
        transposed(w * l),
        y(w * l, 0.25f),
        bias(w, 1.0f) {}
};

void add(const std::string& name, std::size_t w, std::size_t l, const std::function<void(Layer&)>& run) {
  const std::string full = name + "/" + std::to_string(w) + "x" + std::to_string(l);
  benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
    Layer layer(w, l);
    for (auto _ : state) {
      run(layer);
      benchmark::ClobberMemory();
    }
    const double operations = 2.0 * static_cast<double>(w * w * l);
    state.counters["flop/s"] = benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
  });
}

void ours(std::size_t w, std::size_t l) {
  add("forward/sdetools", w, l, [](Layer& a) {
    multiply({.m = a.W,
              .n = a.L,
              .k = a.W,
              .a = a.weight.data(),
              .a_row = a.W,
              .a_col = 1,
              .b = a.x.data(),
              .ldb = a.L,
              .c = a.y.data(),
              .ldc = a.L,
              .row_start = a.bias.data()});
  });
  add("input_gradient/sdetools", w, l, [](Layer& a) {
    multiply({.m = a.W,
              .n = a.L,
              .k = a.W,
              .a = a.weight.data(),
              .a_row = 1,
              .a_col = a.W,
              .b = a.x.data(),
              .ldb = a.L,
              .c = a.y.data(),
              .ldc = a.L});
  });
  add("weight_gradient/sdetools", w, l, [](Layer& a) {
    transpose(a.x.data(), a.W, a.L, a.L, a.transposed.data(), a.W);
    multiply({.m = a.W,
              .n = a.W,
              .k = a.L,
              .a = a.y.data(),
              .a_row = a.L,
              .a_col = 1,
              .b = a.transposed.data(),
              .ldb = a.W,
              .c = a.gradient.data(),
              .ldc = a.W,
              .accumulate = true});
  });
}

#ifdef SDE_HAS_LIBXSMM
// Column by column: our rows are its columns. It has no product with a transposed first factor, so the weight
// gradient takes our transposition; the input gradient would need the weights transposed first, too.
void libxsmm(std::size_t w, std::size_t l) {
  const auto kernel = [](std::size_t m, std::size_t n, std::size_t k, float beta) {
    const int rows = static_cast<int>(m), columns = static_cast<int>(n), inner = static_cast<int>(k);
    const float one = 1;
    return libxsmm_smmdispatch(rows, columns, inner, &rows, &inner, &rows, &one, &beta, nullptr, nullptr);
  };
  const auto forward = kernel(l, w, w, 0), gradient = kernel(w, w, l, 1);
  if (!forward || !gradient) return;
  add("forward/libxsmm (no bias)", w, l,
      [forward](Layer& a) { forward(a.x.data(), a.weight.data(), a.y.data()); });
  add("weight_gradient/libxsmm", w, l, [gradient](Layer& a) {
    transpose(a.x.data(), a.W, a.L, a.L, a.transposed.data(), a.W);
    gradient(a.transposed.data(), a.y.data(), a.gradient.data());
  });
}
#endif

#ifdef SDE_HAS_DNNL
void dnnl(std::size_t w, std::size_t l) {
  const auto W = static_cast<dnnl_dim_t>(w), L = static_cast<dnnl_dim_t>(l);
  add("forward/oneDNN (no bias)", w, l, [=](Layer& a) {
    dnnl_sgemm('N', 'N', W, L, W, 1, a.weight.data(), W, a.x.data(), L, 0, a.y.data(), L);
  });
  add("input_gradient/oneDNN", w, l, [=](Layer& a) {
    dnnl_sgemm('T', 'N', W, L, W, 1, a.weight.data(), W, a.x.data(), L, 0, a.y.data(), L);
  });
  add("weight_gradient/oneDNN", w, l, [=](Layer& a) {
    dnnl_sgemm('N', 'T', W, W, L, 1, a.y.data(), L, a.x.data(), L, 1, a.gradient.data(), W);
  });
}
#endif

}  // namespace
}  // namespace sde::nn

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (const std::string& target : sde::available_targets()) {
    benchmark::RegisterBenchmark(("peak/" + target).c_str(), [target](benchmark::State& state) {
      sde::set_target(target);
      double operations = 0;
      for (auto _ : state) operations += sde::simd::spin_multiply_adds(1 << 20);
      state.counters["flop/s"] = benchmark::Counter(operations, benchmark::Counter::kIsRate);
      sde::set_target(sde::available_targets().front());
    });
  }
  for (const std::size_t w : {64, 128, 256}) {
    for (const std::size_t l : {48, 512}) {
      sde::nn::ours(w, l);
#ifdef SDE_HAS_LIBXSMM
      sde::nn::libxsmm(w, l);
#endif
#ifdef SDE_HAS_DNNL
      sde::nn::dnnl(w, l);
#endif
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
