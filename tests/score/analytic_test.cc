#include "score/analytic.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "score/box_mixture.h"
#include "score/point_mixture.h"
#include "score/sampler.h"
#include "score/toys.h"

namespace sde {
namespace {

ScoreDocument toy(const char* name, ProcessType type = ProcessType::vp) {
  ScoreDocument d;
  d.process.type = type;
  d.score.type = "toy";
  d.score.name = name;
  return d;
}

// Points of a plane, a few units about the origin.
StateBlock<double> scattered(std::size_t lanes) {
  StateBlock<double> x(2, lanes);
  for (std::size_t l = 0; l < x.lanes(); ++l) {
    x.row(0)[l] = 3 * std::sin(1.7 * static_cast<double>(l) + 0.3);
    x.row(1)[l] = 2.5 * std::cos(2.3 * static_cast<double>(l));
  }
  return x;
}

// Points against the same mixture by eigenvectors, over several tiles and with a time for each lane.
TEST(Analytic, PointsAreAMixtureOfRoundGaussians) {
  const std::shared_ptr<const NoiseProcess> process = make_process({});
  std::vector<double> points, weights;
  std::vector<MixtureModel::Component> components;
  for (int k = 0; k < 100; ++k) {
    points.insert(points.end(), {std::sin(k * 1.1), std::cos(k * 0.7)});
    weights.push_back(1 + k % 3);
    components.push_back({weights.back(), {points[2 * k], points[2 * k + 1]}, {{0.04, 0}, {0, 0.04}}});
  }
  const PointMixture fast(process, points, 2, weights, 0.04);
  const MixtureModel slow(process, components);
  const StateBlock<double> x = scattered(32), v = scattered(32);
  AlignedVector<double> times(32), p(32), q(32), d(32), e(32);
  for (std::size_t l = 0; l < 32; ++l) times[l] = 0.02 + 0.03 * static_cast<double>(l);
  StateBlock<double> a(2, 32), b(2, 32), j(2, 32), k(2, 32);
  SdeWorkspace w;
  for (const BlockTime t : {BlockTime{0.03, nullptr}, BlockTime{0.5, nullptr}, BlockTime{0, times.data()}}) {
    fast.score_and_divergence(t, x, a, d.data(), w);
    slow.score_and_divergence(t, x, b, e.data(), w);
    const StateBlock<double> plain = a;
    fast.score_and_product(t, x, v, a, j, w);
    slow.score_and_product(t, x, v, b, k, w);
    for (std::size_t l = 0; l < 32; ++l) {
      for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_NEAR(a.row(i)[l], b.row(i)[l], 1e-11 * (1 + std::fabs(b.row(i)[l])));
        EXPECT_EQ(plain.row(i)[l], a.row(i)[l]);
        EXPECT_NEAR(j.row(i)[l], k.row(i)[l], 1e-9 * (1 + std::fabs(k.row(i)[l])));
      }
      EXPECT_NEAR(d[l], e[l], 1e-9 * (1 + std::fabs(e[l])));
    }
    if (t.lanes) continue;
    fast.log_density(t.value, x, p.data(), w);
    slow.log_density(t.value, x, q.data(), w);
    for (std::size_t l = 0; l < 32; ++l) EXPECT_NEAR(p[l], q[l], 1e-11 * (1 + std::fabs(q[l])));
  }
}

// Scores, divergences and products are derivatives of the log-density.
TEST(Analytic, DerivativesOfEveryToy) {
  for (const Toy& t : toys()) {
    const auto model = make_analytic(toy(t.name));
    const StateBlock<double> x = scattered(16);
    StateBlock<double> score(2, 16), other(2, 16), product(2, 16), v(2, 16), moved = x;
    AlignedVector<double> divergence(16), up(16), down(16);
    SdeWorkspace w;
    const double h = 1e-5;
    for (const double time : {0.05, 0.3, 0.8}) {
      StateBlock<double> trace(1, 16);
      model->score_and_divergence({time, nullptr}, x, score, divergence.data(), w);
      for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t l = 0; l < 16; ++l) {
          v.row(i)[l] = 1;
          v.row(1 - i)[l] = 0;
        }
        model->score_and_product({time, nullptr}, x, v, other, product, w);
        moved = x;
        for (std::size_t l = 0; l < 16; ++l) moved.row(i)[l] += h;
        model->log_density(time, moved, up.data(), w);
        for (std::size_t l = 0; l < 16; ++l) moved.row(i)[l] -= 2 * h;
        model->log_density(time, moved, down.data(), w);
        StateBlock<double> high(2, 16), low(2, 16);
        model->score({time, nullptr}, moved, low, w);
        for (std::size_t l = 0; l < 16; ++l) moved.row(i)[l] += 2 * h;
        model->score({time, nullptr}, moved, high, w);
        for (std::size_t l = 0; l < 16; ++l) {
          const double scale = 1 + std::fabs(score.row(i)[l]);
          EXPECT_NEAR((up[l] - down[l]) / (2 * h), score.row(i)[l], 1e-6 * scale) << t.name << time;
          for (std::size_t k = 0; k < 2; ++k) {
            EXPECT_NEAR((high.row(k)[l] - low.row(k)[l]) / (2 * h), product.row(k)[l], 2e-5 * scale * scale)
                << t.name << time;
          }
          trace.row(0)[l] += product.row(i)[l];
        }
      }
      for (std::size_t l = 0; l < 16; ++l) {
        EXPECT_NEAR(trace.row(0)[l], divergence[l], 1e-8 * (1 + std::fabs(divergence[l]))) << t.name;
      }
    }
  }
}

// The trapezoidal rule on a fine lattice converges faster than any power for such densities.
TEST(Analytic, EntropiesOfToys) {
  for (const Toy& t : toys()) {
    const auto model = make_analytic(toy(t.name));
    EXPECT_EQ(model->entropy(), t.entropy);
    if (std::string(t.name) == "checkerboard") continue;
    const double h = dynamic_cast<const PointMixture&>(*model).variance() < 0.02 ? 0.05 : 0.1;
    StateBlock<double> x(2, 240);
    AlignedVector<double> p(240);
    SdeWorkspace w;
    double mass = 0, entropy = 0;
    for (double y = -6; y < 6; y += h) {
      for (int part = 0; part < 0.1 / h + 0.5; ++part) {
        for (std::size_t l = 0; l < 240; ++l) {
          x.row(0)[l] = -6 + (static_cast<double>(l) + 240 * part) * h;
          x.row(1)[l] = y;
        }
        model->log_density(0, x, p.data(), w);
        for (std::size_t l = 0; l < 240; ++l) {
          mass += std::exp(p[l]) * h * h;
          entropy -= p[l] * std::exp(p[l]) * h * h;
        }
      }
    }
    EXPECT_NEAR(mass, 1, 1e-6) << t.name;
    EXPECT_NEAR(entropy, t.entropy, 1e-5) << t.name;
  }
  ScoreDocument d = toy("checkerboard");
  d.score.scale = 1 / 0.45;
  EXPECT_NEAR(*make_analytic(d)->entropy(), 3.6765, 5e-5);
  d.score.scale = 2;
  EXPECT_NEAR(*make_analytic(d)->entropy(), 3.4657, 5e-5);
}

// Draws have the mean log-density that the entropy says, within four standard errors, and depend on seed and
// id alone.
TEST(Analytic, DrawsFollowTheDensity) {
  for (const Toy& t : toys()) {
    const auto model = make_analytic(toy(t.name));
    SampleOptions o;
    o.samples = 4096;
    o.seed = 2;
    std::vector<double> all;
    SdeWorkspace w;
    double sum = 0, squares = 0;
    const SampleResult result = sample(model, o, 0, [&](const SampleBlock& b) {
      all.insert(all.end(), b.values, b.values + b.samples * 2);
      StateBlock<double> x(2, b.samples);
      AlignedVector<double> p(x.lanes());
      for (std::size_t l = 0; l < b.samples; ++l) {
        x.row(0)[l] = b.values[2 * l];
        x.row(1)[l] = b.values[2 * l + 1];
      }
      model->log_density(0, x, p.data(), w);
      for (std::size_t l = 0; l < b.samples; ++l) {
        sum -= p[l];
        squares += p[l] * p[l];
      }
    });
    const double n = 4096, mean = sum / n, deviation = std::sqrt(squares / n - mean * mean);
    EXPECT_NEAR(mean, t.entropy, 4 * deviation / 64 + 1e-9) << t.name;
    EXPECT_EQ(result.evaluations, 0u);
    o.samples = 7;
    std::vector<double> some;
    sample(model, o, 512, [&](const SampleBlock& b) { some.assign(b.values, b.values + b.samples * 2); });
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + 2 * 512)) << t.name;
  }
}

// The flow of a toy ends where its draws are: the mean log-density of samples is the entropy, but for the
// noise that is left.
TEST(Analytic, SamplersReachTheToys) {
  for (const char* name : {"two-moons", "swiss-roll"}) {
    const auto model = make_analytic(toy(name));
    SampleOptions o;
    o.sampler = "dpmpp_2m";
    o.steps = 60;
    o.samples = 1024;
    SdeWorkspace w;
    double sum = 0, squares = 0;
    sample(model, o, 0, [&](const SampleBlock& b) {
      StateBlock<double> x(2, b.samples);
      AlignedVector<double> p(x.lanes());
      for (std::size_t l = 0; l < b.samples; ++l) {
        x.row(0)[l] = b.values[2 * l];
        x.row(1)[l] = b.values[2 * l + 1];
      }
      model->log_density(0, x, p.data(), w);
      for (std::size_t l = 0; l < b.samples; ++l) {
        sum -= p[l] / 1024;
        squares += p[l] * p[l] / 1024;
      }
    });
    EXPECT_NEAR(sum, *model->entropy(), 4 * std::sqrt((squares - sum * sum) / 1024) + 0.02) << name;
  }
}

// Without bandwidth the flow returns to the data themselves.
TEST(Analytic, EmpiricalDataAreRemembered) {
  ScoreDocument d;
  d.score.type = "empirical";
  std::vector<std::vector<double>> rows;
  for (int k = 0; k < 50; ++k) rows.push_back({std::sin(k * 1.3), std::cos(k * 0.9)});
  d.score.data = rows;
  const auto model = make_analytic(d);
  for (const char* sampler : {"heun", "dpmpp_2m", "euler_maruyama"}) {
    SampleOptions o;
    o.sampler = sampler;
    o.eps = 1e-5;
    o.grid = GridType::logsnr;
    o.steps = 200;
    o.samples = 100;
    sample(model, o, 0, [&](const SampleBlock& b) {
      for (std::size_t l = 0; l < b.samples; ++l) {
        double nearest = 1e9;
        for (const auto& row : rows) {
          nearest = std::fmin(nearest, std::hypot(b.values[2 * l] - row[0], b.values[2 * l + 1] - row[1]));
        }
        EXPECT_LT(nearest, 0.01) << sampler;
      }
    });
  }
  SdeWorkspace w;
  const StateBlock<double> x = scattered(16);
  AlignedVector<double> p(16);
  EXPECT_FALSE(model->log_density(0, x, p.data(), w));
}

TEST(Analytic, RefusesKeysOfOtherTypes) {
  const auto refused = [](auto change) {
    ScoreDocument d = toy("rings");
    change(d.score);
    EXPECT_THROW(make_analytic(d), Error);
  };
  refused([](auto& s) { s.name = "ring"; });
  refused([](auto& s) { s.name.reset(); });
  refused([](auto& s) { s.scale = 0; });
  refused([](auto& s) { s.mean = std::vector{0.0}; });
  refused([](auto& s) { s.bandwidth = 1; });
  refused([](auto& s) { s.type = "empirical"; });
  refused([](auto& s) {
    s = {};
    s.type = "empirical";
  });
  refused([](auto& s) {
    s = {};
    s.type = "empirical";
    s.data = std::vector<std::vector<double>>{{1, 2}, {3}};
  });
}

}  // namespace
}  // namespace sde
