// What sde-fit tells of the posterior law, and pictures of it and of profiles.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/hdf5.h"
#include "io/table.h"
#include "report.h"

namespace sde {
namespace {

constexpr std::size_t kPanels = 4;

}  // namespace

void add_posterior(const Posterior& posterior, double confidence, double seconds, config::Summary& summary) {
  summary.set("/posterior/chains", posterior.chains).set("/posterior/draws", posterior.draws);
  summary.set("/posterior/warmup", posterior.warmup).set("/posterior/confidence", confidence);
  for (const ParameterDraws& p : posterior.parameters) {
    const auto set = [&](const char* key, double x) {
      summary.set(config::path({"posterior", "parameters", p.name, key}), x);
    };
    set("mean", p.mean);
    set("sd", p.deviation);
    set("median", p.median);
    summary.set(config::path({"posterior", "parameters", p.name, "ci"}), std::vector<double>{p.low, p.high});
    set("mean_stderr", p.error);
    set("r_hat", p.r_hat);
    set("ess_bulk", p.ess_bulk);
    set("ess_tail", p.ess_tail);
  }
  summary.set("/posterior/divergences", posterior.divergences).set("/posterior/deepest", posterior.deepest);
  summary.set("/posterior/acceptance", posterior.acceptance).set("/posterior/step", posterior.step);
  summary.set("/posterior/evaluations", posterior.evaluations).set("/posterior/seconds", seconds);
  for (const std::string& warning : posterior.warnings) summary.set("/warnings/-", warning);
}

std::string posterior_text(const Posterior& posterior, double confidence, double seconds) {
  std::string out =
      fmt::format("\nposterior: {} chains of {} draws after {}, {} divergences, {:.3g} s\n", posterior.chains,
                  posterior.draws, posterior.warmup, posterior.divergences, seconds);
  std::vector<std::vector<std::string>> rows = {{"", "mean", "+-", "sd",
                                                 fmt::format("{:g} % interval", 100 * confidence), "R-hat",
                                                 "ESS", "ESS tails"}};
  for (const ParameterDraws& p : posterior.parameters)
    rows.push_back({p.name, fmt::format("{:.6g}", p.mean), fmt::format("{:.2g}", p.error),
                    fmt::format("{:.4g}", p.deviation), fmt::format("[{:.6g}, {:.6g}]", p.low, p.high),
                    fmt::format("{:.4f}", p.r_hat), fmt::format("{:.0f}", p.ess_bulk),
                    fmt::format("{:.0f}", p.ess_tail)});
  return out + aligned(rows);
}

void write_posterior(const Posterior& posterior, io::Writer& w) {
  std::vector<std::string> names;
  for (const ParameterDraws& p : posterior.parameters) names.push_back(p.name);
  const auto chains = static_cast<std::uint64_t>(posterior.chains);
  const auto draws = static_cast<std::uint64_t>(posterior.draws);
  const std::vector<std::string> dims = {"chain", "draw"};
  w.write_texts("/posterior/parameter", names);
  w.write("/posterior/value", posterior.value, {chains, draws, names.size()}, {"chain", "draw", "parameter"});
  w.write("/posterior/log_density", posterior.log_density, {chains, draws}, dims);
  w.write("/posterior/divergent", posterior.divergent, {chains, draws}, dims);
  w.write("/posterior/steps", posterior.steps, {chains, draws}, dims);
}

void write_draws(const std::string& path, const Posterior& posterior, const io::OutputOptions& options) {
  std::vector<std::string> columns = {"chain", "draw"};
  for (const ParameterDraws& p : posterior.parameters) columns.push_back(p.name);
  columns.insert(columns.end(), {"log_density", "divergent"});
  io::TableWriter table(path, columns, options);
  const std::size_t k = posterior.parameters.size();
  std::vector<double> row(k + 3);
  for (std::size_t i = 0; i < posterior.log_density.size(); ++i) {
    const auto draws = static_cast<std::size_t>(posterior.draws);
    row[0] = static_cast<double>(i % draws);
    std::copy_n(posterior.value.data() + i * k, k, row.data() + 1);
    row[k + 1] = posterior.log_density[i];
    row[k + 2] = posterior.divergent[i];
    table.row(static_cast<std::uint64_t>(i / draws), row);
  }
  table.finish();
}

void add_panels(const FitResult& result, const Posterior& posterior, double level, cli::Figure& figure) {
  const auto& profiles = result.inference.profiles;
  for (std::size_t i = 0; i < std::min(profiles.size(), kPanels); ++i) {
    const Profile& profile = profiles[i];
    cli::Panel panel;
    panel.title = "profile log-likelihood";
    panel.x_label = profile.name;
    panel.y_label = "fall from its maximum";
    std::vector<double> fall;
    const double top = *std::max_element(profile.loglik.begin(), profile.loglik.end());
    for (double l : profile.loglik) fall.push_back(l - top);
    panel.line(profile.value, std::move(fall), "", 1);
    panel
        .line({profile.value.front(), profile.value.back()}, {-0.5 * level * level, -0.5 * level * level}, "",
              7)
        .dashed = true;
    panel.y_range = {-level * level, 0.1};
    figure.panels.push_back(std::move(panel));
  }
  const std::size_t k = posterior.parameters.size(), n = posterior.log_density.size();
  for (std::size_t i = 0; i < std::min(k, kPanels); ++i) {
    cli::Panel panel;
    panel.title = "posterior law";
    panel.x_label = posterior.parameters[i].name;
    panel.y_label = "density";
    std::vector<double> x(n);
    for (std::size_t j = 0; j < n; ++j) x[j] = posterior.value[j * k + i];
    std::sort(x.begin(), x.end());
    // Between the outermost thousandths.
    const double low = x[n / 1000], high = x[n - 1 - n / 1000];
    if (!(high > low)) continue;
    constexpr std::size_t kBins = 40;
    const double width = (high - low) / kBins;
    cli::Series bars;
    bars.mark = cli::Mark::bars;
    bars.opacity = 0.6;
    bars.y.assign(kBins, 0);
    for (std::size_t b = 0; b <= kBins; ++b) bars.x.push_back(low + width * static_cast<double>(b));
    for (double v : x) {
      if (v < low || v > high) continue;
      const auto bin = std::min(kBins - 1, static_cast<std::size_t>((v - low) / width));
      bars.y[bin] += 1 / (width * static_cast<double>(n));
    }
    panel.series.push_back(std::move(bars));
    figure.panels.push_back(std::move(panel));
  }
}

}  // namespace sde
