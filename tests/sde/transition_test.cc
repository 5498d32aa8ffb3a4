#include "sde/transition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <unsupported/Eigen/MatrixFunctions>

namespace sde {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

double distance(const MatrixXd& a, const MatrixXd& b) {
  return (a - b).cwiseAbs().maxCoeff() / std::max(1e-300, b.cwiseAbs().maxCoeff());
}

// Van Loan (1978): exp([-A Q; 0 A'] h) = [. G; 0 F'], P = F G; the shift is that of [A b; 0 0].
GaussianTransition van_loan(const LinearSystem& s, double h) {
  const Eigen::Index n = s.slope.rows();
  MatrixXd block = MatrixXd::Zero(2 * n, 2 * n), moved = MatrixXd::Zero(n + 1, n + 1);
  block << -s.slope, s.scale * s.scale.transpose(), MatrixXd::Zero(n, n), s.slope.transpose();
  moved.topLeftCorner(n, n) = s.slope;
  moved.topRightCorner(n, 1) = s.intercept;
  const MatrixXd e = (block * h).exp(), m = (moved * h).exp();
  const MatrixXd growth = e.bottomRightCorner(n, n).transpose();
  return {growth, m.topRightCorner(n, 1), growth * e.topRightCorner(n, n)};
}

LinearSystem system(const MatrixXd& slope, const VectorXd& intercept, const MatrixXd& scale) {
  return {slope, intercept, scale};
}

std::vector<LinearSystem> systems() {
  std::vector<LinearSystem> result;
  const VectorXd b = (VectorXd(2) << 0.3, -1.2).finished();
  const MatrixXd full = (MatrixXd(2, 2) << 0.5, 0.2, -0.1, 0.8).finished();
  const MatrixXd one = (MatrixXd(2, 1) << 0, 0.7).finished();
  for (const MatrixXd& slope : {(MatrixXd(2, 2) << -1, 0.4, 0.2, -0.6).finished(),
                                (MatrixXd(2, 2) << -1, 1, 0, -1).finished(),    // not diagonalisable
                                (MatrixXd(2, 2) << 0, 1, 0, 0).finished(),      // nilpotent
                                (MatrixXd(2, 2) << 1, 2, 2, 4).finished(),      // singular, unstable
                                (MatrixXd(2, 2) << 0, 1, -4, -0.1).finished(),  // oscillating
                                MatrixXd(MatrixXd::Zero(2, 2))}) {
    result.push_back(system(slope, b, full));
    result.push_back(system(slope, b, one));
  }
  return result;
}

TEST(Transition, AgreesWithVanLoan) {
  for (const LinearSystem& s : systems())
    for (double h : {1e-6, 0.1, 1.0, 2.5}) {
      const GaussianTransition got = transition(s, h), want = van_loan(s, h);
      EXPECT_LT(distance(got.growth, want.growth), 1e-13);
      EXPECT_LT(distance(got.shift, want.shift), 1e-13);
      EXPECT_LT(distance(got.covariance, want.covariance), 1e-12) << s.slope << "\n h = " << h;
    }
}

// x'' = noise: known polynomials.
TEST(Transition, IntegratesAnIntegratedBrownianMotionExactly) {
  const LinearSystem s = system((MatrixXd(2, 2) << 0, 1, 0, 0).finished(), VectorXd::Zero(2),
                                (MatrixXd(2, 1) << 0, 1).finished());
  const double h = 3;
  const GaussianTransition got = transition(s, h);
  EXPECT_LT(distance(got.covariance, (MatrixXd(2, 2) << 9, 4.5, 4.5, 3).finished()), 1e-14);
  EXPECT_LT(distance(got.growth, (MatrixXd(2, 2) << 1, 3, 0, 1).finished()), 1e-14);
}

// Where e^{-Ah} overflows the law has reached its limit, A P + P A' = -S S'.
TEST(Transition, ReachesTheStationaryLawOfAStiffSystem) {
  const LinearSystem s = system((MatrixXd(2, 2) << -1, 0.5, 0, -4000).finished(),
                                (VectorXd(2) << 1, 2).finished(), MatrixXd::Identity(2, 2));
  const GaussianTransition got = transition(s, 1000);
  const MatrixXd P = got.covariance;
  EXPECT_LT(distance(s.slope * P + P * s.slope.transpose(), -MatrixXd::Identity(2, 2)), 1e-9);
  EXPECT_LT(distance(s.slope * got.shift, -s.intercept), 1e-9);
  EXPECT_LT(got.growth.cwiseAbs().maxCoeff(), 1e-300);
}

TEST(Transition, DerivativeIsThatOfTheTransition) {
  const LinearSystem d = system((MatrixXd(2, 2) << 0.3, -0.7, 0.2, 1).finished(),
                                (VectorXd(2) << 0.5, 2).finished(), MatrixXd(MatrixXd::Identity(2, 2)));
  for (LinearSystem s : systems()) {
    if (s.scale.cols() == 1) continue;
    for (double h : {0.05, 1.5}) {
      const auto moved = [&](double e) {
        return transition({s.slope + e * d.slope, s.intercept + e * d.intercept, s.scale + e * d.scale}, h);
      };
      const double e = 1e-5;
      const GaussianTransition up = moved(e), down = moved(-e), got = transition_derivative(s, d, h);
      EXPECT_LT(distance(got.growth, (up.growth - down.growth) / (2 * e)), 1e-7);
      EXPECT_LT(distance(got.shift, (up.shift - down.shift) / (2 * e)), 1e-7);
      EXPECT_LT(distance(got.covariance, (up.covariance - down.covariance) / (2 * e)), 1e-7);
    }
  }
}

SdeDocument document(std::vector<std::pair<std::string, double>> parameters) {
  SdeDocument d;
  d.parameters = std::move(parameters);
  return d;
}

void add(SdeDocument& d, const char* name, const char* drift,
         std::vector<std::pair<std::string, std::string>> diffusion) {
  StateDocument state;
  state.name = name;
  state.drift = drift;
  state.diffusion = std::move(diffusion);
  d.states.push_back(state);
}

StateMoments propagated(const SdeDocument& d, double start, double end, const StateMoments& from) {
  const SdeExpressions sde = parse_document(d);
  const LawRecognition law = recognise_law(sde);
  EXPECT_TRUE(law.known()) << law.reason;
  return propagate(sde, law, start, end, from);
}

TEST(Propagate, ScalarClosedForms) {
  SdeDocument d = document({{"k", 1.5}, {"m", 0.4}, {"s", 0.6}});
  add(d, "x", "k*(m - x)", {{"x", "s"}});
  add(d, "y", "k*(m - y)", {{"y", "s*sqrt(y)"}});
  add(d, "z", "m*z", {{"z", "s*z"}});
  add(d, "b", "(m - b)/(2 - t)", {{"b", "s"}});
  const double t = 0.8, e = std::exp(-1.5 * t), s2 = 0.36;
  StateMoments from{VectorXd::Constant(4, 2), MatrixXd::Zero(4, 4)};
  const StateMoments got = propagated(d, 0.2, 0.2 + t, from);
  EXPECT_NEAR(got.mean[0], 0.4 + 1.6 * e, 1e-14);
  EXPECT_NEAR(got.covariance(0, 0), s2 * (1 - e * e) / 3, 1e-14);
  EXPECT_NEAR(got.mean[1], 2 * e + 0.4 * (1 - e), 1e-14);
  EXPECT_NEAR(got.covariance(1, 1), 2 * s2 / 1.5 * (e - e * e) + 0.4 * s2 / 3 * (1 - e) * (1 - e), 1e-14);
  EXPECT_NEAR(got.mean[2], 2 * std::exp(0.4 * t), 1e-13);
  EXPECT_NEAR(got.covariance(2, 2), 4 * std::exp(0.8 * t) * std::expm1(s2 * t), 1e-13);
  EXPECT_NEAR(got.mean[3], 2 + (0.4 - 2) * t / 1.8, 1e-13);
  EXPECT_NEAR(got.covariance(3, 3), s2 * t * (1.8 - t) / 1.8, 1e-14);
  EXPECT_EQ(got.covariance(0, 1), 0);
}

// Two steps are one, whatever the initial law.
TEST(Propagate, Composes) {
  SdeDocument d = document({{"k", 1.5}, {"s", 0.6}});
  d.noises = {"u", "w"};
  add(d, "x", "-k*x + y", {{"u", "s"}});
  add(d, "y", "-k*y", {{"u", "0.3"}, {"w", "0.2"}});
  add(d, "p", "0.1*p", {{"p", "s*p"}});
  add(d, "v", "k*(1 - v)", {{"v", "s*sqrt(v)"}});
  add(d, "q", "(1 - q)/(3 - t)", {{"q", "s"}});
  const MatrixXd half = MatrixXd::Random(5, 5);
  const StateMoments from{VectorXd::LinSpaced(5, 0.5, 2), half * half.transpose()};
  const StateMoments once = propagated(d, 0, 2, from),
                     twice = propagated(d, 0.7, 2, propagated(d, 0, 0.7, from));
  EXPECT_LT(distance(once.mean, twice.mean), 1e-13);
  EXPECT_LT(distance(once.covariance, twice.covariance), 1e-13);
}

TEST(Propagate, CorrelatedGeometricMotion) {
  SdeDocument d = document({});
  d.noises = {"u", "w"};
  add(d, "x", "0.1*x", {{"u", "0.4*x"}});
  add(d, "y", "0.2*y", {{"u", "0.3*y"}, {"w", "0.5*y"}});
  const StateMoments got = propagated(d, 0, 1.5, {(VectorXd(2) << 2, 3).finished(), MatrixXd::Zero(2, 2)});
  EXPECT_NEAR(got.covariance(0, 1), 6 * std::exp(0.45) * std::expm1(0.12 * 1.5), 1e-13);
  EXPECT_NEAR(got.covariance(1, 1), 9 * std::exp(0.6) * std::expm1(0.34 * 1.5), 1e-13);
}

}  // namespace
}  // namespace sde
