// What sde-fit tells of expressions, profiles, tests, constraints and priors.
#include <fmt/format.h>

#include <cmath>

#include "report.h"

namespace sde {
namespace {

std::string number(double x, int digits) {
  return std::isnan(x) ? "-" : fmt::format("{:.{}g}", x, digits);
}

std::string interval(double low, double high) {
  return std::isnan(low) && std::isnan(high) ? "-" : fmt::format("[{}, {}]", number(low, 6), number(high, 6));
}

}  // namespace

void add_inference(const FitResult& result, config::Summary& summary) {
  const InferenceResult& more = result.inference;
  if (result.estimator != "likelihood") return;
  summary.set("/k", more.k);
  summary.set("/posterior_mode", more.posterior_mode);
  if (more.posterior_mode) {
    summary.set("/log_prior", more.log_prior).set("/log_posterior", result.loglik + more.log_prior);
  }
  for (std::size_t i = 0; i < result.estimates.size(); ++i)
    for (std::size_t j = 0; j < result.estimates.size(); ++j)
      summary.set(config::path({"covariance_robust", result.estimates[i].name, result.estimates[j].name}),
                  more.robust_covariance(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)));
  summary.set("/information/eigenvalues", more.spectrum.eigenvalues);
  for (const auto& [name, part] : more.spectrum.weakest)
    summary.set(config::path({"information", "weakest", name}), part);
  for (const ReportedValue& value : more.report) {
    config::Summary one;
    one.set("/expression", value.expression).set("/value", value.value);
    one.set("/se", value.se).set("/se_robust", value.se_robust);
    one.set("/ci", std::vector<double>{value.low, value.high});
    summary.append("/report", one);
  }
  for (const Profile& profile : more.profiles) {
    const auto set = [&](const char* key, const auto& x) {
      summary.set(config::path({"profiles", profile.name, key}), x);
    };
    set("value", profile.value);
    set("loglik", profile.loglik);
    if (!profile.low.note.empty()) set("low_note", profile.low.note);
    if (!profile.high.note.empty()) set("high_note", profile.high.note);
  }
  for (const ConstraintReport& constraint : more.constraints) {
    config::Summary one;
    one.set("/constraint", constraint.text).set("/active", constraint.active);
    one.set("/gap", constraint.gap).set("/multiplier", constraint.multiplier);
    summary.append("/constraints", one);
  }
  for (const LikelihoodRatio& test : more.tests) {
    config::Summary one;
    one.set("/hypothesis", test.hypothesis).set("/converged", test.converged);
    one.set("/loglik", test.loglik).set("/statistic", test.statistic);
    one.set("/degrees", test.degrees).set("/p", test.p).set("/boundary", test.boundary);
    if (!test.note.empty()) one.set("/note", test.note);
    for (const auto& [name, value] : test.estimates) one.set(config::path({"estimates", name}), value);
    summary.append("/tests", one);
  }
}

std::string inference_text(const FitResult& result) {
  const InferenceResult& more = result.inference;
  std::string out;
  if (!more.report.empty()) {
    std::vector<std::vector<std::string>> rows = {{"", "value", "std. error", "robust", "interval"}};
    for (const ReportedValue& value : more.report)
      rows.push_back({value.expression, number(value.value, 7), number(value.se, 4),
                      number(value.se_robust, 4), interval(value.low, value.high)});
    out += "\nexpressions\n" + aligned(rows);
  }
  if (!more.constraints.empty()) {
    std::vector<std::vector<std::string>> rows = {{"", "", "to spare", "multiplier"}};
    for (const ConstraintReport& constraint : more.constraints)
      rows.push_back({constraint.text, constraint.active ? "active" : "not active",
                      number(constraint.active ? 0 : constraint.gap, 4), number(constraint.multiplier, 4)});
    out += "\nconstraints\n" + aligned(rows);
  }
  if (!more.tests.empty()) {
    std::vector<std::vector<std::string>> rows = {{"", "statistic", "degrees", "p", "log-lik."}};
    for (const LikelihoodRatio& test : more.tests)
      rows.push_back({test.hypothesis, number(test.statistic, 5),
                      test.degrees > 0 ? fmt::format("{}", test.degrees) : "-",
                      number(test.p, 4) + (test.note.empty() ? "" : " *"), number(test.loglik, 8)});
    out += "\nlikelihood-ratio tests\n" + aligned(rows);
    for (const LikelihoodRatio& test : more.tests)
      if (!test.note.empty()) out += fmt::format("  * {}: {}\n", test.hypothesis, test.note);
  }
  return out;
}

}  // namespace sde
