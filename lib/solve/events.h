// Levels that functions of the state cross, bounds that absorb, and extremes of functions of the state: found
// between the ends of a step too, by the law of the Brownian bridge.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "expr/program.h"
#include "sde/expressions.h"
#include "solve/stepper.h"

namespace sde {

// The first time at which an expression reaches a level.
struct Event {
  enum class Direction { either, up, down };

  std::string name;
  expr::Expr of;  // of the states, the parameters and t
  double level = 0;
  Direction direction = Direction::either;
  bool stop = false;  // ends the path: it is held where it then is
  // Whether a path is taken to have crossed between two ends on the same side, with the probability that a
  // Brownian bridge has of it. Without, a level is only seen to be crossed where the ends lie on two sides.
  bool bridge = true;
};

// The events with the names in `states` replaced by expressions: of other coordinates.
std::vector<Event> substituted(std::vector<Event> events, const std::vector<std::string>& states,
                               const std::vector<expr::Expr>& by);

// Watches the steps of blocks of paths. Immutable; threads share it, each with a Scratch of its own.
//
// In a step of length h from e0 to e1, both on one side of the level L, a path has crossed with probability
// exp(-2 (e0 - L)(e1 - L) / (v h)), v the squared diffusion of e at the start of the step (Karatzas & Shreve
// 1991, section 4.3.C; Gobet 2000). When it crosses it does so at h y / (1 + y), where y has the inverse
// Gaussian law of mean |e0 - L| / |e1 - L| and shape (e0 - L)^2 / (v h): the law of the bridge's first
// passage, which does not depend on the drift. So steps of any length are exact where e has constant
// coefficients, and the error is that of the frozen diffusion elsewhere. Where v = 0 the crossing lies on the
// straight line between the ends.
//
// The greatest value of the bridge is (e0 + e1 + sqrt((e0 - e1)^2 - 2 v h ln u)) / 2 with u uniform on (0,
// 1), by the same probability: extremes have the law that crossings have, with numbers of their own. In the
// step in which its path ends an extreme takes the ends alone; that of a state keeps to bounds that hold it.
class Watch {
 public:
  // Bounds of `sde` with Boundary::absorb, and its extremes, are watched beside the events.
  // Throws Error(Status::usage) that begins "/events/<name>" for an expression without a derivative.
  Watch(const SdeExpressions& sde, const std::vector<Event>& events);

  bool empty() const { return targets_.empty() && extremes_.empty(); }
  std::size_t events() const { return events_; }

  struct Scratch {
    StateBlock<double> now, next;   // [target, then extreme: e, v][lane]
    std::vector<char> held, ended;  // [lane] since before the step, and since then or in it
    std::vector<double> uniforms;
    std::vector<const double*> inputs;
    std::vector<double*> outputs;
    expr::Workspace program;
    // Of the step that was seen last.
    std::uint64_t seed = 0, first_id = 0, number = 0;
    double h = 0;
  };

  // Before the first step, and whenever steps are taken up again.
  void begin(double t, Block x, Scratch& scratch) const;

  // The step `number` from (t, before) to (t + h, after), after which `after` has not been put back into its
  // domain yet. Writes the times of crossings that are new to `times`, [event][lane], NaN where there was
  // none so far; puts paths that have reached an absorbing bound on it, and those that an event stops to
  // where they stop. Random numbers are those of (seed, id, number).
  void step(std::uint64_t seed, std::uint64_t first_id, std::uint64_t number, double t, double h,
            ConstBlock before, Block after, Block times, Scratch& scratch) const;
  // Then, once domains have been applied to `after` at t + h: moves the extremes in it.
  void proceed(double t, Block after, Scratch& scratch) const;

  // Whether every path of the block has stopped or was absorbed, so that nothing moves any more.
  bool all_held(ConstBlock x, ConstBlock times) const;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct Target {
    double level;
    Event::Direction direction;
    bool stop, bridge;
    std::size_t state;   // that is watched, where it is one alone; else kNone
    std::size_t event;   // in `times`; kNone for a bound
    std::uint32_t draw;  // component of its random numbers; that of the event where a bound is one too
  };

  struct Extreme {
    std::size_t state;
    bool greatest;
    double low, high;  // that the expression cannot leave, as far as is known
  };

  void evaluate(double t, ConstBlock x, StateBlock<double>& into, Scratch& scratch) const;
  void follow(std::size_t k, Block after, const Scratch& scratch) const;
  bool stopped(ConstBlock times, std::size_t lane) const;

  std::vector<Target> targets_;  // events first
  std::vector<Extreme> extremes_;
  std::size_t events_ = 0;
  bool stops_ = false, reflects_ = false, absorbs_ = false;
  std::vector<double> parameters_;
  std::vector<Domain> domains_;
  expr::Program program_;
};

// When the Brownian bridge of variance `v` a unit of time from d0 to d1 in time h, d0 != 0, first is at 0,
// given that it is there at some time; z a standard normal, u uniform on (0, 1). Michael, Schucany & Haas
// (1976) for the inverse Gaussian law.
double bridge_passage(double d0, double d1, double v, double h, double z, double u);

}  // namespace sde
