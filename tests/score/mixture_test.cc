#include "score/mixture.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace sde {
namespace {

ScoreDocument three_components(ProcessType type = ProcessType::vp) {
  ScoreDocument d;
  d.process.type = type;
  d.score.type = "gaussian_mixture";
  d.score.weights = {1, 2, 3};
  d.score.means = {{-2, 0.5}, {1, 1}, {0, -1.5}};
  d.score.covariances = {{{0.25, 0.1}, {0.1, 0.2}}, {{1, -0.5}, {-0.5, 0.4}}, {{0.1, 0}, {0, 0.3}}};
  return d;
}

// Points around the mixture; lane 15 far away, where every density underflows.
StateBlock<double> points() {
  StateBlock<double> x(2, 16);
  for (std::size_t l = 0; l < 16; ++l) {
    x.row(0)[l] = std::sin(1.7 * static_cast<double>(l)) * 2.5;
    x.row(1)[l] = std::cos(2.9 * static_cast<double>(l)) * 2.5;
  }
  x.row(0)[15] = 300;
  x.row(1)[15] = -200;
  return x;
}

// ln p_t by Eigen-free arithmetic in two dimensions.
double log_density(const ScoreDocument& d, double a, double s, double x, double y) {
  double total = 0, weights = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto& C = (*d.score.covariances)[k];
    const double p = a * a * C[0][0] + s * s, q = a * a * C[0][1], r = a * a * C[1][1] + s * s,
                 det = p * r - q * q;
    const double u = x - a * (*d.score.means)[k][0], v = y - a * (*d.score.means)[k][1];
    const double square = (r * u * u - 2 * q * u * v + p * v * v) / det;
    total += (*d.score.weights)[k] * std::exp(-0.5 * square) / (2 * M_PI * std::sqrt(det));
    weights += (*d.score.weights)[k];
  }
  return std::log(total / weights);
}

TEST(Mixture, DensityScoreAndDivergenceMatchTheirDefinitions) {
  for (const ProcessType type : {ProcessType::vp, ProcessType::subvp, ProcessType::ve}) {
    const ScoreDocument document = three_components(type);
    const auto model = make_mixture(document);
    SdeWorkspace w;
    const StateBlock<double> x = points();
    StateBlock<double> score(2, 16), again(2, 16), product(2, 16);
    AlignedVector<double> divergence(16), density(16);
    for (const double t : {1e-3, 0.1, 0.5}) {
      const double a = model->process().signal(t), s = model->process().noise(t);
      model->score_and_divergence({t, nullptr}, x, score, divergence.data(), w);
      model->log_density(t, x, density.data(), w);
      const double h = 1e-4;
      for (std::size_t l = 0; l < 15; ++l) {
        const double px = x.row(0)[l], py = x.row(1)[l];
        const auto f = [&](double dx, double dy) { return log_density(document, a, s, px + dx, py + dy); };
        ASSERT_NEAR(density[l], f(0, 0), 1e-11 * (1 + std::fabs(f(0, 0))));
        ASSERT_NEAR(score.row(0)[l], (f(h, 0) - f(-h, 0)) / (2 * h), 1e-5);
        ASSERT_NEAR(score.row(1)[l], (f(0, h) - f(0, -h)) / (2 * h), 1e-5);
        const double laplacian = (f(h, 0) + f(-h, 0) + f(0, h) + f(0, -h) - 4 * f(0, 0)) / (h * h);
        ASSERT_NEAR(divergence[l], laplacian, 1e-4 * (1 + std::fabs(laplacian)));
      }
      // Far away everything is finite, and the score points back.
      EXPECT_TRUE(std::isfinite(density[15]) && std::isfinite(divergence[15]));
      EXPECT_LT(score.row(0)[15], 0);

      // The products with unit vectors add up to the divergence.
      StateBlock<double> unit(2, 16);
      AlignedVector<double> trace(16, 0.0);
      for (std::size_t k = 0; k < 2; ++k) {
        std::fill_n(unit.row(k), 16, 1.0);
        std::fill_n(unit.row(1 - k), 16, 0.0);
        model->score_and_product({t, nullptr}, x, unit, again, product, w);
        for (std::size_t l = 0; l < 16; ++l) {
          trace[l] += product.row(k)[l];
          ASSERT_EQ(again.row(k)[l], score.row(k)[l]);
        }
      }
      for (std::size_t l = 0; l < 16; ++l)
        ASSERT_NEAR(trace[l], divergence[l], 1e-9 * (1 + std::fabs(divergence[l])));
    }
  }
}

TEST(Mixture, OneTimeForAllOrOneEach) {
  const auto model = make_mixture(three_components());
  SdeWorkspace w;
  const StateBlock<double> x = points();
  StateBlock<double> one(2, 16), each(2, 16);
  AlignedVector<double> times(16, 0.3);
  model->score({0.3, nullptr}, x, one, w);
  model->score({0, times.data()}, x, each, w);
  for (std::size_t l = 0; l < 16; ++l) ASSERT_EQ(one.row(1)[l], each.row(1)[l]);
  times[3] = 0.6;
  model->score({0, times.data()}, x, each, w);
  model->score({0.6, nullptr}, x, one, w);
  EXPECT_EQ(one.row(0)[3], each.row(0)[3]);
}

TEST(Mixture, RefusesWhatIsNoDistribution) {
  const auto refused = [](auto change) {
    ScoreDocument d = three_components();
    change(d.score);
    EXPECT_THROW(make_mixture(d), Error);
  };
  refused([](auto& s) { s.type = "gausian"; });
  refused([](auto& s) { s.type = "gaussian"; });
  refused([](auto& s) { (*s.weights)[1] = -1; });
  refused([](auto& s) { s.weights->pop_back(); });
  refused([](auto& s) { s.means->pop_back(); });
  refused([](auto& s) { (*s.means)[0].push_back(1); });
  refused([](auto& s) { (*s.covariances)[0][0][1] = 0.3; });
  refused([](auto& s) { (*s.covariances)[0] = {{1, 2}, {2, 1}}; });
  refused([](auto& s) { (*s.covariances)[0][1].pop_back(); });
}

}  // namespace
}  // namespace sde
