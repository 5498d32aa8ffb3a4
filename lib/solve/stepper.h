// One step of a method on a block of paths.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/block.h"
#include "brownian/chen.h"
#include "sde/expressions.h"
#include "sde/sde.h"
#include "solve/method.h"

namespace sde {

struct StepInput {
  BlockTime t;                 // at the start of the step
  BlockTime h;                 // its length, negative to go back in time (ODEs only)
  ConstBlock x;                // [dimension + memory][lane]
  const double* dW = nullptr;  // [noise][lane], variance h; null for ODEs
  const double* H = nullptr;  // [noise][lane], space-time Levy areas, variance h/12, where needs().space_time
  const double* K = nullptr;  // [noise][lane], variance h/720, where needs().space_time_time
  const double* area = nullptr;  // [pair j < k, row by row][lane], Levy areas, where needs().levy_area
  // Address of the step's random numbers, for methods that draw more than increments: lane i is path first_id
  // + i.
  std::uint64_t seed = 0, first_id = 0, number = 0;
};

// The arithmetic of a step.
enum class Precision { f64, f32 };

// What a step in f32 keeps: states, and the normals of four steps with their (seed, first id, quad).
struct FloatWorkspace {
  StateBlock<float> state, next, normals;
  std::array<std::uint64_t, 3> address = {};
  std::vector<const float*> inputs;
  std::vector<float*> outputs;
};

// Memory of one thread for stepping; the stepper itself is immutable and shared.
struct StepWorkspace {
  SdeWorkspace sde;
  std::vector<StateBlock<double>> vectors;
  AlignedVector<double> uniforms, times;
  std::vector<const double*> inputs;
  std::vector<double*> outputs;
  FloatWorkspace f32;
};

class Stepper {
 public:
  virtual ~Stepper() = default;

  virtual std::size_t dimension() const = 0;
  virtual std::size_t noises() const = 0;
  virtual BrownianNeeds needs() const { return {}; }
  // Further rows that follow the state in x and next and are carried from step to step; at first a copy of
  // the state.
  virtual std::size_t memory() const { return 0; }
  virtual bool has_error_estimate() const { return false; }
  // Whether it draws numbers of its own beside the Brownian path.
  virtual bool draws_numbers() const { return false; }
  // Evaluations of the drift a step.
  virtual std::size_t evaluations() const = 0;
  // Vector operations a lane and step, where the step is one compiled program; else 0.
  virtual std::size_t operations() const { return 0; }

  // Writes the next state (and memory) to `next` and, where `error` is given and the method has one, the
  // estimated local error. `next` and `error` may not overlap the input.
  virtual void step(const StepInput& input, Block next, Block* error, StepWorkspace& workspace) const = 0;

  // Degree of the method's continuous extension, a polynomial over the step; 0 where it has none.
  virtual std::size_t dense_degree() const { return 0; }
  // Writes its coefficients to `powers`, [degree * dimension][lane]: the state at t + theta h is
  // x + sum_j theta^(j+1) (rows j * dimension ...).
  virtual void dense(const StepInput&, Block powers, StepWorkspace&) const { (void)powers; }
};

// The whole step compiled to one block program. `per_lane` where lanes will differ in t and h.
// Throws Error(Status::usage) with refusal() where the method does not fit, and for a method that has no f32
// form.
std::unique_ptr<Stepper> make_stepper(const SdeExpressions& sde, const Method& method, bool per_lane = false,
                                      Precision precision = Precision::f64,
                                      const MethodOptions& options = {});

// The state of a path whose implicit step has no solution that was found: not a number, which carries the
// number of the step (below 2^48). Later steps of such a path copy it.
double unsolved_state(std::uint64_t number);
std::optional<std::uint64_t> unsolved_step(double x);  // the number in it; nothing in any other value

// The same methods on any Sde, one operation on blocks after the other.
std::unique_ptr<Stepper> make_stepper(std::shared_ptr<const Sde> sde, const Method& method);

// Moves states back into their domain after a step from `before` to `after`: reflection at a bound, or
// absorption, which holds the whole path where it is from then on. Full truncation needs nothing here: drift
// and diffusion see to it.
void apply_domains(const std::vector<Domain>& domains, ConstBlock before, Block after);
bool needs_domains(const std::vector<Domain>& domains);
// Whether lane `lane` of `x` sits on an absorbing bound.
bool is_absorbed(const std::vector<Domain>& domains, ConstBlock x, std::size_t lane);

}  // namespace sde
