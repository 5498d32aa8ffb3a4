#include "sde/law.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

namespace sde {

using expr::Expr;

const char* to_string(LawKind kind) {
  static const char* const names[] = {"Ornstein-Uhlenbeck", "geometric Brownian motion", "Cox-Ingersoll-Ross",
                                      "Brownian bridge"};
  return names[static_cast<int>(kind)];
}

Expr LawGroup::scalar_scale() const {
  if (noises.size() == 1) return scale[0][0];
  Expr sum = 0;
  for (const Expr& s : scale[0]) sum = sum + s * s;
  return expr::sqrt(sum);
}

std::string LawRecognition::describe(const std::vector<std::string>& names) const {
  std::string text;
  for (const LawGroup& group : groups) {
    std::vector<std::string> members;
    for (std::size_t i : group.states) members.push_back(names[i]);
    text +=
        fmt::format("{}{} in {}", text.empty() ? "" : "; ", to_string(group.kind), fmt::join(members, ", "));
  }
  return text;
}

namespace {

// How the noises of one state depend on it.
enum class Shape { constant, proportional, root };

class Recogniser {
 public:
  explicit Recogniser(const SdeExpressions& sde) : sde_(sde) {}

  LawRecognition operator()() {
    LawRecognition result;
    if (sde_.noises.empty()) {
      result.reason = "there is no noise";
      return result;
    }
    for (std::size_t i = 0; i < sde_.dimension() && reason_.empty(); ++i) shapes_.push_back(shape_of(i));
    if (reason_.empty())
      for (const std::vector<std::size_t>& states : groups()) {
        std::optional<LawGroup> group = recognise(states);
        if (!group) break;
        if (!is_free(*group)) break;
        result.groups.push_back(std::move(*group));
      }
    result.reason = reason_;
    if (!reason_.empty()) result.groups.clear();
    return result;
  }

 private:
  Expr at(const Expr& e, double value) const {
    std::map<std::string, Expr, std::less<>> values;
    for (const std::string& name : sde_.states) values[name] = Expr(value);
    return expr::substitute(e, values);
  }

  Shape shape_of(std::size_t i) {
    const std::string& name = sde_.states[i];
    const Expr x = Expr::symbol(name);
    std::optional<Shape> shape;
    for (const Expr& g : sde_.diffusion[i]) {
      if (g.is_zero()) continue;
      if (expr::depends_on(g, "t")) {
        reason_ = fmt::format("the diffusion of \"{}\" depends on time", name);
        return Shape::constant;
      }
      const Expr scale = at(g, 1);
      std::optional<Shape> own;
      if (expr::probably_equal(g, scale))
        own = Shape::constant;
      else if (expr::probably_equal(g, scale * expr::sqrt(x)))
        own = Shape::root;
      else if (expr::probably_equal(g, scale * x))
        own = Shape::proportional;
      if (!own) {
        for (const std::string& other : sde_.states)
          if (other != name && expr::depends_on(g, other))
            reason_ = fmt::format("the diffusion of \"{}\" depends on \"{}\"", name, other);
        if (reason_.empty())
          reason_ = fmt::format(
              "the diffusion of \"{}\" is neither constant nor proportional to it or its square root", name);
        return Shape::constant;
      }
      if (shape && *shape != *own)
        reason_ = fmt::format("the noises of \"{}\" enter in different ways", name);
      shape = own;
    }
    return shape.value_or(Shape::constant);
  }

  // States joined by a drift or a noise.
  std::vector<std::vector<std::size_t>> groups() const {
    const std::size_t n = sde_.dimension();
    std::vector<std::size_t> root(n);
    std::iota(root.begin(), root.end(), std::size_t{0});
    const auto join = [&](std::size_t i, std::size_t j) {
      const std::size_t from = std::max(root[i], root[j]), to = std::min(root[i], root[j]);
      std::replace(root.begin(), root.end(), from, to);
    };
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        if (i == j) continue;
        if (expr::depends_on(sde_.drift[i], sde_.states[j])) join(i, j);
        for (std::size_t k = 0; k < sde_.noises.size(); ++k)
          if (!sde_.diffusion[i][k].is_zero() && !sde_.diffusion[j][k].is_zero()) join(i, j);
      }
    std::vector<std::vector<std::size_t>> result;
    for (std::size_t r = 0; r < n; ++r) {
      std::vector<std::size_t> states;
      for (std::size_t i = 0; i < n; ++i)
        if (root[i] == r) states.push_back(i);
      // An extreme of the path does not move by itself.
      const bool followed = std::any_of(sde_.extremes.begin(), sde_.extremes.end(),
                                        [&](const PathExtreme& e) { return e.state == r; });
      if (!states.empty() && !followed) result.push_back(std::move(states));
    }
    return result;
  }

  std::optional<LawGroup> recognise(const std::vector<std::size_t>& states) {
    LawGroup group;
    group.states = states;
    for (std::size_t k = 0; k < sde_.noises.size(); ++k)
      if (std::any_of(states.begin(), states.end(),
                      [&](std::size_t i) { return !sde_.diffusion[i][k].is_zero(); }))
        group.noises.push_back(k);
    if (group.noises.empty()) {
      reason_ = fmt::format("\"{}\" is driven by no noise", sde_.states[states[0]]);
      return {};
    }
    const Shape shape = shapes_[states[0]];
    for (std::size_t i : states) {
      if (shapes_[i] != shape) {
        reason_ =
            fmt::format("\"{}\" and \"{}\" are not independent and their noises enter in different ways",
                        sde_.states[states[0]], sde_.states[i]);
        return {};
      }
      std::vector<Expr>& row = group.scale.emplace_back();
      for (std::size_t k : group.noises) row.push_back(at(sde_.diffusion[i][k], 1));
    }
    if (shape == Shape::constant && is_bridge(group)) return group;
    if (!read_drift(group)) return {};
    switch (shape) {
      case Shape::constant:
        group.kind = LawKind::ornstein_uhlenbeck;
        return group;
      case Shape::proportional:
        group.kind = LawKind::geometric;
        break;
      case Shape::root:
        group.kind = LawKind::square_root;
        break;
    }
    return stands_alone(group) ? std::optional(group) : std::nullopt;
  }

  // Bounds change the law, but for those at 0 or below of a process that does not cross 0 by itself.
  bool is_free(const LawGroup& group) {
    for (std::size_t i : group.states) {
      const Domain domain = sde_.domains.empty() ? Domain{} : sde_.domains[i];
      if (domain.boundary == Boundary::none) continue;
      const bool positive = group.kind == LawKind::geometric ||
                            (group.kind == LawKind::square_root && domain.boundary != Boundary::absorb);
      if (positive && !domain.max && domain.min.value_or(0) <= 0) continue;
      reason_ = fmt::format("the boundary of \"{}\" changes its law", sde_.states[i]);
      return false;
    }
    return true;
  }

  // Drifts affine in the states of the group, with constant coefficients.
  bool read_drift(LawGroup& group) {
    for (std::size_t i : group.states) {
      const Expr& drift = sde_.drift[i];
      if (expr::depends_on(drift, "t")) {
        reason_ = fmt::format("the drift of \"{}\" depends on time", sde_.states[i]);
        return false;
      }
      group.intercept.push_back(at(drift, 0));
      Expr form = group.intercept.back();
      std::vector<Expr>& row = group.slope.emplace_back();
      for (std::size_t j : group.states) {
        row.push_back(at(expr::differentiate(drift, sde_.states[j]), 1));
        form = form + row.back() * Expr::symbol(sde_.states[j]);
      }
      if (!expr::probably_equal(drift, form)) {
        reason_ = fmt::format("the drift of \"{}\" is not affine", sde_.states[i]);
        return false;
      }
    }
    return true;
  }

  // Geometric and square-root states have no drift from others; geometric ones no constant in theirs.
  bool stands_alone(const LawGroup& group) {
    for (std::size_t i = 0; i < group.size(); ++i) {
      const std::string& name = sde_.states[group.states[i]];
      for (std::size_t j = 0; j < group.size(); ++j)
        if (i != j && !expr::probably_equal(group.slope[i][j], Expr(0))) {
          reason_ = fmt::format("the drift of \"{}\" depends on \"{}\"", name, sde_.states[group.states[j]]);
          return false;
        }
      if (group.kind == LawKind::square_root && group.size() > 1) {
        reason_ = fmt::format("\"{}\" and \"{}\" share noise", name, sde_.states[group.states[1]]);
        return false;
      }
      if (group.kind == LawKind::geometric && !expr::probably_equal(group.intercept[i], Expr(0))) {
        reason_ = fmt::format("the drift of \"{}\" has a constant term beside a diffusion proportional to it",
                              name);
        return false;
      }
    }
    return true;
  }

  // f_i = (b_i - x_i)/(T - t) with one T: df_i/dx_i = -1/(T - t) gives T, then f_i at x = 0 gives b_i.
  bool is_bridge(LawGroup& group) const {
    const Expr t = Expr::symbol("t");
    const auto now = [](const Expr& e) { return expr::substitute(e, {{"t", Expr(0)}}); };
    std::vector<Expr> target;
    for (std::size_t i : group.states) {
      const Expr& drift = sde_.drift[i];
      if (!expr::depends_on(drift, "t")) return false;
      const Expr slope = at(expr::differentiate(drift, sde_.states[i]), 1);
      const Expr end = now(Expr(-1) / slope);
      if (target.empty()) group.end = end;
      if (!expr::probably_equal(end, group.end)) return false;
      target.push_back(now(at(drift, 0)) * group.end);
      const Expr x = Expr::symbol(sde_.states[i]);
      if (!expr::probably_equal(drift, (target.back() - x) / (group.end - t))) return false;
    }
    group.kind = LawKind::brownian_bridge;
    group.intercept = std::move(target);
    return true;
  }

  const SdeExpressions& sde_;
  std::vector<Shape> shapes_;
  std::string reason_;
};

}  // namespace

LawRecognition recognise_law(const SdeExpressions& given) {
  LawRecognition law = Recogniser(converted(given, Calculus::ito))();
  if (!law.known() && given.drawn > 0)
    law.reason += fmt::format(" (each path has its own {})", given.states[given.dimension() - given.drawn]);
  return law;
}

}  // namespace sde
