// Values a second of every elementary function, on every instruction set of this machine.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/aligned.h"
#include "simd/math.h"
#include "simd/target.h"

namespace sde::simd {
namespace {

constexpr std::size_t kCount = 1024;

template <class T, class F>
void add(const std::string& target, const std::string& name, F function) {
  benchmark::RegisterBenchmark((name + "/" + target).c_str(), [target, function](benchmark::State& state) {
    set_target(target);
    AlignedVector<T> x(kCount), y(kCount);
    for (std::size_t i = 0; i < kCount; ++i) x[i] = static_cast<T>(0.001 * static_cast<double>(i) + 1e-4);
    for (auto _ : state) {
      map(function, x.data(), y.data(), kCount);
      benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kCount));
  });
}

}  // namespace
}  // namespace sde::simd

int main(int argc, char** argv) {
  using namespace sde;
  using simd::FloatFunction, simd::Function;
  const std::pair<const char*, Function> functions[] = {
      {"exp", Function::exp},          {"expm1", Function::expm1}, {"log", Function::log},
      {"log1p", Function::log1p},      {"sin", Function::sin},     {"cos", Function::cos},
      {"tan", Function::tan},          {"asin", Function::asin},   {"acos", Function::acos},
      {"atan", Function::atan},        {"sinh", Function::sinh},   {"cosh", Function::cosh},
      {"tanh", Function::tanh},        {"erf", Function::erf},     {"sigmoid", Function::sigmoid},
      {"softplus", Function::softplus}};
  const std::pair<const char*, FloatFunction> float_functions[] = {
      {"exp", FloatFunction::exp}, {"log", FloatFunction::log},   {"sin", FloatFunction::sin},
      {"cos", FloatFunction::cos}, {"tanh", FloatFunction::tanh}, {"sigmoid", FloatFunction::sigmoid}};
  for (const std::string& target : available_targets()) {
    for (const auto& [name, function] : functions) simd::add<double>(target, name, function);
    for (const auto& [name, function] : float_functions)
      simd::add<float>(target, std::string(name) + "_f32", function);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
