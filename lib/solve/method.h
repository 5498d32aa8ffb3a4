// The methods, their claims, and the choice among them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sde/expressions.h"
#include "sde/sde.h"

namespace sde {

enum class MethodFamily {
  explicit_sde,  // a scheme of lib/solve/scheme.h, driven by Brownian increments
  explicit_ode,  // the same without noise
  implicit,      // solves for the next state
  splitting,     // for an SDE of a particular form
  exact,         // draws from the transition law
};

// What a method claims. A run outside the claim is refused.
struct Method {
  const char* name;
  const char* summary;  // one line
  MethodFamily family;
  bool ito, stratonovich;     // calculi in which it converges to the right process
  NoiseKind most_general;     // noises up to this one (in the order of NoiseKind, see fits())
  double strong_general;      // strong order on any noise it takes; 0 where none is claimed
  double strong_commutative;  // on scalar, diagonal and commutative noise
  double strong_additive;     // on additive noise
  double weak_order;
  double ode_order;  // without noise
  bool adaptive;     // has an embedded error estimate
  const char* source;
  // Weak orders on commutative (scalar, diagonal) and on additive noise, where they are higher.
  double weak_commutative = 0, weak_additive = 0;
};

const std::vector<Method>& methods();

// What some methods can be told.
struct MethodOptions {
  std::optional<double> theta;  // of theta (absent: 1/2) and implicit-milstein (absent: 1), in [0, 1]
  double radius = 4;            // of truncated-euler at steps of length 1, > 0
};
// Throws Error(Status::usage) for an option out of its range.
void check_options(const Method& method, const MethodOptions& options);

const Method& find_method(const std::string& name);  // throws Error(Status::usage) with a suggestion
std::vector<std::string> method_names();

// "" where `method` may run on such an SDE; else why not, and which methods may.
std::string refusal(const Method& method, Calculus calculus, NoiseKind kind);

// The method for an SDE whose user has no opinion, and why it is taken.
struct MethodChoice {
  const Method* method;
  std::string reason;
};
MethodChoice choose_method(const SdeExpressions& sde);

// The strong order that `method` claims on this kind of noise.
double strong_order(const Method& method, NoiseKind kind);
double weak_order(const Method& method, NoiseKind kind);

// Whether a step along one column of G may change another column.
bool columns_mix(NoiseKind kind, std::size_t noises);

}  // namespace sde
