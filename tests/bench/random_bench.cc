// Numbers a second: normals and uniforms, Brownian increments, and the tree, on every instruction set of this
// machine.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "brownian/grid.h"
#include "brownian/tree.h"
#include "random/stream.h"
#include "simd/target.h"

namespace sde {
namespace {

constexpr std::size_t kLanes = 512;

void report(benchmark::State& state, std::size_t numbers) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * numbers));
}

void normal_steps(benchmark::State& state, std::size_t components, std::size_t pairs) {
  std::vector<Stream> streams;
  for (std::uint32_t c = 0; c < components; ++c) streams.push_back(make_stream(1, Purpose::test, c));
  AlignedVector<double> out(2 * pairs * components * kLanes);
  std::uint64_t pair = 0;
  for (auto _ : state) {
    fill_normal_steps(streams.data(), components, 0, kLanes, pair, pairs, out.data());
    pair += pairs;
    benchmark::ClobberMemory();
  }
  report(state, out.size());
}

void normals_f32(benchmark::State& state) {
  const Stream stream = make_stream(1, Purpose::test);
  std::array<AlignedVector<float>, 4> out;
  for (auto& o : out) o.resize(kLanes);
  std::uint64_t quad = 0;
  for (auto _ : state) {
    fill_normals(stream, 0, kLanes, quad++, {out[0].data(), out[1].data(), out[2].data(), out[3].data()});
    benchmark::ClobberMemory();
  }
  report(state, 4 * kLanes);
}

void uniforms(benchmark::State& state) {
  const Stream stream = make_stream(1, Purpose::test);
  AlignedVector<double> even(kLanes), odd(kLanes);
  std::uint64_t pair = 0;
  for (auto _ : state) {
    fill_uniforms(stream, 0, kLanes, pair++, even.data(), odd.data());
    benchmark::ClobberMemory();
  }
  report(state, 2 * kLanes);
}

void grid(benchmark::State& state) {
  GridOptions options;
  options.step = 0.01;
  const BrownianGrid brownian(options);
  GridReader reader(brownian, 0, kLanes);
  std::uint64_t step = 0;
  for (auto _ : state) benchmark::DoNotOptimize(reader.increments(step++).data);
  report(state, kLanes);
}

// Queries of W at times that are multiples of 2^granularity ticks.
void tree(benchmark::State& state, int granularity) {
  const BrownianTree brownian(1, 1, 1.0);
  std::vector<std::uint64_t> ids(kLanes), ticks(kLanes);
  std::iota(ids.begin(), ids.end(), 0u);
  for (std::size_t i = 0; i < kLanes; ++i)
    ticks[i] = brownian.ticks((static_cast<double>(i) + 0.3) / kLanes, granularity);
  StateBlock<double> w(1, kLanes);
  for (auto _ : state) {
    brownian.at(ids.data(), ticks.data(), w.view());
    benchmark::ClobberMemory();
  }
  report(state, kLanes);
}

template <class F>
void add(const std::string& target, const std::string& name, F f) {
  benchmark::RegisterBenchmark((name + "/" + target).c_str(), [target, f](benchmark::State& state) {
    set_target(target);
    f(state);
  });
}

}  // namespace
}  // namespace sde

int main(int argc, char** argv) {
  using namespace sde;
  for (const std::string& target : available_targets()) {
    add(target, "normals_f64", [](benchmark::State& state) { normal_steps(state, 1, 2); });
    add(target, "normals_f64_3_components", [](benchmark::State& state) { normal_steps(state, 3, 2); });
    add(target, "normals_f64_single_steps", [](benchmark::State& state) { normal_steps(state, 1, 1); });
    add(target, "normals_f32", normals_f32);
    add(target, "uniforms_f64", uniforms);
    add(target, "grid_increments", grid);
    add(target, "tree_queries_deep", [](benchmark::State& state) { tree(state, 0); });
    add(target, "tree_queries_20_levels", [](benchmark::State& state) { tree(state, 42); });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
