// Samplers that integrate the linear part of the flow exactly, in lambda = ln(a / s): DDIM, DPM-Solver,
// DPM-Solver++ and UniPC.
#include <Eigen/Dense>
#include <array>
#include <cmath>

#include "score/sampler_rule.h"

namespace sde {
namespace {

// With q the variance that noising from t to s > t adds, x_t given x_s and x_0 has variance q s_t^2 / s_s^2:
// eta = 1 draws from it, eta = 0 keeps the noise that the score sees (Song, Meng & Ermon 2021).
class Ddim final : public SamplerRule {
 public:
  Ddim(double eta, std::vector<NoiseLevel> levels) : SamplerRule(std::move(levels)), eta_(eta) {}

  std::size_t vectors() const override { return 1; }
  std::size_t draws() const override { return eta_ > 0 ? 1 : 0; }
  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const NoiseLevel &from = level(i), &to = level(i + 1);
    const double variance = eta_ * eta_ * transition(to, from).added * to.s * to.s / (from.s * from.s);
    const double keep = std::sqrt(std::fmax(to.s * to.s - variance, 0));
    const Block epsilon = pass.vector(0);
    pass.epsilon(from, x, epsilon);
    const double scale = to.a / from.a;
    combine(x, {{scale, x}, {keep - scale * from.s, epsilon}});
    if (variance > 0 && !silent(i, pass)) {
      combine(x, {{1, x}, {std::sqrt(variance), pass.normals(number(i))}});
    }
  }

 private:
  double eta_;
};

// DPM-Solver of order 1 to 3, singlestep (Lu et al. 2022, algorithms 1 and 2 and eq. B.1), eps as the
// network's prediction.
class DpmSolver final : public SamplerRule {
 public:
  DpmSolver(const NoiseProcess& process, int order, std::vector<NoiseLevel> levels)
      : SamplerRule(std::move(levels)), order_(order) {
    for (std::size_t i = 0; i < steps() && order > 1; ++i) {
      const double h = level(i + 1).lambda - level(i).lambda;
      for (const double part : parts()) between_.push_back(level_of(process, level(i).lambda + part * h));
    }
  }

  std::uint64_t evaluations() const override { return steps() * static_cast<std::uint64_t>(order_); }
  std::size_t vectors() const override { return 3; }

  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const NoiseLevel &from = level(i), &to = level(i + 1);
    const double h = to.lambda - from.lambda, phi1 = std::expm1(h), scale = to.a / from.a;
    const Block e0 = pass.vector(0), e1 = pass.vector(1), y = pass.vector(2);
    pass.epsilon(from, x, e0);
    if (order_ == 1) {
      combine(x, {{scale, x}, {-to.s * phi1, e0}});
      return;
    }
    const std::vector<double> r = parts();
    const NoiseLevel& first = between_[i * r.size()];
    combine(y, {{first.a / from.a, x}, {-first.s * std::expm1(r[0] * h), e0}});
    pass.epsilon(first, y, e1);
    combine(e1, {{1, e1}, {-1, e0}});
    if (order_ == 2) {
      combine(x, {{scale, x}, {-to.s * phi1, e0}, {-to.s * phi1 / (2 * r[0]), e1}});
      return;
    }
    const NoiseLevel& second = between_[2 * i + 1];
    const double phi12 = std::expm1(r[1] * h), phi22 = phi12 / (r[1] * h) - 1, phi2 = phi1 / h - 1;
    combine(y, {{second.a / from.a, x}, {-second.s * phi12, e0}, {-r[1] / r[0] * second.s * phi22, e1}});
    pass.epsilon(second, y, e1);
    combine(e1, {{1, e1}, {-1, e0}});
    combine(x, {{scale, x}, {-to.s * phi1, e0}, {-to.s * phi2 / r[1], e1}});
  }

 private:
  std::vector<double> parts() const { return order_ == 2 ? std::vector{0.5} : std::vector{1.0 / 3, 2.0 / 3}; }

  int order_;
  std::vector<NoiseLevel> between_;
};

// DPM-Solver++, multistep of order 2 or 3, x_0 as the prediction (Lu et al. 2023, algorithm 2). The first
// steps, which have no history, and a last one to the data take what order they can. With eta > 0 the SDE
// variant of order 2 (eq. 14, midpoint), whose noise eta scales.
class DpmPlusPlus final : public SamplerRule {
 public:
  DpmPlusPlus(int order, double eta, std::vector<NoiseLevel> levels)
      : SamplerRule(std::move(levels)), order_(order), eta_(eta) {}

  bool remembers() const override { return true; }
  std::size_t vectors() const override { return static_cast<std::size_t>(order_); }
  std::size_t draws() const override { return eta_ > 0 ? 1 : 0; }

  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const NoiseLevel &from = level(i), &to = level(i + 1);
    const std::size_t kept = vectors();
    const Block d0 = pass.vector(i % kept);
    pass.data(from, x, d0);
    if (to.s <= 0) return copy<double>(d0, x);
    const double h = to.lambda - from.lambda, phi1 = std::expm1(-h);
    if (i == 0 || order_ == 1) {
      return move(i, x, std::expm1(-h - eta_ * h), {{1, d0}}, pass);
    }
    const ConstBlock d1 = pass.vector((i - 1) % kept);
    const double h1 = from.lambda - level(i - 1).lambda, r = h1 / h;
    if (i == 1 || order_ == 2) {
      return move(i, x, std::expm1(-h - eta_ * h), {{1 + 0.5 / r, d0}, {-0.5 / r, d1}}, pass);
    }
    const ConstBlock d2 = pass.vector((i - 2) % kept);
    const double r1 = (level(i - 1).lambda - level(i - 2).lambda) / h;
    const double phi2 = phi1 / h + 1, phi3 = phi2 / h - 0.5;
    // First and second divided differences, as factors of d0, d1 and d2.
    const double w = r / (r + r1), u = 1 / r, v = 1 / r1;
    const double first[] = {(1 + w) * u, -(1 + w) * u - w * v, w * v};
    const double second[] = {u / (r + r1), -(u + v) / (r + r1), v / (r + r1)};
    const double scale = to.s / from.s;
    combine(x, {{scale, x},
                {to.a * (-phi1 + phi2 * first[0] - phi3 * second[0]), d0},
                {to.a * (phi2 * first[1] - phi3 * second[1]), d1},
                {to.a * (phi2 * first[2] - phi3 * second[2]), d2}});
  }

 private:
  // x becomes (s_t / s_s) e^{-eta h} x - a_t phi D + noise.
  void move(std::size_t i, Block x, double phi, std::initializer_list<Term> data,
            const SamplerPass& pass) const {
    const NoiseLevel &from = level(i), &to = level(i + 1);
    const double h = to.lambda - from.lambda, factor = -to.a * phi;
    combine(x, {{to.s / from.s * std::exp(-eta_ * h), x}});
    for (const Term& d : data) combine(x, {{1, x}, {factor * d.factor, d.block}});
    if (eta_ <= 0 || silent(i, pass)) return;
    combine(x, {{1, x}, {to.s * std::sqrt(-std::expm1(-2 * eta_ * h)), pass.normals(number(i))}});
  }

  int order_;
  double eta_;
};

// UniPC in the x_0 form with B(h) = e^h - 1 ("bh2"), order 1 to 3 (Zhao et al. 2023, algorithms 1 to 4): the
// evaluation at the end of a step corrects that step and predicts the next one, so that correction is free.
class UniPc final : public SamplerRule {
 public:
  UniPc(std::size_t order, std::vector<NoiseLevel> levels) : SamplerRule(std::move(levels)), order_(order) {}

  bool remembers() const override { return true; }
  std::size_t vectors() const override { return order_ + 2; }

  void step(std::size_t i, Block x, const SamplerPass& pass) const override {
    const Block start = pass.vector(order_ + 1);  // the state before the last prediction
    const Block data = slot(i, pass);
    pass.data(level(i), x, data);
    if (i > 0) advance(i - 1, true, start, x, pass);
    copy<double>(x, start);
    advance(i, false, start, x, pass);
  }

 private:
  Block slot(std::size_t i, const SamplerPass& pass) const { return pass.vector(i % (order_ + 1)); }

  // The state at level i + 1 from that at level i, with the predictions at i and before and, where
  // `corrected`, at i + 1.
  void advance(std::size_t i, bool corrected, ConstBlock start, Block out, const SamplerPass& pass) const {
    const NoiseLevel &from = level(i), &to = level(i + 1);
    const ConstBlock d0 = slot(i, pass);
    if (to.s <= 0) return copy<double>(d0, out);
    const double h = to.lambda - from.lambda, phi1 = std::expm1(-h);
    const std::size_t p = std::min(order_, i + 1), points = corrected ? p : p - 1;
    combine(out, {{to.s / from.s, start}, {-to.a * phi1, d0}});
    if (!points) return;
    // Nodes in units of h: earlier levels, then the end of the step.
    Eigen::VectorXd nodes(static_cast<Eigen::Index>(p)), rho;
    for (std::size_t k = 1; k < p; ++k) {
      nodes(static_cast<Eigen::Index>(k - 1)) = (level(i - k).lambda - from.lambda) / h;
    }
    nodes(static_cast<Eigen::Index>(p - 1)) = 1;
    if (points == 1) {
      rho = Eigen::VectorXd::Constant(1, 0.5);
    } else {
      const auto n = static_cast<Eigen::Index>(points);
      Eigen::MatrixXd powers(n, n);
      Eigen::VectorXd right(n);
      double phi = phi1 / -h - 1, factorial = 1;
      for (Eigen::Index k = 0; k < n; ++k) {
        powers.row(k) = nodes.head(n).array().pow(static_cast<double>(k));
        right(k) = phi * factorial / phi1;
        factorial *= static_cast<double>(k + 2);
        phi = phi / -h - 1 / factorial;
      }
      rho = powers.partialPivLu().solve(right);
    }
    for (std::size_t k = 0; k < points; ++k) {
      const bool end = corrected && k + 1 == points;
      const ConstBlock d = end ? ConstBlock(slot(i + 1, pass)) : ConstBlock(slot(i - k - 1, pass));
      const auto at = static_cast<Eigen::Index>(k);
      const double factor = -to.a * phi1 * rho(at) / (end ? 1 : nodes(at));
      combine(out, {{1, out}, {factor, d}, {-factor, d0}});
    }
  }

  std::size_t order_;
};

}  // namespace

std::unique_ptr<const SamplerRule> make_exponential_rule(const NoiseProcess& process,
                                                         const SampleOptions& options,
                                                         const std::vector<NoiseLevel>& levels) {
  const std::string& name = *options.sampler;
  if (name == "ddim") return std::make_unique<Ddim>(*options.eta, levels);
  if (name == "dpm1") return std::make_unique<DpmSolver>(process, 1, levels);
  if (name == "dpm2") return std::make_unique<DpmSolver>(process, 2, levels);
  if (name == "dpm3") return std::make_unique<DpmSolver>(process, 3, levels);
  if (name == "dpmpp_2m") return std::make_unique<DpmPlusPlus>(2, 0, levels);
  if (name == "dpmpp_3m") return std::make_unique<DpmPlusPlus>(3, 0, levels);
  if (name == "dpmpp_2m_sde") return std::make_unique<DpmPlusPlus>(2, *options.eta, levels);
  if (name == "unipc") return std::make_unique<UniPc>(*options.order, levels);
  return nullptr;
}

}  // namespace sde
