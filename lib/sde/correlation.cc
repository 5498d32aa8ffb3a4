#include "sde/correlation.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/suggest.h"

namespace sde {

using expr::Expr;

namespace {

// Below it the matrix counts as singular: its factor would amplify rounding a million times.
constexpr double kLeastEigenvalue = 1e-12;

class Correlation {
 public:
  Correlation(const SdeDocument& document, const std::vector<std::string>& noises)
      : document_(document),
        noises_(noises),
        matrix_(noises.size(), std::vector<Expr>(noises.size(), Expr(0))) {
    for (const auto& [name, value] : document.parameters) {
      known_.push_back(name);
      values_[name] = value;
    }
    for (const DrawnParameter& p : document.drawn) known_.push_back(p.name);
    std::map<std::pair<std::size_t, std::size_t>, std::string> given;
    for (const CorrelationDocument& entry : document.correlation) read(entry, given);
    for (std::size_t i = 0; i < noises.size(); ++i) matrix_[i][i] = Expr(1);
  }

  std::vector<std::vector<Expr>> factor() const {
    const std::size_t n = noises_.size();
    std::vector<std::vector<Expr>> l(n, std::vector<Expr>(n, Expr(0)));
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k <= j; ++k) {
        Expr rest = matrix_[j][k];
        for (std::size_t m = 0; m < k; ++m)
          if (!l[j][m].is_zero() && !l[k][m].is_zero())
            rest = rest - (j == k ? expr::pow(l[j][m], Expr(2)) : l[j][m] * l[k][m]);
        l[j][k] = j == k ? expr::sqrt(rest) : rest.is_zero() ? Expr(0) : rest / l[k][k];
      }
    return l;
  }

  void check() const {
    const auto n = static_cast<Eigen::Index>(noises_.size());
    Eigen::MatrixXd numbers(n, n);
    for (Eigen::Index i = 0; i < n; ++i)
      for (Eigen::Index j = 0; j < n; ++j) {
        const Expr& e = matrix_[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
        // What paths draw differs from path to path: one whose matrix is none is not finite, and counted.
        for (const DrawnParameter& p : document_.drawn)
          if (expr::depends_on(e, p.name)) return;
        numbers(i, j) = expr::evaluate(e, values_);
        const std::string &a = noises_[static_cast<std::size_t>(i)],
                          &b = noises_[static_cast<std::size_t>(j)];
        if (!(std::abs(numbers(i, j)) <= 1))
          fail(Status::usage, "/correlation/{}/{}: a correlation is between -1 and 1 (got {})", a, b,
               describe(e, numbers(i, j)));
      }
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(numbers);
    const double least = solver.eigenvalues()[0];
    if (least >= kLeastEigenvalue) return;
    if (least < -kLeastEigenvalue)
      fail(Status::usage,
           "/correlation: no noises have such correlations: the matrix of {} has the negative eigenvalue "
           "{:.6g}",
           fmt::join(noises_, ", "), least);
    // Which noises a combination of the others makes: those in the vector that the matrix takes to 0.
    std::vector<std::string> involved;
    for (Eigen::Index i = 0; i < n; ++i)
      if (std::abs(solver.eigenvectors()(i, 0)) > 1e-6)
        involved.push_back(noises_[static_cast<std::size_t>(i)]);
    fail(Status::usage,
         "/correlation: the matrix is singular: each of {} is a combination of the others; write one of them "
         "as that "
         "in the diffusion, and leave it out",
         fmt::join(involved, ", "));
  }

 private:
  static std::string describe(const Expr& e, double value) {
    return e.is_number() ? fmt::format("{}", value) : fmt::format("{} = {}", expr::to_string(e), value);
  }

  std::size_t place(const std::string& noise, const std::string& pointer) const {
    const auto found = std::find(noises_.begin(), noises_.end(), noise);
    if (found == noises_.end())
      fail(Status::usage, "{}: unknown noise \"{}\"{}", pointer, noise, suggestion(noise, noises_));
    return static_cast<std::size_t>(found - noises_.begin());
  }

  void read(const CorrelationDocument& entry,
            std::map<std::pair<std::size_t, std::size_t>, std::string>& given) {
    const std::size_t i = place(entry.first, "/correlation");
    const std::size_t j = place(entry.second, "/correlation/" + entry.first);
    const std::string pointer = "/correlation/" + entry.first + "/" + entry.second;
    Expr value;
    try {
      value = expr::parse(entry.value, known_);
    } catch (const Error& error) {
      fail(error.status(), "{}: {}", pointer, error.what());
    }
    if (i == j && !expr::probably_equal(value, Expr(1)))
      fail(Status::usage, "{}: a noise has the correlation 1 with itself (got {})", pointer, entry.value);
    const auto [mirrored, first] = given.try_emplace({std::min(i, j), std::max(i, j)}, entry.value);
    if (!first && !expr::probably_equal(matrix_[i][j], value))
      fail(
          Status::usage,
          "{}: the matrix is not symmetric: {} with {} is {}, and {} with {} is {}; give one of them, or the "
          "same",
          pointer, entry.second, entry.first, mirrored->second, entry.first, entry.second, entry.value);
    matrix_[i][j] = matrix_[j][i] = value;
  }

  const SdeDocument& document_;
  const std::vector<std::string>& noises_;
  std::vector<std::string> known_;
  std::map<std::string, double, std::less<>> values_;
  std::vector<std::vector<Expr>> matrix_;
};

}  // namespace

std::vector<std::vector<Expr>> correlation_factor(const SdeDocument& document,
                                                  const std::vector<std::string>& noises) {
  const Correlation correlation(document, noises);
  correlation.check();
  return correlation.factor();
}

}  // namespace sde
