// Likelihood-ratio tests: the fit held against fits to the same data under restrictions.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "fit/diagnostics.h"
#include "fit/fit.h"
#include "fit/formula.h"
#include "fit/parameters.h"

namespace sde {

using expr::Expr;

namespace {

// A document in which numbers stand for parameters. A parameter that is pinned may leave a law of another
// kind (a process without drift), which is recognised only where the number is in the expressions.
class Pinned {
 public:
  Pinned(const SdeDocument& document, const FitOptions& options) : document_(document), options_(options) {}

  void pin(const std::string& name, double value) { values_.emplace(name, Expr(value)); }

  SdeDocument document() {
    std::erase_if(document_.parameters, [&](const auto& p) { return values_.contains(p.first); });
    for (CorrelationDocument& pair : document_.correlation) put(pair.value);
    for (StateDocument& state : document_.states) {
      put(state.drift);
      for (auto& [noise, formula] : state.diffusion) put(formula);
      if (state.initial.kind == InitialLaw::Kind::data) continue;
      put(state.initial.first);
      put(state.initial.second);
    }
    return document_;
  }

  FitOptions options() {
    for (const auto& [name, value] : values_) {
      options_.bounds.erase(name);
      options_.fix.erase(name);
    }
    for (std::string& relation : options_.inference.constraints) {
      const Relation parsed = parse_relation("/constraints", relation, names());
      std::string left = expr::to_string(parsed.left), right = expr::to_string(parsed.right);
      put(left);
      put(right);
      relation = left + (parsed.equality ? " == " : parsed.at_least ? " >= " : " <= ") + right;
    }
    if (!options_.observation) return options_;
    ObservationModel& seen = *options_.observation;
    std::erase_if(seen.parameters, [&](const auto& p) { return values_.contains(p.first); });
    for (auto* list : {&seen.map, &seen.noise})
      for (auto& [column, formula] : *list) put(formula);
    for (auto& [state, law] : seen.initial) {
      if (auto* text = std::get_if<std::string>(&law)) put(*text);
      if (auto* normal = std::get_if<NormalForm>(&law))
        for (Formula& formula : normal->normal) put(formula);
    }
    return options_;
  }

 private:
  std::vector<std::string> names() const {
    std::vector<std::string> known;
    for (const auto& [name, value] : document_.parameters) known.push_back(name);
    for (const auto& [name, value] : values_)
      if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
    return known;
  }
  void put(std::string& text) const {
    std::vector<std::string> known = names();
    for (const std::string& state : document_.state_names()) known.push_back(state);
    for (const InputDocument& input : document_.inputs) known.push_back(input.name);
    known.emplace_back("t");
    const Expr before = expr::parse(text, known);
    bool touched = false;
    for (const auto& [name, value] : values_) touched = touched || expr::depends_on(before, name);
    if (touched) text = expr::to_string(expr::substitute(before, values_));
  }
  void put(Formula& formula) const {
    if (auto* text = std::get_if<std::string>(&formula)) put(*text);
  }

  SdeDocument document_;
  FitOptions options_;
  std::map<std::string, Expr, std::less<>> values_;
};

bool on_border(const FreeParameter& p, double value) {
  return (p.logarithmic && value == 0) || value == p.lower || value == p.upper;
}

}  // namespace

double likelihood_ratio_p(double statistic, int degrees, bool boundary) {
  if (std::isnan(statistic) || degrees < 1) return std::numeric_limits<double>::quiet_NaN();
  if (statistic <= 0) return 1;
  const double p = chi_squared_p(statistic, degrees);
  return boundary && degrees == 1 ? 0.5 * p : p;
}

void add_tests(const FitOptions& options, const ParameterSpace& space,
               const std::vector<std::string>& parameters, const RestrictedFit& refit, FitResult& result) {
  for (std::size_t number = 0; number < options.inference.tests.size(); ++number) {
    const std::string pointer = fmt::format("/tests/{}", number);
    LikelihoodRatio test;
    test.hypothesis = options.inference.tests[number];
    test.loglik = test.statistic = test.p = std::numeric_limits<double>::quiet_NaN();

    if (!result.converged) {
      test.note = "the fit has not converged, so there is nothing to compare with";
      result.inference.tests.push_back(std::move(test));
      continue;
    }
    FitOptions restricted = options;
    restricted.density = result.density;
    restricted.estimate.clear();
    restricted.predict = 0;
    restricted.start_from = "document";
    restricted.describe = false;
    restricted.inference = {};
    restricted.inference.constraints = options.inference.constraints;
    // Whatever was not estimated stays where it was.
    for (const std::string& name : parameters) {
      const bool free = std::any_of(space.free().begin(), space.free().end(),
                                    [&](const FreeParameter& p) { return p.name == name; });
      if (!free) restricted.fix[name] = *result.sde.find_parameter(name);
    }
    SdeDocument start = result.sde;
    if (restricted.observation)
      for (auto& [name, value] : restricted.observation->parameters) value = *result.sde.find_parameter(name);
    std::map<std::string, double> pins;
    for (const std::string& part : hypothesis_parts(test.hypothesis)) {
      const Relation relation = parse_relation(pointer, part, parameters);
      const auto named = std::find_if(space.free().begin(), space.free().end(), [&](const FreeParameter& p) {
        return expr::structurally_equal(relation.left, Expr::symbol(p.name));
      });
      if (named != space.free().end() && relation.right.is_number()) {
        if (!pins.emplace(named->name, relation.right.number()).second)
          fail(Status::usage, "{}: \"{}\" is restricted twice", pointer, named->name);
        test.boundary = test.boundary || on_border(*named, relation.right.number());
        continue;
      }
      restricted.inference.constraints.push_back(part);
      restricted.optimizer = "auto";
    }
    // One parameter has to be left: where all are given, the last is held by an equation.
    if (pins.size() == space.size()) {
      const auto last = std::prev(pins.end());
      restricted.inference.constraints.push_back(fmt::format("{} == {:.17g}", last->first, last->second));
      restricted.optimizer = "auto";
      pins.erase(last);
    }
    Pinned pinned(start, restricted);
    for (const auto& [name, value] : pins) pinned.pin(name, value);
    try {
      // Options first: the document forgets the names.
      const FitOptions its_options = pinned.options();
      const FitResult fitted = refit(pinned.document(), its_options);
      test.converged = fitted.converged;
      test.loglik = fitted.loglik;
      test.degrees = result.inference.k - fitted.inference.k;
      for (const Estimate& e : fitted.estimates) test.estimates.emplace_back(e.name, e.value);
      const double fall = 2 * (result.loglik - fitted.loglik);
      // The rounding of two sums.
      const double rounding = 1e-9 * std::max(1.0, std::fabs(result.loglik));
      test.statistic = fall < 0 && fall > -rounding ? 0 : fall;
      test.p = likelihood_ratio_p(test.statistic, test.degrees, test.boundary);
      std::string lost;
      for (const Estimate& e : result.estimates) {
        const bool kept = std::any_of(fitted.estimates.begin(), fitted.estimates.end(),
                                      [&](const Estimate& f) { return f.name == e.name; });
        if (!kept && !pins.contains(e.name)) lost += (lost.empty() ? "" : ", ") + e.name;
      }
      if (!lost.empty()) {
        test.note = fmt::format(
            "the likelihood does not depend on {} under the hypothesis, so the statistic is not chi-squared: "
            "p "
            "is too small or too large by an unknown amount",
            lost);
      } else if (test.statistic < 0) {
        test.note = "the restricted fit is higher: the fit is not at the maximum; try more starts";
        test.p = std::numeric_limits<double>::quiet_NaN();
      } else if (!test.converged) {
        test.note = "the restricted fit did not converge: " + fitted.end;
      } else if (test.boundary) {
        test.note = test.degrees == 1
                        ? "the hypothesis lies on the border of the parameter's range: p is half that of "
                          "chi-squared with 1 degree of freedom"
                        : "the hypothesis lies on the border of the parameters' range: p is at most this";
      }
    } catch (const Error& error) {
      if (error.status() == Status::interrupted || error.status() == Status::bug) throw;
      test.note = error.what();
    }
    if (!test.note.empty())
      result.warnings.push_back(fmt::format("test of {}: {}", test.hypothesis, test.note));
    result.inference.tests.push_back(std::move(test));
  }
}

}  // namespace sde
