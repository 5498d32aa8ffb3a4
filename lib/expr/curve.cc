#include "expr/curve.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>

#include "base/error.h"
#include "expr/node.h"

namespace sde::expr {
namespace {

// Numbers are read without a lock, by programs that run.
class Registry {
 public:
  std::size_t number(const Curve& curve) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < count_; ++i)
      if (*curves_[i].load(std::memory_order_relaxed) == curve) return i;
    if (count_ == curves_.size())
      fail(Status::usage, "more than {} different inputs from files in one process", curves_.size());
    kept_.push_back(std::make_unique<Curve>(curve));
    curves_[count_].store(kept_.back().get(), std::memory_order_release);
    return count_++;
  }

  const Curve& at(std::size_t i) const { return *curves_[i].load(std::memory_order_acquire); }

 private:
  std::mutex mutex_;
  std::size_t count_ = 0;
  std::array<std::atomic<const Curve*>, 4096> curves_{};
  std::vector<std::unique_ptr<const Curve>> kept_;
};

Registry& registry() {
  static Registry& instance = *new Registry;  // outlives every static Expr
  return instance;
}

template <class T>
void look_up_lanes(const T* a, const T* numbers, T* to, std::size_t lanes) {
  for (std::size_t i = 0; i < lanes; ++i)
    // Lanes have one time, as a rule.
    to[i] = i > 0 && a[i] == a[i - 1] && numbers[i] == numbers[i - 1]
                ? to[i - 1]
                : static_cast<T>(curve_of(static_cast<double>(numbers[i])).at(static_cast<double>(a[i])));
}

}  // namespace

Curve::Curve(std::string name, Kind kind, std::vector<double> x, std::vector<double> y)
    : name_(std::move(name)), kind_(kind), x_(std::move(x)), y_(std::move(y)) {
  if (x_.empty() || x_.size() != y_.size()) fail(Status::bug, "a curve needs as many ordinates as abscissae");
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < x_.size(); ++i) least = std::min(least, x_[i] - x_[i - 1]);
  if (!(least > 0)) fail(Status::bug, "the abscissae of a curve must increase");
  slack_ = std::isfinite(least) ? 1e-9 * least : 0;
}

double Curve::at(double argument) const {
  if (std::isnan(argument)) return argument;
  const auto after = std::upper_bound(x_.begin(), x_.end(), argument + slack_);
  if (after == x_.begin()) return y_.front();
  const auto i = static_cast<std::size_t>(after - x_.begin()) - 1;
  if (kind_ == Kind::previous || after == x_.end()) return y_[i];
  return std::fma((argument - x_[i]) / (x_[i + 1] - x_[i]), y_[i + 1] - y_[i], y_[i]);
}

Curve Curve::derivative() const {
  std::vector<double> x, y;
  if (kind_ == Kind::previous || x_.size() == 1) return {name_ + "'", Kind::previous, {x_.front()}, {0.0}};
  // One abscissa more, before which the slope is 0.
  x.push_back(x_.front() - (x_[1] - x_[0]));
  y.push_back(0);
  for (std::size_t i = 0; i + 1 < x_.size(); ++i) {
    x.push_back(x_[i]);
    y.push_back((y_[i + 1] - y_[i]) / (x_[i + 1] - x_[i]));
  }
  x.push_back(x_.back());
  y.push_back(0);
  return {name_ + "'", Kind::previous, std::move(x), std::move(y)};
}

Expr lookup(const Curve& curve, const Expr& argument) {
  const std::array<Expr, 2> arguments = {argument, Expr(static_cast<double>(registry().number(curve)))};
  return raw(Op::lookup, arguments);
}

const Curve& curve_of(double number) {
  return registry().at(static_cast<std::size_t>(number));
}

void look_up(const double* a, const double* numbers, double* to, std::size_t lanes) {
  look_up_lanes(a, numbers, to, lanes);
}

void look_up(const float* a, const float* numbers, float* to, std::size_t lanes) {
  look_up_lanes(a, numbers, to, lanes);
}

}  // namespace sde::expr
