// An SDE as its user writes it: names and expressions, not yet parsed. The JSON form is
// schemas/sde.schema.json.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sde {

namespace expr {
class Curve;
}

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

// The correlation of the increments of two noises, an expression of the parameters; both orders may be given.
struct CorrelationDocument {
  std::string first, second, value;
};

// A parameter that every path draws for itself, once, at its start.
struct DrawnParameter {
  enum class Law { uniform, normal, lognormal };
  std::string name;
  Law law = Law::uniform;
  // The ends; mean and standard deviation; those of the logarithm. Expressions of the other parameters.
  std::string first = "0", second = "1";
};

const char* to_string(DrawnParameter::Law law);

// A function of time given by a column of a data file, a name in the expressions.
struct InputDocument {
  std::string name;
  std::string data, column, time_column;  // the last: empty for the file's own
  std::string interpolation = "linear";   // or previous: the value holds to the next time
  std::string outside = "refuse";         // or hold: the first and the last value hold beyond the times
  std::shared_ptr<const expr::Curve> values;
  double first = 0, last = 0;  // times
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
  std::vector<DrawnParameter> drawn;                       // parameters that are none of those
  std::vector<InputDocument> inputs;
  std::vector<StateDocument> states;
  std::vector<std::string> noises;               // in the document's order, then the components' own ones
  std::vector<CorrelationDocument> correlation;  // of pairs of them; those that are not here are independent
  std::optional<TimeDocument> time;

  std::vector<std::string> state_names() const;
  const double* find_parameter(const std::string& name) const;  // null where there is none
  double* find_parameter(const std::string& name);
};

// Throws Error(Status::usage) that begins with "/inputs/NAME" where an input has no values somewhere between
// the two times and does not hold those at its ends.
void require_inputs(const SdeDocument& document, double start, double end);

}  // namespace sde
