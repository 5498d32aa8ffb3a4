// Coefficients of methods of weak order 2. Each is proved by its order conditions in
// tests/solve/tableau_weak_test.cc.
#pragma once

#include "solve/tableau.h"

namespace sde {

// Debrabant & Roessler (Appl. Numer. Math. 59, 2009), Ito, any noise. With J_k = dW_k, J_kk = (dW_k^2 - h)/2
// and J_kl = (dW_k dW_l + V_kl)/2, V_kl = -V_lk of two points +-h: y_i = x + h sum a0_ij f(y_j) + sum b0_ij
// G_l(z^l_j) J_l z^k_i = x + h sum a1_ij f(y_j) + sqrt(h) sum b1_ij G_k(z^k_j) u^l_i = x + h sum a2_ij f(y_j)
// + sqrt(h) sum b2_ij G_l(z^l_j) next = x + h sum alpha_i f(y_i) + sum_k G_k(z^k_i) (beta1_i J_k + beta2_i
// J_kk/sqrt(h))
//          + sum_(l != k) G_k(u^l_i) (beta3_i J_k + beta4_i J_kl/sqrt(h)).
struct WeakIto {
  Row c0, c1, c2;
  std::vector<Row> a0, a1, a2, b0, b1, b2;
  Row alpha, beta1, beta2, beta3, beta4;
};

// Roessler (SIAM J. Numer. Anal. 47, 2009; Stoch. Anal. Appl. 24, 2006), Stratonovich, any noise:
// y_i = x + h sum a0_ij f(y_j) + sum b0_ij G_l(z^l_j) J_l
// z^k_i = x + h sum a1_ij f(y_j) + sum b1_ij G_k(z^k_j) J_k + sum_(l != k) b3_ij G_l(z^l_j) J_l
// u^k_i = x + h sum a2_ij f(y_j) + sum_(l != k) b2_ij G_l(z^l_j) V_kl/sqrt(h)
// next = x + h sum alpha_i f(y_i) + sum_k G_k(z^k_i) beta1_i J_k + sqrt(h) sum_k G_k(u^k_i) beta2_i.
struct WeakStratonovich {
  Row c0, c1, c2;
  std::vector<Row> a0, a1, a2, b0, b1, b2, b3;
  Row alpha, beta1, beta2;
};

const WeakIto& dri1_tableau();  // Debrabant & Roessler 2009, order 3 without noise
const WeakIto& ri6_tableau();   // Roessler 2009, two evaluations of the drift

const WeakStratonovich& rs1_tableau();  // Roessler 2006
const WeakStratonovich& rs2_tableau();

// The drift part that W2Ito1 shares with DRI1 (Tang & Xiao, Numer. Algorithms 75, 2017).
struct WeakDrift {
  Row c, alpha, b;
  std::vector<Row> a;
};
const WeakDrift& w2ito1_drift();

}  // namespace sde
