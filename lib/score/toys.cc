#include "score/toys.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/suggest.h"
#include "score/box_mixture.h"
#include "score/point_mixture.h"

namespace sde {
namespace {

constexpr double kPi = std::numbers::pi;

// Curves are rows of round Gaussians, no further apart than their deviation: then the density along a curve
// is even to nine digits. The rows are the definition, so that draws, scores and entropies are exact.
struct Rows {
  std::vector<double> points, weights;
  double deviation;

  void add(double x, double y, double weight = 1) {
    points.insert(points.end(), {x, y});
    weights.push_back(weight);
  }
};

// Two half circles of radius 1, each in the opening of the other, about the origin.
Rows two_moons() {
  Rows r{{}, {}, 0.1};
  for (int i = 0; i < 32; ++i) {
    const double u = kPi * (i + 0.5) / 32;
    r.add(std::cos(u) - 0.5, std::sin(u) - 0.25);
    r.add(0.5 - std::cos(u), 0.25 - std::sin(u));
  }
  return r;
}

Rows eight_gaussians() {
  Rows r{{}, {}, 0.5 / std::numbers::sqrt2};
  const double radius = 2 * std::numbers::sqrt2;
  for (int i = 0; i < 8; ++i) r.add(radius * std::cos(kPi * i / 4), radius * std::sin(kPi * i / 4));
  return r;
}

Rows rings() {
  Rows r{{}, {}, 0.08};
  for (const double radius : {0.75, 1.5, 2.25, 3.0}) {
    const int n = static_cast<int>(std::ceil(2 * kPi * radius / r.deviation));
    for (int i = 0; i < n; ++i) {
      r.add(radius * std::cos(2 * kPi * i / n), radius * std::sin(2 * kPi * i / n), 1.0 / n);
    }
  }
  return r;
}

// Five arms: the distance from the centre is normal with mean 2 and deviation 0.6, and the arm turns by e^r /
// 4 at r halves of it.
Rows pinwheel() {
  Rows r{{}, {}, 0.2};
  for (int arm = 0; arm < 5; ++arm) {
    for (int i = 0; i < 128; ++i) {
      const double z = -4.5 + 9.0 * i / 127, radius = 1 + std::sqrt(0.08) * z;
      const double angle = 2 * kPi * arm / 5 + 0.25 * std::exp(radius);
      r.add(2 * radius * std::cos(angle), 2 * radius * std::sin(angle), std::exp(-0.5 * z * z));
    }
  }
  return r;
}

Rows swiss_roll() {
  Rows r{{}, {}, 0.2};
  for (int i = 0; i < 192; ++i) {
    const double u = 1.5 * kPi * (1 + 2 * (i + 0.5) / 192);
    r.add(u * std::cos(u) / 5, u * std::sin(u) / 5);
  }
  return r;
}

// Every other one of sixteen cells of side 1.
std::vector<double> checkerboard() {
  std::vector<double> corners;
  for (int i = 0; i < 4; ++i) {
    for (int j = i % 2; j < 4; j += 2) corners.insert(corners.end(), {i - 2.0, j - 2.0});
  }
  return corners;
}

// A model that stands for data, of known entropy.
template <class Model>
class Known final : public Model {
 public:
  template <class... Args>
  explicit Known(double entropy, Args&&... args) : Model(std::forward<Args>(args)...), entropy_(entropy) {}
  bool stands_for_data() const override { return true; }
  std::optional<double> entropy() const override { return entropy_; }

 private:
  double entropy_;
};

}  // namespace

const std::vector<Toy>& toys() {
  static const std::vector<Toy> table = {
      {"two-moons", "two half circles of radius 1 with deviation 0.1", 1.005451},
      {"eight-gaussians", "eight Gaussians of deviation 0.354 on a circle of radius 2.83", 2.831578},
      {"checkerboard", "uniform on eight of sixteen unit cells", 3 * std::numbers::ln2},
      {"rings", "circles of radius 0.75, 1.5, 2.25 and 3 with deviation 0.08", 2.623183},
      {"pinwheel", "five turning arms with deviation 0.2", 2.539229},
      {"swiss-roll", "a spiral of one and a half turns with deviation 0.2", 2.669464},
  };
  return table;
}

std::shared_ptr<const ScoreModel> make_toy(std::shared_ptr<const NoiseProcess> process,
                                           const std::string& name, double scale) {
  if (!(scale > 0) || !std::isfinite(scale)) {
    fail(Status::usage, "/score/scale: must be > 0 (got {})", scale);
  }
  std::vector<std::string> names;
  const Toy* toy = nullptr;
  for (const Toy& t : toys()) {
    names.emplace_back(t.name);
    if (name == t.name) toy = &t;
  }
  if (!toy)
    fail(Status::usage, "/score/name: unknown toy distribution \"{}\"{}", name, suggestion(name, names));
  const double entropy = toy->entropy + 2 * std::log(scale);
  if (name == "checkerboard") {
    std::vector<double> corners = checkerboard();
    for (double& c : corners) c *= scale;
    return std::make_shared<Known<BoxMixture>>(entropy, std::move(process), std::move(corners), 2u, scale);
  }
  Rows rows = name == "two-moons"         ? two_moons()
              : name == "eight-gaussians" ? eight_gaussians()
              : name == "rings"           ? rings()
              : name == "pinwheel"        ? pinwheel()
                                          : swiss_roll();
  for (double& p : rows.points) p *= scale;
  return std::make_shared<Known<PointMixture>>(entropy, std::move(process), std::move(rows.points), 2u,
                                               std::move(rows.weights), std::pow(rows.deviation * scale, 2));
}

}  // namespace sde
