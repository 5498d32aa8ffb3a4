// An SDE as its user writes it: names and expressions, not yet parsed. The JSON form is
// schemas/sde.schema.json.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sde {

// Where a state starts; exactly one of the forms of the JSON document.
struct InitialLaw {
  enum class Kind { expression, normal, uniform, data };
  Kind kind = Kind::expression;
  std::string first = "0";   // expression: the value; normal: the mean; uniform: the lower end
  std::string second = "0";  // normal: the standard deviation; uniform: the upper end
  std::string data;          // data: a file whose values are used in turn, path id modulo their number
};

enum class Boundary { none, reflect, absorb, full_truncation };

struct Domain {
  std::optional<double> min, max;
  Boundary boundary = Boundary::none;
};

const char* to_string(Boundary boundary);

// One component of the state.
struct StateDocument {
  std::string name;
  std::string drift = "0";
  // (noise, expression) pairs; for a component's own independent noise the noise's name is the component's.
  std::vector<std::pair<std::string, std::string>> diffusion;
  InitialLaw initial;
  Domain domain;
};

struct TimeDocument {
  double start = 0, end = 1;
};

struct SdeDocument {
  std::string name;
  std::string description;
  std::string source;                                      // where the model comes from: author, year, place
  std::string calculus = "ito";                            // or "stratonovich"
  std::vector<std::pair<std::string, double>> parameters;  // in the document's order
  std::vector<StateDocument> states;
  std::vector<std::string> noises;  // in the document's order, then the components' own ones
  std::optional<TimeDocument> time;

  std::vector<std::string> state_names() const;
  const double* find_parameter(const std::string& name) const;  // null where there is none
  double* find_parameter(const std::string& name);
};

}  // namespace sde
