// What sde-fit tells of simulate-and-refit.
#include <fmt/format.h>

#include "report.h"

namespace sde {

void add_bootstrap(const BootstrapResult& result, double confidence, config::Summary& summary) {
  summary.set("/bootstrap/replicas", static_cast<std::uint64_t>(result.replicas));
  summary.set("/bootstrap/failed", static_cast<std::uint64_t>(result.failed));
  for (const auto& [why, count] : result.failures) {
    config::Summary one;
    one.set("/reason", why).set("/count", static_cast<std::uint64_t>(count));
    summary.append("/bootstrap/failures", one);
  }
  summary.set("/bootstrap/method", result.method).set("/bootstrap/pieces", result.pieces);
  summary.set("/bootstrap/confidence", confidence);
  for (const BootstrapEstimate& e : result.estimates) {
    const auto set = [&](const char* key, double x) {
      summary.set(config::path({"bootstrap", "estimates", e.name, key}), x);
    };
    set("bias", e.bias);
    set("bias_stderr", e.bias_stderr);
    set("se", e.se);
    summary.set(config::path({"bootstrap", "estimates", e.name, "ci"}), std::vector<double>{e.low, e.high});
    set("coverage", e.coverage);
    set("coverage_stderr", e.coverage_stderr);
  }
}

std::string bootstrap_text(const BootstrapResult& result, double confidence) {
  const std::string drawn =
      result.pieces == 1 ? "drawn by the transition law"
                         : fmt::format("drawn by {}, {} steps between rows", result.method, result.pieces);
  std::string out = fmt::format("\nbootstrap: {} data sets {} and fitted{}\n", result.replicas, drawn,
                                result.failed > 0 ? fmt::format(", {} failed", result.failed) : "");
  std::vector<std::vector<std::string>> rows = {
      {"", "bias", "+-", "std. error", fmt::format("{:g} % percentiles", 100 * confidence), "coverage"}};
  for (const BootstrapEstimate& e : result.estimates)
    rows.push_back({e.name, fmt::format("{:.4g}", e.bias), fmt::format("{:.2g}", e.bias_stderr),
                    fmt::format("{:.4g}", e.se), fmt::format("[{:.6g}, {:.6g}]", e.low, e.high),
                    fmt::format("{:.1f} +- {:.1f} %", 100 * e.coverage, 100 * e.coverage_stderr)});
  out += aligned(rows);
  for (const auto& [why, count] : result.failures) out += fmt::format("  failed {} times: {}\n", count, why);
  return out;
}

void write_bootstrap(const BootstrapResult& result, io::Writer& writer) {
  std::vector<std::string> names;
  for (const BootstrapEstimate& e : result.estimates) names.push_back(e.name);
  const io::Shape shape = {result.replicas, names.size()};
  writer.write_texts("/fit/bootstrap/parameter", names);
  writer.write("/fit/bootstrap/estimate", result.value, shape, {"replica", "parameter"});
  writer.write("/fit/bootstrap/se", result.se, shape, {"replica", "parameter"});
}

}  // namespace sde
