#include "fit/likelihood.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "base/error.h"
#include "fit/local_linear.h"
#include "fit/noncentral.h"
#include "fit/simulated.h"

namespace sde {

using expr::Expr;

namespace {

constexpr std::size_t kChunk = 512;  // transitions: what one task works on, and the leaf of every sum

// The sum of n values as eight interleaved partial sums, whatever the vector width.
double leaf_sum(const double* x, std::size_t n) {
  std::array<double, 8> partial{};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t j = 0; j < 8; ++j) partial[j] += x[i + j];
  for (std::size_t j = 0; i + j < n; ++j) partial[j] += x[i + j];
  return ((partial[0] + partial[4]) + (partial[2] + partial[6])) +
         ((partial[1] + partial[5]) + (partial[3] + partial[7]));
}

double leaf_product(const double* x, const double* y, std::size_t n) {
  std::array<double, 8> partial{};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t j = 0; j < 8; ++j) partial[j] += x[i + j] * y[i + j];
  for (std::size_t j = 0; i + j < n; ++j) partial[j] += x[i + j] * y[i + j];
  return ((partial[0] + partial[4]) + (partial[2] + partial[6])) +
         ((partial[1] + partial[5]) + (partial[3] + partial[7]));
}

// Rows first .. last of `partial` (each `width` numbers) added pairwise into the first of them.
void pairwise(std::vector<double>& partial, std::size_t width, std::size_t first, std::size_t last) {
  if (last - first < 2) return;
  const std::size_t middle = first + (last - first + 1) / 2;
  pairwise(partial, width, first, middle);
  pairwise(partial, width, middle, last);
  for (std::size_t j = 0; j < width; ++j) partial[first * width + j] += partial[middle * width + j];
}

constexpr std::size_t triangle(std::size_t k) {
  return k * (k + 1) / 2;
}

std::string bessel_symbol(std::size_t term, const char* derivative) {
  return fmt::format("L{}'{}", term, derivative);
}

// d e / d name where symbols of `e` stand for expressions.
Expr total_derivative(const TransitionDensity& density, const Expr& e, const std::string& name) {
  Expr sum = expr::differentiate(e, name);
  for (const auto& [symbol, inner] : density.intermediates) {
    const Expr outer = expr::differentiate(e, symbol);
    if (!outer.is_zero()) sum = sum + outer * expr::differentiate(inner, name);
  }
  return sum;
}

// The log-density with Bessel terms and its derivatives up to `order`: value, gradient, upper triangle.
std::vector<Expr> derivatives(const TransitionDensity& density, const std::vector<std::size_t>& free,
                              int order) {
  const std::size_t terms = density.bessel.size();
  const auto symbol = [](std::size_t term, const char* d) { return Expr::symbol(bessel_symbol(term, d)); };
  Expr value = density.log_density;
  for (std::size_t m = 0; m < terms; ++m) value = value + symbol(m, "v");
  std::vector<Expr> out = {value};
  if (order < 1) return out;
  std::vector<Expr> plain;  // d log_density / dp
  std::vector<std::vector<Expr>> orders,
      arguments;  // [free][term] derivatives of a term's order and argument
  for (std::size_t p : free) {
    const std::string& name = density.parameters[p];
    plain.push_back(total_derivative(density, density.log_density, name));
    orders.emplace_back();
    arguments.emplace_back();
    Expr sum = plain.back();
    for (std::size_t m = 0; m < terms; ++m) {
      orders.back().push_back(expr::differentiate(density.bessel[m].order, name));
      arguments.back().push_back(expr::differentiate(density.bessel[m].argument, name));
      sum = sum + symbol(m, "n") * orders.back()[m] + symbol(m, "z") * arguments.back()[m];
    }
    out.push_back(sum);
  }
  if (order < 2) return out;
  for (std::size_t a = 0; a < free.size(); ++a) {
    for (std::size_t b = a; b < free.size(); ++b) {
      const std::string& name = density.parameters[free[b]];
      Expr sum = total_derivative(density, plain[a], name);
      for (std::size_t m = 0; m < terms; ++m) {
        const Expr &na = orders[a][m], &nb = orders[b][m], &za = arguments[a][m], &zb = arguments[b][m];
        sum = sum + symbol(m, "n") * expr::differentiate(na, name) +
              symbol(m, "z") * expr::differentiate(za, name) + symbol(m, "nn") * na * nb +
              symbol(m, "nz") * (na * zb + nb * za) + symbol(m, "zz") * za * zb;
      }
      out.push_back(sum);
    }
  }
  return out;
}

constexpr const char* kBesselRows[] = {"v", "n", "z", "nn", "nz", "zz"};
constexpr std::size_t bessel_rows(int order) {
  return order == 0 ? 1 : order == 1 ? 3 : 6;
}

}  // namespace

// The compiled passes of one order (3 stands for residuals and predictions).
struct Likelihood::Programs {
  std::vector<std::size_t>
      lane_rows;  // rows of TransitionLanes that are the first lane inputs of both programs
  std::vector<std::string> uniforms;
  expr::Program orders;  // of the Bessel terms: uniform
  expr::Program arguments;
  expr::Program total;
  std::size_t terms = 0;
};

struct Likelihood::Scratch {
  TransitionLanes lanes;
  StateBlock<double> arguments, bessel, out;
  expr::Workspace workspace;
  std::vector<double> uniforms;
  std::vector<const double*> inputs;
  std::vector<double*> outputs;
};

Likelihood::Likelihood(const TransitionDensity& density, const Observations& data,
                       std::vector<std::size_t> free)
    : density_(density), data_(data), free_(std::move(free)), common_step_(data.common_step()) {
  if (data.dimension() != density.states.size())
    fail(Status::bug, "Likelihood: {} columns for {} states", data.dimension(), density.states.size());
}

Likelihood::~Likelihood() = default;

const Likelihood::Programs& Likelihood::programs(int order) const {
  std::unique_ptr<Programs>& slot = programs_[order];
  if (slot) return *slot;
  auto made = std::make_unique<Programs>();
  const std::size_t dimension = density_.states.size();

  std::vector<Expr> total, arguments, orders;
  if (order <= 2) {
    total = derivatives(density_, free_, order);
    for (const BesselTerm& term : density_.bessel) {
      orders.push_back(term.order);
      arguments.push_back(term.argument);
    }
  } else {
    for (std::size_t d = 0; d < dimension; ++d) {
      const ResidualLaw& law = density_.residuals[d];
      const bool chi_squared = law.kind == ResidualLaw::Kind::noncentral_chi_squared;
      total.push_back(chi_squared ? law.quantile : law.normal);
      total.push_back(chi_squared ? law.degrees : Expr(0));
      total.push_back(chi_squared ? law.noncentrality : Expr(0));
      total.push_back(density_.mean[d]);
      total.push_back(density_.deviation[d]);
    }
  }

  if (!density_.intermediates.empty()) {
    const std::map<std::string, Expr, std::less<>> inner(density_.intermediates.begin(),
                                                         density_.intermediates.end());
    for (Expr& e : total) e = expr::substitute(e, inner);
  }

  std::vector<std::string> lanes;
  const auto add_lane = [&](const std::string& name, std::size_t row) {
    lanes.push_back(name);
    made->lane_rows.push_back(row);
  };
  for (std::size_t d = 0; d < dimension; ++d) {
    add_lane(density_.states[d], d);
    add_lane(state_after(density_.states[d]), dimension + d);
  }
  made->uniforms = density_.parameters;
  if (common_step_ > 0) {
    made->uniforms.push_back(kStepSymbol);
  } else {
    add_lane(kStepSymbol, 2 * dimension);
  }
  add_lane(kTimeSymbol, 2 * dimension + 1);
  made->terms = orders.size();
  if (made->terms > 0) {
    made->orders = expr::Program(orders, {}, made->uniforms);
    made->arguments = expr::Program(arguments, lanes, made->uniforms);
    for (std::size_t m = 0; m < made->terms; ++m)
      for (std::size_t r = 0; r < bessel_rows(order); ++r) lanes.push_back(bessel_symbol(m, kBesselRows[r]));
  }
  made->total = expr::Program(total, lanes, made->uniforms);
  slot = std::move(made);
  return *slot;
}

std::vector<std::size_t> Likelihood::series() const {
  std::vector<std::size_t> first;
  for (std::size_t s = 0; s < data_.series(); ++s) first.push_back(data_.first_transition(s));
  return first;
}

std::string Likelihood::describe_term(std::size_t term) const {
  return data_.describe(data_.observation_before(term));
}

std::unique_ptr<LogLikelihood> make_likelihood(const TransitionDensity& density, const Observations& data,
                                               std::vector<std::size_t> free) {
  if (density.linear) return std::make_unique<LocalLinearLikelihood>(density, data, std::move(free));
  if (density.simulated) return std::make_unique<SimulatedLikelihood>(density, data, std::move(free));
  return std::make_unique<Likelihood>(density, data, std::move(free));
}

std::size_t Likelihood::operations(int order) const {
  const Programs& p = programs(order);
  return p.total.lane_operations() + (p.terms > 0 ? p.arguments.lane_operations() : 0);
}

void Likelihood::run_chunk(std::span<const double> parameters, int order, std::size_t chunk,
                           Scratch& s) const {
  data_.gather(chunk * kChunk, kChunk, s.lanes);
  run_lanes(parameters, order, s);
}

void Likelihood::run_lanes(std::span<const double> parameters, int order, Scratch& s) const {
  const Programs& p = *programs_[order];
  const std::size_t lanes = s.lanes.block.lanes();
  s.uniforms.assign(parameters.begin(), parameters.end());
  if (common_step_ > 0) s.uniforms.push_back(common_step_);
  s.inputs.clear();
  for (std::size_t row : p.lane_rows) s.inputs.push_back(s.lanes.block.row(row));

  const auto prepare = [&](StateBlock<double>& block, std::size_t rows) {
    if (block.rows() != rows || block.lanes() != lanes) block.resize(rows, lanes);
    s.outputs.clear();
    for (std::size_t r = 0; r < rows; ++r) s.outputs.push_back(block.row(r));
  };
  if (p.terms > 0) {
    prepare(s.arguments, p.terms);
    std::vector<double> orders(p.terms);
    {
      StateBlock<double> uniform(p.terms, kLaneQuantum);
      std::vector<double*> rows;
      for (std::size_t m = 0; m < p.terms; ++m) rows.push_back(uniform.row(m));
      p.orders.run(nullptr, s.uniforms, rows.data(), kLaneQuantum, s.workspace);
      for (std::size_t m = 0; m < p.terms; ++m) orders[m] = uniform.row(m)[0];
    }
    p.arguments.run(s.inputs.data(), s.uniforms, s.outputs.data(), lanes, s.workspace);
    const std::size_t width = bessel_rows(order);
    prepare(s.bessel, p.terms * width);
    for (std::size_t m = 0; m < p.terms; ++m) {
      LogBesselRows rows;
      double** const fields[] = {&rows.value, &rows.nu, &rows.z, &rows.nu_nu, &rows.nu_z, &rows.z_z};
      for (std::size_t r = 0; r < width; ++r) {
        *fields[r] = s.bessel.row(m * width + r);
        s.inputs.push_back(s.bessel.row(m * width + r));
      }
      log_scaled_bessel_i(orders[m], s.arguments.row(m), lanes, order, rows);
    }
  }
  prepare(s.out, p.total.outputs());
  p.total.run(s.inputs.data(), s.uniforms, s.outputs.data(), lanes, s.workspace);
}

void Likelihood::reduce(std::span<const double> parameters, int order, bool scores,
                        LikelihoodValue& result) const {
  const std::size_t k = free_.size(), n = data_.transitions();
  const std::size_t rows = programs(order).total.outputs(), width = rows + (scores ? triangle(k) : 0);
  const std::size_t chunks = (n + kChunk - 1) / kChunk;
  std::vector<double> partial(chunks * width);
  tbb::enumerable_thread_specific<Scratch> scratch;
  tbb::parallel_for(std::size_t{0}, chunks, [&](std::size_t chunk) {
    Scratch& s = scratch.local();
    run_chunk(parameters, order, chunk, s);
    double* const into = partial.data() + chunk * width;
    for (std::size_t r = 0; r < rows; ++r) into[r] = leaf_sum(s.out.row(r), s.lanes.lanes);
    if (!scores) return;
    std::size_t r = rows;
    for (std::size_t a = 0; a < k; ++a)
      for (std::size_t b = a; b < k; ++b)
        into[r++] = leaf_product(s.out.row(1 + a), s.out.row(1 + b), s.lanes.lanes);
  });
  pairwise(partial, width, 0, chunks);

  const auto size = static_cast<Eigen::Index>(k);
  const auto symmetric = [&](std::size_t from, Eigen::MatrixXd& into) {
    into.resize(size, size);
    for (Eigen::Index a = 0; a < size; ++a)
      for (Eigen::Index b = a; b < size; ++b) into(a, b) = into(b, a) = partial[from++];
  };
  result = {};
  result.value = partial[0];
  if (order >= 1) result.gradient = Eigen::Map<const Eigen::VectorXd>(partial.data() + 1, size);
  if (order >= 2) symmetric(1 + k, result.hessian);
  if (scores) symmetric(rows, result.score_product);
}

void Likelihood::evaluate(std::span<const double> parameters, int order, LikelihoodValue& result) const {
  reduce(parameters, order, false, result);
}

void Likelihood::evaluate_scores(std::span<const double> parameters, LikelihoodValue& result) const {
  reduce(parameters, 1, true, result);
}

void Likelihood::per_term(std::span<const double> parameters, double* out) const {
  some_terms(parameters, 0, terms(), out);
}

void Likelihood::some_terms(std::span<const double> parameters, std::size_t first, std::size_t last,
                            double* out) const {
  programs(0);
  tbb::enumerable_thread_specific<Scratch> scratch;
  // Whole chunks: the last bits of a transition can depend on those beside it.
  tbb::parallel_for(first / kChunk, (last + kChunk - 1) / kChunk, [&](std::size_t chunk) {
    Scratch& s = scratch.local();
    run_chunk(parameters, 0, chunk, s);
    const std::size_t begin = std::max(first, chunk * kChunk),
                      end = std::min(last, chunk * kChunk + s.lanes.lanes);
    std::copy_n(s.out.row(0) + (begin - chunk * kChunk), end - begin, out + (begin - first));
  });
}

void Likelihood::describe(std::span<const double> parameters, double* residual, double* mean,
                          double* deviation) const {
  programs(3);
  const std::size_t dimension = density_.states.size();
  const bool integrated =
      std::any_of(density_.residuals.begin(), density_.residuals.end(),
                  [](const ResidualLaw& law) { return law.kind == ResidualLaw::Kind::integrated; });
  if (integrated) programs(0);
  const std::size_t n = data_.transitions(), chunks = (n + kChunk - 1) / kChunk;
  tbb::enumerable_thread_specific<Scratch> scratch, inner;
  tbb::parallel_for(std::size_t{0}, chunks, [&](std::size_t chunk) {
    Scratch& s = scratch.local();
    run_chunk(parameters, 3, chunk, s);
    for (std::size_t d = 0; d < dimension; ++d) {
      const double* const quantile = s.out.row(5 * d);
      const ResidualLaw::Kind kind = density_.residuals[d].kind;
      for (std::size_t i = 0; i < s.lanes.lanes; ++i) {
        const std::size_t place = (chunk * kChunk + i) * dimension + d;
        const double centre = s.out.row(5 * d + 3)[i], spread = s.out.row(5 * d + 4)[i];
        if (mean) mean[place] = centre;
        if (deviation) deviation[place] = spread;
        if (!residual) continue;
        switch (kind) {
          case ResidualLaw::Kind::gaussian:
            residual[place] = quantile[i];
            break;
          case ResidualLaw::Kind::noncentral_chi_squared:
            residual[place] =
                noncentral_chi_squared_score(quantile[i], s.out.row(5 * d + 1)[i], s.out.row(5 * d + 2)[i]);
            break;
          case ResidualLaw::Kind::integrated:
            residual[place] = integrated_score(parameters, {s.lanes, i, d, centre, spread}, inner.local());
            break;
        }
      }
    }
  });
}

double Likelihood::integrated_score(std::span<const double> parameters, const OneTransition& at,
                                    Scratch& s) const {
  // Gauss-Legendre panels over eight standard deviations (of the step's noise) to either side of the mean and
  // of x', split at x'; what lies outside the law's domain has no density.
  using Gauss = boost::math::quadrature::gauss<double, 20>;
  constexpr std::size_t kHalf = 10, kPanels = 2, kSide = 2 * kHalf * kPanels;
  const std::size_t dimension = density_.states.size(), row = dimension + at.component;
  const double x = at.from.block.row(row)[at.lane];
  double low = std::min(x, at.centre) - 8 * at.spread;
  const double high = std::max(x, at.centre) + 8 * at.spread;
  if (!std::isfinite(low) || !std::isfinite(high)) return std::numeric_limits<double>::quiet_NaN();
  if (density_.positive_state[at.component]) low = std::max(low, 0.0);
  if (s.lanes.block.rows() != at.from.block.rows() || s.lanes.block.lanes() != 2 * kSide)
    s.lanes.block.resize(at.from.block.rows(), 2 * kSide);
  s.lanes.lanes = 2 * kSide;
  for (std::size_t r = 0; r < at.from.block.rows(); ++r)
    std::fill_n(s.lanes.block.row(r), 2 * kSide, at.from.block.row(r)[at.lane]);
  double* const node = s.lanes.block.row(row);
  std::array<double, 2 * kSide> weight{};
  for (std::size_t side = 0; side < 2; ++side) {
    const double width = (side == 0 ? x - low : high - x) / static_cast<double>(kPanels);
    for (std::size_t p = 0; p < kPanels; ++p) {
      const double middle = (side == 0 ? low : x) + (static_cast<double>(p) + 0.5) * width;
      for (std::size_t q = 0; q < 2 * kHalf; ++q) {
        const double place = q < kHalf ? -Gauss::abscissa()[q] : Gauss::abscissa()[q - kHalf];
        const std::size_t i = side * kSide + p * 2 * kHalf + q;
        node[i] = middle + 0.5 * width * place;
        weight[i] = width * Gauss::weights()[q % kHalf];
      }
    }
  }
  run_lanes(parameters, 0, s);
  const double* const value = s.out.row(0);
  double top = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < 2 * kSide; ++i)
    if (value[i] > top) top = value[i];
  std::array<double, 2> mass{};
  for (std::size_t i = 0; i < 2 * kSide; ++i)
    if (std::isfinite(value[i])) mass[i / kSide] += weight[i] * std::exp(value[i] - top);
  const double total = mass[0] + mass[1];
  if (!(total > 0)) return std::numeric_limits<double>::quiet_NaN();
  return normal_score(mass[0] / total, mass[1] / total);
}

}  // namespace sde
