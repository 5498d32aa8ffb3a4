// Small matrices of numbers that may carry derivatives. They keep their memory, so that recursions do not
// allocate; results must not be arguments.
#pragma once

#include <cstddef>
#include <vector>

#include "fit/dual.h"

namespace sde {

template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns) { resize(rows, columns); }

  void resize(std::size_t rows, std::size_t columns) {
    rows_ = rows;
    columns_ = columns;
    entries_.resize(rows * columns);
  }
  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  T& operator()(std::size_t i, std::size_t j) { return entries_[i * columns_ + j]; }
  const T& operator()(std::size_t i, std::size_t j) const { return entries_[i * columns_ + j]; }
  T* data() { return entries_.data(); }

  void set_zero() { entries_.assign(entries_.size(), T(0)); }
  void set_identity() {
    set_zero();
    for (std::size_t i = 0; i < rows_; ++i) (*this)(i, i) = T(1);
  }
  // this += factor * a
  void add(const Matrix& a, double factor = 1) {
    for (std::size_t k = 0; k < entries_.size(); ++k) entries_[k] += factor * a.entries_[k];
  }
  void scale(double factor) {
    for (T& e : entries_) e = factor * e;
  }

 private:
  std::size_t rows_ = 0, columns_ = 0;
  std::vector<T> entries_;
};

// into = a b
template <class T>
void multiply(const Matrix<T>& a, const Matrix<T>& b, Matrix<T>& into) {
  into.resize(a.rows(), b.columns());
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t j = 0; j < b.columns(); ++j) {
      T sum(0);
      for (std::size_t k = 0; k < a.columns(); ++k) sum += a(i, k) * b(k, j);
      into(i, j) = sum;
    }
}

// into = a b'
template <class T>
void multiply_transposed(const Matrix<T>& a, const Matrix<T>& b, Matrix<T>& into) {
  into.resize(a.rows(), b.rows());
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t j = 0; j < b.rows(); ++j) {
      T sum(0);
      for (std::size_t k = 0; k < a.columns(); ++k) sum += a(i, k) * b(j, k);
      into(i, j) = sum;
    }
}

// The lower triangle L with L L' = a, written over a's; what lies above is left. A pivot that is not positive
// makes the entries below it not-a-number.
template <class T>
void cholesky(Matrix<T>& a) {
  using std::sqrt;
  for (std::size_t j = 0; j < a.rows(); ++j) {
    T pivot = a(j, j);
    for (std::size_t k = 0; k < j; ++k) pivot -= a(j, k) * a(j, k);
    a(j, j) = sqrt(pivot);
    for (std::size_t i = j + 1; i < a.rows(); ++i) {
      T sum = a(i, j);
      for (std::size_t k = 0; k < j; ++k) sum -= a(i, k) * a(j, k);
      a(i, j) = sum / a(j, j);
    }
  }
}

}  // namespace sde
