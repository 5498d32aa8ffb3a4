// The exact transition of a linear equation dX = (a + J (X - x) + c s) ds + S^(1/2) dW over a step, for any
// number of components and singular J.
#pragma once

#include <algorithm>
#include <cmath>

#include "fit/matrix.h"

namespace sde {

// From X = x at s = 0: mean x + I1 a + I2 c, covariance V, with
//   Phi = e^(Jh), I1 = int_0^h e^(Js) ds, I2 = int_0^h I1(s) ds, V = int_0^h e^(Js) S e^(J's) ds.
// Taylor series over a step that is short for J (norm 1/4, 12 terms: rounding), then doubled up:
//   V(2h) = V + Phi V Phi', I2(2h) = I2 + h I1 + Phi I2, I1(2h) = I1 + Phi I1, Phi(2h) = Phi^2
// (as Van Loan's exponential of a block matrix, IEEE Trans. Automat. Contr. 23, 1978, but without its
// e^(-Jh), so that nothing cancels however long the step).
template <class T>
class LinearStep {
 public:
  Matrix<T> transition, first, second, covariance;  // Phi, I1, I2, V

  void compute(const Matrix<T>& jacobian, const Matrix<T>& noise, double step) {
    const std::size_t n = jacobian.rows();
    double norm = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double row = 0;
      for (std::size_t j = 0; j < n; ++j) row += std::fabs(value_of(jacobian(i, j)));
      norm = std::max(norm, row);
    }
    int doublings = 0;
    double h = step;
    // A norm that is not finite is left to make the result so.
    for (; norm * h > 0.25 && doublings < 200; ++doublings) h *= 0.5;

    constexpr int kTerms = 12;
    for (Matrix<T>* m : {&transition, &first, &second, &covariance}) m->resize(n, n);
    power_.resize(n, n);
    power_.set_identity();  // (Jh)^k / k!
    transition.set_identity();
    first.set_identity();
    second.set_identity();
    second.scale(0.5);
    term_ = noise;  // K_k h^k / (k + 1)!, K_0 = S, K_k+1 = J K_k + K_k J'
    covariance = noise;
    for (int k = 1; k <= kTerms; ++k) {
      multiply(jacobian, power_, work_);
      std::swap(power_, work_);
      power_.scale(h / k);
      transition.add(power_);
      first.add(power_, 1.0 / (k + 1));
      second.add(power_, 1.0 / ((k + 1) * (k + 2)));
      multiply(jacobian, term_, work_);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) term_(i, j) = (h / (k + 1)) * (work_(i, j) + work_(j, i));
      covariance.add(term_);
    }
    first.scale(h);
    second.scale(h * h);
    covariance.scale(h);

    for (int k = 0; k < doublings; ++k, h *= 2) {
      multiply(transition, covariance, work_);
      multiply_transposed(work_, transition, power_);
      covariance.add(power_);
      multiply(transition, second, work_);
      second.add(first, h);
      second.add(work_);
      multiply(transition, first, work_);
      first.add(work_);
      multiply(transition, transition, work_);
      std::swap(transition, work_);
    }
  }

 private:
  Matrix<T> power_, term_, work_;
};

}  // namespace sde
