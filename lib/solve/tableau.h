// Coefficients of explicit methods. Each is proved by its order conditions in tests/solve/tableau_test.cc.
#pragma once

#include <vector>

namespace sde {

using Row = std::vector<double>;

// y_i = x + h sum_j a_ij k_j, k_i = f(t + c_i h, y_i); next = x + h sum b_i k_i; error = h sum e_i k_i.
// Within the step: x(t + theta h) = x + h sum_i sum_j dense_ij theta^(j+1) k_i.
struct RungeKutta {
  Row c;
  std::vector<Row> a;  // row i has i entries
  Row b;
  Row e;                        // empty: no estimate
  int order = 1;                // of b
  std::vector<Row> dense = {};  // of every stage, the late ones after the others; empty: none
  Row e3 = {};      // a second estimate, h sum e3_i k_i, of lower order (see combined in scheme.h)
  Row late_c = {};  // further stages, for the dense output alone
  std::vector<Row> late_a = {};
};

// The dense output x + theta (F0 + (1 - theta) (F1 + theta (F2 + (1 - theta) (...)))) over the powers of
// theta, where F0 = h sum b_i k_i, F1 = h k_0 - F0, F2 = F0 - h k_last - F1 with the last stage of b the
// derivative at the end, and F3 ... = h sum_i rows_ji k_i (Hairer, Norsett & Wanner 1993, II.6).
std::vector<Row> nested_dense(const Row& b, const std::vector<Row>& rows);

// Roessler (SIAM J. Numer. Anal. 48, 2010), additive noise:
// y_i = x + h sum a_ij f(t + c0_j h, y_j) + sum b_ij G(t + c1_j h) I10/h;
// next = x + h sum alpha_i f_i + sum G(t + c1_i h) (beta1_i I1 + beta2_i I10/h).
struct StrongAdditive {
  Row c0, c1;
  std::vector<Row> a, b;
  Row alpha, beta1, beta2;
};

// Roessler (2010), diagonal or scalar noise:
// y_i = x + h sum a0_ij f(y_j) + sum b0_ij G(z_j) I10/h,  z_i = x + h sum a1_ij f(y_j) + sqrt(h) sum b1_ij
// G(z_j); next = x + h sum alpha_i f(y_i)
//          + sum G(z_i) (beta1_i I1 + beta2_i I11/sqrt(h) + beta3_i I10/h + beta4_i I111/h).
struct StrongIto {
  Row c0, c1;
  std::vector<Row> a0, b0, a1, b1;
  Row alpha, beta1, beta2, beta3, beta4;
};

// Foster, dos Reis & Strange (arXiv 2210.17543), Stratonovich, any noise:
// y_i = x + h sum a_ij f(y_j) + sum G(y_j) (w_ij dW + v_ij H);
// next = x + h sum b_i f(y_i) + sum G(y_i) (bw_i dW + bv_i H).
struct StrongStratonovich {
  Row c;
  std::vector<Row> a, w, v;
  Row b, bw, bv;
};

const RungeKutta& euler_tableau();
const RungeKutta& rk4_tableau();
const RungeKutta& bosh3_tableau();   // Bogacki & Shampine 1989, 3(2)
const RungeKutta& dopri5_tableau();  // Dormand & Prince 1980, 5(4)
const RungeKutta& tsit5_tableau();   // Tsitouras 2011, 5(4)
const RungeKutta& dop853_tableau();  // Dormand & Prince, 8(5,3), Hairer, Norsett & Wanner 1993

const StrongAdditive& sra1_tableau();   // Roessler 2010
const StrongAdditive& sra3_tableau();   // Roessler 2010
const StrongAdditive& sosra_tableau();  // Rackauckas & Nie 2018

const StrongIto& sri1w1_tableau();  // Roessler 2010, SRIW1
const StrongIto& sri2w1_tableau();  // Roessler 2010, SRIW2
const StrongIto& sosri_tableau();   // Rackauckas & Nie 2018

const StrongStratonovich& spark_tableau();
const StrongStratonovich& slowrk_tableau();
const StrongStratonovich& general_shark_tableau();

}  // namespace sde
