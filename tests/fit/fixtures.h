// Documents and data that several tests of lib/fit share.
#pragma once

#include <cmath>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fit/observations.h"
#include "sde/document.h"

namespace sde::test {

using Parameters = std::vector<std::pair<std::string, double>>;

inline SdeDocument scalar_sde(const std::string& drift, const std::string& diffusion,
                              const Parameters& parameters) {
  SdeDocument document;
  document.parameters = parameters;
  StateDocument state;
  state.name = "x";
  state.drift = drift;
  state.diffusion = {{"x", diffusion}};
  document.states = {state};
  return document;
}

inline SdeDocument vasicek(double kappa = 0.5, double theta = 0.1, double sigma = 0.05) {
  return scalar_sde("kappa*(theta - x)", "sigma", {{"kappa", kappa}, {"theta", theta}, {"sigma", sigma}});
}

inline SdeDocument cir(double kappa = 0.5, double theta = 0.1, double sigma = 0.05) {
  return scalar_sde("kappa*(theta - x)", "sigma*sqrt(x)",
                    {{"kappa", kappa}, {"theta", theta}, {"sigma", sigma}});
}

// Equispaced observations of one series.
inline Observations equispaced(const std::vector<double>& x, double step) {
  std::vector<double> time;
  for (std::size_t i = 0; i < x.size(); ++i) time.push_back(static_cast<double>(i) * step);
  Observations data({"x"});
  data.add("", time, x);
  return data;
}

// US three-month Treasury bill rates, 1964-06 .. 1989-12, the 307 months of the published estimates.
inline Observations treasury_bills() {
  std::ifstream in(std::string(SDE_SOURCE_DIR) + "/examples/tbill/tb3ms.csv");
  std::vector<double> time, rate;
  std::string line;
  while (std::getline(in, line)) {
    int year = 0, month = 0;
    double value = 0;
    if (std::sscanf(line.c_str(), "%d-%d,%lf", &year, &month, &value) != 3) continue;
    const int months = 12 * year + month;
    if (months < 12 * 1964 + 6 || months > 12 * 1989 + 12) continue;
    time.push_back(year + (month - 1) / 12.0);
    rate.push_back(value);
  }
  Observations data({"x"});
  data.add("", time, rate);
  return data;
}

// Paths drawn from the exact transition laws, not by the code under test.
inline std::vector<double> ou_path(std::mt19937_64& g, std::size_t n, double kappa, double theta,
                                   double sigma, double step, double x0) {
  std::normal_distribution<double> normal;
  const double decay = std::exp(-kappa * step);
  const double deviation = sigma * std::sqrt((1 - decay * decay) / (2 * kappa));
  std::vector<double> x = {x0};
  for (std::size_t i = 0; i < n; ++i) x.push_back(theta + (x.back() - theta) * decay + deviation * normal(g));
  return x;
}

inline std::vector<double> gbm_path(std::mt19937_64& g, std::size_t n, double mu, double sigma, double step,
                                    double x0) {
  std::normal_distribution<double> normal;
  std::vector<double> x = {x0};
  for (std::size_t i = 0; i < n; ++i)
    x.push_back(x.back() * std::exp((mu - 0.5 * sigma * sigma) * step + sigma * std::sqrt(step) * normal(g)));
  return x;
}

// Noncentral chi-squared as a Poisson mixture of gamma laws, right for any number of degrees of freedom.
inline std::vector<double> cir_path(std::mt19937_64& g, std::size_t n, double kappa, double theta,
                                    double sigma, double step, double x0) {
  const double decay = std::exp(-kappa * step), scale = sigma * sigma * (1 - decay) / (4 * kappa);
  const double degrees = 4 * kappa * theta / (sigma * sigma);
  std::vector<double> x = {x0};
  for (std::size_t i = 0; i < n; ++i) {
    std::poisson_distribution<long> poisson(0.5 * x.back() * decay / scale);
    std::gamma_distribution<double> gamma(0.5 * degrees + static_cast<double>(poisson(g)), 2.0);
    x.push_back(scale * gamma(g));
  }
  return x;
}

}  // namespace sde::test
