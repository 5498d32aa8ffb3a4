// Some of the terms of a likelihood are those of all, bit for bit.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <bit>
#include <cmath>

#include "fit/fit.h"
#include "fixtures.h"

namespace sde {
namespace {

// Steps are the same but for the last hundred, so that a part alone would be taken for regular data.
Observations data_of(const std::vector<std::string>& states) {
  Observations data(states);
  for (std::size_t series = 0; series < 3; ++series) {
    std::vector<double> time, value;
    double t = 0.1 * static_cast<double>(series);
    for (std::size_t i = 0; i < 700; ++i) {
      const double u = static_cast<double>(i + 1000 * series);
      time.push_back(t);
      t += series == 2 && i > 600 ? 0.01 * (1 + 0.5 * std::sin(u)) : 0.01;
      for (std::size_t d = 0; d < states.size(); ++d)
        value.push_back(0.5 + 0.1 * std::sin(0.13 * u + static_cast<double>(d)) + 0.01 * std::cos(u * u));
    }
    data.add(std::string(1, static_cast<char>('a' + series)), time, value);
  }
  return data;
}

SdeDocument coupled() {
  SdeDocument document;
  document.parameters = {{"k", 0.8}, {"s", 0.4}};
  document.noises = {"w1", "w2"};
  document.states.resize(2);
  document.states[0].name = "x";
  document.states[0].drift = "k*(0.5 - x) + 0.3*y";
  document.states[0].diffusion = {{"w1", "s"}};
  document.states[1].name = "y";
  document.states[1].drift = "0.2*x - y";
  document.states[1].diffusion = {{"w1", "0.2*s"}, {"w2", "0.3"}};
  return document;
}

TEST(TransitionTerms, AreTheSameBitsInAnyParts) {
  const std::vector<std::pair<SdeDocument, std::string>> cases = {
      {test::vasicek(1.3, 0.3, 0.1), "exact"},
      {test::cir(1.3, 0.5, 0.2), "exact"},
      {test::cir(0.4, 0.02, 0.9), "exact"},
      {test::cir(1.3, 0.5, 0.2), "ait-sahalia"},
      {coupled(), "exact"},
      {coupled(), "shoji-ozaki"},
      {test::cir(1.3, 0.5, 0.2), "simulated"},
  };
  for (const auto& [document, density] : cases) {
    std::vector<std::string> states;
    for (const auto& state : document.states) states.push_back(state.name);
    const Observations data = data_of(states);
    const TransitionTerms terms(document, density, data);
    const std::size_t n = data.transitions();
    const std::vector<double> all = terms(0, n);
    EXPECT_EQ(all, per_transition_loglik(document, density, data));
    EXPECT_TRUE(terms(5, 5).empty());
    tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    const std::size_t cuts[] = {0, 1, 15, 255, 256, 511, 699, 1000, 1537, 1600, 2011, n};
    for (std::size_t c = 0; c + 1 < std::size(cuts); ++c) {
      const std::vector<double> part = terms(cuts[c], cuts[c + 1]);
      ASSERT_EQ(part.size(), cuts[c + 1] - cuts[c]);
      for (std::size_t i = 0; i < part.size(); ++i)
        ASSERT_EQ(std::bit_cast<std::uint64_t>(part[i]), std::bit_cast<std::uint64_t>(all[cuts[c] + i]))
            << density << ", transition " << cuts[c] + i << " from " << cuts[c] << " on";
    }
  }
}

}  // namespace
}  // namespace sde
