#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "random/stream.h"
#include "solve/ensemble.h"

namespace sde {
namespace {

double evaluate_at(const std::string& pointer, const std::string& text, const SdeDocument& document) {
  std::vector<std::string> names;
  std::map<std::string, double, std::less<>> values;
  for (const auto& [name, value] : document.parameters) {
    names.push_back(name);
    values[name] = value;
  }
  double result;
  try {
    result = expr::evaluate(expr::parse(text, names), values);
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", pointer, error.what());
  }
  if (!std::isfinite(result))
    fail(Status::usage, "{}: must be a finite number (got {} = {})", pointer, text, result);
  return result;
}

// Whether the expression names a parameter that paths draw. One that does not parse is for others to refuse.
bool depends_on_any(const std::string& text, const std::vector<std::string>& drawn,
                    const SdeDocument& document) {
  if (drawn.empty()) return false;
  std::vector<std::string> names = drawn;
  for (const auto& [name, value] : document.parameters) names.push_back(name);
  try {
    const std::set<std::string> used = expr::symbols(expr::parse(text, names));
    return std::any_of(drawn.begin(), drawn.end(),
                       [&](const std::string& name) { return used.contains(name); });
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

InitialStates::InitialStates(const SdeDocument& document, std::vector<std::vector<double>> data)
    : data_(std::move(data)) {
  std::vector<std::string> drawn;
  for (const DrawnParameter& p : document.drawn) drawn.push_back(p.name);
  for (const StateDocument& state : document.states) {
    const std::string pointer = "/initial/" + state.name;
    const InitialLaw& given = state.initial;
    Law law{LawKind::number, 0, 0};
    switch (given.kind) {
      case InitialLaw::Kind::data:
        law.kind = LawKind::data;
        if (data_.empty()) fail(Status::bad_data, "{}: {} has no rows", pointer, given.data);
        break;
      case InitialLaw::Kind::expression:
        if (depends_on_any(given.first, drawn, document)) {
          law.kind = LawKind::formula;
          add_formula(pointer, given.first, document);
        } else {
          law.first = evaluate_at(pointer, given.first, document);
        }
        break;
      default:
        law.kind = given.kind == InitialLaw::Kind::normal ? LawKind::normal : LawKind::uniform;
        set_law(law, pointer, given.first, given.second, document);
    }
    laws_.push_back(law);
  }
  states_ = laws_.size();
  for (const DrawnParameter& p : document.drawn) {
    Law law{p.law == DrawnParameter::Law::uniform  ? LawKind::uniform
            : p.law == DrawnParameter::Law::normal ? LawKind::normal
                                                   : LawKind::lognormal,
            0, 0};
    set_law(law, "/parameters/" + p.name, p.first, p.second, document);
    laws_.push_back(law);
  }
  if (!formulas_.empty()) program_ = expr::Program(formulas_, drawn, {});
}

void InitialStates::set_law(Law& law, const std::string& pointer, const std::string& first,
                            const std::string& second, const SdeDocument& document) {
  law.first = evaluate_at(pointer, first, document);
  law.second = evaluate_at(pointer, second, document);
  if (law.kind != LawKind::uniform && law.second < 0)
    fail(Status::usage, "{}: the standard deviation must be >= 0 (got {})", pointer, law.second);
  if (law.kind == LawKind::uniform && law.second < law.first)
    fail(Status::usage, "{}: the upper end must not be below the lower (got {} and {})", pointer, law.first,
         law.second);
}

void InitialStates::add_formula(const std::string& pointer, const std::string& text,
                                const SdeDocument& document) {
  std::vector<std::string> names;
  std::map<std::string, expr::Expr, std::less<>> values;
  for (const auto& [name, value] : document.parameters) {
    names.push_back(name);
    values.emplace(name, expr::Expr(value));
  }
  for (const DrawnParameter& p : document.drawn) names.push_back(p.name);
  try {
    formulas_.push_back(expr::substitute(expr::parse(text, names), values));
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", pointer, error.what());
  }
}

StateMoments InitialStates::moments(std::uint64_t paths) const {
  const auto n = static_cast<Eigen::Index>(laws_.size());
  StateMoments result{Eigen::VectorXd::Zero(n), Eigen::MatrixXd::Zero(n, n)};
  const auto from_data = [&](Eigen::Index i) {
    return laws_[static_cast<std::size_t>(i)].kind == LawKind::data;
  };
  for (Eigen::Index i = 0; i < n; ++i) {
    const Law& law = laws_[static_cast<std::size_t>(i)];
    double& mean = result.mean[i];
    double& variance = result.covariance(i, i);
    mean = mean_of(law);
    if (law.kind == LawKind::normal) {
      variance = law.second * law.second;
    } else if (law.kind == LawKind::uniform) {
      variance = (law.second - law.first) * (law.second - law.first) / 12;
    } else if (law.kind == LawKind::lognormal) {
      variance = mean * mean * std::expm1(law.second * law.second);
    } else if (law.kind == LawKind::data) {
      mean = 0;
    }
  }
  // Rows taken in turn: each as often as its share of the paths.
  const std::uint64_t rows = data_.size();
  for (const bool second : {false, true})
    for (std::uint64_t row = 0; row < std::min(rows, paths); ++row) {
      const double times = static_cast<double>(paths / rows + (row < paths % rows ? 1 : 0));
      const double weight = times / static_cast<double>(paths);
      const std::vector<double>& x = data_[row];
      for (Eigen::Index i = 0; i < n; ++i) {
        if (!from_data(i)) continue;
        const double xi = x[static_cast<std::size_t>(i)];
        if (!second) result.mean[i] += weight * xi;
        for (Eigen::Index j = 0; second && j < n; ++j)
          if (from_data(j))
            result.covariance(i, j) +=
                weight * (xi - result.mean[i]) * (x[static_cast<std::size_t>(j)] - result.mean[j]);
      }
    }
  return result;
}

void InitialStates::fill(std::uint64_t seed, std::uint64_t first_id, Block x, bool antithetic) const {
  AlignedVector<double> draw(x.lanes), spare(x.lanes);
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const Law& law = laws_[i];
    const bool parameter = i >= states_;
    const Stream stream = make_stream(seed, parameter ? Purpose::parameter : Purpose::initial,
                                      static_cast<std::uint32_t>(parameter ? i - states_ : i));
    double* out = x.row(i);
    switch (law.kind) {
      case LawKind::number:
        std::fill_n(out, x.lanes, law.first);
        break;
      case LawKind::normal:
      case LawKind::lognormal:
        fill_normals(stream, first_id, x.lanes, 0, draw.data(), spare.data());
        for (std::size_t lane = 0; lane < x.lanes; ++lane) out[lane] = law.first + law.second * draw[lane];
        break;
      case LawKind::uniform:
        fill_uniforms(stream, first_id, x.lanes, 0, draw.data(), spare.data());
        for (std::size_t lane = 0; lane < x.lanes; ++lane)
          out[lane] = law.first + (law.second - law.first) * draw[lane];
        break;
      case LawKind::data:
        for (std::size_t lane = 0; lane < x.lanes; ++lane)
          out[lane] = data_[(first_id + lane) % data_.size()][i];
        break;
      case LawKind::formula:
        break;
    }
    const bool has_law =
        law.kind == LawKind::normal || law.kind == LawKind::lognormal || law.kind == LawKind::uniform;
    if (antithetic && has_law) {
      const double twice_mean = law.kind == LawKind::uniform ? law.first + law.second : 2 * law.first;
      for (std::size_t lane = 1; lane < x.lanes; lane += 2) out[lane] = twice_mean - out[lane - 1];
    }
    if (law.kind == LawKind::lognormal)
      for (std::size_t lane = 0; lane < x.lanes; ++lane) out[lane] = std::exp(out[lane]);
  }
  if (formulas_.empty()) return;
  std::vector<const double*> inputs;
  std::vector<double*> outputs;
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    if (i >= states_) inputs.push_back(x.row(i));
    if (laws_[i].kind == LawKind::formula) outputs.push_back(x.row(i));
  }
  expr::Workspace workspace;
  program_.run(inputs.data(), {}, outputs.data(), x.lanes, workspace);
}

double InitialStates::mean_of(const Law& law) {
  switch (law.kind) {
    case LawKind::number:
    case LawKind::normal:
      return law.first;
    case LawKind::uniform:
      return 0.5 * (law.first + law.second);
    case LawKind::lognormal:
      return std::exp(law.first + 0.5 * law.second * law.second);
    default:
      return std::nan("");
  }
}

std::vector<double> InitialStates::mean() const {
  std::vector<double> result;
  for (const Law& law : laws_) result.push_back(mean_of(law));
  return result;
}

}  // namespace sde
