#include "fit/state_space.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/suggest.h"
#include "fit/density_gaussian.h"

namespace sde {

using expr::Expr;

namespace {

bool depends_on_any(const Expr& e, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return expr::depends_on(e, name); });
}

std::string text_of(const Formula& formula) {
  if (const double* number = std::get_if<double>(&formula)) return fmt::format("{}", *number);
  return std::get<std::string>(formula);
}

Expr parse_at(const std::string& pointer, const Formula& formula, const std::vector<std::string>& known) {
  if (const double* number = std::get_if<double>(&formula)) return Expr(*number);
  try {
    return expr::parse(std::get<std::string>(formula), known);
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", pointer, error.what());
  }
}

// The same of states, parameters, inputs and t.
Expr parse_seen(const std::string& pointer, const Formula& formula, const SdeExpressions& sde) {
  if (const double* number = std::get_if<double>(&formula)) return Expr(*number);
  try {
    return parse_of(sde, std::get<std::string>(formula));
  } catch (const Error& error) {
    fail(error.status(), "{}: {}", pointer, error.what());
  }
}

struct InitialTexts {
  Formula mean, deviation;
};

InitialTexts initial_of(const InitialLaw& law) {
  const auto middle = [&](const char* shape) {
    return fmt::format(fmt::runtime(shape), law.first, law.second);
  };
  switch (law.kind) {
    case InitialLaw::Kind::normal:
      return {law.first, law.second};
    case InitialLaw::Kind::uniform:
      return {middle("(({0}) + ({1}))/2"), middle("(({1}) - ({0}))/sqrt(12)")};
    default:
      return {law.first, 0.0};
  }
}

}  // namespace

SdeDocument with_observation_parameters(const SdeDocument& document, const ObservationModel& observation) {
  SdeDocument result = document;
  for (const auto& [name, value] : observation.parameters) {
    if (double* own = result.find_parameter(name)) {
      *own = value;
    } else {
      result.parameters.emplace_back(name, value);
    }
  }
  return result;
}

StateSpace make_state_space(const SdeDocument& document, const ObservationModel& observation) {
  StateSpace model;
  model.sde = converted(parse_document(document), Calculus::ito);
  const SdeExpressions& sde = model.sde;
  if (observation.map.empty()) {
    for (const std::string& state : sde.states) {
      model.columns.push_back(state);
      model.map.push_back(Expr::symbol(state));
    }
  }
  for (const auto& [column, text] : observation.map) {
    model.columns.push_back(column);
    model.map.push_back(parse_seen("/observation/map/" + column, text, sde));
    if (!depends_on_any(model.map.back(), sde.states))
      fail(Status::usage, "/observation/map/{}: depends on no state (got \"{}\")", column, text_of(text));
  }
  model.noise.assign(model.columns.size(), Expr(0));
  for (const auto& [column, text] : observation.noise) {
    const auto place = std::find(model.columns.begin(), model.columns.end(), column);
    if (place == model.columns.end())
      fail(Status::usage, "/observation/noise: unknown column \"{}\"{}", column,
           suggestion(column, model.columns));
    Expr& noise = model.noise[static_cast<std::size_t>(place - model.columns.begin())];
    noise = parse_seen("/observation/noise/" + column, text, sde);
    if (noise.is_number() && !(noise.number() >= 0))
      fail(Status::usage, "/observation/noise/{}: a standard deviation is not negative (got {})", column,
           noise.number());
  }
  std::map<std::string, const Initial*> given;
  for (const auto& [state, law] : observation.initial) {
    if (std::find(sde.states.begin(), sde.states.end(), state) == sde.states.end())
      fail(Status::usage, "/observation/initial: unknown state \"{}\"{}", state,
           suggestion(state, sde.states));
    given[state] = &law;
  }
  for (std::size_t i = 0; i < sde.dimension(); ++i) {
    const std::string& state = sde.states[i];
    int column = -1;
    for (std::size_t c = 0; c < model.columns.size(); ++c)
      if (model.noise[c].is_zero() && expr::structurally_equal(model.map[c], Expr::symbol(state)))
        column = static_cast<int>(c);
    std::string pointer = "/initial/" + state;
    InitialTexts texts = {0.0, 0.0};
    if (const auto place = given.find(state); place != given.end()) {
      pointer = "/observation/initial/" + state;
      column = -1;
      if (const auto* normal = std::get_if<NormalForm>(place->second)) {
        if (normal->normal.size() != 2)
          fail(Status::usage, "{}/normal: takes a mean and a standard deviation (got {} numbers)", pointer,
               normal->normal.size());
        texts = {normal->normal[0], normal->normal[1]};
      } else if (const auto* number = std::get_if<double>(place->second)) {
        texts.mean = *number;
      } else {
        texts.mean = std::get<std::string>(*place->second);
      }
    } else if (column < 0) {
      if (document.states[i].initial.kind == InitialLaw::Kind::data)
        fail(Status::usage,
             "/initial/{}: a filter starts from a law, not from a file; give one under observation.initial",
             state);
      texts = initial_of(document.states[i].initial);
    }
    model.initial_column.push_back(column);
    model.initial_mean.push_back(parse_at(pointer, texts.mean, sde.parameters));
    model.initial_deviation.push_back(parse_at(pointer, texts.deviation, sde.parameters));
  }
  return model;
}

std::string StateSpace::not_linear() const {
  for (std::size_t i = 0; i < sde.dimension(); ++i) {
    const std::string& state = sde.states[i];
    if (!expr::affine(sde.drift[i], sde.states))
      return "the drift of \"" + state + "\" is not affine in the states";
    if (expr::depends_on(sde.drift[i], "t")) return "the drift of \"" + state + "\" depends on time";
    for (const Expr& g : sde.diffusion[i]) {
      if (depends_on_any(g, sde.states)) return "the diffusion of \"" + state + "\" depends on the states";
      if (expr::depends_on(g, "t")) return "the diffusion of \"" + state + "\" depends on time";
    }
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (!expr::affine(map[c], sde.states))
      return "the column \"" + columns[c] + "\" is not affine in the states";
    if (depends_on_any(noise[c], sde.states))
      return "the noise of the column \"" + columns[c] + "\" depends on the states";
  }
  return "";
}

std::span<const FilterTraits> filters() {
  static const FilterTraits table[] = {
      {"kalman", "linear equations that do not depend on time, seen linearly",
       "Kalman filter with the exact transition"},
      {"ekf", "any model", "extended Kalman filter, moments between observations by differential equations"},
      {"cubature", "any model", "cubature Kalman filter: moments from points, without derivatives"},
      {"particle", "models whose every column has noise",
       "particle filter: by simulation, for any nonlinearity"},
  };
  return table;
}

const FilterTraits* find_filter(const std::string& name) {
  for (const FilterTraits& row : filters())
    if (name == row.name) return &row;
  return nullptr;
}

TransitionDensity describe_filter(const StateSpace& model, const std::string& wanted) {
  TransitionDensity description = empty_density(wanted, model.sde);
  const std::string why_not = model.not_linear();
  if (wanted == "auto") {
    description.name = why_not.empty() ? "kalman" : "ekf";
    description.reason =
        why_not.empty() ? "the equation and the observations are linear" : "no Kalman filter: " + why_not;
  } else if (!find_filter(wanted)) {
    std::vector<std::string> names = {"auto"};
    for (const FilterTraits& row : filters()) names.emplace_back(row.name);
    if (find_density(wanted))
      fail(Status::usage,
           "/density: \"{}\" is for states that are observed without noise; with an observation use \"auto\"",
           wanted);
    fail(Status::usage, "/density: unknown filter \"{}\"{}", wanted, suggestion(wanted, names));
  } else if (wanted == "kalman" && !why_not.empty()) {
    fail(Status::usage, "/density: \"kalman\" is for {}, but {}; use \"ekf\"",
         find_filter("kalman")->conditions, why_not);
  }
  for (std::size_t c = 0; c < model.columns.size() && wanted == "particle"; ++c)
    if (model.noise[c].is_zero())
      fail(Status::usage, "/density: \"particle\" is for {}, but \"{}\" has none; use \"ekf\"",
           find_filter("particle")->conditions, model.columns[c]);
  for (std::size_t c = 0; c < model.columns.size(); ++c) {
    description.scales.push_back({model.noise[c]});
    description.further.push_back(model.map[c]);
    description.further.push_back(model.noise[c]);
  }
  for (const auto* part : {&model.sde.drift, &model.initial_mean, &model.initial_deviation})
    description.further.insert(description.further.end(), part->begin(), part->end());
  for (const auto& row : model.sde.diffusion)
    description.further.insert(description.further.end(), row.begin(), row.end());
  return description;
}

}  // namespace sde
