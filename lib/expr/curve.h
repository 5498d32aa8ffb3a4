// Functions of one variable given by tables, as nodes of expressions.
//
// A curve that stands in an expression is kept for the life of the process, as its number is what compiled
// programs hold; equal curves have one number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "expr/expr.h"

namespace sde::expr {

class Curve {
 public:
  enum class Kind {
    linear,    // between neighbours
    previous,  // the value at the last abscissa that is not beyond
  };

  // `x` increases strictly and is as long as `y`, one or more; all finite. Before the first abscissa and
  // beyond the last the values at the ends hold. `name` is how the curve is printed.
  Curve(std::string name, Kind kind, std::vector<double> x, std::vector<double> y);

  const std::string& name() const { return name_; }
  Kind kind() const { return kind_; }
  const std::vector<double>& x() const { return x_; }
  const std::vector<double>& y() const { return y_; }

  // An argument that is less than 1e-9 of the smallest distance of abscissae before one of them is taken for
  // it: a time that was summed up from steps must not read the value of the interval before.
  double at(double argument) const;

  // 0 beyond the ends; at an abscissa the slope after it; of kind previous 0 everywhere.
  Curve derivative() const;

  bool operator==(const Curve& other) const = default;

 private:
  std::string name_;
  Kind kind_;
  std::vector<double> x_, y_;
  double slack_ = 0;
};

// The curve at `argument`. Throws Error(Status::usage) where the process holds too many curves.
Expr lookup(const Curve& curve, const Expr& argument);

// Of the number that a lookup holds.
const Curve& curve_of(double number);

// to[i] = curve numbers[i] at a[i].
void look_up(const double* a, const double* numbers, double* to, std::size_t lanes);
void look_up(const float* a, const float* numbers, float* to, std::size_t lanes);

}  // namespace sde::expr
